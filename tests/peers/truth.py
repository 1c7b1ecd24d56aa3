"""What everybody should have built: books, trades, tickers and candles, in the exchange's words, with amounts as decimals.

A state is kind → "endpoint topic" → what was built. It comes from frames of the simulator's ledger, from the gateway's events,
or from a peer; where they tell the same story, they are equal.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

Key = str


def key_of(endpoint: str, topic: str) -> Key:
    return f"{endpoint} {topic}"


#: The exchange's ticker keys → the gateway's, for those that clients read.
TICKER = {
    "lastPrice": "last_price",
    "prevPrice24h": "prev_price_24h",
    "highPrice24h": "high_price_24h",
    "lowPrice24h": "low_price_24h",
    "price24hPcnt": "price_24h_pcnt",
    "volume24h": "volume_24h",
    "turnover24h": "turnover_24h",
    "usdIndexPrice": "usd_index_price",
    "markPrice": "mark_price",
    "indexPrice": "index_price",
    "openInterest": "open_interest",
    "fundingRate": "funding_rate",
    "bid1Price": "bid1_price",
    "bid1Size": "bid1_size",
    "ask1Price": "ask1_price",
    "ask1Size": "ask1_size",
    "bidPrice": "bid_price",
    "bidSize": "bid_size",
    "askPrice": "ask_price",
    "askSize": "ask_size",
    "delta": "delta",
}
KLINE = ("start", "end", "interval", "open", "high", "low", "close", "volume", "turnover", "confirm")


@dataclass(eq=False)
class Book:
    """Bids and asks as price → size, and the update id where it is known."""

    bids: dict[Decimal, Decimal] = field(default_factory=dict)
    asks: dict[Decimal, Decimal] = field(default_factory=dict)
    update_id: int | None = None

    def __eq__(self, other: object) -> bool:
        """An update id that one of the two does not know is not compared."""
        if not isinstance(other, Book):
            return NotImplemented
        same_id = self.update_id == other.update_id or None in (self.update_id, other.update_id)
        return same_id and (self.bids, self.asks) == (other.bids, other.asks)

    def apply(self, kind: str, bids: Iterable[list[str]], asks: Iterable[list[str]], update_id: int) -> None:
        if kind == "snapshot":
            self.bids, self.asks = {}, {}
        else:
            assert self.update_id is not None
            assert update_id == self.update_id + 1
        self.update_id = update_id
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            for price, size in levels:
                side[Decimal(price)] = Decimal(size)
                if not side[Decimal(price)]:
                    del side[Decimal(price)]


@dataclass
class State:
    """All that one observer has built."""

    books: dict[Key, Book] = field(default_factory=dict)
    trades: dict[Key, list[tuple[Any, ...]]] = field(default_factory=dict)
    tickers: dict[Key, dict[str, Any]] = field(default_factory=dict)
    klines: dict[Key, dict[str, Any]] = field(default_factory=dict)

    def of_frame(self, endpoint: str, frame: dict[str, Any]) -> None:
        """Go on with a frame of the exchange."""
        key, data = key_of(endpoint, frame["topic"]), frame["data"]
        family = frame["topic"].partition(".")[0]
        if family == "orderbook":
            self.books.setdefault(key, Book()).apply(frame["type"], data["b"], data["a"], data["u"])
        elif family == "publicTrade":
            self.trades.setdefault(key, []).extend(_trade(row["i"], row["p"], row["v"], row["S"], row["T"]) for row in data)
        elif family == "tickers":
            before = self.tickers.get(key, {}) if frame["type"] == "delta" else {}
            self.tickers[key] = before | read_ticker(data, {name: name for name in TICKER})
        elif family == "kline":
            self.klines[key] = {name: amount(data[-1][name]) for name in KLINE}

    def of_event(self, event: dict[str, Any]) -> None:
        """Go on with an event of the gateway."""
        key, payload = key_of(event["category"], event["topic"]), event["payload"]
        if event["event_type"] == "orderbook":
            book = self.books.setdefault(key, Book())
            book.apply(payload["kind"], payload["bids"], payload["asks"], payload["update_id"])
        elif event["event_type"] == "trade":
            row = _trade(*(payload[name] for name in ("trade_id", "price", "quantity", "side", "trade_time")))
            self.trades.setdefault(key, []).append(row)
        elif event["event_type"] == "ticker":
            self.tickers[key] = read_ticker(payload, TICKER)
        else:
            self.klines[key] = {name: amount(payload[name]) for name in KLINE}

    def of(self, key: Key) -> Any:
        """What is known of one topic; None for nothing."""
        return next((kind[key] for kind in vars(self).values() if key in kind), None)


def of_peer(told: dict[str, Any]) -> State:
    """What a driver printed. A ticker may come as `raw`, what the client keeps, and `read`, how it understood some of it."""
    state = State()
    for key, book in told.get("books", {}).items():
        bids, asks = ({Decimal(price): Decimal(size) for price, size in book[side].items()} for side in ("bids", "asks"))
        state.books[key] = Book(bids, asks, book.get("update_id"))
    for key, rows in told.get("trades", {}).items():
        state.trades[key] = [_trade(*row) for row in rows]
    for key, ticker in told.get("tickers", {}).items():
        raw, read = ticker.get("raw", ticker), ticker.get("read", {})
        state.tickers[key] = read_ticker({**raw, **read}, {name: name for name in TICKER})
    for key, row in told.get("klines", {}).items():
        state.klines[key] = {name: amount(row[name]) for name in KLINE}
    return state


def read_ticker(found: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """A ticker's amounts under the exchange's keys. names: its keys → those of `found`. What is empty is left out."""
    read = {theirs: amount(found.get(ours)) for theirs, ours in names.items()}
    return {name: number for name, number in read.items() if number is not None}


def amount(found: Any) -> Any:
    """A text that is a number as a decimal, so that "1.50" and "1.5" are equal; "" and None are both nothing."""
    if isinstance(found, str):
        try:
            return Decimal(found) if found else None
        except InvalidOperation:
            return found
    return found


def _trade(identity: str, price: str, size: str, side: str, at_ms: int) -> tuple[Any, ...]:
    return identity, Decimal(price), Decimal(size), side, at_ms
