"""The REST calls that tell of the market, without account or signature. Source: protocol notes, section 9.3.

Pure: a market, what was asked, and the time go in, the `result` of the envelope comes out; Refused is raised for the rest. What
is told agrees with the streams: the same books with the same `u`, the same trades, tickers and candles.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from simulator.market.candles import INTERVALS
from simulator.market.feed import Feed
from simulator.market.greeks import is_call
from simulator.market.instruments import DELIVERING, TRADING
from simulator.market.market import Market
from simulator.market.topics import FULL_SERVICE, WITH_FULL_BOOKS, WITH_LIQUIDATIONS
from simulator.market.trades import Trade
from simulator.rest import ticker_calls
from simulator.rest.paging import CATEGORIES, Listed, Query, number, page
from simulator.rest.parameters import between, limit, named, refused

Result = dict[str, Any]
Call = Callable[[Market, Query, int], Result]

#: Category → the stream whose book and `u` REST tells, most levels, levels where no limit is named.
BOOKS = {
    "spot": ("1000", 1_000, 1),
    "linear": ("1000", 1_000, 25),
    "inverse": ("1000", 1_000, 25),
    "option": ("100", 25, 1),
    "spread": ("25", 25, 1),
}
#: Category → most trades, trades where no limit is named.
TRADES = {"spot": (60, 60), "linear": (1_000, 500), "inverse": (1_000, 500), "option": (1_000, 500), "spread": (1_000, 500)}
#: The words of success where they are not "OK". Source: the recorded answers.
SUCCESS = dict.fromkeys(("/v5/spread/orderbook", "/v5/spread/tickers", "/v5/spread/recent-trade"), "Success")
#: Which instruments are listed where no status is named.
_SHOWN = {"option": ("PreLaunch", TRADING, DELIVERING)}
_DEFAULT_BASE = "BTC"


def instruments(market: Market, query: Query, now_ms: int) -> Result:
    """Spot answers all at once whatever the limit; options go by base coin, BTC where none is named."""
    category = named(query, "category", CATEGORIES)
    base = query.get("baseCoin", _DEFAULT_BASE if category == "option" and not query.get("symbol") else None)
    shown = (query["status"],) if "status" in query else _SHOWN.get(category, (TRADING,))
    rows = _listed(_feeds(market, category, query.get("symbol"), base), shown, now_ms)
    if "symbolType" in query:
        rows = [row for row in rows if row[2].get("symbolType") == query["symbolType"]]
    if category == "spot":
        return {"category": category, "list": [row for _, _, row in rows]}
    return {"category": category, **page(query, rows, most=1_000, default=500)}


def spread_instruments(market: Market, query: Query, now_ms: int) -> Result:
    feeds = _feeds(market, "spread", query.get("symbol"), query.get("baseCoin"))
    return page(query, _listed(feeds, (TRADING,), now_ms), most=500, default=200)


def orderbook(market: Market, query: Query, now_ms: int) -> Result:
    category = named(query, "category", CATEGORIES)
    feed = _feed(market, query, category)
    name, most, default = BOOKS[category]
    return _book(feed, name, now_ms, limit(query, most=most, default=default), keys=("s", "a", "b", "ts", "u", "seq", "cts"))


def rpi_orderbook(market: Market, query: Query, now_ms: int) -> Result:
    """Triples: price, size without RPI orders, theirs."""
    feed = _feed(market, query, named(query, "category", FULL_SERVICE))
    return _book(feed, "rpi", now_ms, limit(query, most=50, default=None), keys=("s", "a", "b", "ts", "u", "seq", "cts"))


def full_orderbook(market: Market, query: Query, now_ms: int) -> Result:
    """All levels: where `orderbook.full` starts from."""
    feed = _feed(market, query, named(query, "category", WITH_FULL_BOOKS))
    return _book(feed, "full", now_ms, None, keys=("s", "a", "b", "ts", "u", "seq", "cts"))


def spread_orderbook(market: Market, query: Query, now_ms: int) -> Result:
    name, most, default = BOOKS["spread"]
    feed = _feed(market, query, "spread")
    return _book(feed, name, now_ms, limit(query, most=most, default=default), keys=("s", "b", "a", "u", "ts", "seq", "cts"))


def recent_trades(market: Market, query: Query, _now_ms: int) -> Result:
    """Newest first. Options: of a symbol, or of a base coin, BTC where none is named."""
    category = named(query, "category", CATEGORIES)
    if category == "option" and "symbol" not in query:
        feeds = _feeds(market, category, None, query.get("baseCoin", _DEFAULT_BASE))
        if "optionType" in query:
            calls = named(query, "optionType", ("Call", "Put")) == "Call"
            feeds = [feed for feed in feeds if is_call(feed.instrument) is calls]
    else:
        feeds = [_feed(market, query, category)]
    return {"category": category, "list": _trades(feeds, query, category)}


def spread_recent_trades(market: Market, query: Query, _now_ms: int) -> Result:
    return {"list": _trades([_feed(market, query, "spread")], query, "spread")}


def kline(market: Market, query: Query, now_ms: int) -> Result:
    """Newest first, the running candle at the head."""
    category, interval = named(query, "category", FULL_SERVICE, "linear"), named(query, "interval", INTERVALS)
    feed, (start, end) = _feed(market, query, category), between(query, ("start", "end"), now_ms=now_ms)
    candles = feed.deals.candles
    rows = [candles.rest_row(candle) for candle in candles.newest_first(interval) if start <= candle.start <= end]
    count = limit(query, most=1_000, default=200)
    return {"symbol": feed.instrument.symbol, "category": category, "list": rows[:count]}


def tickers(market: Market, query: Query, now_ms: int) -> Result:
    """Of a symbol, or of all that trade; options: of a base coin, BTC where none is named."""
    category = named(query, "category", CATEGORIES)
    if "symbol" in query:
        feeds = [_feed(market, query, category)]
    else:
        base = query.get("baseCoin", _DEFAULT_BASE) if category == "option" else None
        feeds = [feed for feed in _feeds(market, category, None, base) if feed.status(now_ms) == TRADING]
    return {"category": category, "list": [ticker_calls.ROWS[category](feed) for feed in feeds]}


def spread_tickers(market: Market, query: Query, _now_ms: int) -> Result:
    return {"list": [ticker_calls.ROWS["spread"](_feed(market, query, "spread"))]}


def funding_history(market: Market, query: Query, now_ms: int) -> Result:
    """Newest first; a start needs an end."""
    category = named(query, "category", WITH_LIQUIDATIONS)
    feed = _feed(market, query, category)
    if feed.funding is None:
        raise refused("symbol")
    if number(query, "startTime") is not None and number(query, "endTime") is None:
        raise refused("endTime", "is needed with startTime")
    start, end = between(query, ("startTime", "endTime"), now_ms=now_ms)
    rows = feed.funding.newest_first(start, end, limit(query, most=200, default=200))
    symbol = feed.instrument.symbol
    told = [{"symbol": symbol, "fundingRate": f"{rate:f}", "fundingRateTimestamp": str(at_ms)} for at_ms, rate in rows]
    return {"category": category, "list": told}


CALLS: dict[str, Call] = {
    "/v5/market/instruments-info": instruments,
    "/v5/market/orderbook": orderbook,
    "/v5/market/rpi_orderbook": rpi_orderbook,
    "/v5/market/full_orderbook": full_orderbook,
    "/v5/market/recent-trade": recent_trades,
    "/v5/market/kline": kline,
    "/v5/market/tickers": tickers,
    "/v5/market/funding/history": funding_history,
    "/v5/spread/instrument": spread_instruments,
    "/v5/spread/orderbook": spread_orderbook,
    "/v5/spread/tickers": spread_tickers,
    "/v5/spread/recent-trade": spread_recent_trades,
}


def _feeds(market: Market, category: str, symbol: str | None, base: str | None) -> list[Feed]:
    found = (feed for (of, _), feed in market.feeds.items() if of == category)
    return [feed for feed in found if symbol in (None, feed.instrument.symbol) and base in (None, feed.instrument.base)]


def _listed(feeds: Iterable[Feed], shown: Sequence[str], now_ms: int) -> list[Listed]:
    return [(0, feed.instrument.symbol, feed.row(now_ms)) for feed in feeds if feed.status(now_ms) in shown]


def _feed(market: Market, query: Query, category: str) -> Feed:
    feed = market.feeds.get((category, query.get("symbol", "")))
    if feed is None:
        raise refused("symbol")
    return feed


def _book(feed: Feed, name: str, now_ms: int, most: int | None, *, keys: tuple[str, ...]) -> Result:
    told = feed.snapshot(name, now_ms)
    values = {**told["data"], "ts": told["ts"], "cts": told["cts"]}
    values |= {side: values[side][:most] for side in ("a", "b")}
    return {key: values[key] for key in keys}


def _trades(feeds: Iterable[Feed], query: Query, category: str) -> list[Result]:
    most, default = TRADES[category]
    count = limit(query, most=most, default=default)
    tapes = [[(trade, feed) for trade in feed.deals.tape.last(count)] for feed in feeds]
    newest = heapq.merge(*tapes, key=_age)
    return [feed.deals.tape.rest_row(trade) for (trade, feed), _ in zip(newest, range(count), strict=False)]


def _age(entry: tuple[Trade, Feed]) -> int:
    return -entry[0].at_ms
