"""The market: every instrument's book, trades, ticker and candles, moved by seeded dice, as frames of the exchange.

Sources: protocol notes, section 6. The dice are rolled alike whoever listens: a seed and a number of steps give one market.
"""

import uuid
from decimal import Decimal
from random import Random
from typing import Any

from simulator import envelopes
from simulator.book import Book, View
from simulator.candles import INTERVALS, Candles
from simulator.dialect import Message
from simulator.instruments import INSTRUMENTS, Instrument
from simulator.tickers import OPTION_INDEX, TICKERS, WITH_DELTAS, Figures

DEPTHS = {
    "spot": (1, 50, 200, 1000),
    "linear": (1, 50, 200, 1000),
    "inverse": (1, 50, 200, 1000),
    "option": (25, 100),
    "spread": (25,),
}
WITH_KLINES = ("spot", "linear", "inverse")
#: Seconds after which a level-1 book that did not change is sent again.
RESEND_S = 3.0
#: Trades in one frame. Source: protocol notes, section 6.6.
MOST_TRADES = 1024


class Feed:
    """One instrument's market. `step` moves it and returns the frames that its topics' subscribers get."""

    def __init__(self, instrument: Instrument, dice: Random, now_ms: int) -> None:
        self.instrument = instrument
        self._dice = dice
        self.book = Book(instrument, self._dice)
        self.views = {depth: View(self.book, depth, self._dice.randrange(10**5, 10**7)) for depth in DEPTHS[instrument.category]}
        self._last = self.book.middle
        self._direction = "PlusTick"
        self._spot_trades = 2_290_000_000_000_000_000 + self._dice.randrange(10**15)
        self._previous, self._high, self._low = (
            self._last - self._last // 55,
            self._last + self._last // 100,
            self._last - self._last // 50,
        )
        self._volume = Decimal(self._dice.randrange(10_000, 100_000))
        self._turnover = self._value(self._last, self._volume)
        self._open_interest = Decimal(self._dice.randrange(10_000, 100_000))
        self._funding = self._dice.randrange(-50, 50)
        self._candles = Candles(self._last, now_ms, tick=instrument.tick, step=instrument.step)
        self._quiet_since = now_ms
        self._shown = self._ticker(now_ms)

    @property
    def last_price(self) -> Decimal:
        return self._last * self.instrument.tick

    def topics(self) -> list[str]:
        """Every topic that this instrument has; option trades go by base coin."""
        symbol, category = self.instrument.symbol, self.instrument.category
        books = [f"orderbook.{depth}.{symbol}" for depth in self.views]
        klines = [f"kline.{interval}.{symbol}" for interval in INTERVALS] if category in WITH_KLINES else []
        return [self._trade_topic(), f"tickers.{symbol}", *books, *klines]

    def first(self, topic: str, now_ms: int) -> list[Message]:
        """What the exchange sends on subscribe: books, tickers and candles; no trades, there is no history."""
        family, rest = topic.split(".", 1)
        if family == "orderbook":
            depth = int(rest.split(".", 1)[0])
            return [self._book_frame(depth, "snapshot", self.views[depth].snapshot(), now_ms)]
        if family == "tickers":
            return [self._frame("ticker", topic, "snapshot", self._shown, now_ms)]
        if family == "kline":
            row = self._candles.row(rest.split(".", 1)[0], confirm=False)
            return [self._frame("kline", topic, "snapshot", [row], now_ms)]
        return []

    def step(self, now_ms: int, trades: float) -> list[Message]:
        """Move once. trades: how many the step brings on average."""
        frames = self._kline_frames(self._candles.close(self._last, now_ms), now_ms)
        self.book.step()
        if self._dice.random() < 0.01:
            self._funding += self._dice.choice((-1, 1))
        count = int(self._dice.random() * 2 * trades + self._dice.random())
        if count:
            rows = [self._trade(now_ms) for _ in range(count)]
            frames += [
                self._frame("trade", self._trade_topic(), "snapshot", rows[begin : begin + MOST_TRADES], now_ms)
                for begin in range(0, count, MOST_TRADES)
            ]
            frames += self._kline_frames([(interval, self._candles.row(interval, confirm=False)) for interval in INTERVALS], now_ms)
        return frames + self._book_frames(now_ms) + self._ticker_frames(now_ms)

    def _trade(self, now_ms: int) -> dict[str, Any]:
        """One fill at the best level. The id is a UUID on derivatives and a growing number on spot."""
        instrument, (bid, ask) = self.instrument, self.book.best()
        side = self._dice.choice(("Buy", "Sell"))
        before, self._last = self._last, ask if side == "Buy" else bid
        if self._last != before:
            self._direction = "PlusTick" if self._last > before else "MinusTick"
        elif not self._direction.startswith("Zero"):
            self._direction = f"Zero{self._direction}"
        steps = self._dice.randrange(1, 500)
        self._high, self._low = max(self._high, self._last), min(self._low, self._last)
        self._volume += steps * instrument.step
        self._turnover += self._value(self._last, steps * instrument.step)
        self._open_interest += self._dice.choice((-1, 0, 1)) * instrument.step
        self._candles.add(self._last, steps, now_ms)
        self._spot_trades += 1
        unique = str(uuid.UUID(int=self._dice.getrandbits(128), version=4))
        return envelopes.trade(
            instrument.category,
            {
                "T": now_ms,
                "s": instrument.symbol,
                "S": side,
                "v": self.book.size(steps),
                "p": self.book.price(self._last),
                "L": self._direction,
                "i": str(self._spot_trades) if instrument.category == "spot" else unique,
                "BT": False,
                "RPI": False,
                "seq": self.book.sequence,
                "mP": self.book.price(self._last),
                **OPTION_INDEX,
            },
        )

    def _trade_topic(self) -> str:
        return f"publicTrade.{self.instrument.base if self.instrument.category == 'option' else self.instrument.symbol}"

    def _book_frames(self, now_ms: int) -> list[Message]:
        """Deltas of the deep books; the best level comes whole, and again when it was quiet for long."""
        frames = []
        for depth, view in self.views.items():
            changes = view.advance()
            if depth != 1:
                frames += [] if changes is None else [self._book_frame(depth, "delta", changes, now_ms)]
            elif changes is not None or now_ms - self._quiet_since >= RESEND_S * 1000:
                self._quiet_since = now_ms
                frames.append(self._book_frame(depth, "snapshot", view.snapshot(), now_ms))
        return frames

    def _book_frame(self, depth: int, kind: str, levels: tuple[Any, Any], now_ms: int) -> Message:
        symbol = self.instrument.symbol
        data = {"s": symbol, "b": levels[0], "a": levels[1], "u": self.views[depth].update_id, "seq": self.book.sequence}
        return self._frame("best" if depth == 1 else "book", f"orderbook.{depth}.{symbol}", kind, data, now_ms)

    def _ticker_frames(self, now_ms: int) -> list[Message]:
        before, self._shown = self._shown, self._ticker(now_ms)
        changed = {key: value for key, value in self._shown.items() if before[key] != value}
        if not changed:
            return []
        topic = f"tickers.{self.instrument.symbol}"
        if self.instrument.category in WITH_DELTAS:
            return [self._frame("ticker", topic, "delta", {"symbol": self.instrument.symbol, **changed}, now_ms)]
        return [self._frame("ticker", topic, "snapshot", self._shown, now_ms)]

    def _ticker(self, now_ms: int) -> dict[str, str]:
        tick, step, (bid, ask) = self.instrument.tick, self.instrument.step, self.book.best()
        figures = Figures(
            now_ms=now_ms,
            direction=self._direction,
            last=self.last_price,
            previous=self._previous * tick,
            high=self._high * tick,
            low=self._low * tick,
            volume=self._volume,
            turnover=self._turnover,
            open_interest=self._open_interest,
            funding_rate=self._funding * Decimal("0.00001"),
            bid=bid * tick,
            bid_size=self.book.bids[bid] * step,
            ask=ask * tick,
            ask_size=self.book.asks[ask] * step,
        )
        return TICKERS[self.instrument.category](self.instrument, figures)

    def _kline_frames(self, rows: list[tuple[str, dict[str, Any]]], now_ms: int) -> list[Message]:
        if self.instrument.category not in WITH_KLINES:
            return []
        symbol = self.instrument.symbol
        return [self._frame("kline", f"kline.{interval}.{symbol}", "snapshot", [row], now_ms) for interval, row in rows]

    def _value(self, ticks: int, size: Decimal) -> Decimal:
        """The turnover of a size: quote coin; base coin on inverse, where sizes are USD."""
        price = ticks * self.instrument.tick
        return (size / price).quantize(Decimal("0.00000001")) if self.instrument.category == "inverse" else size * price

    def _frame(self, family: str, topic: str, kind: str, data: Any, now_ms: int) -> Message:
        return envelopes.frame(family, self.instrument.category, topic, kind, data, sequence=self.book.sequence, now_ms=now_ms)


class Market:
    """All feeds, and which topics exist."""

    def __init__(self, seed: int, now_ms: int) -> None:
        self.feeds = {
            (row.category, row.symbol): Feed(row, Random(f"{seed}|{row.category}|{row.symbol}"), now_ms) for row in INSTRUMENTS
        }
        self._topics: dict[str, dict[str, list[Feed]]] = {}
        for feed in self.feeds.values():
            for topic in feed.topics():
                self._topics.setdefault(feed.instrument.category, {}).setdefault(topic, []).append(feed)

    def topics(self, category: str) -> list[str]:
        return list(self._topics.get(category, {}))

    def exists(self, category: str | None, topic: str) -> bool:
        return topic in self._topics.get(category or "", {})

    def first(self, category: str | None, topic: str, now_ms: int) -> list[Message]:
        """What subscribers of a topic get at once."""
        feeds = self._topics.get(category or "", {}).get(topic, [])
        return [frame for feed in feeds for frame in feed.first(topic, now_ms)]

    def step(self, now_ms: int, trades: float = 1.5) -> list[tuple[str, Message]]:
        """Move everything once: (category, frame) in the order made. trades: of each instrument, on average."""
        return [(category, frame) for (category, _), feed in self.feeds.items() for frame in feed.step(now_ms, trades)]
