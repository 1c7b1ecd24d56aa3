"""What must be there in the end, whatever happened on the way: the account as it is now, and every candle that is over. Sentences of what lacks."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.chaos.recorder import Message
from tests.chaos.truth import Account, Execution


def lacks(account: Account, firsts: Sequence[Message], first_wallet: dict[str, Decimal]) -> list[str]:
    """What the consumer does not hold of the account as it is now: executions, final states, latest balances."""
    executions: dict[str, Execution] = {}
    orders: dict[str, tuple[str, Decimal, int]] = {}
    positions: dict[tuple[str, str, int], tuple[str, Decimal]] = {}
    wallet: dict[str, Decimal] = {}
    for each in firsts:
        payload = each.payload
        if each.event_type == "execution":
            figures = (Decimal(payload[name] or 0) for name in ("price", "quantity", "fee"))
            executions[payload["execution_id"]] = Execution(payload["exec_time"], *figures)
        elif each.event_type == "order":
            orders[payload["order_id"]] = payload["status"], Decimal(payload["executed_quantity"] or 0), payload["updated_time"]
        elif each.event_type == "position":
            key = str(each.category), payload["symbol"], payload["mode"]
            positions[key] = payload["side"] or "", Decimal(payload["size"])
        elif each.event_type == "balance":
            wallet |= {coin["coin"]: Decimal(coin["wallet_balance"]) for coin in payload["coins"]}
    found = _differences("execution", account.executions, executions)
    found += _differences("order", account.orders, orders)
    flat = ("", Decimal(0))
    known = {key: account.positions.get(key, flat) for key in (*positions, *account.positions)}
    found += _differences("position", known, positions)
    moved = {coin: account.wallet.get(coin, Decimal(0)) for coin in (*wallet, *account.wallet, *first_wallet)}
    moved = {coin: balance for coin, balance in moved.items() if coin in wallet or balance != first_wallet.get(coin, Decimal(0))}
    return found + _differences("balance", moved, wallet)


def without_orders(account: Account, states: Collection[tuple[Any, ...]]) -> Account:
    """Without the orders whose last state is one of these facts."""
    gone = {
        (identity, status, int(updated)) for kind, identity, status, updated, *_ in (each for each in states if each[0] == "order")
    }
    orders = {key: state for key, state in account.orders.items() if (key, state[0], state[2]) not in gone}
    return replace(account, orders=orders)


def stored_lacks(account: Account, firsts: Sequence[Message], stored: Sequence[dict[str, Any]]) -> list[str]:
    """What PostgreSQL does not hold of the balances that were delivered, and of the wallet as it is now."""
    delivered = {(each.event_id, coin["coin"]) for each in firsts if each.event_type == "balance" for coin in each.payload["coins"]}
    rows = {(str(row["event_id"]), row["coin"]) for row in stored}
    found = [f"balance of {coin} in event {event_id} is not stored" for event_id, coin in sorted(delivered - rows)]
    found += [f"balance of {coin} in event {event_id} was never delivered" for event_id, coin in sorted(rows - delivered)]
    latest: dict[str, Decimal] = {}
    for row in sorted(stored, key=lambda row: (row["event_timestamp"], row["received_at"])):
        latest[row["coin"]] = row["wallet_balance"]
    return found + _differences("stored balance", {coin: account.wallet.get(coin, Decimal(0)) for coin in latest}, latest)


def _differences(what: str, expected: dict[Any, Any], found: dict[Any, Any]) -> list[str]:
    return [f"{what} {key}: found {found.get(key)}; expected {value}" for key, value in expected.items() if found.get(key) != value]


def lacking_candles(expected: dict[int, str], messages: Iterable[Message]) -> list[str]:
    """Of those that began while somebody listened, the ones without a last word."""
    candles = [each.payload for each in messages if each.event_type == "kline"]
    first = min((candle["start"] for candle in candles), default=0)
    expected = {start: close for start, close in expected.items() if start >= first}
    return _differences("candle", expected, {candle["start"]: candle["close"] for candle in candles if candle["confirm"]})
