"""Spread trading: a combination order and its legs. Source: protocol notes, section 7.6, and the recorded frames.

The legs trade for real: their executions are in the account's books, and in the ordinary execution topic as FutureSpread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from simulator.account.records import Fill, Order, Row, exact
from simulator.dialect import Message, plain
from simulator.market import instruments
from simulator.market.instruments import Instrument

if TYPE_CHECKING:
    from simulator.account.account import Account

#: Category of an instrument → what a leg in it is called.
LEGS = {"spot": "spot_leg", "linear": "future_leg"}

Legs = tuple[Instrument, Instrument]
#: (category, symbol) → the instrument.
Find = Callable[[str, str], Instrument | None]


class NoLegs(Exception):
    """A combination that cannot be traded; one sentence: what was found and what was expected."""


@dataclass(slots=True, kw_only=True)
class Combination(Order):
    """An order for two things at once. legs: the first is traded its way, the second the other."""

    legs: Legs


def legs_of(instrument: Instrument, find: Find) -> Legs:
    """The two instruments behind a combination, by its name. Raises NoLegs."""
    names = instrument.symbol.split("_")
    match [find("spot" if "/" in name else "linear", name.replace("/", "")) for name in names]:
        case [Instrument() as first, Instrument() as second]:
            return first, second
    raise NoLegs(
        f"found spread {instrument.symbol}; expected two legs, each an instrument of spot or linear, as in SOLUSDT_SOL/USDT"
    )


def place(
    account: Account, instrument: Instrument, *, side: str, price: Decimal, quantity: Decimal, now_ms: int, link_id: str = "",
    find: Find = instruments.find,
) -> list[Message]:  # fmt: skip
    """find: where the legs are looked for. Raises NoLegs before anything is placed."""
    legs = legs_of(instrument, find)
    now_ms = account.tick(now_ms)
    order = Combination(instrument, account.unique(), link_id, side, price, quantity, price, "", now_ms, now_ms, legs=legs)
    account.spread_orders[order.order_id] = order
    return [_told(account, [order_row(order)], instrument.symbol, now_ms)]


def cancel(account: Account, order: Combination, *, now_ms: int) -> list[Message]:
    order.status, order.cancel_type, order.updated_ms = "Cancelled", "CancelByUser", account.tick(now_ms)
    return [_told(account, [order_row(order)], order.instrument.symbol, order.updated_ms)]


def fill(account: Account, order: Combination, *, now_ms: int) -> list[Message]:
    """All of it: spread.order, spread.execution of combination and legs, execution of the legs, positions, wallet."""
    now_ms = account.tick(now_ms)
    order.executed, order.status, order.updated_ms = order.quantity, "Filled", now_ms
    first, second = order.legs
    price = account.marks.get((first.category, first.symbol), first.price)
    other = "Sell" if order.side == "Buy" else "Buy"
    fills = [
        account.trade_leg(of, side=side, price=at, quantity=order.quantity, kind="FutureSpread", now_ms=now_ms)
        for of, side, at in ((first, order.side, price), (second, other, price - order.price))
    ]
    parent = account.unique()
    account.spread_fills.append(_execution_list_row(order, parent, fills, now_ms))
    rows = [order_row(order), *(_leg_order_row(order, leg) for leg in fills)]
    frames = [_told(account, rows, order.instrument.symbol, now_ms)]
    executions = [_execution_row(account, order, parent, now_ms), *(_leg_execution_row(leg, parent) for leg in fills)]
    frames += [
        account.frame("spread.execution", [row], now_ms, f"{account.uid}_{row['symbol']}_{row['seq']}") for row in executions
    ]
    return [*frames, *account.leg_frames(fills, now_ms)]


def order_row(order: Order) -> Row:
    """A combination; its amounts are those of its legs, and so blank."""
    return {
        "category": "combination", "symbol": order.instrument.symbol, "parentOrderId": "", "orderId": order.order_id,
        "orderLinkId": order.link_id, "side": order.side, "orderStatus": order.status, "cancelType": order.cancel_type,
        "rejectReason": order.reject_reason, "timeInForce": order.in_force, "price": plain(order.price), "qty": plain(order.quantity),
        "avgPrice": "", "leavesQty": plain(order.left), "leavesValue": "", "cumExecQty": plain(order.executed), "cumExecValue": "",
        "cumExecFee": "", "orderType": order.kind, "isLeverage": "", "createdTime": str(order.created_ms),
        "updatedTime": str(order.updated_ms), "feeCurrency": "", "createType": "CreateByUser", "closedPnl": "", "cumFeeDetail": {},
    }  # fmt: skip


def _told(account: Account, rows: list[Row], symbol: str, now_ms: int) -> Message:
    return account.frame("spread.order", rows, now_ms, f"{account.uid}_{symbol}_{account.sequence}")


def _leg_order_row(parent: Order, leg: Fill) -> Row:
    order, linear = leg.order, leg.order.instrument.category == "linear"
    return order_row(parent) | {
        "category": LEGS[order.instrument.category], "symbol": order.instrument.symbol, "parentOrderId": parent.order_id,
        "orderId": order.order_id, "orderLinkId": "", "side": order.side, "price": plain(order.price), "qty": plain(order.quantity),
        "avgPrice": plain(leg.price), "leavesQty": "0", "leavesValue": "0", "cumExecQty": plain(leg.quantity),
        "cumExecValue": exact(leg.value), "cumExecFee": exact(leg.fee), "feeCurrency": order.fee_coin,
        "createType": "CreateByFutureSpread", "closedPnl": exact(leg.profit) if linear else "",
        "cumFeeDetail": {order.fee_coin: exact(leg.fee)},
    }  # fmt: skip


def _execution_row(account: Account, order: Order, identity: str, now_ms: int) -> Row:
    return {
        "category": "combination", "symbol": order.instrument.symbol, "closedSize": "", "execFee": "", "execId": identity,
        "parentExecId": "", "execPrice": plain(order.price), "execQty": plain(order.quantity), "execType": "Trade", "execValue": "",
        "feeRate": "", "markPrice": "", "leavesQty": "0", "orderId": order.order_id, "orderLinkId": order.link_id,
        "orderPrice": plain(order.price), "orderQty": plain(order.quantity), "orderType": order.kind, "side": order.side,
        "execTime": str(now_ms), "isLeverage": "", "isMaker": True, "seq": account.sequence, "createType": "CreateByUser",
        "execPnl": "",
    }  # fmt: skip


def _leg_execution_row(leg: Fill, parent: str) -> Row:
    """A leg names its parent, and no order. The spot leg's fee has a field of its own."""
    spot = leg.order.instrument.category == "spot"
    row = {
        "category": LEGS[leg.order.instrument.category], "symbol": leg.order.instrument.symbol,
        "closedSize": "" if spot else plain(leg.closed), "execFee": "" if spot else exact(leg.fee), "execId": leg.execution_id,
        "parentExecId": parent, "execPrice": plain(leg.price), "execQty": plain(leg.quantity), "execType": leg.kind,
        "execValue": exact(leg.value), "feeRate": plain(leg.fee_rate), "markPrice": "" if spot else plain(leg.mark), "leavesQty": "0",
        "orderId": "", "orderLinkId": "", "orderPrice": plain(leg.price), "orderQty": plain(leg.quantity), "orderType": "Limit",
        "side": leg.order.side, "execTime": str(leg.at_ms), "isLeverage": "0", "isMaker": False, "seq": leg.sequence,
        "createType": "CreateByFutureSpread", "execPnl": "" if spot else exact(leg.profit),
    }  # fmt: skip
    return row | {"execFeeV2": exact(leg.fee), "feeCoin": leg.order.fee_coin} if spot else row


def _execution_list_row(order: Order, identity: str, legs: list[Fill], now_ms: int) -> Row:
    """As REST lists it: the combination, its legs inside."""
    return {
        "symbol": order.instrument.symbol, "orderLinkId": order.link_id, "side": order.side, "orderId": order.order_id,
        "execPrice": plain(order.price),
        "legs": [
            {
                "symbol": leg.order.instrument.symbol, "side": leg.order.side, "execPrice": plain(leg.price), "execTime": str(leg.at_ms),
                "execValue": exact(leg.value), "execType": leg.kind, "category": leg.order.instrument.category,
                "execQty": plain(leg.quantity), "execFee": exact(leg.fee), "execId": leg.execution_id,
            }
            for leg in legs
        ],
        "execTime": str(now_ms), "execType": "Trade", "execQty": plain(order.quantity), "execId": identity,
    }  # fmt: skip


def rest_row(order: Order) -> Row:
    """As spread/order/realtime and spread/order/history list it."""
    row = order_row(order)
    for key in ("category", "parentOrderId", "createType", "closedPnl", "cumFeeDetail", "feeCurrency", "isLeverage"):
        del row[key]
    return {"baseCoin": order.instrument.base, "settleCoin": order.instrument.settle, **row, "legs": []}
