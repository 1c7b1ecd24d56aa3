"""A pool of connections to PostgreSQL: so many at a time, waited for no longer than a while, and quick to say no while it is away."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from gateway.database import db
from gateway.database.db import Connection
from gateway.errors import StoreAway, StoreBusy

#: One that is in use by others is waited for this long; seconds. Longer than what the exchange is asked while one is held.
PATIENCE_S = 2.5
#: Connecting takes at most this long, unless it is said otherwise; seconds. After a try that failed nobody tries again for `REST_S`.
CONNECT_S, REST_S = 2.0, 0.5
#: The server ends a statement after this, likewise; milliseconds.
STATEMENT_TIMEOUT_MS = 3000


class Pool:
    """At most `size` connections, made when needed; a dead one is replaced. For threads of one process."""

    def __init__(
        self,
        url: str,
        *,
        name: str,
        size: int,
        patience_s: float = PATIENCE_S,
        timeout_s: float = CONNECT_S,
        statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`timeout_s`: connecting takes at most this long; `now`: monotonic seconds."""
        self._open = partial(db.connect, url, name=name, timeout_s=timeout_s, statement_timeout_ms=statement_timeout_ms)
        self._size = size
        self._patience_s = patience_s
        self._timeout_s = timeout_s
        self._now = now
        self._places = threading.BoundedSemaphore(size)
        self._idle: list[Connection] = []
        self._away: str | None = None  # why nobody could connect when it was last tried
        self._next_try = 0.0

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """One connection for one request. Raises StoreBusy where all are in use for too long, StoreAway."""
        if not self._places.acquire(timeout=self._patience_s):
            raise StoreBusy(
                f"all {self._size} connections of this process to PostgreSQL have been in use for {self._patience_s:g} s"
            )
        try:
            connection = self._take()
            try:
                yield connection
            finally:
                if not connection.closed:
                    self._idle.append(connection)
        finally:
            self._places.release()

    def _take(self) -> Connection:
        """An idle connection that still lives, else a new one."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:
                break  # another thread was faster
            if db.is_alive(connection):
                return connection
        return self._connect()

    def _connect(self) -> Connection:
        """While PostgreSQL is away one at a time tries, and all others are told at once: a frozen one must not hold every thread."""
        if self._away is not None:
            if self._now() < self._next_try:
                raise StoreAway(self._away)
            self._next_try = self._now() + self._timeout_s
        try:
            connection = self._open()
        except StoreAway as fault:
            self._away, self._next_try = str(fault), self._now() + REST_S
            raise
        self._away = None
        return connection
