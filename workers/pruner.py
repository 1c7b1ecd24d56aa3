"""Rows that nobody keeps any longer, taken away now and then. Raises StoreAway."""

import logging
import time

from gateway.database import listings, pruning
from gateway.database.db import Connection
from gateway.database.pruning import Retention

log = logging.getLogger(__name__)

#: They are looked for this often, and the rest of them with the next look at the queues; seconds.
EVERY_S = 3600.0


class Pruner:
    """Used by one thread."""

    def __init__(self, retention: Retention) -> None:
        self._retention = retention
        self._due = 0.0

    def prune(self, connection: Connection) -> None:
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EVERY_S
        forgotten = listings.prune(connection)
        if forgotten:
            log.info("topology instruments_forgotten count=%d", forgotten)
        pruned = pruning.prune(connection, self._retention)
        if any(pruned.values()):
            log.info("topology rows_pruned %s", " ".join(f"{table}={count}" for table, count in pruned.items()))
        if pruning.MOST in pruned.values():
            self._due = 0.0  # there is more
