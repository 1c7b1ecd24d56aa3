"""PostgreSQL, over psycopg2: the only place that imports it. What a lost or frozen server raises becomes StoreAway, once.

No call waits for ever: the server ends a statement that takes too long, and who waits for a server that does not even do that gives up.
"""

import math
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeAlias

import psycopg2
import psycopg2.errors
import psycopg2.extensions
import psycopg2.pool
from psycopg2 import sql
from psycopg2.extras import execute_values, register_uuid

from gateway.errors import GatewayError, StoreAway, StoreRefused, StoreUnready

Connection: TypeAlias = psycopg2.extensions.connection
Cursor: TypeAlias = psycopg2.extensions.cursor

#: A row by the names of its columns.
Row: TypeAlias = dict[str, Any]

__all__ = [
    "Connection", "Cursor", "Listener", "Row", "column", "connect", "create_database", "execute_values", "is_alive", "rows",
    "transaction", "value",
]  # fmt: skip

#: A server that vanished without a word is noticed within this; seconds.
SILENCE_S = 5
#: The server ends a statement after this, unless it is told otherwise; milliseconds.
STATEMENT_TIMEOUT_MS = 4000
#: Its word of that is waited for so much longer: then it is frozen, and the connection is given up; seconds.
GRACE_S = 1.0

_FAULTS = (psycopg2.OperationalError, psycopg2.InterfaceError)
#: Before `prepare`, with another user's rights, on a standby: none of it is the fault of the statement or its values.
_UNREADY = (
    psycopg2.errors.UndefinedTable,
    psycopg2.errors.UndefinedColumn,
    psycopg2.errors.InsufficientPrivilege,
    psycopg2.errors.ReadOnlySqlTransaction,
)
#: An OperationalError that the same value meets again, such as a text too long for its index.
_TOO_LARGE = psycopg2.errors.ProgramLimitExceeded


class _Patient(psycopg2.extensions.connection):
    """A connection of which no call waits longer than `patience_s` for the server."""

    def __init__(self, dsn: str, *, patience_s: float) -> None:
        self.patience_s = patience_s
        super().__init__(dsn)


def _wait(connection: psycopg2.extensions.connection) -> None:
    """Called by psycopg2 in the place of libpq's own waiting, which knows no end. The exception closes the connection.

    It is so for all connections of the process: those that others make wait as long as they like.
    """
    patience_s = connection.patience_s if isinstance(connection, _Patient) else math.inf
    until = time.monotonic() + patience_s
    while (state := connection.poll()) != psycopg2.extensions.POLL_OK:
        sockets = [connection.fileno()]
        readers, writers = (sockets, []) if state == psycopg2.extensions.POLL_READ else ([], sockets)
        if not any(select.select(readers, writers, [], _left_s(until))):
            raise psycopg2.OperationalError(f"no answer within {patience_s:g} s")


def _left_s(until: float) -> float | None:
    """None: for ever."""
    return None if until == math.inf else max(0.0, until - time.monotonic())


def connect(
    url: str,
    *,
    name: str,
    autocommit: bool = False,
    timeout_s: float = 3.0,
    statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
    lock_timeout_ms: int = 0,
) -> Connection:
    """Connect within `timeout_s`; no statement runs longer than its timeout, or waits longer for a lock (0: that long, too).

    Of several hosts in the URL each gets its time. Raises StoreAway.

    name  shown in pg_stat_activity
    """
    psycopg2.extensions.set_wait_callback(_wait)
    options = f"-c statement_timeout={statement_timeout_ms} -c lock_timeout={lock_timeout_ms} -c timezone=UTC"
    *others, last = _places(url)
    for place in (*others, last):
        try:
            connection = psycopg2.connect(
                place,
                connection_factory=partial(_Patient, patience_s=timeout_s),
                application_name=name,
                options=options,
                keepalives_idle=SILENCE_S,
                keepalives_interval=1,
                keepalives_count=3,
                tcp_user_timeout=SILENCE_S * 1000,
            )
            break
        except _FAULTS as fault:
            if place is last:
                raise StoreAway(_words(fault)) from fault
    connection.patience_s = statement_timeout_ms / 1000 + GRACE_S
    connection.autocommit = autocommit
    register_uuid(conn_or_curs=connection)  # type: ignore[no-untyped-call]
    return connection


def _places(url: str) -> list[str]:
    """Each host of a URL with its port, one by one: libpq goes on to the next only when one refuses. Raises StoreAway."""
    try:
        parts = psycopg2.extensions.parse_dsn(url)
    except psycopg2.ProgrammingError:  # libpq's words on a URL repeat the URL, and so the password
        raise StoreAway("PostgreSQL is away: its URL cannot be read; expected postgresql://user:password@host:port/name") from None
    hosts, ports = parts.get("host", "").split(","), parts.get("port", "").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    if len(hosts) == 1 or len(ports) != len(hosts) or "hostaddr" in parts:
        return [url]  # one, or what libpq has to say about it
    return [psycopg2.extensions.make_dsn(url, host=host, port=port) for host, port in zip(hosts, ports, strict=True)]


@contextmanager
def transaction(connection: Connection) -> Iterator[Cursor]:
    """A cursor whose work is committed at the end, or undone by an exception. Raises StoreAway, StoreUnready, StoreRefused.

    On an autocommit connection each statement stands for itself.
    """
    try:
        with connection.cursor() as cursor:
            yield cursor
        if not connection.autocommit:
            connection.commit()
    except psycopg2.Error as fault:
        _undo(connection)
        raise _translated(fault, is_lost=bool(connection.closed)) from fault
    except BaseException:
        _undo(connection)
        raise


def value(cursor: Cursor) -> Any:
    """The first column of the first row; None where there is none."""
    row = cursor.fetchone()
    return row[0] if row else None


def column(cursor: Cursor) -> list[Any]:
    """The first column of all rows."""
    return [row[0] for row in cursor.fetchall()]


def rows(cursor: Cursor) -> list[Row]:
    """All rows, by the names of their columns."""
    names = [described.name for described in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class Listener:
    """A connection that hears notifications. All calls raise StoreAway."""

    def __init__(self, url: str, *, name: str, channel: str) -> None:
        self._url = url
        self._name = name
        self._channel = channel
        self._connection: Connection | None = None

    def open(self) -> None:
        self.close()
        self._connection = connect(self._url, name=self._name, autocommit=True)
        with transaction(self._connection) as cursor:
            cursor.execute(sql.SQL("listen {}").format(sql.Identifier(self._channel)))

    @property
    def connection(self) -> Connection:
        """For queries between notifications."""
        if self._connection is None:
            raise StoreAway("PostgreSQL is not connected")
        return self._connection

    def fileno(self) -> int:
        """Readable when there may be a notification."""
        try:
            return int(self.connection.fileno())
        except psycopg2.InterfaceError as fault:
            raise StoreAway(_words(fault)) from fault

    def drain(self) -> bool:
        """Take all notifications that are here; True when there was one."""
        try:
            self.connection.poll()
        except _FAULTS as fault:
            raise StoreAway(_words(fault)) from fault
        notified = bool(self.connection.notifies)
        self.connection.notifies.clear()
        return notified

    def close(self) -> None:
        if self._connection is not None:
            with suppress(*_FAULTS):
                self._connection.close()
            self._connection = None


def is_alive(connection: Connection) -> bool:
    """Whether a connection that nobody uses can be used: a broken one is readable with nothing asked. A dead one is closed."""
    with suppress(*_FAULTS, ValueError):
        if not connection.closed and not select.select([connection], [], [], 0)[0]:
            return True
    with suppress(*_FAULTS):
        connection.close()
    return False


def create_database(url: str, name: str) -> None:
    """Make a database where there is none of that name. `url` leads to another one. Raises StoreAway."""
    connection = connect(url, name="ws-gateway create", autocommit=True)
    try:
        with transaction(connection) as cursor:
            cursor.execute("select 1 from pg_database where datname = %s", (name,))
            if cursor.fetchone() is None:
                cursor.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    finally:
        connection.close()


def _undo(connection: Connection) -> None:
    with suppress(*_FAULTS):
        if not connection.closed and not connection.autocommit:
            connection.rollback()


def _translated(fault: psycopg2.Error, *, is_lost: bool) -> GatewayError:
    """Whether to ask again, wait for a mend, or give the value up."""
    if is_lost or (isinstance(fault, _FAULTS) and not isinstance(fault, _TOO_LARGE)):
        return StoreAway(_words(fault))
    words = (str(fault).strip().splitlines() or [type(fault).__name__])[0]
    return StoreUnready(words) if isinstance(fault, _UNREADY) else StoreRefused(words)


def _words(fault: Exception) -> str:
    """One line; libpq's messages name host and port, never the password."""
    text = " ".join(str(fault).split()) or type(fault).__name__
    return f"PostgreSQL is away: {text}"
