"""Queues in the background: completes service queues that wait for the broker, binds new listings, removes what nobody needs, reads depths.
Takes old rows away, too.

The API declares a queue while it answers. What it could not do because the broker was away, and what a broker that lost its
disk has forgotten, is done here. AMQP shows whether a queue is there, but not what it is bound to: bindings are made again in turn.
"""

import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import NamedTuple

from gateway import queues
from gateway.database import db, listings, store
from gateway.database.db import Listener
from gateway.database.pruning import KEEP_ALL, Retention
from gateway.database.store import ServiceQueue
from gateway.disk.hold import Publisher
from gateway.disk.memo import Memo
from gateway.errors import SinkAway, StoreAway, StoreRefused
from gateway.health.words import QueueState
from gateway.lanes.announcements import Announcements
from gateway.lanes.needs import Needs
from gateway.lanes.sightings import Sightings
from gateway.occurrences import Gap, new_gap_id
from gateway.protocol.endpoints import CATEGORIES
from gateway.sinks.messages import Route
from gateway.sinks.topology import QueuePolicy, Topology
from gateway.trouble import Trouble
from workers.plan import BrokerPlan, bind
from workers.pruner import Pruner
from workers.wanted import CHANNEL

log = logging.getLogger(__name__)

#: Depths and missing queues are looked at this often; seconds.
EVERY_S = 5.0
#: Between two reads of what is needed because somebody changed it; seconds.
NEWS_S = 1.0
#: Queues, and bindings, that are bound again with each look; the other queues' turn comes later.
REBOUND_QUEUES, REBOUND_BINDINGS = 20, 1000


class _Made(NamedTuple):
    """A queue that the carrier has made. since_ms: it was missing since then; None: it was not, or never seen; was_there: before."""

    queue: str
    since_ms: int | None
    made_ms: int
    was_there: bool


class TopologyKeeper(threading.Thread):
    """Every few seconds: what PostgreSQL wants of the broker's queues, compared with what is so.

    announcements  gets a gap for each queue that was found missing, once it is there again
    plan           what is needed, as it was last read
    depths         the newest depths by queue name; replaced whole
    looked_ms      when they were looked at; Unix milliseconds
    """

    def __init__(
        self, database_url: str, broker_url: str, policy: QueuePolicy, class_event_types: Iterable[str], announcements: Announcements,
        *, retention: Retention = KEEP_ALL, seen: Mapping[str, QueueState] = MappingProxyType({}), seen_ms: int = 0,
        publisher: Publisher | None = None, memo: Memo[dict[str, list[str]]] | None = None,
    ) -> None:  # fmt: skip
        """seen: queues that an earlier process saw, the last time at `seen_ms`. publisher: asks whether somebody moves queues just now.
        memo: remembers the queues of batches."""
        super().__init__(name="topology", daemon=True)
        self._database_url = database_url
        self._broker_url = broker_url
        self._policy = policy
        self._pruner = Pruner(retention)
        self._publisher = publisher or Publisher(None)
        self._announcements = announcements
        self._stopping = False
        self._halt = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._listener = Listener(database_url, name="ws-gateway topology news", channel=CHANNEL)
        self._is_listening = False
        self._trouble = Trouble(log, "topology not_kept")
        self.plan = BrokerPlan(class_event_types, lambda: Topology(broker_url, policy), memo)
        self._read_ms = 0  # when what is needed was read; 0: it never was
        self._bound: dict[str, list[str]] = {}  # what this process has seen bound
        self._sightings = Sightings()
        self._sightings.trust(seen, seen_ms)
        self._made: deque[_Made] = deque()
        self._turns: list[str] = []  # queues whose turn to be bound again is to come
        self.depths = dict(seen)
        self.looked_ms = seen_ms

    def stop(self) -> None:
        self._stopping = True
        os.eventfd_write(self._halt, 1)

    def declare(self) -> None:
        """All that must exist before the first message of a broker connection, as it was last read. Raises SinkAway.

        Called by the broker's carrier, which waits for PostgreSQL only if nothing was ever read.
        """
        with Topology(self._broker_url, self._policy) as topology:
            if not self._read_ms:
                with suppress(StoreAway, StoreRefused), self._store() as connection:
                    self._read(connection)
            needs = self.plan.newest
            looked_ms = _now_ms()
            existing = topology.depths(needs.bindings)
            self._sightings.look(needs.bindings, existing, looked_ms)
            topology.declare_base(())
            for queue in needs.bindings:
                bind(topology, needs, queue)
                topology.unbind_service(queue, self.plan.let_go(needs, queue))
                self._note_made(queue, was_there=queue in existing)
            self.plan.declared(needs)

    def mend(self, routes: Collection[Route]) -> None:
        """Make the queues that messages should have reached which came back. Raises SinkAway. Called by the broker's carrier."""
        needs, in_force, found_ms = self.plan.newest, self.plan.in_force, _now_ms()
        turning = in_force.turned(needs)
        with Topology(self._broker_url, self._policy) as topology:
            reached = {queue for route in routes for queue in needs.reached_beside(in_force, *route)}
            existing = topology.depths(reached)
            for queue in sorted(reached):
                self._sightings.lost(queue, found_ms)
                bind(topology, in_force if queue in turning else needs, queue)
                self._note_made(queue, was_there=queue in existing)

    def run(self) -> None:
        while not self._stopping:
            try:
                with self._publisher.turn() as may:
                    if may:
                        self.keep()
                        self._trouble.over()
            except (SinkAway, StoreAway, StoreRefused) as fault:
                self._trouble.say(str(fault))
            self._rest()
        self._listener.close()

    def keep(self) -> None:
        """One look. Raises SinkAway, StoreAway, StoreRefused, with what could be done done."""
        try:
            with self._store() as connection:
                in_sight = listings.in_sight(connection, CATEGORIES)
                rows = self._read(connection)  # also while the broker is away: `declare` goes by it
                with Topology(self._broker_url, self._policy) as topology:
                    self._compare(connection, topology, rows)
                    following = [row.subscription_id for row in rows if row.follows and row.is_active and self._has_all(row)]
                    listings.set_bound(connection, following, in_sight)
                    self._rebind(connection, topology)
                self._pruner.prune(connection)
        except (StoreAway, StoreRefused):
            with Topology(self._broker_url, self._policy) as topology:  # what was needed when it was last here still is
                self._keep_as_read(topology)
            raise

    @contextmanager
    def _store(self) -> Iterator[db.Connection]:
        connection = db.connect(self._database_url, name="ws-gateway topology")
        try:
            if not store.schema_is_current(connection):
                raise StoreAway(store.NOT_PREPARED)
            yield connection
        finally:
            connection.close()

    def _read(self, connection: db.Connection) -> list[ServiceQueue]:
        began_ms = _now_ms()
        rows = store.service_queues(connection)
        self.plan.read(queues.needed(rows), queues.batched(rows))
        self._sightings.trust({row.queue for row in rows if row.is_active and row.queue_state == "ready"}, _now_ms())
        self._read_ms = began_ms
        return rows

    def _rest(self) -> None:
        """Until the next look. What is needed is read as soon as somebody changes it, so that a message that comes back is understood."""
        until = time.monotonic() + EVERY_S
        poll = select.poll()
        poll.register(self._halt, select.POLLIN)
        poll.register(self.plan.woken, select.POLLIN)
        try:
            if not self._is_listening and self._read_ms:
                self._listener.open()
                self._is_listening = True
                self._read(self._listener.connection)  # what changed before
            if self._is_listening:
                poll.register(self._listener.fileno(), select.POLLIN)
            while not self._stopping and (rest_s := until - time.monotonic()) > 0:
                poll.poll(rest_s * 1000)
                if self.plan.calm():
                    return  # wishes that waited for it are ready
                if not self._stopping and self._is_listening and self._listener.drain():
                    self._read(self._listener.connection)
                    self._wait_to_stop(min(NEWS_S, max(0.0, until - time.monotonic())))
        except (StoreAway, StoreRefused):
            self._is_listening = False
            self._listener.close()
            self._wait_to_stop(max(0.0, until - time.monotonic()))

    def _wait_to_stop(self, seconds: float) -> None:
        select.select([self._halt], [], [], seconds)

    def _has_all(self, row: ServiceQueue) -> bool:
        """Whether a wish gets all events of what it names. What comes in batches is bound to nothing."""
        return not row.is_batched or self.plan.in_force.wanted(row.queue) == self.plan.newest.wanted(row.queue)

    def _keep_as_read(self, topology: Topology) -> None:
        needs = self.plan.newest
        existing = self._look(topology, needs)
        absent = (needs.services & self._absent(needs, existing)) - self.plan.turning
        self.depths = existing | self._make(topology, needs, absent)
        while self._made:
            made = self._made.popleft()
            self._tell(made.queue, made.since_ms, made.made_ms)

    def _compare(self, connection: db.Connection, topology: Topology, rows: list[ServiceQueue]) -> None:
        needs = self.plan.newest
        existing = self._look(topology, needs)
        for queue in self._bound.keys() - needs.services:
            self._bound.pop(queue, None)
        troubled = {*queues.troubled(rows, existing, self._bound), *self._sightings.missing} - {*needs.classes, *self.plan.turning}
        for queue in sorted(troubled, key=lambda queue: (queue not in needs.services, queue)):  # first those that are needed
            bound = self._bound.get(queue, ()) if queue in existing else ()
            bindings = queues.keep(
                connection, topology, queue, bound=bound, in_force=self.plan.known(queue), form=self.plan.form(queue)
            )
            if bindings is None:
                self._sightings.forget(queue)  # whoever deleted it did so because nobody needs it
                continue
            self._bound[queue] = bindings
            made_ms = _now_ms()
            self._tell(queue, self._sightings.made(queue, made_ms), made_ms)
        while self._made and self._made[0].made_ms < self._read_ms:
            made = self._made[0]
            if made.queue in needs.bindings:
                self._tell(made.queue, made.since_ms, made.made_ms)
            elif not made.was_there:
                queues.drop(connection, topology, made.queue)
            self._made.popleft()
        mended = topology.depths(queue for queue in troubled if queue in needs.services)
        self.depths = {queue: depth for queue, depth in (existing | mended).items() if queue in needs.bindings}

    def _look(self, topology: Topology, needs: Needs) -> dict[str, QueueState]:
        """What is there of the queues that are needed. Class queues that are missing are made."""
        looked_ms = _now_ms()
        existing = topology.depths(needs.bindings)
        self._sightings.look(needs.bindings, existing, looked_ms)
        self.looked_ms = looked_ms
        return existing | self._make(topology, needs, set(needs.classes) & self._absent(needs, existing))

    def _absent(self, needs: Needs, existing: Collection[str]) -> set[str]:
        """Queues that are not there, or not known to have their bindings again."""
        return self._sightings.missing | {queue for queue in needs.bindings if queue not in existing}

    def _make(self, topology: Topology, needs: Needs, missing: Collection[str]) -> dict[str, QueueState]:
        """Make queues again, and tell of those that had been there."""
        for queue in missing:
            bind(topology, needs, queue)
            made_ms = _now_ms()
            self._tell(queue, self._sightings.made(queue, made_ms), made_ms)
        return topology.depths(missing)

    def _note_made(self, queue: str, *, was_there: bool) -> None:
        """The carrier made it; whether it is needed still is the keeper's to find out, and then to tell."""
        made_ms = _now_ms()
        made = _Made(queue, self._sightings.made(queue, made_ms), made_ms, was_there)
        if made.since_ms is not None or not was_there:
            self._made.append(made)

    def _tell(self, queue: str, since_ms: int | None, made_ms: int) -> None:
        if since_ms is not None:
            gap = Gap(new_gap_id(), "queue_missing", from_ms=since_ms, to_ms=made_ms, recovered=False)
            log.warning("topology queue_missing queue=%s", queue)
            self._announcements.tell("gap", queue, gap)

    def _rebind(self, connection: db.Connection, topology: Topology) -> None:
        """Make bindings again that may have gone, of some queues in turn."""
        needs = self.plan.newest
        for queue in needs.classes:
            topology.bind(queue, needs.bindings[queue])
        if not self._turns:
            self._turns = sorted(needs.services)
        done = 0
        for _ in range(min(REBOUND_QUEUES, len(self._turns))):
            if done < REBOUND_BINDINGS:
                queue = self._turns.pop()
                done += queues.bind_again(connection, topology, queue, form=self.plan.form(queue))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
