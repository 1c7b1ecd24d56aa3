"""The market: every instrument's book, trades, ticker and candles, moved by seeded dice, as frames of the exchange.

Shapes and key orders: protocol notes, section 6, and the recorded frames.
"""

import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from simulator.book import Book, View
from simulator.dialect import Message, plain
from simulator.instruments import INSTRUMENTS, Instrument

DEPTHS = {
    "spot": (1, 50, 200, 1000),
    "linear": (1, 50, 200, 1000),
    "inverse": (1, 50, 200, 1000),
    "option": (25, 100),
    "spread": (25,),
}
#: Interval → its length in minutes; D, W and M begin as if every day, week and month were alike.
INTERVALS = {
    "1": 1, "3": 3, "5": 5, "15": 15, "30": 30, "60": 60, "120": 120, "240": 240, "360": 360, "720": 720,
    "D": 1440, "W": 10080, "M": 43200,
}  # fmt: skip
#: Seconds after which a level-1 book that did not change is sent again.
RESEND_S = 3.0


@dataclass(slots=True)
class Candle:
    """The running candle of one interval; prices in ticks, volume in steps."""

    start: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    turnover: Decimal = Decimal(0)


@dataclass(slots=True)
class Pace:
    """How many trades a step brings, at the least and at the most."""

    fewest: int = 0
    most: int = 3


class Feed:
    """One instrument's market. `step` moves it and returns the frames that its topics' subscribers get."""

    def __init__(self, instrument: Instrument, seed: int, now_ms: int) -> None:
        self.instrument = instrument
        self._dice = Random(f"{seed}|{instrument.category}|{instrument.symbol}")
        self.book = Book(instrument, self._dice)
        self.views = {depth: View(self.book, depth, self._dice.randrange(10**5, 10**7)) for depth in DEPTHS[instrument.category]}
        self._last = self.book.middle
        self._trades = 0
        self._volume = Decimal(self._dice.randrange(10_000, 100_000))
        self._shown: dict[str, str] = {}
        self._candles: dict[str, Candle] = {}
        self._quiet_since = dict.fromkeys(self.views, now_ms)
        self._roll(now_ms)

    @property
    def last_price(self) -> str:
        return self.book.price(self._last)

    def topics(self) -> list[str]:
        """Every topic that this instrument has; option trades go by base coin."""
        symbol, category = self.instrument.symbol, self.instrument.category
        trades = self.instrument.base if category == "option" else symbol
        books = [f"orderbook.{depth}.{symbol}" for depth in self.views]
        klines = [f"kline.{interval}.{symbol}" for interval in INTERVALS] if category in ("spot", "linear", "inverse") else []
        return [f"publicTrade.{trades}", f"tickers.{symbol}", *books, *klines]

    def first(self, topic: str, now_ms: int) -> list[Message]:
        """What the exchange sends on subscribe: books, tickers and candles; no trades, there is no history."""
        family, rest = topic.split(".", 1)
        if family == "orderbook":
            return [self._book_frame(int(rest.split(".", 1)[0]), "snapshot", now_ms)]
        if family == "tickers":
            return [self._ticker_frame("snapshot", self._ticker(), now_ms)]
        if family == "kline":
            return [self._kline_frame(rest.split(".", 1)[0], confirm=False, now_ms=now_ms)]
        return []

    def step(self, now_ms: int, pace: Pace) -> list[Message]:
        frames = self._roll(now_ms)
        self.book.step()
        trades = [self._trade(now_ms) for _ in range(self._dice.randint(pace.fewest, pace.most))]
        if trades:
            frames += self._trade_frames(trades, now_ms)
            frames += [self._kline_frame(interval, confirm=False, now_ms=now_ms) for interval in self._candles]
        for depth, view in self.views.items():
            changes = view.advance()
            if changes is not None:
                self._quiet_since[depth] = now_ms
                kind = "snapshot" if depth == 1 else "delta"
                frames.append(self._book_frame(depth, kind, now_ms, None if depth == 1 else changes))
            elif depth == 1 and now_ms - self._quiet_since[depth] >= RESEND_S * 1000:
                self._quiet_since[depth] = now_ms
                frames.append(self._book_frame(depth, "snapshot", now_ms))
        frames += self._ticker_step(now_ms)
        return frames

    def _trade(self, now_ms: int) -> dict[str, Any]:
        """One fill at the best level. The id is a UUID on derivatives and a number on spot."""
        bid, ask = self.book.best()
        side = self._dice.choice(("Buy", "Sell"))
        before, self._last = self._last, ask if side == "Buy" else bid
        steps = self._dice.randrange(1, 500)
        self._trades += 1
        self._volume += steps * self.instrument.step
        for candle in self._candles.values():
            candle.high, candle.low, candle.close = max(candle.high, self._last), min(candle.low, self._last), self._last
            candle.volume += steps
            candle.turnover += steps * self.instrument.step * self._last * self.instrument.tick
        derivative = str(uuid.UUID(int=self._dice.getrandbits(128), version=4))
        identity = str(2290000000000000000 + self._dice.randrange(10**15)) if self.instrument.category == "spot" else derivative
        direction = "ZeroPlusTick" if self._last == before else "PlusTick" if self._last > before else "MinusTick"
        return {
            "T": now_ms, "s": self.instrument.symbol, "S": side, "v": self.book.size(steps), "p": self.last_price, "L": direction,
            "i": identity, "BT": False, "RPI": False, "seq": self.book.sequence,
        }  # fmt: skip

    def _trade_frames(self, trades: list[dict[str, Any]], now_ms: int) -> list[Message]:
        category = self.instrument.category
        rows = [_in_order(trade, TRADE_KEYS[category]) for trade in trades]
        if category == "option":
            for row in rows:
                row |= {"mP": row["p"], "iP": "67004.50", "mIv": "0.4210", "iv": "0.4226"}
            topic = f"publicTrade.{self.instrument.base}"
            identity = f"{topic}-{self.book.sequence}-{now_ms}"
            return [{"id": identity, "topic": topic, "ts": now_ms, "data": rows, "type": "snapshot"}]
        topic = f"publicTrade.{self.instrument.symbol}"
        if category in ("spot", "spread"):
            return [{"topic": topic, "ts": now_ms, "type": "snapshot", "data": rows}]
        return [{"topic": topic, "type": "snapshot", "ts": now_ms, "data": rows}]

    def _book_frame(self, depth: int, kind: str, now_ms: int, changes: tuple[Any, Any] | None = None) -> Message:
        view, category = self.views[depth], self.instrument.category
        bids, asks = changes if changes is not None else view.snapshot()
        topic = f"orderbook.{depth}.{self.instrument.symbol}"
        data = {"s": self.instrument.symbol, "b": bids, "a": asks, "u": view.update_id, "seq": self.book.sequence}
        if category == "option":
            identity = f"{topic}-{view.update_id}-{now_ms}"
            return {"id": identity, "topic": topic, "ts": now_ms, "data": data, "cts": now_ms - 2, "type": kind}
        if category in ("spot", "spread") or depth == 1:
            return {"topic": topic, "ts": now_ms, "type": kind, "data": data, "cts": now_ms - 2}
        return {"topic": topic, "type": kind, "ts": now_ms, "data": data, "cts": now_ms - 2}

    def _ticker(self) -> dict[str, str]:
        bid, ask = self.book.best()
        book, last = self.book, self.last_price
        day = {"high": book.price(self._last + 300), "low": book.price(self._last - 400), "previous": book.price(self._last - 120)}
        volume, turnover = plain(self._volume), plain(self._volume * Decimal(last))
        quotes = (book.price(bid), book.size(book.bids[bid]), book.price(ask), book.size(book.asks[ask]))
        return TICKERS[self.instrument.category](self.instrument.symbol, last, day, volume, turnover, quotes)

    def _ticker_step(self, now_ms: int) -> list[Message]:
        whole = self._ticker()
        changed = {key: value for key, value in whole.items() if self._shown.get(key) != value or key == "symbol"}
        if len(changed) == 1 and self._shown:
            return []
        deltas = self.instrument.category in ("linear", "inverse") and bool(self._shown)
        self._shown = whole
        return [self._ticker_frame("delta" if deltas else "snapshot", changed if deltas else whole, now_ms)]

    def _ticker_frame(self, kind: str, data: dict[str, str], now_ms: int) -> Message:
        topic, category, sequence = f"tickers.{self.instrument.symbol}", self.instrument.category, self.book.sequence
        if kind == "snapshot" and category in ("linear", "inverse"):
            data = self._shown or data
        if category == "option":
            return {"id": f"{topic}-{sequence}-{now_ms}", "topic": topic, "ts": now_ms, "data": data, "type": kind}
        if category == "spot":
            return {"topic": topic, "ts": now_ms, "type": kind, "cs": sequence, "data": data}
        if category == "spread":
            return {"topic": topic, "ts": now_ms, "type": kind, "data": data}
        return {"topic": topic, "type": kind, "data": data, "cs": sequence, "ts": now_ms}

    def _roll(self, now_ms: int) -> list[Message]:
        """Close the candles whose time is over, each with one last frame, and begin the next."""
        frames: list[Message] = []
        if self.instrument.category not in ("spot", "linear", "inverse"):
            return frames
        for interval, minutes in INTERVALS.items():
            start = now_ms - now_ms % (minutes * 60_000)
            candle = self._candles.get(interval)
            if candle is None or start > candle.start:
                if candle is not None:
                    frames.append(self._kline_frame(interval, confirm=True, now_ms=now_ms))
                self._candles[interval] = Candle(start, self._last, self._last, self._last, self._last)
        return frames

    def _kline_frame(self, interval: str, *, confirm: bool, now_ms: int) -> Message:
        candle, price = self._candles[interval], self.book.price
        row = {
            "start": candle.start, "end": candle.start + INTERVALS[interval] * 60_000 - 1, "interval": interval,
            "open": price(candle.open), "close": price(candle.close), "high": price(candle.high), "low": price(candle.low),
            "volume": self.book.size(candle.volume), "turnover": plain(candle.turnover), "confirm": confirm, "timestamp": now_ms,
        }  # fmt: skip
        return {"topic": f"kline.{interval}.{self.instrument.symbol}", "data": [row], "ts": now_ms, "type": "snapshot"}


Quotes = tuple[str, str, str, str]


def _linear_ticker(symbol: str, last: str, day: dict[str, str], volume: str, turnover: str, quotes: Quotes) -> dict[str, str]:
    return {
        "symbol": symbol, "tickDirection": "PlusTick", "price24hPcnt": "0.017103", "lastPrice": last, "prevPrice24h": day["previous"],
        "highPrice24h": day["high"], "lowPrice24h": day["low"], "prevPrice1h": day["previous"], "markPrice": last,
        "indexPrice": last, "openInterest": "68744.761", "openInterestValue": "4606012345.67", "turnover24h": turnover,
        "volume24h": volume, "fundingIntervalHour": "8", "fundingCap": "0.005", "nextFundingTime": "1795680000000",
        "fundingRate": "0.0001", "bid1Price": quotes[0], "bid1Size": quotes[1], "ask1Price": quotes[2], "ask1Size": quotes[3],
    }  # fmt: skip


def _spot_ticker(symbol: str, last: str, day: dict[str, str], volume: str, turnover: str, _quotes: Quotes) -> dict[str, str]:
    return {
        "symbol": symbol, "lastPrice": last, "highPrice24h": day["high"], "lowPrice24h": day["low"], "prevPrice24h": day["previous"],
        "volume24h": volume, "turnover24h": turnover, "price24hPcnt": "0.0171", "usdIndexPrice": last,
    }  # fmt: skip


def _option_ticker(symbol: str, last: str, day: dict[str, str], volume: str, turnover: str, quotes: Quotes) -> dict[str, str]:
    return {
        "symbol": symbol, "bidPrice": quotes[0], "bidSize": quotes[1], "bidIv": "0.4101", "askPrice": quotes[2], "askSize": quotes[3],
        "askIv": "0.4260", "lastPrice": last, "highPrice24h": day["high"], "lowPrice24h": day["low"], "markPrice": last,
        "indexPrice": "67004.50", "markPriceIv": "0.4210", "underlyingPrice": "67010.00", "openInterest": "87.5",
        "turnover24h": turnover, "volume24h": volume, "totalVolume": volume, "totalTurnover": turnover, "delta": "0.4213",
        "gamma": "0.00003", "vega": "71.23", "theta": "-48.10", "predictedDeliveryPrice": "0", "change24h": "86",
    }  # fmt: skip


def _spread_ticker(symbol: str, last: str, day: dict[str, str], volume: str, _turnover: str, quotes: Quotes) -> dict[str, str]:
    return {
        "symbol": symbol, "bidPrice": quotes[0], "bidSize": quotes[1], "askPrice": quotes[2], "askSize": quotes[3], "lastPrice": last,
        "highPrice24h": day["high"], "lowPrice24h": day["low"], "prevPrice24h": day["previous"], "volume24h": volume,
    }  # fmt: skip


TICKERS = {
    "linear": _linear_ticker,
    "inverse": _linear_ticker,
    "spot": _spot_ticker,
    "option": _option_ticker,
    "spread": _spread_ticker,
}

#: Which keys a trade has, and in which order.
TRADE_KEYS = {
    "spot": ("i", "T", "p", "v", "S", "seq", "s", "BT", "RPI"),
    "linear": ("T", "s", "S", "v", "p", "L", "i", "BT", "RPI", "seq"),
    "inverse": ("T", "s", "S", "v", "p", "L", "i", "BT", "RPI", "seq"),
    "option": ("p", "v", "i", "T", "BT", "RPI", "s", "S", "seq"),
    "spread": ("T", "s", "S", "v", "p", "L", "i", "seq"),
}


def _in_order(record: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: record[key] for key in keys}


@dataclass(slots=True)
class Market:
    """All feeds, and which topics exist."""

    seed: int
    started_ms: int
    pace: Pace = field(default_factory=Pace)
    feeds: dict[tuple[str, str], Feed] = field(init=False)
    _topics: dict[str, dict[str, list[Feed]]] = field(init=False)

    def __post_init__(self) -> None:
        self.feeds = {(row.category, row.symbol): Feed(row, self.seed, self.started_ms) for row in INSTRUMENTS}
        self._topics = {}
        for feed in self.feeds.values():
            for topic in feed.topics():
                self._topics.setdefault(feed.instrument.category, {}).setdefault(topic, []).append(feed)

    def exists(self, category: str | None, topic: str) -> bool:
        return topic in self._topics.get(category or "", {})

    def first(self, category: str | None, topic: str, now_ms: int) -> list[Message]:
        """What subscribers of a topic get at once."""
        feeds = self._topics.get(category or "", {}).get(topic, [])
        return [frame for feed in feeds for frame in feed.first(topic, now_ms)]

    def step(self, now_ms: int) -> list[tuple[str, Message]]:
        """Move everything once: (category, frame) in the order made."""
        return [(category, frame) for (category, _), feed in self.feeds.items() for frame in feed.step(now_ms, self.pace)]
