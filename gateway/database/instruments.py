"""The catalog in PostgreSQL: what the exchange lists, kept so that a restart does not need the exchange. All functions raise StoreAway.

What the exchange lists no more is Closed; the router forgets it long after (`listings.py`). Workers are notified of every change.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.database.db import Connection, Cursor, column, execute_values, transaction, value
from gateway.database.statements import query
from gateway.errors import NotCredible
from gateway.protocol import selectors
from gateway.protocol.instruments import CLOSED, PRE_LAUNCH, TRADING, Catalog, Instrument

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Listed:
    """One instrument that trades now, or soon.

    ends_in_s  until it is delivered; None where it never is
    """

    symbol: str
    first_seen_at: datetime
    ends_in_s: float | None

    def is_bound(self, bound_at: datetime | None) -> bool:
        """Whether a queue that is bound up to this moment has its binding."""
        return bound_at is not None and self.first_seen_at < bound_at


def write(connection: Connection, category: str, read: Catalog, *, repeated: bool = False) -> int:
    """Make a category's rows what a complete read brought; how many changed.

    Raises NotCredible where it brought no instrument of a category that has some, unless that is what several reads in a row have
    brought: then they have all gone. Rows that cannot be read are no proof of anything.

    A coin without any option in the read keeps those it had: it was not asked for, or the answer is not credible; they expire.
    Wishes that nobody could verify when they came are verified by it.
    """
    is_empty = not read.instruments
    coins = {row.base_coin for row in read.instruments.values() if row.base_coin} if category == "option" and not is_empty else None
    with transaction(connection) as cursor:
        cursor.execute(query("lock_catalog"), {"category": category})
        if is_empty and (read.unread or read.faults or (not repeated and _has_any(cursor, category))):
            raise NotCredible(f"found no instrument in the catalog of {category}; expected some")
        changed = _put(cursor, read.instruments.values())
        listed = [*read.instruments, *(symbol for symbol in read.unread if "\0" not in symbol)]
        cursor.execute(
            query("close_instruments"),
            {"category": category, "listed": listed, "base_coins": None if coins is None else sorted(coins)},
        )
        changed += cursor.rowcount
        cursor.execute(query("set_catalog_read"), {"category": category})
        cursor.execute(query("verify_symbols"), {"category": category})
        _notify(cursor, category, changed)
        return changed


def add(connection: Connection, category: str, instruments: Iterable[Instrument]) -> int:
    """Some that were found besides the complete reads; how many changed."""
    with transaction(connection) as cursor:
        cursor.execute(query("lock_catalog"), {"category": category})
        changed = _put(cursor, instruments)
        _notify(cursor, category, changed)
        return changed


def age_s(connection: Connection, category: str) -> float | None:
    """Seconds since the last complete read; None: there was none."""
    with transaction(connection) as cursor:
        cursor.execute(query("catalog_age"), {"category": category})
        age = value(cursor)
        return None if age is None else float(age)


def categories_read(connection: Connection) -> set[str]:
    """Categories whose catalog was ever read completely."""
    with transaction(connection) as cursor:
        cursor.execute(query("catalogs_read"))
        return set(column(cursor))


def is_read(connection: Connection, category: str) -> bool:
    """Whether the catalog of a category was ever read completely."""
    return category in categories_read(connection)


def find(connection: Connection, symbol: str) -> dict[str, str]:
    """Category → the status that a symbol has there; Closed too."""
    with transaction(connection) as cursor:
        cursor.execute(query("instrument_statuses"), {"symbol": symbol})
        return dict(cursor.fetchall())


def known(connection: Connection, symbol: str, categories: Iterable[str]) -> dict[str, bool | None]:
    """Category → whether it lists a symbol now; None: its catalog was never read, and has no such row either."""
    found, read = find(connection, symbol), categories_read(connection)
    return {
        category: True if found.get(category, CLOSED) != CLOSED else False if category in read else None for category in categories
    }


def has_base_coin(connection: Connection, coin: str) -> bool:
    """Whether there are options of a coin."""
    with transaction(connection) as cursor:
        cursor.execute(query("has_base_coin"), {"category": "option", "base_coin": coin})
        return bool(value(cursor))


def wished_coins(connection: Connection) -> list[str]:
    """The coins whose options somebody wishes for."""
    with transaction(connection) as cursor:
        cursor.execute(query("wished_coins"))
        return column(cursor)


def names(connection: Connection, category: str) -> list[str]:
    """What can be subscribed to in a category."""
    with transaction(connection) as cursor:
        cursor.execute(query("instrument_names"), {"category": category})
        return column(cursor)


def matching(connection: Connection, category: str, pattern: str, *, before_trading: bool = False) -> list[Listed]:
    """What a pattern names and is trading now; or, where that is asked for, will be soon."""
    statuses = [TRADING, PRE_LAUNCH] if before_trading else [TRADING]
    with transaction(connection) as cursor:
        cursor.execute(query("instruments_now"), {"category": category, "pattern": selectors.like(pattern), "statuses": statuses})
        return [Listed(*row) for row in cursor.fetchall()]


def _has_any(cursor: Cursor, category: str) -> bool:
    cursor.execute(query("has_instruments"), {"category": category})
    return bool(value(cursor))


def _put(cursor: Cursor, instruments: Iterable[Instrument]) -> int:
    rows = [
        (
            row.category, row.symbol, row.status, row.base_coin, row.quote_coin, row.settle_coin, row.contract_type,
            _moment(row.launch_ms), _moment(row.delivery_ms),
        )
        for row in instruments
    ]  # fmt: skip
    template = "(%s, %s, %s, %s::text, %s::text, %s::text, %s::text, %s::timestamptz, %s::timestamptz)"
    return len(execute_values(cursor, query("put_instruments"), rows, template=template, page_size=1000, fetch=True)) if rows else 0


def _notify(cursor: Cursor, category: str, changed: int) -> None:
    """The endpoint of a category has its name."""
    if changed:
        cursor.execute(query("notify"), {"endpoint": category})


def _moment(unix_ms: int | None) -> datetime | None:
    return None if unix_ms is None else _EPOCH + timedelta(milliseconds=unix_ms)
