"""Queues in the background: completes service queues that wait for the broker, binds new listings, removes what nobody needs, reads depths.
Takes old rows away, too.

The API declares a queue while it answers. What it could not do because the broker was away, and what a broker that lost its
disk has forgotten, is done here.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from gateway import db, listings, names, pruning, queues, store
from gateway.errors import SinkAway, StoreAway, StoreRefused
from gateway.protocol.endpoints import CATEGORIES
from gateway.pruning import KEEP_ALL, Retention
from gateway.sinks.topology import QueuePolicy, Topology
from gateway.state import QueueState
from gateway.trouble import Trouble

log = logging.getLogger(__name__)

#: Depths and missing queues are looked at this often; seconds.
EVERY_S = 5.0
#: Rows that nobody keeps any longer are looked for this often, and the rest of them with the next look at the queues; seconds.
PRUNE_EVERY_S = 3600.0


class TopologyKeeper(threading.Thread):
    """Every few seconds: what PostgreSQL wants of the broker's queues, compared with what is so.

    depths  the newest depths by queue name; replaced whole
    """

    def __init__(
        self,
        database_url: str,
        broker_url: str,
        policy: QueuePolicy,
        class_event_types: Iterable[str],
        *,
        retention: Retention = KEEP_ALL,
    ) -> None:
        super().__init__(name="topology", daemon=True)
        self._database_url = database_url
        self._broker_url = broker_url
        self._policy = policy
        self._class_event_types = tuple(class_event_types)
        self._retention = retention
        self._stopped = threading.Event()
        self._trouble = Trouble(log, "topology not_kept")
        self._bindings: dict[str, list[str]] = {}  # needed service queues, as last read
        self._bound: dict[str, list[str]] = {}  # what this process has seen bound
        self._prune_due = 0.0
        self.depths: dict[str, QueueState] = {}

    def stop(self) -> None:
        self._stopped.set()

    def declare(self) -> None:
        """All that must exist before the first message of a broker connection, as PostgreSQL has it now, or had it. Raises SinkAway.

        Called by the broker's lane.
        """
        with Topology(self._broker_url, self._policy) as topology:
            topology.declare_base(self._class_event_types)
            with suppress(StoreAway, StoreRefused), self._store() as connection:
                self._bindings = queues.needed(store.service_queues(connection))
            for queue, bindings in self._bindings.items():
                topology.bind_service(queue, bindings)

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

    def _keep(self) -> None:
        with self._store() as connection:
            in_sight = listings.in_sight(connection, CATEGORIES)
            rows = store.service_queues(connection)
            self._bindings = queues.needed(rows)
            with Topology(self._broker_url, self._policy) as topology:
                existing = topology.depths(self._bindings)
                for queue in self._bound.keys() - self._bindings.keys():
                    self._bound.pop(queue, None)
                troubled = queues.troubled(rows, existing, self._bound)
                for queue in sorted(troubled, key=lambda queue: queue not in self._bindings):  # first those that are needed
                    bound = self._bound.get(queue, ()) if queue in existing else ()
                    self._bound[queue] = queues.keep(connection, topology, queue, bound=bound)
                following = [row.subscription_id for row in rows if row.follows and row.is_active]
                listings.set_bound(connection, following, in_sight)
                self.depths = topology.depths([*map(names.class_queue, self._class_event_types), *self._bindings])
            self._prune(connection)

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
