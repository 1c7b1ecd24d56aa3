"""What the market's price does to open orders: triggers conditional ones, fills what it crosses."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from simulator.account.records import Order
from simulator.dialect import Message
from simulator.market.instruments import Instrument

if TYPE_CHECKING:
    from simulator.account.account import Account

#: Reasons that make an order Cancelled; others make it Rejected. Source: protocol notes, section 7.4, and the recorded answer.
CANCELS = ("EC_PostOnlyWillTakeLiquidity", "EC_NoImmediateQtyToFill")
RISES, FALLS = 1, 2


def crosses(order: Order, last: Decimal) -> bool:
    """Whether the market's price is as good as the order's, or better."""
    return order.kind == "Market" or (order.price >= last if order.side == "Buy" else order.price <= last)


def is_triggered(order: Order, last: Decimal) -> bool:
    if order.trigger is None:
        return False
    return last >= order.trigger if order.trigger_way == RISES else last <= order.trigger


def on_price(account: Account, instrument: Instrument, last: Decimal, now_ms: int) -> list[Message]:
    """Frames of all that happens, oldest order first. A resting order is a maker and gets its own price, a triggered one the market's."""
    account.marks[instrument.category, instrument.symbol] = last
    frames: list[Message] = []
    for order in account.open_orders:
        if order.instrument is not instrument or not order.matched or not order.is_open:
            continue
        fresh = order.status == "Untriggered"
        if fresh:
            if not is_triggered(order, last):
                continue
            frames += trigger(account, order, now_ms)
        if order.is_open and crosses(order, last):
            frames += account.fill(order, quantity=order.left, price=last if fresh else None, taker=fresh, now_ms=now_ms)
    return frames


def trigger(account: Account, order: Order, now_ms: int) -> list[Message]:
    """A conditional order's way into the book: Triggered for a moment, then New. A market order goes on to be filled."""
    frames = account.change_status(order, "Triggered", now_ms=now_ms)
    order.status = "New"
    return frames if order.kind == "Market" else [*frames, *account.change_status(order, "New", now_ms=now_ms)]


def watched(account: Account) -> list[Instrument]:
    """What `on_price` has to be told of: instruments with orders that the market matches."""
    return list(dict.fromkeys(order.instrument for order in account.open_orders if order.matched))


def pieces(quantity: Decimal, step: Decimal, parts: int) -> list[Decimal]:
    """A size cut into at most so many parts of whole steps, the last one the largest."""
    size = quantity / parts // step * step
    if parts < 2 or not size:
        return [quantity]
    return [size] * (parts - 1) + [quantity - size * (parts - 1)]
