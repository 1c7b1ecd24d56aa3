"""Queues in the background: completes service queues that wait for the broker, binds new listings, removes what nobody needs, reads depths.
Takes old rows away, too.

The API declares a queue while it answers. What it could not do because the broker was away, and what a broker that lost its
disk has forgotten, is done here. AMQP shows whether a queue is there, but not what it is bound to: bindings are made again in turn.
"""

import logging
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress

from gateway import db, listings, names, pruning, queues, store
from gateway.announcements import Announcements
from gateway.errors import SinkAway, StoreAway, StoreRefused
from gateway.needs import Needs
from gateway.occurrences import Gap, new_gap_id
from gateway.protocol.endpoints import CATEGORIES
from gateway.pruning import KEEP_ALL, Retention
from gateway.sightings import Sightings
from gateway.sinks.returned import Route
from gateway.sinks.topology import QueuePolicy, Topology
from gateway.state import QueueState
from gateway.trouble import Trouble

log = logging.getLogger(__name__)

#: Depths and missing queues are looked at this often; seconds.
EVERY_S = 5.0
#: Rows that nobody keeps any longer are looked for this often, and the rest of them with the next look at the queues; seconds.
PRUNE_EVERY_S = 3600.0
#: Queues, and bindings, that are bound again with each look; the other queues' turn comes later.
REBOUND_QUEUES, REBOUND_BINDINGS = 20, 1000


class TopologyKeeper(threading.Thread):
    """Every few seconds: what PostgreSQL wants of the broker's queues, compared with what is so.

    announcements  gets a gap for each queue that was found missing
    depths         the newest depths by queue name; replaced whole
    """

    def __init__(
        self,
        database_url: str,
        broker_url: str,
        policy: QueuePolicy,
        class_event_types: Iterable[str],
        announcements: Announcements,
        *,
        retention: Retention = KEEP_ALL,
    ) -> None:
        super().__init__(name="topology", daemon=True)
        self._database_url = database_url
        self._broker_url = broker_url
        self._policy = policy
        self._class_event_types = tuple(class_event_types)
        self._retention = retention
        self._announcements = announcements
        self._stopped = threading.Event()
        self._trouble = Trouble(log, "topology not_kept")
        self._bindings: dict[str, list[str]] = {}  # needed service queues, as last read
        self._needs = Needs(self._class_event_types, {})
        self._bound: dict[str, list[str]] = {}  # what this process has seen bound
        self._sightings = Sightings()
        self._turns: list[str] = []  # queues whose turn to be bound again is to come
        self._prune_due = 0.0
        self.depths: dict[str, QueueState] = {}

    def stop(self) -> None:
        self._stopped.set()

    def needs(self, exchange: str, routing_key: str) -> bool:
        """Whether a message should have reached a queue. Any thread."""
        return self._needs.reach(exchange, routing_key)

    def declare(self) -> None:
        """All that must exist before the first message of a broker connection, as PostgreSQL has it now, or had it. Raises SinkAway.

        Called by the broker's carrier.
        """
        with Topology(self._broker_url, self._policy) as topology:
            with suppress(StoreAway, StoreRefused), self._store() as connection:
                self._read(store.service_queues(connection))
            self._look(topology)
            topology.declare_base(self._class_event_types)
            for queue, bindings in self._bindings.items():
                topology.bind_service(queue, bindings)
            self._sightings.saw(self._all(), _now_ms())

    def mend(self, _routes: Collection[Route]) -> None:
        """Make what messages that came back should have reached. Raises SinkAway. Called by the broker's carrier."""
        self.declare()

    def run(self) -> None:
        while True:
            try:
                self._keep()
                self._trouble.over()
            except (SinkAway, StoreAway, StoreRefused) as fault:
                self._trouble.say(str(fault))
            if self._stopped.wait(EVERY_S):
                return

    @contextmanager
    def _store(self) -> Iterator[db.Connection]:
        connection = db.connect(self._database_url, name="ws-gateway topology")
        try:
            if not store.schema_is_current(connection):
                raise StoreAway(store.NOT_PREPARED)
            yield connection
        finally:
            connection.close()

    def _read(self, rows: list[store.ServiceQueue]) -> None:
        self._bindings = queues.needed(rows)
        self._needs = Needs(self._class_event_types, self._bindings)

    def _keep(self) -> None:
        try:
            with self._store() as connection, Topology(self._broker_url, self._policy) as topology:
                self._compare(connection, topology)
                self._prune(connection)
        except (StoreAway, StoreRefused):
            with Topology(self._broker_url, self._policy) as topology:  # what was needed when it was last here still is
                self.depths = self._look(topology)
                for queue in self._bindings.keys() - self.depths.keys():
                    topology.bind_service(queue, self._bindings[queue])
                    self._sightings.saw([queue], _now_ms())
            raise

    def _compare(self, connection: db.Connection, topology: Topology) -> None:
        in_sight = listings.in_sight(connection, CATEGORIES)
        rows = store.service_queues(connection)
        self._read(rows)
        existing = self._look(topology)
        for queue in self._bound.keys() - self._bindings.keys():
            self._bound.pop(queue, None)
        troubled = queues.troubled(rows, existing, self._bound)
        for queue in sorted(troubled, key=lambda queue: queue not in self._bindings):  # first those that are needed
            bound = self._bound.get(queue, ()) if queue in existing else ()
            self._bound[queue] = queues.keep(connection, topology, queue, bound=bound)
        following = [row.subscription_id for row in rows if row.follows and row.is_active]
        listings.set_bound(connection, following, in_sight)
        self._rebind(connection, topology)
        mended = topology.depths(queue for queue in troubled if queue in self._bindings)
        self._sightings.saw(mended, _now_ms())
        self.depths = {queue: depth for queue, depth in (existing | mended).items() if queue in self._all()}

    def _look(self, topology: Topology) -> dict[str, QueueState]:
        """What is there of the queues that are needed. Class queues that are missing are made, and what had been there is told."""
        looked_ms = _now_ms()
        existing = topology.depths(self._all())
        for queue, seen_ms in self._sightings.look(self._all(), existing, looked_ms):
            gap = Gap(new_gap_id(), "queue_missing", from_ms=seen_ms, to_ms=looked_ms, recovered=False)
            log.warning("topology queue_missing queue=%s", queue)
            self._announcements.tell("gap", queue, gap)
        missing = [event_type for event_type in self._class_event_types if names.class_queue(event_type) not in existing]
        if missing:
            topology.declare_base(missing)
            made = topology.depths(map(names.class_queue, missing))
            self._sightings.saw(made, _now_ms())
            existing |= made
        return existing

    def _all(self) -> set[str]:
        """The names of all queues that are needed."""
        return {*map(names.class_queue, self._class_event_types), *self._bindings}

    def _rebind(self, connection: db.Connection, topology: Topology) -> None:
        """Make bindings again that may have gone, of some queues in turn."""
        for event_type in self._class_event_types:
            topology.bind(names.class_queue(event_type), [names.class_binding(event_type)])
        if not self._turns:
            self._turns = sorted(self._bindings)
        done = 0
        for _ in range(min(REBOUND_QUEUES, len(self._turns))):
            if done < REBOUND_BINDINGS:
                done += queues.bind_again(connection, topology, self._turns.pop())

    def _prune(self, connection: db.Connection) -> None:
        if time.monotonic() >= self._prune_due:
            self._prune_due = time.monotonic() + PRUNE_EVERY_S
            forgotten = listings.prune(connection)
            if forgotten:
                log.info("topology instruments_forgotten count=%d", forgotten)
            pruned = pruning.prune(connection, self._retention)
            if any(pruned.values()):
                log.info("topology rows_pruned %s", " ".join(f"{table}={count}" for table, count in pruned.items()))
            if pruning.MOST in pruned.values():
                self._prune_due = 0.0  # there is more


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
