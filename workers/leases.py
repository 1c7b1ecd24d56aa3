"""Leases in the background: ends what nobody renewed, once a second. The router's, since it runs once and knows how to tell."""

import logging
import threading
from collections.abc import Callable

from gateway import queues
from gateway.database import db, leases, store
from gateway.database.db import Row
from gateway.errors import SinkAway, StoreAway, StoreRefused
from gateway.lanes.announcements import Announcements
from gateway.sinks.topology import Topology
from gateway.trouble import Trouble

log = logging.getLogger(__name__)

#: Between two looks; seconds.
EVERY_S = 1.0
#: The broker is waited for so long with each answer, so that the next look is no pause that begins leases anew; seconds.
BROKER_S = 1.0


class LeaseKeeper(threading.Thread):
    """While PostgreSQL is away no lease ends, and when it is back all begin anew: their holders could not renew them."""

    def __init__(self, database_url: str, topology: Callable[[], Topology], announcements: Announcements) -> None:
        """topology: opens a short conversation with the broker. announcements: gets one for each lease that ends."""
        super().__init__(name="leases", daemon=True)
        self._database_url = database_url
        self._topology = topology
        self._announcements = announcements
        self._connection: db.Connection | None = None
        self._was_away = False  # since the last look
        self._halt = threading.Event()
        self._trouble = Trouble(log, "leases not_kept")

    def stop(self) -> None:
        self._halt.set()

    def run(self) -> None:
        while not self._halt.wait(EVERY_S):
            try:
                self.look()
                self._trouble.over()
            except (StoreAway, StoreRefused) as fault:
                self._trouble.say(str(fault))
        self._close()

    def look(self) -> None:
        """End what ran out. Raises StoreAway, StoreRefused."""
        try:
            self._end(self._open())
        except (StoreAway, StoreRefused):
            self._was_away = True
            self._close()
            raise

    def _end(self, connection: db.Connection) -> None:
        ended = leases.end(connection, was_away=self._was_away)
        self._was_away = False
        for row in ended:
            log.info("leases ended service=%s topic=%s id=%s", row["requesting_service"], row["topic"], row["id"])
            self._announcements.tell(leases.KIND, leases.words(row), topic=row["topic"], identity=leases.identity(row))
        if ended:
            self._leave(connection, ended)

    def _leave(self, connection: db.Connection, ended: list[Row]) -> None:
        """As the API does for a wish that is cancelled; what cannot be done now, the keeper of queues does."""
        try:
            with self._topology() as topology:
                queues.leave_all(connection, topology, ended)
        except SinkAway as fault:
            log.warning("leases queues_left reason=%s", fault)

    def _open(self) -> db.Connection:
        if self._connection is None:
            self._connection = db.connect(self._database_url, name="ws-gateway leases")
            if not store.schema_is_current(self._connection):
                raise StoreAway(store.NOT_PREPARED)
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
