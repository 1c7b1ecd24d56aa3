"""Positions: size, entry price and profit of one contract, one row a side. Row shapes: protocol notes, sections 7.1, 9.3 and 12."""

from dataclasses import dataclass, field
from decimal import Decimal

from simulator.account.records import EIGHT_PLACES, ZERO, Row, amount, worth
from simulator.dialect import plain
from simulator.market.instruments import Instrument

#: Greeks of one long contract; only option positions have them.
GREEKS = {"delta": Decimal("0.4213"), "gamma": Decimal("0.00003"), "vega": Decimal("71.23"), "theta": Decimal("-48.10")}
#: REST's name of the same key (protocol notes, sections 9.3 and 12).
REST_NAMES = {"entryPrice": "avgPrice", "mmrSysUpdatedTime": "mmrSysUpdateTime"}
PORTFOLIO = "PORTFOLIO_MARGIN"
#: Of a contract's value, to keep a position; a choice.
MAINTENANCE = Decimal("0.005")
#: Unless set otherwise.
LEVERAGE = Decimal(10)
#: In portfolio margin.
NO_MARGIN: Row = {
    "leverage": "", "positionIM": "", "positionMM": "", "positionIMByMp": "", "positionMMByMp": "", "riskId": 0, "riskLimitValue": "0",
}  # fmt: skip


@dataclass(slots=True)
class Position:
    """Net size (negative: short) and average entry price of one contract's side.

    realised  settle coin, since the position was last flat: profit less fees and funding; `total` since ever
    sequence  of the last fill; -1 before the first
    idx       0 in one-way mode; 1 the long and 2 the short side of hedge mode
    mark      the mark price when the stream last told of it
    """

    instrument: Instrument
    size: Decimal = ZERO
    entry: Decimal = ZERO
    realised: Decimal = ZERO
    total: Decimal = ZERO
    created_ms: int = 0
    opened_ms: int = 0
    updated_ms: int = 0
    sequence: int = -1
    idx: int = 0
    leverage: Decimal = LEVERAGE
    mark: Decimal = field(default=ZERO)

    def add(self, change: Decimal, price: Decimal, now_ms: int = 0) -> tuple[Decimal, Decimal]:
        """A fill: growing moves the entry price, shrinking realises. The size that it closed, and the profit of that."""
        grows = self.size == 0 or (self.size > 0) == (change > 0)
        closed = ZERO if grows else min(abs(self.size), abs(change))
        profit = self.profit(closed if self.size > 0 else -closed, price)
        if self.size == 0:
            self.realised, self.opened_ms = ZERO, now_ms
        if grows:
            self.entry = self._blend(abs(change), price)
        elif abs(change) > abs(self.size):
            self.entry, self.opened_ms = price, now_ms
        self.size += change
        self.pay(profit)
        if self.size == 0:
            self.entry = ZERO
        return closed, profit

    def pay(self, profit: Decimal) -> None:
        self.realised += profit
        self.total += profit

    def profit(self, size: Decimal, price: Decimal) -> Decimal:
        """Of a signed size between entry and price; an inverse contract's in the base coin."""
        if not size:
            return ZERO
        if self.instrument.category == "inverse":
            return (size / self.entry - size / price).quantize(EIGHT_PLACES)
        return (size * (price - self.entry)).quantize(EIGHT_PLACES)

    def margins(self, mark: Decimal) -> tuple[Decimal, Decimal]:
        """Initial and maintenance margin, settle coin. A bought option needs none; a sold one its value."""
        value = worth(self.instrument, abs(self.size), mark)
        if self.instrument.category == "option":
            needed = value if self.size < 0 else ZERO
            return needed.quantize(EIGHT_PLACES), (needed / 2).quantize(EIGHT_PLACES)
        return (value / self.leverage).quantize(EIGHT_PLACES), (value * MAINTENANCE).quantize(EIGHT_PLACES)

    def greeks(self) -> dict[str, Decimal]:
        return {name: self.size * each for name, each in GREEKS.items()}

    def row(self, mark: Decimal | str, *, margin_mode: str = "REGULAR_MARGIN") -> Row:
        mark = Decimal(mark)
        category, never = self.instrument.category, self.sequence < 0
        initial, maintenance = self.margins(mark)
        value = "" if never else amount(worth(self.instrument, abs(self.size), mark))
        row = {
            "positionIdx": self.idx, "tradeMode": 0, "riskId": 1, "riskLimitValue": "2000000", "symbol": self.instrument.symbol,
            "side": "" if not self.size else "Buy" if self.size > 0 else "Sell", "size": plain(abs(self.size)),
            "entryPrice": amount(self.entry), "sessionAvgPrice": "", "leverage": plain(self.leverage),
            "positionValue": value, "positionBalance": "0", "markPrice": plain(mark),
            "positionIM": amount(initial), "positionMM": amount(maintenance), "positionIMByMp": amount(initial),
            "positionMMByMp": amount(maintenance), "takeProfit": "0", "stopLoss": "0",
            "trailingStop": "0", "unrealisedPnl": amount(self.profit(self.size, mark)), "cumRealisedPnl": amount(self.total),
            "curRealisedPnl": amount(self.realised), "createdTime": str(self.created_ms), "updatedTime": str(self.updated_ms),
            "tpslMode": "Full", "liqPrice": "", "bustPrice": "", "category": category, "positionStatus": "Normal",
            "adlRankIndicator": 2 if self.size else 0, "autoAddMargin": 0, "leverageSysUpdatedTime": "", "mmrSysUpdatedTime": "",
            "seq": self.sequence, "isReduceOnly": False, "breakEvenPrice": amount(self.entry) if self.size else "",
            "openTime": self.opened_ms if self.size else 0,
        }  # fmt: skip
        if category == "option":
            del row["breakEvenPrice"]
            row |= {"leverage": ""} | {name: amount(total) for name, total in self.greeks().items()}
        return row | NO_MARGIN if margin_mode == PORTFOLIO else row

    def rest_row(self, mark: Decimal, *, margin_mode: str = "REGULAR_MARGIN") -> Row:
        """The same row under REST's names; the category is the answer's."""
        row = self.row(mark, margin_mode=margin_mode)
        return {REST_NAMES.get(key, key): value for key, value in row.items() if key != "category"}

    def _blend(self, size: Decimal, price: Decimal) -> Decimal:
        """The entry price when a size is added; for inverse contracts the harmonic mean, as their worth is size / price."""
        held = abs(self.size)
        if self.instrument.category == "inverse" and held:
            return (held + size) / (held / self.entry + size / price)
        return (held * self.entry + size * price) / (held + size)
