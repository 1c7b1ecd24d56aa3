"""What an account holds, and how an execution changes it: positions, coins, and the rows that tell of both."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from random import Random
from typing import Any

from simulator.account.oddities import EXTRA_FEES, Oddities
from simulator.account.positions import GREEKS, LEVERAGE, Position
from simulator.account.records import EIGHT_PLACES, ZERO, Fill, Order, Row, amount, worth
from simulator.account.rfqs import Rfq
from simulator.account.spreads import Combination
from simulator.account.wallet import Holding, account_row
from simulator.dialect import Message
from simulator.market.instruments import Instrument

UID = "100200300"
#: Maker fee of each category, as a ratio; what is not in here cannot be traded.
FEES = {"spot": Decimal("0.001"), "linear": Decimal("0.0002"), "inverse": Decimal("0.0002"), "option": Decimal("0.0002")}
#: And the taker's.
TAKER_FEES = {"spot": Decimal("0.001"), "linear": Decimal("0.00055"), "inverse": Decimal("0.00055"), "option": Decimal("0.0003")}
#: US dollars for a coin. They stand still: unrealised changes push no wallet frame (protocol notes, section 7.5).
USD = {"USDT": Decimal(1), "USDC": Decimal(1), "BTC": Decimal(67000), "ETH": Decimal(3400), "SOL": Decimal(160)}

#: Closed orders, and fills, that are remembered: as a simulated day may last weeks, the oldest are forgotten.
KEPT = 20_000
#: Whose envelopes name the topic before the id, in the recorded frames.
TOPIC_FIRST = ("execution", "spread.order", "spread.execution")


def _first_coins() -> dict[str, Decimal]:
    return {"USDT": Decimal(100_000), "BTC": Decimal("2.5"), "ETH": Decimal("10.000000000000000001")}


@dataclass(slots=True)
class Bookkeeping:
    """A unified account: in cross margin unless said otherwise, in one-way mode where a symbol is not in hedge mode.

    positions      by category, symbol and positionIdx
    hedged         category and symbol of what is in hedge mode
    spread_orders, spread_fills  of spread trading, the latter as rows; what their legs trade is among `fills`
    strategies, rfqs  by their ids: the strategies that run, and all requests for a quote
    clock_ms       of the last occurrence; every occurrence gets a later millisecond, so that their times tell their order
    realised       coin → profit less fees and funding, since ever
    marks          (category, symbol) → the last price that somebody named
    """

    dice: Random
    uid: str = UID
    coins: dict[str, Decimal] = field(default_factory=_first_coins)
    orders: dict[str, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    positions: dict[tuple[str, str, int], Position] = field(default_factory=dict)
    hedged: set[tuple[str, str]] = field(default_factory=set)
    leverages: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    spread_orders: dict[str, Combination] = field(default_factory=dict)
    spread_fills: list[Row] = field(default_factory=list)
    strategies: dict[str, Row] = field(default_factory=dict)
    rfqs: dict[str, Rfq] = field(default_factory=dict)
    margin_mode: str = "REGULAR_MARGIN"
    oddities: Oddities = field(default_factory=Oddities)
    clock_ms: int = 0
    realised: dict[str, Decimal] = field(default_factory=dict)
    marks: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    sequence: int = 140_612_148_849_380
    _open: dict[str, Order] = field(default_factory=dict)
    _told: dict[str, Row] = field(default_factory=dict)
    _spot_ids: int = 2_150_423_456_789_012_345

    def __post_init__(self) -> None:
        self._told = {coin: self.holding(coin).row(self.margin_mode) for coin in self._known()}

    def _known(self) -> dict[str, None]:
        """Every coin that may hold something."""
        return dict.fromkeys((*self.coins, *USD))

    def side_of(self, instrument: Instrument, side: str, *, reduce_only: bool = False) -> int:
        """The positionIdx of what an order opens, or with reduce_only closes."""
        if (instrument.category, instrument.symbol) not in self.hedged:
            return 0
        return 1 if (side == "Buy") != reduce_only else 2

    def sides(self, instrument: Instrument) -> list[Position]:
        """A symbol's rows: one, or two in hedge mode; flat ones too."""
        key = instrument.category, instrument.symbol
        leverage = self.leverages.get(key, LEVERAGE)
        unused = (Position(instrument, idx=idx, leverage=leverage) for idx in ((1, 2) if key in self.hedged else (0,)))
        return [self.positions.get((*key, position.idx), position) for position in unused]

    def holding(self, coin: str) -> Holding:
        """A coin as the stream last told of it: positions count at the mark price of their last push."""
        locked = order_margin = unrealised = options = position_margin = maintenance = ZERO
        for order in self._open.values():
            of = order.instrument
            if of.category == "spot" and coin == (of.quote if order.side == "Buy" else of.base):
                locked += order.left * order.price if order.side == "Buy" else order.left
            elif of.settle == coin and not order.reduces:
                leverage = self.leverages.get((of.category, of.symbol), LEVERAGE) if of.category != "option" else 1
                order_margin += (worth(of, order.left, order.price) / leverage).quantize(EIGHT_PLACES)
        for position in self.positions.values():
            if position.instrument.settle == coin and position.size:
                initial, least = position.margins(position.mark)
                position_margin, maintenance = position_margin + initial, maintenance + least
                if position.instrument.category == "option":
                    options += (position.size * position.mark).quantize(EIGHT_PLACES)
                else:
                    unrealised += position.profit(position.size, position.mark)
        return Holding(
            coin, self.coins.get(coin, ZERO), locked, USD.get(coin, ZERO), unrealised, options, order_margin, position_margin,
            maintenance, self.realised.get(coin, ZERO),
        )  # fmt: skip

    def wallet_row(self, coins: Sequence[str] | None = None) -> Row:
        """The account with these coins; without a choice, those that are not zero."""
        holdings = {coin: self.holding(coin) for coin in {**self._known(), **dict.fromkeys(coins or ())}}
        shown = [coin for coin, held in holdings.items() if not held.is_empty] if coins is None else coins
        return account_row(holdings.values(), [holdings[coin].row(self.margin_mode) for coin in shown], self.margin_mode)

    def greeks_row(self, base: str) -> Row:
        held = [each for each in self.positions.values() if (each.instrument.category, each.instrument.base) == ("option", base)]
        return {"baseCoin": base, **{f"total{n.title()}": amount(sum((each.greeks()[n] for each in held), ZERO)) for n in GREEKS}}

    def execute(
        self, order: Order, quantity: Decimal, price: Decimal, now_ms: int, *, taker: bool = False, kind: str = "Trade"
    ) -> Fill:
        """One execution, in all books: the order's, the position's, the coins'."""
        instrument = order.instrument
        value = worth(instrument, quantity, price)
        rate = (TAKER_FEES if taker else FEES)[instrument.category]
        fee = (quantity if instrument.category == "spot" and order.side == "Buy" else value) * rate
        if instrument.category != "spot":
            fee = fee.quantize(EIGHT_PLACES)
        order.executed, order.value, order.fee = order.executed + quantity, order.value + value, order.fee + fee
        order.updated_ms = now_ms
        mark = self.marks.get((instrument.category, instrument.symbol), price)
        closed = profit = ZERO
        if instrument.category != "spot":
            position = self.position(order, now_ms)
            closed, profit = position.add(order.way * quantity, price, now_ms)
            position.pay(-fee)
            position.updated_ms, position.sequence = now_ms, self.sequence
            order.profit += profit
        fill = Fill(
            order=order, execution_id=self.identity(instrument), quantity=quantity, price=price, value=value, fee=fee, fee_rate=rate,
            closed=closed, profit=profit, left=order.quantity - order.executed, at_ms=now_ms, sequence=self.sequence, mark=mark,
            kind=kind, is_maker=not taker, extra_fees=EXTRA_FEES if self.oddities.extra_fees else "",
        )  # fmt: skip
        self.keep([fill])
        self._pay(fill)
        return fill

    def position(self, order: Order, now_ms: int) -> Position:
        """The one that an order is about; made where it is the first."""
        of = order.instrument
        key = of.category, of.symbol, order.idx
        for side in self.sides(of):
            if (*key[:2], side.idx) not in self.positions:
                side.created_ms = side.updated_ms = now_ms
                self.positions[*key[:2], side.idx] = side
        return self.positions[key]

    def tell(self, order: Order, now_ms: int, moved: Iterable[str] = ()) -> list[Message]:
        """An order as it is now, its position even when nothing changed, and the coins whose row did. moved: told in any case."""
        of = order.instrument
        if order.is_open:
            self._open[order.order_id] = order
        else:
            self._open.pop(order.order_id, None)
        frames = [self.frame("order", [order.row()], now_ms, self.match_id(of))]
        if of.category != "spot":
            self.position(order, now_ms)
            frames.append(self.position_frame(of, now_ms))
        return [*frames, *self.changed_wallet(moved, now_ms)]

    def position_frame(self, instrument: Instrument, now_ms: int) -> Message:
        """All sides of a symbol."""
        rows = []
        for position in self.sides(instrument):
            position.mark = self.marks.get((instrument.category, instrument.symbol), position.entry or instrument.price)
            rows.append(position.row(position.mark, margin_mode=self.margin_mode))
        return self.frame("position", rows, now_ms, f"{self.uid}_position_{now_ms}")

    def changed_wallet(self, moved: Iterable[str], now_ms: int) -> list[Message]:
        """A push of what moved, and of what is not as it was told; nothing where there is neither."""
        coins = list(dict.fromkeys(moved))
        for coin in self._known():
            if coin not in coins and self.holding(coin).row(self.margin_mode) != self._told.get(coin):
                coins.append(coin)
        return [self.wallet_frame(coins, now_ms)] if coins else []

    def wallet_frame(self, coins: Sequence[str], now_ms: int) -> Message:
        row = self.wallet_row(coins)
        self._told |= {coin["coin"]: coin for coin in row["coin"]}
        return self.frame("wallet", [row], now_ms, f"{self.uid}_wallet_{now_ms}")

    def frame(self, topic: str, rows: list[Row], now_ms: int, identity: str | None = None) -> Message:
        """An envelope; without an identity it has no id."""
        named: dict[str, Any] = {"topic": topic}
        if identity is not None:
            named = {"topic": topic, "id": identity} if topic in TOPIC_FIRST else {"id": identity, "topic": topic}
        return {**named, "creationTime": now_ms, "data": [self.oddities.spoil(topic, row) for row in rows]}

    def tick(self, now_ms: int) -> int:
        self.clock_ms = max(now_ms, self.clock_ms + 1)
        self.sequence += self.dice.choice((1, 2, 3, 19))
        return self.clock_ms

    def identity(self, instrument: Instrument) -> str:
        """Of an order or a fill: a growing number on spot, a UUID elsewhere."""
        self._spot_ids += 1
        return str(self._spot_ids) if instrument.category == "spot" else self.unique()

    def unique(self) -> str:
        return str(uuid.UUID(int=self.dice.getrandbits(128), version=4))

    def match_id(self, instrument: Instrument) -> str:
        """Spot names a symbol by its number."""
        return f"{self.uid}_{instrument.symbol_id if instrument.category == 'spot' else instrument.symbol}_{self.sequence}"

    def keep(self, fills: Iterable[Fill]) -> None:
        """Remember fills; forget the oldest, and the oldest closed orders."""
        self.fills += fills
        if len(self.fills) > KEPT:
            del self.fills[: KEPT // 10]
        if len(self.orders) > KEPT:
            closed = (key for key, order in self.orders.items() if not order.is_open)
            for key in list(islice(closed, KEPT // 10)):
                del self.orders[key]

    def earn(self, coin: str, profit: Decimal) -> None:
        self.coins[coin] = self.coins.get(coin, ZERO) + profit
        self.realised[coin] = self.realised.get(coin, ZERO) + profit

    def closable(self, order: Order) -> Decimal:
        """How much an order may execute: one that only reduces, or that closes a side of hedge mode, no more than there is."""
        closes = order.reduces or (order.idx == 1 and order.side == "Sell") or (order.idx == 2 and order.side == "Buy")
        if not closes:
            return order.left
        position = self.positions.get((order.instrument.category, order.instrument.symbol, order.idx))
        return max(ZERO, -order.way * position.size) if position else ZERO

    def _pay(self, fill: Fill) -> None:
        """Move the coins of a fill: spot exchanges two, options pay their premium, contracts their profit."""
        order, of = fill.order, fill.order.instrument
        if of.category == "spot":
            self.coins[of.base] = self.coins.get(of.base, ZERO) + order.way * fill.quantity
            self.coins[of.quote] = self.coins.get(of.quote, ZERO) - order.way * fill.value
            self.coins[order.fee_coin] -= fill.fee
            return
        brought = -order.way * fill.value if of.category == "option" else fill.profit
        self.coins[of.settle] = self.coins.get(of.settle, ZERO) + brought - fill.fee
        self.realised[of.settle] = self.realised.get(of.settle, ZERO) + fill.profit - fill.fee
