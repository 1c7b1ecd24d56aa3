"""A contract before its launch: an auction, then trading, then the perpetual of the same name. Source: protocol notes, section 6.1.

Before the phase `ContinuousTrading` there are a ticker and, from `CrossMatching` on, candles; neither books nor trades.
"""

from random import Random

from simulator.dialect import Message, plain
from simulator.market.candles import INTERVALS, Candles
from simulator.market.feed import Feed, Wants, everything
from simulator.market.funding_rates import Funding
from simulator.market.instruments import CLOSED, LISTED_MS, PRELAUNCH, TRADING, Instrument, Row
from simulator.market.tickers import Ticker
from simulator.market.trades import KEPT

CONTINUOUS = "ContinuousTrading"
#: In their order; an auction that matches has candles, but no trades yet.
PHASES = ("CallAuction", "CallAuctionNoCancel", "CrossMatching", CONTINUOUS)
#: What can be entered: a phase, or the end of them all.
ENTRIES = (*PHASES, TRADING)
#: What there is to hear in a phase besides the ticker; in those that are not here, everything.
_HEARD: dict[str, tuple[str, ...]] = {"CallAuction": (), "CallAuctionNoCancel": (), "CrossMatching": ("kline",)}
#: What the ticker says while nothing has traded. Source: the recorded frame.
_UNTRADED = {
    "price24hPcnt": "0", "prevPrice1h": "", "openInterest": "0", "openInterestValue": "0", "singleOpenInterest": "0",
    "singleOpenInterestValue": "0", "turnover24h": "0.0000", "volume24h": "0.0000", "nextFundingTime": "0", "fundingRate": "",
    "bid1Price": "", "bid1Size": "", "ask1Price": "", "ask1Size": "",
}  # fmt: skip
#: Prices that are all the same one.
_PRICES = ("lastPrice", "prevPrice24h", "highPrice24h", "lowPrice24h", "markPrice", "indexPrice")
#: The indicative price strays so far from the last one, in ticks.
_ASTRAY = 40


class PreMarketFeed(Feed):
    """Begins in the first phase, and stays in it until told to enter another.

    phase  "" once it is an ordinary perpetual
    """

    def __init__(
        self, instrument: Instrument, dice: Random, now_ms: int, *, underlying: Feed | None = None, kept: int = KEPT
    ) -> None:
        self.phase = PHASES[0]
        self._matching = 0
        super().__init__(instrument, dice, now_ms, underlying=underlying, kept=kept)
        self._indicative = self.deals.last
        self.stage, self.is_empty, self.funding = PRELAUNCH, True, None

    def row(self, now_ms: int) -> Row:
        row = super().row(now_ms)
        if not self.phase:
            return row
        phases = [{"phase": phase, "startTime": LISTED_MS, "endTime": "" if phase == CONTINUOUS else LISTED_MS} for phase in PHASES]
        fees = {"auctionFeeRate": "0", "takerFeeRate": "0.001", "makerFeeRate": "0.0004"}
        info = {"curAuctionPhase": self.phase, "phases": phases, "auctionFeeInfo": fees}
        return row | {"isPreListing": True, "preListingInfo": info}

    def enter(self, entry: str, now_ms: int) -> list[Message]:
        """A later one of ENTRIES; what is over stays over, and what is closed enters none."""
        if self.stage == CLOSED or ENTRIES.index(entry) <= ENTRIES.index(self.phase or TRADING):
            return []
        return self._begin("" if entry == TRADING else entry, now_ms)

    def open(self, stage: str, now_ms: int) -> list[Message]:
        """As PreLaunch it begins with the first phase, else as an ordinary perpetual; what is that already goes on as it was."""
        if self.stage != CLOSED and bool(stage) == bool(self.phase):
            return []
        return self._begin(PHASES[0] if stage else "", now_ms)

    def first(self, topic: str, now_ms: int) -> list[Message]:
        family = topic.partition(".")[0]
        return super().first(topic, now_ms) if family in ("tickers", *_HEARD.get(self.phase, (family,))) else []

    def step(self, now_ms: int, trades: float, wants: Wants = everything) -> list[Message]:
        if self.stage != PRELAUNCH:
            return super().step(now_ms, trades, wants)
        if not self.is_empty:
            return self._move(now_ms, trades, wants)
        before, self._now_ms, self._shown = self.ticker(), now_ms, None
        self._indicative = self.deals.last + self._dice.randrange(-_ASTRAY, _ASTRAY + 1)
        self._matching += self._dice.randrange(1, 500)
        frames: list[Message] = []
        if self._has_candles:
            frames = self._closed(now_ms, wants)
            running = self.deals.candles.running
            wanted = [interval for interval in INTERVALS if wants(self._names[interval])]
            frames += [self._kline_frame(interval, running(interval), now_ms, confirm=False) for interval in wanted]
        return frames + (self._ticker_frames(before, now_ms) if wants(self._names["tickers"]) else [])

    def ticker(self) -> Ticker:
        told = {**super().ticker(), "curPreListingPhase": self.phase}
        if self.phase not in _HEARD:
            return told
        told |= _UNTRADED | dict.fromkeys(_PRICES, plain(self.last_price))
        return told | {"preOpenPrice": self.book.price(self._indicative), "preQty": self.book.size(self._matching)}

    def _begin(self, phase: str, now_ms: int) -> list[Message]:
        """Candles begin as the auction matches, books after it, with `u` 1."""
        was_empty, had_candles = self.is_empty, self._has_candles
        self.phase, self._shown = phase, None
        self.stage, self.is_empty = PRELAUNCH if phase else "", phase in _HEARD
        if self._has_candles and not had_candles:
            self.deals.candles = Candles(self.instrument, self.deals.last, now_ms)
        self.funding = None if phase else Funding(self._dice.getrandbits(64), now_ms)
        ticker = self._frame("ticker", self._names["tickers"], "snapshot", self.ticker(), now_ms)
        return [ticker, *(self.restart(now_ms) if was_empty and not self.is_empty else [])]

    @property
    def _has_candles(self) -> bool:
        return "kline" in _HEARD.get(self.phase, ("kline",))
