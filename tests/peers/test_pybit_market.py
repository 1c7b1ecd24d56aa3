"""The market over REST is the market of the streams: books, tickers, trades and candles that pybit asks for and is sent."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from peer import Peer
from running import wait_for
from truth import Book, State, of_peer, read_ticker

from simulator.remote import RunningSimulator

pytestmark = pytest.mark.timeout(600)  # of which the first test on a machine spends most on installing

#: category → symbol, the name of its trades, the depth of the stream that a REST book is a part of, and the levels asked for.
MARKETS = {
    "spot": ("BTCUSDT", "BTCUSDT", 1000, 100),
    "linear": ("BTCUSDT", "BTCUSDT", 1000, 100),
    "inverse": ("BTCUSD", "BTCUSD", 1000, 100),
    "option": ("BTC-25DEC26-70000-C-USDT", "BTC", 25, 25),
}
WITH_KLINES = ("spot", "linear", "inverse")
#: An option's quotes have other keys over REST than in its stream.
OPTION_OVER_REST = {"bidPrice": "bid1Price", "bidSize": "bid1Size", "askPrice": "ask1Price", "askSize": "ask1Size"}
SPREAD = "SOLUSDT_SOL/USDT"
TOPICS = [
    *((category, f"orderbook.{depth}.{symbol}") for category, (symbol, _, depth, _) in MARKETS.items()),
    *((category, f"tickers.{symbol}") for category, (symbol, *_) in MARKETS.items()),
    *((category, f"publicTrade.{coin}") for category, (_, coin, *_) in MARKETS.items()),
    *((category, f"kline.1.{MARKETS[category][0]}") for category in WITH_KLINES),
    *(("spread", f"{family}.{SPREAD}") for family in ("orderbook.25", "tickers", "publicTrade")),
]


@pytest.fixture(scope="module")
def pybit(new_peer: Callable[..., Peer], exchange: RunningSimulator) -> Peer:
    peer = new_peer(exchange, "pybit", TOPICS)

    def held() -> bool:
        peer.ask()
        return sum(len(entry.topics) for entry in exchange.connections()) == len(TOPICS)

    wait_for(held, "pybit's topics held")
    exchange.step(30)
    return peer


@pytest.fixture(scope="module")
def streamed(pybit: Peer, exchange: RunningSimulator) -> State:
    """What pybit's streams have built: all that the exchange sent, which stands still."""
    truth = State()
    for category, topic in TOPICS:
        for entry in exchange.ledger(category, topic):
            truth.of_frame(category, entry.frame)
    wait_for(lambda: of_peer(pybit.ask()) == truth, "pybit at the state of the ledger")
    return truth


def book_of(result: dict[str, Any]) -> Book:
    bids, asks = ({Decimal(price): Decimal(size) for price, size in result[side]} for side in ("b", "a"))
    assert list(bids) == sorted(bids, reverse=True)
    assert list(asks) == sorted(asks)
    return Book(bids, asks, result["u"])


def best(book: Book, levels: int) -> Book:
    bids, asks = sorted(book.bids, reverse=True)[:levels], sorted(book.asks)[:levels]
    return Book({price: book.bids[price] for price in bids}, {price: book.asks[price] for price in asks}, book.update_id)


@pytest.mark.parametrize("category", MARKETS)
def test_book_is_the_top_of_the_deepest_streams(pybit: Peer, streamed: State, category: str) -> None:
    symbol, _, depth, levels = MARKETS[category]
    found = book_of(pybit.call("get_orderbook", category=category, symbol=symbol, limit=levels))
    whole = streamed.books[f"{category} orderbook.{depth}.{symbol}"]
    if category == "option":  # whose REST book counts like no documented stream
        found.update_id = None
    assert len(found.bids) == levels
    assert found == best(whole, levels)


@pytest.mark.parametrize("category", ["spot", "linear", "inverse"])
def test_rpi_book_has_the_other_sizes_too(pybit: Peer, streamed: State, category: str) -> None:
    symbol, _, depth, _ = MARKETS[category]
    result = pybit.call("get_rpi_orderbook", category=category, symbol=symbol, limit=50)
    whole = streamed.books[f"{category} orderbook.{depth}.{symbol}"]
    for side, levels in (("b", whole.bids), ("a", whole.asks)):
        assert 1 <= len(result[side]) <= 50
        for price, size, of_rpi in result[side]:
            assert Decimal(size) == levels.get(Decimal(price), Decimal(0))
            assert Decimal(of_rpi) >= 0


@pytest.mark.parametrize("category", MARKETS)
def test_ticker_is_as_streamed(pybit: Peer, streamed: State, category: str) -> None:
    symbol, *_ = MARKETS[category]
    given = {"baseCoin": "BTC"} if category == "option" else {}
    rows = pybit.call("get_tickers", category=category, **given)["list"]
    [row] = pybit.call("get_tickers", category=category, symbol=symbol)["list"]
    assert row in rows
    told = streamed.tickers[f"{category} tickers.{symbol}"]
    found = read_ticker(row, {name: OPTION_OVER_REST.get(name, name) if category == "option" else name for name in told})
    assert {name: told[name] for name in found} == found
    assert "lastPrice" in found
    assert "volume24h" in found


@pytest.mark.parametrize("category", MARKETS)
def test_recent_trades_are_as_streamed(pybit: Peer, streamed: State, category: str) -> None:
    symbol, coin, *_ = MARKETS[category]
    given = {"baseCoin": coin} if category == "option" else {"symbol": symbol}
    rows = pybit.call("get_public_trade_history", category=category, limit=20, **given)["list"]
    found = [(row["execId"], Decimal(row["price"]), Decimal(row["size"]), row["side"], int(row["time"])) for row in rows]
    told = streamed.trades[f"{category} publicTrade.{coin}"]
    assert len(set(found)) == 20
    assert set(found) <= set(told)
    assert sorted(row[-1] for row in found) == sorted(row[-1] for row in told)[-20:]  # options of one coin share milliseconds
    assert [row["time"] for row in rows] == sorted((row["time"] for row in rows), reverse=True)
    assert all(isinstance(row["seq"], str) for row in rows)


@pytest.mark.parametrize("category", WITH_KLINES)
def test_newest_candle_is_the_running_one(pybit: Peer, streamed: State, category: str) -> None:
    symbol, *_ = MARKETS[category]
    rows = pybit.call("get_kline", category=category, symbol=symbol, interval="1", limit=3)["list"]
    assert 1 <= len(rows) <= 3
    assert [row[0] for row in rows] == sorted((row[0] for row in rows), reverse=True)
    running = streamed.klines[f"{category} kline.1.{symbol}"]
    names = ("open", "high", "low", "close", "volume", "turnover")
    assert (int(rows[0][0]), *(Decimal(text) for text in rows[0][1:])) == (running["start"], *(running[name] for name in names))


def test_spreads_are_as_streamed(pybit: Peer, streamed: State) -> None:
    book = book_of(pybit.call("spread_get_orderbook", symbol=SPREAD, limit=25))
    assert book == streamed.books[f"spread orderbook.25.{SPREAD}"]
    [row] = pybit.call("spread_get_tickers", symbol=SPREAD)["list"]
    told = streamed.tickers[f"spread tickers.{SPREAD}"]
    assert read_ticker(row, {name: name for name in told}) == told
    rows = pybit.call("spread_get_public_trade_history", symbol=SPREAD, limit=10)["list"]
    found = {(row["execId"], Decimal(row["price"]), Decimal(row["size"]), row["side"], int(row["time"])) for row in rows}
    assert found == set(streamed.trades[f"spread publicTrade.{SPREAD}"][-10:])


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("get_orderbook", {"category": "linear", "symbol": "NOPE"}),
        ("get_kline", {"category": "linear", "symbol": "BTCUSDT", "interval": "2"}),
        ("get_tickers", {"category": "shares"}),
    ],
)
def test_refusal_is_pybits_exception(pybit: Peer, method: str, given: dict[str, Any]) -> None:
    assert pybit.fault(method, **given) == ("InvalidRequestError", 10001)
