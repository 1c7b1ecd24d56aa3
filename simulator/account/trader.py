"""What a trader does next, and what the exchange does to them: one occurrence a call, rolled with the account's dice."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from simulator.account import matching, spreads
from simulator.account.records import Order
from simulator.dialect import Message
from simulator.market.instruments import INSTRUMENTS, Instrument

if TYPE_CHECKING:
    from simulator.account.account import Account

#: Open orders that a trader has in one instrument before they deal with those.
MOST_OPEN = 5
#: Why an order is over before it began.
REASONS = ("EC_PostOnlyWillTakeLiquidity", "EC_NoImmediateQtyToFill", "EC_NoEnoughQtyToFill", "EC_PerCancelRequest")

Act = TypeVar("Act")
New = Callable[["Account", Instrument, Decimal, int], list[Message]]
Old = Callable[["Account", Order, Decimal, int], list[Message]]


def occurrence(account: Account, instrument: Instrument, price: Decimal, now_ms: int) -> list[Message]:
    """Something about this instrument at this price; now and then, about the account as a whole."""
    account.marks[instrument.category, instrument.symbol] = price
    dice = account.dice
    if dice.random() < 0.05:
        frames = _rolled(account, ASIDE)(account, instrument, price, now_ms)
        if frames:
            return frames
    mine = [order for order in account.open_orders if order.instrument is instrument]
    if not mine or (len(mine) < MOST_OPEN and dice.random() < 0.4):
        return _rolled(account, PLACES)(account, instrument, price, now_ms)
    order = dice.choice(mine)
    return _rolled(account, WAITING if order.status == "Untriggered" else OPEN)(account, order, price, now_ms)


def _rolled(account: Account, table: tuple[tuple[int, Act], ...]) -> Act:
    return account.dice.choices([act for _, act in table], weights=[weight for weight, _ in table])[0]


def _size(account: Account, instrument: Instrument) -> Decimal:
    return account.dice.randrange(2, 20) * instrument.step


def _sided(account: Account, instrument: Instrument) -> tuple[str, bool]:
    """A side, and whether the order only reduces what is held."""
    side = account.dice.choice(("Buy", "Sell"))
    held = [position for position in account.sides(instrument) if position.size]
    if instrument.category == "spot" or not held or account.dice.random() > 0.3:
        return side, False
    return "Sell" if held[0].size > 0 else "Buy", True


def _limit(account: Account, instrument: Instrument, price: Decimal, now_ms: int) -> list[Message]:
    side, reduces = _sided(account, instrument)
    quantity = _size(account, instrument)
    return account.place(instrument, side=side, price=price, quantity=quantity, last=price, now_ms=now_ms, reduce_only=reduces)


def _market(account: Account, instrument: Instrument, price: Decimal, now_ms: int) -> list[Message]:
    side, reduces = _sided(account, instrument)
    quantity = _size(account, instrument)
    return account.place(
        instrument, side=side, price=price, quantity=quantity, last=price, now_ms=now_ms, kind="Market", reduce_only=reduces
    )


def _conditional(account: Account, instrument: Instrument, price: Decimal, now_ms: int) -> list[Message]:
    side, kind = account.dice.choice(("Buy", "Sell")), account.dice.choice(("Limit", "Market"))
    away = account.dice.choice((matching.RISES, matching.FALLS))
    trigger = price + 20 * instrument.tick * (1 if away == matching.RISES else -1)
    return account.place(
        instrument, side=side, price=price, quantity=_size(account, instrument), last=price, now_ms=now_ms, kind=kind,
        trigger=trigger, trigger_way=away,
    )  # fmt: skip


def _refused(account: Account, instrument: Instrument, price: Decimal, now_ms: int) -> list[Message]:
    side, reason = account.dice.choice(("Buy", "Sell")), account.dice.choice(REASONS)
    return account.place(
        instrument, side=side, price=price, quantity=_size(account, instrument), last=price, now_ms=now_ms, reject=reason
    )


def _cancel(account: Account, order: Order, _price: Decimal, now_ms: int) -> list[Message]:
    return account.cancel(order, now_ms=now_ms)


def _new_price(account: Account, order: Order, price: Decimal, now_ms: int) -> list[Message]:
    return account.amend(order, price=price, now_ms=now_ms)


def _new_size(account: Account, order: Order, _price: Decimal, now_ms: int) -> list[Message]:
    more = order.executed + account.dice.randrange(1, 20) * order.instrument.step
    return account.amend(order, quantity=more, now_ms=now_ms)


def _all(account: Account, order: Order, _price: Decimal, now_ms: int) -> list[Message]:
    return account.fill(order, quantity=order.left, now_ms=now_ms)


def _half(account: Account, order: Order, _price: Decimal, now_ms: int) -> list[Message]:
    step = order.instrument.step
    return account.fill(order, quantity=max(step, order.left // step // 2 * step), now_ms=now_ms)


def _several(account: Account, order: Order, _price: Decimal, now_ms: int) -> list[Message]:
    return account.fill(order, quantity=order.left, parts=account.dice.choice((2, 3)), now_ms=now_ms)


def _late(account: Account, order: Order, _price: Decimal, now_ms: int) -> list[Message]:
    return account.fill(order, quantity=order.left, late=True, now_ms=now_ms)


def _lost_cancel(account: Account, order: Order, _price: Decimal, now_ms: int) -> list[Message]:
    return account.lose_cancel(order, now_ms=now_ms)


def _trigger(account: Account, order: Order, price: Decimal, now_ms: int) -> list[Message]:
    frames = matching.trigger(account, order, now_ms)
    if order.kind == "Market":
        frames += account.fill(order, quantity=order.left, price=price, taker=True, now_ms=now_ms)
    return frames


def _deactivate(account: Account, order: Order, _price: Decimal, now_ms: int) -> list[Message]:
    return account.change_status(order, "Deactivated", now_ms=now_ms)


def _fund(account: Account, instrument: Instrument, price: Decimal, now_ms: int) -> list[Message]:
    return account.fund(instrument, Decimal(account.dice.randrange(-30, 50)) / 100_000, price, now_ms)


def _spread(account: Account, _instrument: Instrument, _price: Decimal, now_ms: int) -> list[Message]:
    """Between two linear contracts: no coins are needed that the account may not have."""
    waiting = [order for order in account.spread_orders.values() if order.is_open]
    if waiting:
        act = account.dice.choice((spreads.cancel, spreads.fill, spreads.fill))
        return act(account, waiting[0], now_ms=now_ms)
    instrument = account.dice.choice([row for row in INSTRUMENTS if row.category == "spread" and "/" not in row.symbol])
    side, quantity = account.dice.choice(("Buy", "Sell")), _size(account, instrument)
    return spreads.place(account, instrument, side=side, price=instrument.price, quantity=quantity, now_ms=now_ms)


#: Weight → what is done: without an order, with an open one, with a conditional one, and beside orders.
PLACES: tuple[tuple[int, New], ...] = ((12, _limit), (3, _market), (2, _conditional), (1, _refused))
OPEN: tuple[tuple[int, Old], ...] = (
    (15, _cancel), (10, _new_price), (5, _new_size), (25, _all), (25, _half), (8, _several), (4, _late), (4, _lost_cancel),
)  # fmt: skip
WAITING: tuple[tuple[int, Old], ...] = ((6, _trigger), (3, _cancel), (1, _deactivate))
ASIDE: tuple[tuple[int, New], ...] = ((1, _fund), (1, _spread))
