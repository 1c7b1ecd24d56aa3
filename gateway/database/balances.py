"""Balance envelopes → rows, and the newest of these. What breaks a rule is a fact of the account all the same: stored, with a warning.

Only what cannot be read as a number is rejected, into a dead letter; its neighbours are stored.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec

from gateway.database import audit, db
from gateway.database.audit import By
from gateway.database.db import Connection, Row, execute_values, transaction
from gateway.database.pages import Span, page
from gateway.database.statements import query
from gateway.disk.dead_letters import Reject
from gateway.errors import RequestError, StoreAway
from gateway.models import Envelope
from gateway.protocol.decimals import EXACT, decimal

_envelope = msgspec.json.Decoder(Envelope)

#: Columns of account_balances that are fields of the coin.
COIN_AMOUNTS = (
    "wallet_balance",
    "available_balance",
    "frozen",
    "equity",
    "usd_value",
    "total_order_im",
    "total_position_im",
)
#: Columns of account_margin_balances that are fields of the account; null where the exchange names none.
ACCOUNT_AMOUNTS = (
    "total_equity",
    "total_wallet_balance",
    "total_margin_balance",
    "total_available_balance",
    "total_initial_margin",
    "total_maintenance_margin",
    "total_order_im",
)
#: The exchange's totals are in USD (the public contract, section 6).
BASE_CURRENCY = "USD"
#: Bytes of a coin's name. Source: PostgreSQL, an index entry holds at most a third of a page; the exchange's are under 20.
LONGEST_NAME = 1000
#: The audit's word for reading them because somebody asked.
SYNCED = "synced"
#: Where a frame names no account type.
NO_ACCOUNT_TYPE = "UNKNOWN"


def insert_balances(connection: Connection, bodies: Sequence[bytes], reject: Reject, *, by: By | None = None) -> int:
    """Store `balance` envelopes; the same one again changes nothing. How many rows break a rule, each with its warnings. Raises StoreAway.

    by  who asked for them; what the exchange tells unasked is nothing for the audit
    """
    coins: list[tuple[Any, ...]] = []
    accounts: list[tuple[Any, ...]] = []
    for body in bodies:
        if b"\\u0000" in body:
            reject("found a NUL character; expected text", body.decode(errors="backslashreplace"), "")
            continue
        try:
            envelope = _envelope.decode(body)
        except (msgspec.DecodeError, msgspec.ValidationError) as fault:
            reject(str(fault), body.decode(errors="backslashreplace"), "")
            continue
        for rows, found in ((coins, _coins(envelope)), (accounts, [_account(envelope)])):
            for row in found:
                if isinstance(row, str):
                    reject(row, envelope.payload, envelope.trace_id)
                else:
                    rows.append(row)
    with transaction(connection) as cursor:
        if coins:
            execute_values(cursor, query("insert_balances"), coins)
        if accounts:
            execute_values(cursor, query("insert_margin_balances"), accounts)
        if by is not None:
            audit.record(cursor, by, SYNCED, {})
    return sum(bool(row[-1]) for row in (*coins, *accounts))


def latest(
    connection: Connection, *, coin: str | None, account_type: str | None, limit: int, offset: int
) -> tuple[list[Row], Row | None, int]:
    """The newest row per coin, the newest totals of the account, and how many coins match."""
    values = {"coin": coin, "account_type": account_type}
    with transaction(connection) as cursor:
        cursor.execute(query("latest_balances"), {**values, "limit": limit, "offset": offset})
        rows = db.rows(cursor)
        total = int(rows[0]["total"]) if rows else 0
        if not rows and offset:
            cursor.execute(query("latest_balances"), {**values, "limit": 1, "offset": 0})
            first = db.rows(cursor)
            total = int(first[0]["total"]) if first else 0
        cursor.execute(query("latest_margin_balance"), {"account_type": account_type})
        margins = db.rows(cursor)
        return rows, margins[0] if margins else None, total


def history(connection: Connection, *, coin: str | None, span: Span, limit: int, offset: int) -> tuple[list[Row], int]:
    """Rows of the span by the exchange's time, newest first, and how many match in all."""
    return page(connection, "balances", {"coin": coin}, span, limit=limit, offset=offset)


@contextmanager
def syncing(connection: Connection, account: str) -> Iterator[None]:
    """Alone among all processes. Raises RequestError CONFLICT where another one is at it."""
    with transaction(connection) as cursor:
        cursor.execute(query("try_lock_sync"), {"account": account})
        if not db.value(cursor):
            reason = "found another sync of the account under way; expected one at a time: its rows are there in a moment"
            raise RequestError(reason, code="CONFLICT", status=409)
    try:
        yield
    finally:
        _unlock(connection, account)


def _unlock(connection: Connection, account: str) -> None:
    """The lock belongs to the connection: one that cannot give it back must not go on living in a pool."""
    if connection.closed:
        return
    try:
        with transaction(connection) as cursor:
            cursor.execute(query("unlock_sync"), {"account": account})
    except StoreAway:
        connection.close()
        raise


def held_coins(connection: Connection, account: str) -> frozenset[str]:
    """Coins whose newest row is not all zeros, as `account type|coin`."""
    with transaction(connection) as cursor:
        cursor.execute(query("held_coins"), {"account": account})
        return frozenset(db.column(cursor))


def coins_since(connection: Connection, account: str, unix_ms: int) -> frozenset[str]:
    """Coins of which a row is dated later than that by the exchange, as `account type|coin`."""
    with transaction(connection) as cursor:
        cursor.execute(query("coins_since"), {"account": account, "since_ms": unix_ms})
        return frozenset(db.column(cursor))


def coins_of(connection: Connection, event_ids: Sequence[str]) -> list[str]:
    """Coins that these events made a row of, in order."""
    with transaction(connection) as cursor:
        cursor.execute(query("coins_of"), {"event_ids": list(event_ids)})
        return db.column(cursor)


def _coins(envelope: Envelope) -> Iterator[tuple[Any, ...] | str]:
    coins = envelope.payload.get("coins") or []
    for coin in coins if isinstance(coins, list) else [coins]:
        if not isinstance(coin, dict):
            yield f"found {type(coin).__name__} as a coin; expected an object"
            continue
        amounts = {column: _amount(coin, column) for column in COIN_AMOUNTS}
        unreadable = [f"{column} {coin.get(column)!r}" for column, amount in amounts.items() if isinstance(amount, str)]
        name = coin.get("coin")
        if not isinstance(name, str) or not 0 < len(name.encode()) <= LONGEST_NAME:
            unreadable.insert(0, f"coin {repr(name)[:100]}")
        if unreadable:
            yield f"found {', '.join(unreadable)} for coin {repr(name)[:100]}; expected a name and decimal numbers"
            continue
        collateral = coin.get("margin_collateral")
        yield (
            uuid4(),
            envelope.account,
            envelope.payload.get("account_type") or NO_ACCOUNT_TYPE,
            name,
            amounts["wallet_balance"],
            amounts["available_balance"],
            amounts["frozen"],
            amounts["equity"],
            amounts["usd_value"],
            collateral if isinstance(collateral, bool) else None,
            amounts["total_order_im"],
            amounts["total_position_im"],
            *_origin(envelope),
            coin.get("derived") or [],
            _coin_warnings(amounts, coin.get("derived") or []),
        )


def _account(envelope: Envelope) -> tuple[Any, ...] | str:
    amounts = {column: _amount(envelope.payload, column) for column in ACCOUNT_AMOUNTS}
    unreadable = [f"{column} {envelope.payload.get(column)!r}" for column, amount in amounts.items() if isinstance(amount, str)]
    if unreadable:
        return f"found {', '.join(unreadable)} for the account; expected decimal numbers"
    return (
        uuid4(),
        envelope.account,
        envelope.payload.get("account_type") or NO_ACCOUNT_TYPE,
        *amounts.values(),
        BASE_CURRENCY,
        *_origin(envelope),
        _negative(amounts),
    )


def _origin(envelope: Envelope) -> tuple[str, ...]:
    return (envelope.timestamp, envelope.received_at, envelope.event_id, envelope.trace_id, envelope.source)


def _amount(record: Mapping[str, Any], field: str) -> Decimal | str | None:
    """The number, None for nothing, the text itself for what is no number."""
    found = record.get(field)
    if found is None:
        return None
    number = decimal(found)
    return number if number is not None else str(found)


def _negative(amounts: Mapping[str, Decimal | str | None]) -> list[str]:
    return [f"negative_{column}" for column, amount in amounts.items() if isinstance(amount, Decimal) and amount < 0]


def _coin_warnings(amounts: Mapping[str, Decimal | str | None], derived: Sequence[str]) -> list[str]:
    """The rules of the public contract, section 6, that a coin breaks."""
    warnings = _negative(amounts)
    numbers = [amounts[column] for column in ("wallet_balance", "available_balance", "frozen")]
    wallet, available, frozen = (number if isinstance(number, Decimal) else Decimal("NaN") for number in numbers)
    missing = wallet.is_nan() or available.is_nan() or frozen.is_nan()
    if not missing and "available_balance" not in derived and wallet != EXACT.add(available, frozen):
        warnings.append("wallet_balance_differs_from_available_plus_frozen")
    return warnings
