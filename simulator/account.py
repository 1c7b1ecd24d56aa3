"""The account: orders, fills, positions and coins that agree with each other, told as private frames.

A unified account in one-way mode and portfolio margin. Frames and their order: protocol notes, section 7.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from simulator.dialect import Message
from simulator.instruments import Instrument
from simulator.records import ZERO, Fill, Order, Position, Row, account_row, coin_row, worth

UID = "100200300"
#: Maker fee of each category, as a ratio; what is not in here cannot be traded.
FEES = {"spot": Decimal("0.001"), "linear": Decimal("0.0002"), "inverse": Decimal("0.0002"), "option": Decimal("0.0002")}
#: US dollars for a coin. They stand still: unrealised changes push no wallet frame (protocol notes, section 7.5).
USD = {"USDT": Decimal(1), "USDC": Decimal(1), "BTC": Decimal(67000), "ETH": Decimal(3400), "SOL": Decimal(160)}


def _first_coins() -> dict[str, Decimal]:
    return {"USDT": Decimal(100_000), "BTC": Decimal("2.5"), "ETH": Decimal("10.000000000000000001")}


@dataclass(slots=True)
class Account:
    """Everything private. Each method makes one occurrence and returns its frames, in the exchange's usual order.

    clock_ms  of the last occurrence; every occurrence gets a later millisecond, so that their times tell their order
    """

    dice: Random
    coins: dict[str, Decimal] = field(default_factory=_first_coins)
    orders: dict[str, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    clock_ms: int = 0
    _sequence: int = 140_612_148_849_380
    _spot_ids: int = 2_150_423_456_789_012_345

    @property
    def executions(self) -> list[Row]:
        """All fills as records, oldest first."""
        return [fill.row() for fill in self.fills]

    def place(
        self,
        instrument: Instrument,
        *,
        side: str,
        price: Decimal,
        quantity: Decimal,
        now_ms: int,
        last: Decimal | None = None,
        link_id: str = "",
    ) -> list[Message]:
        """A limit order, resting. last: the market's price now, where it differs from the order's."""
        now_ms, order_id = self._tick(now_ms), self._identity(instrument)
        fee_coin = instrument.settle or (instrument.base if side == "Buy" else instrument.quote)
        order = Order(instrument, order_id, link_id, side, price, quantity, last or price, fee_coin, now_ms, now_ms)
        self.orders[order_id] = order
        return [self._order_frame(order, now_ms)]

    def amend(self, order: Order, *, price: Decimal, now_ms: int) -> list[Message]:
        order.price, order.updated_ms = price, self._tick(now_ms)
        return [self._order_frame(order, order.updated_ms)]

    def cancel(self, order: Order, *, now_ms: int) -> list[Message]:
        order.status, order.updated_ms = "Cancelled", self._tick(now_ms)
        return [self._order_frame(order, order.updated_ms)]

    def fill(self, order: Order, *, quantity: Decimal, now_ms: int) -> list[Message]:
        """One fill at the order's price: execution.fast, order, execution, position (not on spot), wallet."""
        now_ms, instrument = self._tick(now_ms), order.instrument
        quantity = min(quantity, order.left)
        value, rate = worth(instrument, quantity, order.price), FEES[instrument.category]
        in_base = instrument.category == "spot" and order.side == "Buy"
        fee = (quantity if in_base else value) * rate
        order.executed, order.value, order.fee = order.executed + quantity, order.value + value, order.fee + fee
        order.status = "Filled" if order.executed == order.quantity else "PartiallyFilled"
        order.updated_ms = now_ms
        closed, profit = self._move_position(order, quantity, now_ms)
        fill = Fill(
            order=order,
            execution_id=self._identity(instrument),
            quantity=quantity,
            price=order.price,
            value=value,
            fee=fee,
            fee_rate=rate,
            closed=closed,
            profit=profit,
            left=order.left,
            at_ms=now_ms,
            sequence=self._sequence,
        )
        self.fills.append(fill)
        moved = self._pay(fill)
        frames: list[Message] = [
            {"topic": "execution.fast", "creationTime": now_ms, "data": [fill.fast_row()]},
            self._order_frame(order, now_ms),
            # The id of the order's frame again, as the exchange does.
            {"topic": "execution", "id": self._match_id(instrument), "creationTime": now_ms, "data": [fill.row()]},
        ]
        if instrument.category != "spot":
            rows = [self.positions[instrument.category, instrument.symbol].row(order.price)]
            frames.append({"id": f"{UID}_position_{now_ms}", "topic": "position", "creationTime": now_ms, "data": rows})
        return [*frames, self._wallet_frame(moved, now_ms)]

    def wallet(self, coins: Sequence[str], now_ms: int) -> list[Message]:
        """A push that names these coins only."""
        return [self._wallet_frame(coins, self._tick(now_ms))]

    def set_balances(self, balances: dict[str, Decimal], now_ms: int) -> list[Message]:
        """The wallet balances of some coins become what is given, and are pushed."""
        self.coins |= balances
        return self.wallet(list(balances), now_ms)

    def wallet_row(self, coins: Sequence[str] | None = None) -> Row:
        """The account with these coins; without a choice, those that are not zero."""
        shown = [coin for coin, balance in self.coins.items() if balance] if coins is None else coins
        total = sum((balance * USD.get(coin, ZERO) for coin, balance in self.coins.items()), ZERO)
        rows = [coin_row(c, self.coins.get(c, ZERO), locked=self._locked(c), usd=USD.get(c, ZERO)) for c in shown]
        return account_row(total, rows)

    def random_occurrence(self, instrument: Instrument, price: Decimal, now_ms: int) -> list[Message]:
        """What a calm trader does next."""
        mine = [order for order in self.orders.values() if order.is_open and order.instrument is instrument]
        if not mine or (len(mine) < 5 and self.dice.random() < 0.4):
            quantity, side = self.dice.randrange(2, 20) * instrument.step, self.dice.choice(("Buy", "Sell"))
            return self.place(instrument, side=side, price=price, quantity=quantity, last=price, now_ms=now_ms)
        order = self.dice.choice(mine)
        what = self.dice.random()
        if what < 0.15:
            return self.cancel(order, now_ms=now_ms)
        if what < 0.3:
            return self.amend(order, price=price, now_ms=now_ms)
        half = max(instrument.step, order.left // instrument.step // 2 * instrument.step)
        return self.fill(order, quantity=order.left if what > 0.7 else half, now_ms=now_ms)

    def _move_position(self, order: Order, quantity: Decimal, now_ms: int) -> tuple[Decimal, Decimal]:
        """The size that a fill closed, and the profit of that."""
        instrument = order.instrument
        if instrument.category == "spot":
            return ZERO, ZERO
        key = instrument.category, instrument.symbol
        position = self.positions.setdefault(key, Position(instrument, created_ms=now_ms))
        position.updated_ms, position.sequence = now_ms, self._sequence
        return position.add(quantity if order.side == "Buy" else -quantity, order.price, now_ms)

    def _pay(self, fill: Fill) -> list[str]:
        """Move the coins of a fill: spot exchanges two, options pay their premium, contracts their profit. The coins moved."""
        order, instrument = fill.order, fill.order.instrument
        way = 1 if order.side == "Buy" else -1
        by_category = {
            "spot": {instrument.base: way * fill.quantity, instrument.quote: -way * fill.value},
            "option": {instrument.settle: -way * fill.value},
        }
        moved = by_category.get(instrument.category, {instrument.settle: fill.profit})
        for coin, change in moved.items():
            self.coins[coin] = self.coins.get(coin, ZERO) + change
        self.coins[order.fee_coin] -= fill.fee
        return list(moved)

    def _locked(self, coin: str) -> Decimal:
        """Held by open spot orders: the quote coin of a bid, the base coin of an offer."""
        held = ZERO
        for order in self.orders.values():
            if order.is_open and order.instrument.category == "spot":
                pays = order.instrument.quote if order.side == "Buy" else order.instrument.base
                if pays == coin:
                    held += order.left * order.price if order.side == "Buy" else order.left
        return held

    def _tick(self, now_ms: int) -> int:
        self.clock_ms = max(now_ms, self.clock_ms + 1)
        self._sequence += self.dice.choice((1, 2, 3, 19))
        return self.clock_ms

    def _identity(self, instrument: Instrument) -> str:
        """Of an order or a fill: a growing number on spot, a UUID elsewhere."""
        self._spot_ids += 1
        return str(self._spot_ids) if instrument.category == "spot" else str(uuid.UUID(int=self.dice.getrandbits(128), version=4))

    def _match_id(self, instrument: Instrument) -> str:
        return f"{UID}_{instrument.symbol}_{self._sequence}"

    def _order_frame(self, order: Order, now_ms: int) -> Message:
        return {"id": self._match_id(order.instrument), "topic": "order", "creationTime": now_ms, "data": [order.row()]}

    def _wallet_frame(self, coins: Sequence[str], now_ms: int) -> Message:
        return {"id": f"{UID}_wallet_{now_ms}", "topic": "wallet", "creationTime": now_ms, "data": [self.wallet_row(coins)]}
