"""The account: what can happen to it, told as private frames.

Frames and their order: protocol notes, section 7. Time comes as an argument only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from simulator.account import funding, matching, trader
from simulator.account.bookkeeping import FEES, TAKER_FEES, UID, USD, Bookkeeping
from simulator.account.positions import Position
from simulator.account.records import Fill, Order, Row
from simulator.dialect import Message
from simulator.market.instruments import Instrument

__all__ = ["FEES", "TAKER_FEES", "UID", "USD", "Account", "Position"]


@dataclass(slots=True)
class Account(Bookkeeping):
    """Everything private. Each method makes one occurrence and returns its frames, in the exchange's usual order."""

    @property
    def executions(self) -> list[Row]:
        """All fills as records, oldest first."""
        return [fill.row() for fill in self.fills]

    @property
    def open_orders(self) -> list[Order]:
        """Oldest first."""
        return list(self._open.values())

    def place(
        self, instrument: Instrument, *, side: str, price: Decimal, quantity: Decimal, now_ms: int, last: Decimal | None = None,
        link_id: str = "", kind: str = "Limit", in_force: str = "", idx: int | None = None, reduce_only: bool = False,
        trigger: Decimal | None = None, trigger_way: int = 0, matched: bool = False, reject: str = "", given: Row | None = None,
    ) -> list[Message]:  # fmt: skip
        """An order: resting, waiting for its trigger, or filled at once where its kind is Market.

        last     the market's price now, where it differs from the order's
        idx      the side of hedge mode; None: what opens, or with reduce_only closes, that way
        reject   the reason why it is over at once, EC_…
        matched  see Order
        """
        now_ms, order_id = self.tick(now_ms), self.identity(instrument)
        if last is not None:
            self.marks[instrument.category, instrument.symbol] = last
        if idx is None:
            idx = self.side_of(instrument, side, reduce_only=reduce_only)
        order = Order(
            instrument, order_id, link_id, side, price, quantity, last or price, instrument.fee_coin(side), now_ms, now_ms,
            kind=kind, idx=idx, in_force=in_force or ("IOC" if kind == "Market" else "GTC"), reduces=reduce_only, trigger=trigger,
            trigger_way=trigger_way, matched=matched, given=given or {},
        )  # fmt: skip
        self.orders[order_id] = order
        if reject:
            order.reject_reason, order.status = reject, "Cancelled" if reject in matching.CANCELS else "Rejected"
        elif trigger is not None:
            order.status = "Untriggered"
        elif kind == "Market":
            return self.fill(order, quantity=quantity, price=last or price, taker=True, now_ms=now_ms)
        return self.tell(order, now_ms)

    def amend(
        self,
        order: Order,
        *,
        now_ms: int,
        price: Decimal | None = None,
        quantity: Decimal | None = None,
        trigger: Decimal | None = None,
    ) -> list[Message]:
        """A new price, quantity (of the whole order) or trigger."""
        order.updated_ms = self.tick(now_ms)
        order.price, order.quantity = price or order.price, quantity or order.quantity
        order.trigger = trigger or order.trigger
        return self.tell(order, order.updated_ms)

    def cancel(self, order: Order, *, now_ms: int, cancel_type: str = "CancelByUser") -> list[Message]:
        """Spot has a word of its own for what was filled in part."""
        partly = order.instrument.category == "spot" and order.executed
        order.status, order.cancel_type = "PartiallyFilledCanceled" if partly else "Cancelled", cancel_type
        order.updated_ms = self.tick(now_ms)
        return self.tell(order, order.updated_ms)

    def change_status(self, order: Order, status: str, *, now_ms: int) -> list[Message]:
        """Triggered, then New; or Deactivated."""
        order.status, order.updated_ms = status, self.tick(now_ms)
        return self.tell(order, order.updated_ms)

    def fill(
        self, order: Order, *, quantity: Decimal, now_ms: int, price: Decimal | None = None, taker: bool = False, parts: int = 1,
        late: bool = False,
    ) -> list[Message]:  # fmt: skip
        """execution.fast, order, execution, position (not on spot), wallet; greeks after an option's.

        price  where it is not the order's
        parts  executions it comes in, told in one message
        late   the execution comes after everything else
        """
        now_ms, instrument = self.tick(now_ms), order.instrument
        quantity = min(quantity, order.left, self.closable(order))
        if quantity <= 0:
            return self.cancel(order, now_ms=now_ms, cancel_type="CancelByReduceOnly")
        pieces = matching.pieces(quantity, instrument.step, parts)
        fills = [self.execute(order, piece, price or order.price, now_ms, taker=taker) for piece in pieces]
        order.status = "Filled" if order.executed == order.quantity else "PartiallyFilled"
        if order.is_open and not self.closable(order):
            order.status, order.cancel_type = "Cancelled", "CancelByReduceOnly"
        fast = self.frame("execution.fast", [fill.fast_row() for fill in fills], now_ms)
        # The id of the order's frame again, as the exchange does.
        slow = self.frame("execution", [fill.row() for fill in fills], now_ms, self.match_id(instrument))
        told = self.tell(order, now_ms, moved=instrument.coins)
        frames = [*told, fast, slow] if late else [fast, told[0], slow, *told[1:]]
        return [*frames, *self.greeks(instrument.base, now_ms)] if instrument.category == "option" else frames

    def trade_leg(self, instrument: Instrument, *, side: str, price: Decimal, quantity: Decimal, kind: str, now_ms: int) -> Fill:
        """A part of a larger trade, for real: it is in all books, but its order in none. kind: what the execution is called."""
        order_id = self.identity(instrument)
        idx = self.side_of(instrument, side) if instrument.category != "spot" else 0
        order = Order(
            instrument, order_id, "", side, price, quantity, price, instrument.fee_coin(side), now_ms, now_ms,
            status="Filled", idx=idx,
        )  # fmt: skip
        return self.execute(order, quantity, price, now_ms, kind=kind)

    def leg_frames(self, legs: Sequence[Fill], now_ms: int) -> list[Message]:
        """What the ordinary topics say of legs: execution of each, position of each (not on spot), wallet."""
        traded = [leg.order.instrument for leg in legs]
        frames = [self.frame("execution", [leg.row()], now_ms, self.match_id(leg.order.instrument)) for leg in legs]
        frames += [self.position_frame(of, now_ms) for of in traded if of.category != "spot"]
        return [*frames, *self.changed_wallet((coin for of in traded for coin in of.coins), now_ms)]

    def lose_cancel(self, order: Order, *, now_ms: int) -> list[Message]:
        """A cancel that comes too late: Filled, and Filled again for the cancel (protocol notes, section 7.4)."""
        frames = self.fill(order, quantity=order.left, now_ms=now_ms)
        if order.status != "Filled":
            return frames
        order.cancel_type, order.reject_reason = "CancelByUser", "EC_OrigClOrdIDDoesNotExist"
        order.updated_ms = self.tick(self.clock_ms)
        return [*frames, self.frame("order", [order.row()], order.updated_ms, self.match_id(order.instrument))]

    def on_price(self, instrument: Instrument, last: Decimal, now_ms: int) -> list[Message]:
        """The market moved: what that triggers and fills, of the orders that the market matches."""
        return matching.on_price(self, instrument, last, now_ms)

    def fund(self, instrument: Instrument, rate: Decimal, mark: Decimal, now_ms: int) -> list[Message]:
        """Funding of the positions in a perpetual; nothing where there are none. rate: positive: longs pay."""
        return funding.fund(self, instrument, rate, mark, now_ms)

    def wallet(self, coins: Sequence[str], now_ms: int) -> list[Message]:
        """A push that names these coins only."""
        return [self.wallet_frame(coins, self.tick(now_ms))]

    def set_balances(self, balances: dict[str, Decimal], now_ms: int) -> list[Message]:
        """The wallet balances of some coins become what is given, and are pushed."""
        self.coins |= balances
        return self.wallet(list(balances), now_ms)

    def set_hedged(self, instruments: Iterable[Instrument], on: bool) -> None:
        """Hedge mode or one-way mode; only for symbols without positions and open orders."""
        keys = {(each.category, each.symbol) for each in instruments}
        self.hedged = self.hedged | keys if on else self.hedged - keys

    def set_leverage(self, instrument: Instrument, leverage: Decimal, now_ms: int) -> list[Message]:
        """Position and, where that binds another margin, wallet."""
        now_ms = self.tick(now_ms)
        self.leverages[instrument.category, instrument.symbol] = leverage
        for position in self.sides(instrument):
            position.leverage, position.updated_ms = leverage, now_ms
        return [self.position_frame(instrument, now_ms), *self.changed_wallet((), now_ms)]

    def greeks(self, base: str, now_ms: int) -> list[Message]:
        return [self.frame("greeks", [self.greeks_row(base)], now_ms, self.unique())]

    def random_occurrence(self, instrument: Instrument, price: Decimal, now_ms: int) -> list[Message]:
        """What a trader does next, and what the exchange does to them."""
        return trader.occurrence(self, instrument, price, now_ms)
