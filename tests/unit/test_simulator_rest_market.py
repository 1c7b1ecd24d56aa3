"""The REST side of the simulated market: it agrees with the streams, pages, and refuses what the exchange refuses."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from simulator.market.funding_rates import EVERY_MS
from simulator.market.instruments import INSTRUMENTS, find
from simulator.market.market import Market
from simulator.market.topics import FULL_SERVICE
from simulator.rest.market_calls import CALLS, TRADES
from simulator.rest.signing import Refused

NOON = int(datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC).timestamp()) * 1000
STEPS, STEP_MS = 1_200, 250
NOW_MS = NOON + STEPS * STEP_MS
THIN = "BTC-25DEC26-90000-C-USDT"
OPTION = "BTC-25DEC26-70000-C-USDT"
SPREAD = "SOLUSDT_SOL/USDT"
ONE_OF_EACH = {"spot": "BTCUSDT", "linear": "BTCUSDT", "inverse": "BTCUSD", "option": OPTION}

#: Topic → its frames.
Heard = dict[tuple[str, str], list[Any]]


@pytest.fixture(scope="module", name="lived")
def fixture_lived() -> Iterator[tuple[Market, Heard]]:
    """A market after five minutes, and what was said of trades and minutes."""
    market, heard = Market(6, NOON), dict[tuple[str, str], list[Any]]()
    for step in range(1, STEPS + 1):
        for category, frame in market.step(
            NOON + step * STEP_MS, 2.0, lambda _, topic: topic.startswith(("publicTrade", "kline.1."))
        ):
            heard.setdefault((category, frame["topic"]), []).append(frame)
    return market, heard


def ask(market: Market, path: str, now_ms: int = NOW_MS, **query: object) -> dict[str, Any]:
    return CALLS[path](market, {key: str(value) for key, value in query.items()}, now_ms)


@pytest.mark.parametrize(
    ("path", "category", "symbol", "topic", "most", "keys"),
    [
        ("/v5/market/orderbook", "spot", "BTCUSDT", "orderbook.1000.BTCUSDT", 1_000, "s a b ts u seq cts"),
        ("/v5/market/orderbook", "linear", "ETHUSDT", "orderbook.1000.ETHUSDT", 1_000, "s a b ts u seq cts"),
        ("/v5/market/orderbook", "inverse", "BTCUSD", "orderbook.1000.BTCUSD", 1_000, "s a b ts u seq cts"),
        ("/v5/market/orderbook", "option", OPTION, f"orderbook.100.{OPTION}", 25, "s a b ts u seq cts"),
        ("/v5/market/rpi_orderbook", "linear", "BTCUSDT", "orderbook.rpi.BTCUSDT", 50, "s a b ts u seq cts"),
        ("/v5/spread/orderbook", "spread", SPREAD, f"orderbook.25.{SPREAD}", 25, "s b a u ts seq cts"),
    ],
)
def test_book_is_the_streams(lived: Any, path: str, category: str, symbol: str, topic: str, most: int, keys: str) -> None:
    market, _ = lived
    [frame] = market.first(category, topic, NOW_MS)
    answer = ask(market, path, category=category, symbol=symbol, limit=most)
    assert list(answer) == keys.split()
    assert {key: answer[key] for key in ("s", "u", "seq")} == {key: frame["data"][key] for key in ("s", "u", "seq")}
    assert (answer["b"], answer["a"]) == (frame["data"]["b"][:most], frame["data"]["a"][:most])
    assert answer["cts"] <= answer["ts"] == NOW_MS
    assert len(ask(market, path, category=category, symbol=symbol, limit=3)["b"]) == 3


@pytest.mark.parametrize(("category", "default"), [("spot", 1), ("linear", 25), ("inverse", 25), ("option", 1)])
def test_book_has_as_many_levels_as_documented_where_no_limit_is_named(lived: Any, category: str, default: int) -> None:
    answer = ask(lived[0], "/v5/market/orderbook", category=category, symbol=ONE_OF_EACH[category])
    assert (len(answer["b"]), len(answer["a"])) == (default, default)


@pytest.mark.parametrize("category", [*ONE_OF_EACH, "spread"])
def test_recent_trades_are_those_pushed_newest_first(lived: Any, category: str) -> None:
    market, heard = lived
    symbol = SPREAD if category == "spread" else ONE_OF_EACH[category]
    topic = "publicTrade.BTC" if category == "option" else f"publicTrade.{symbol}"
    pushed = [row for frame in heard[category, topic] for row in frame["data"] if row["s"] == symbol]
    most, _ = TRADES[category]
    path = "/v5/spread/recent-trade" if category == "spread" else "/v5/market/recent-trade"
    answer = ask(market, path, category=category, symbol=symbol, limit=most)["list"]
    assert len(answer) == most < len(pushed)
    for row, push in zip(answer, reversed(pushed), strict=False):
        assert (row["execId"], row["price"], row["size"], row["side"], row["time"], row["seq"]) == (
            push["i"], push["p"], push["v"], push["S"], str(push["T"]), str(push["seq"]),
        )  # fmt: skip
        if category != "spread":
            assert (row["isBlockTrade"], row["isRPITrade"]) == (push["BT"], push["RPI"])


def test_recent_option_trades_go_by_base_coin_and_kind(lived: Any) -> None:
    market, _ = lived
    rows = ask(market, "/v5/market/recent-trade", category="option")["list"]
    assert len(rows) == TRADES["option"][1]
    assert {row["symbol"].split("-")[0] for row in rows} == {"BTC"}
    assert [int(row["time"]) for row in rows] == sorted((int(row["time"]) for row in rows), reverse=True)
    puts = ask(market, "/v5/market/recent-trade", category="option", optionType="Put")["list"]
    assert {row["symbol"] for row in puts} == {"BTC-25DEC26-60000-P-USDT"}
    ether = ask(market, "/v5/market/recent-trade", category="option", baseCoin="ETH")["list"]
    assert {row["symbol"] for row in ether} == {"ETH-25DEC26-3500-C-USDT"}


@pytest.mark.parametrize("category", FULL_SERVICE)
def test_candles_are_the_streams_newest_first_and_the_running_one_at_the_head(lived: Any, category: str) -> None:
    market, heard = lived
    symbol = ONE_OF_EACH[category]
    answer = ask(market, "/v5/market/kline", category=category, symbol=symbol, interval="1")
    [running] = market.first(category, f"kline.1.{symbol}", NOW_MS)[0]["data"]
    closed = [row for frame in heard[category, f"kline.1.{symbol}"] for row in frame["data"] if row["confirm"]]
    keys = ("open", "high", "low", "close", "volume", "turnover")
    assert len(closed) >= 4
    assert answer["list"] == [[str(row["start"]), *(row[key] for key in keys)] for row in (running, *reversed(closed))]
    span = {"start": closed[1]["start"], "end": closed[2]["start"]}
    told = ask(market, "/v5/market/kline", category=category, symbol=symbol, interval="1", **span)["list"]
    assert [row[0] for row in told] == [str(closed[2]["start"]), str(closed[1]["start"])]
    assert len(ask(market, "/v5/market/kline", category=category, symbol=symbol, interval="1", limit=2)["list"]) == 2


@pytest.mark.parametrize("row", INSTRUMENTS, ids=lambda row: f"{row.category}-{row.symbol}")
def test_ticker_is_the_streams(lived: Any, row: Any) -> None:
    market, _ = lived
    path = "/v5/spread/tickers" if row.category == "spread" else "/v5/market/tickers"
    [told] = ask(market, path, category=row.category, symbol=row.symbol)["list"]
    stream = market.first(row.category, f"tickers.{row.symbol}", NOW_MS)[0]["data"]
    same = set(told) & set(stream) - {"deliveryTime"}
    assert {key: told[key] for key in same} == {key: stream[key] for key in same}
    assert {"symbol", "lastPrice", "highPrice24h", "lowPrice24h", "volume24h"} <= same
    if row.category == "spot":
        book = market.first("spot", f"orderbook.1.{row.symbol}", NOW_MS)[0]["data"]
        assert [[told["bid1Price"], told["bid1Size"]], [told["ask1Price"], told["ask1Size"]]] == [book["b"][0], book["a"][0]]
    if row.category in ("linear", "inverse"):
        assert told["deliveryTime"] == str(row.delivery_ms or 0)


def test_tickers_without_a_symbol_are_those_of_all(lived: Any) -> None:
    market, _ = lived
    for category in ("spot", "linear", "inverse"):
        told = ask(market, "/v5/market/tickers", category=category)["list"]
        assert [row["symbol"] for row in told] == [
            row.symbol for row in INSTRUMENTS if row.category == category and not row.pre_market
        ]
    ether = ask(market, "/v5/market/tickers", category="option", baseCoin="ETH")["list"]
    assert [row["symbol"] for row in ether] == ["ETH-25DEC26-3500-C-USDT"]


def test_instruments_page_and_hold_the_made_up_ones() -> None:
    market, found, cursor = Market(1, NOON, symbols=1_300), [], ""
    for _ in range(9):
        answer = ask(market, "/v5/market/instruments-info", category="linear", **({"cursor": cursor} if cursor else {}))
        found += [row["symbol"] for row in answer["list"]]
        cursor = answer["nextPageCursor"]
        if not cursor:
            break
    assert found == [row.symbol for row in market.instruments if row.category == "linear" and not row.pre_market]
    spot = ask(market, "/v5/market/instruments-info", category="spot", limit=1)
    assert len(spot["list"]) == 1_303
    assert "nextPageCursor" not in spot
    bitcoin = ask(market, "/v5/market/instruments-info", category="option", limit=1_000)
    assert {row["baseCoin"] for row in bitcoin["list"]} == {"BTC"}


def test_delivered_instruments_are_listed_by_their_status() -> None:
    market = Market(1, NOON)
    row = find("linear", "BTCUSDT-25DEC26")
    assert row is not None
    assert row.delivery_ms is not None

    def listed(at_ms: int, **query: object) -> list[str]:
        answer = ask(market, "/v5/market/instruments-info", at_ms, category="linear", **query)
        return [row["status"] for row in answer["list"] if row["symbol"] == "BTCUSDT-25DEC26"]

    later = row.delivery_ms + 1
    assert (listed(NOON), listed(later), listed(later, status="Delivering")) == (["Trading"], [], ["Delivering"])
    assert listed(later + 86_400_000, status="Closed") == ["Closed"]
    options = ask(market, "/v5/market/instruments-info", later, category="option")["list"]
    assert {row["status"] for row in options} == {"Delivering"}


def test_spreads_page_too() -> None:
    market = Market(1, NOON)
    first = ask(market, "/v5/spread/instrument", limit=1)
    second = ask(market, "/v5/spread/instrument", limit=1, cursor=first["nextPageCursor"])
    assert [row["symbol"] for row in (*first["list"], *second["list"])] == [SPREAD, "BTCUSDT-25DEC26_BTCUSDT"]
    assert second["nextPageCursor"] == ""


def test_funding_history_ends_with_what_was_settled() -> None:
    market = Market(1, NOON, only=["BTCUSDT"])
    ticker = market.first("linear", "tickers.BTCUSDT", NOON)[0]["data"]
    early = ask(market, "/v5/market/funding/history", NOON, category="linear", symbol="BTCUSDT")["list"]
    market.step(NOON + EVERY_MS)
    later = ask(market, "/v5/market/funding/history", NOON + EVERY_MS, category="linear", symbol="BTCUSDT", limit=3)["list"]
    assert len(early) == 200
    assert {"symbol": "BTCUSDT", "fundingRate": ticker["fundingRate"], "fundingRateTimestamp": ticker["nextFundingTime"]} == later[
        0
    ]
    assert later[1:] == early[:2]
    times = [int(row["fundingRateTimestamp"]) for row in early]
    assert {before - after for before, after in itertools.pairwise(times)} == {EVERY_MS}
    span = {"startTime": times[5], "endTime": times[3]}
    assert ask(market, "/v5/market/funding/history", category="linear", symbol="BTCUSDT", **span)["list"] == early[3:6]


@pytest.mark.parametrize(
    ("path", "query", "words"),
    [
        ("/v5/market/instruments-info", {}, "category"),
        ("/v5/market/instruments-info", {"category": "swap"}, "category"),
        ("/v5/market/instruments-info", {"category": "linear", "limit": "1001"}, "limit"),
        ("/v5/market/instruments-info", {"category": "linear", "cursor": "x"}, "cursor"),
        ("/v5/market/orderbook", {"category": "spot"}, "symbol"),
        ("/v5/market/orderbook", {"category": "spot", "symbol": "NOPE"}, "symbol"),
        ("/v5/market/orderbook", {"category": "spot", "symbol": "BTCUSDT", "limit": "0"}, "limit"),
        ("/v5/market/orderbook", {"category": "option", "symbol": OPTION, "limit": "26"}, "limit"),
        ("/v5/market/rpi_orderbook", {"category": "spot", "symbol": "BTCUSDT"}, "limit"),
        ("/v5/market/rpi_orderbook", {"category": "option", "symbol": OPTION, "limit": "5"}, "category"),
        ("/v5/market/full_orderbook", {"category": "linear", "symbol": "BTCUSDT"}, "category"),
        ("/v5/market/recent-trade", {"category": "spot", "symbol": "BTCUSDT", "limit": "61"}, "limit"),
        ("/v5/market/recent-trade", {"category": "linear"}, "symbol"),
        ("/v5/market/recent-trade", {"category": "option", "optionType": "Straddle"}, "optionType"),
        ("/v5/market/kline", {"symbol": "BTCUSDT"}, "interval"),
        ("/v5/market/kline", {"symbol": "BTCUSDT", "interval": "7"}, "interval"),
        ("/v5/market/kline", {"symbol": "BTCUSDT", "interval": "1", "start": "soon"}, "start"),
        ("/v5/market/kline", {"symbol": "BTCUSDT", "interval": "1", "start": "2", "end": "1"}, "end"),
        ("/v5/market/tickers", {"category": "linear", "symbol": "NOPE"}, "symbol"),
        ("/v5/market/funding/history", {"category": "linear", "symbol": "BTCUSDT-25DEC26"}, "symbol"),
        ("/v5/market/funding/history", {"category": "linear", "symbol": "BTCUSDT", "startTime": "1"}, "endTime"),
        ("/v5/spread/orderbook", {"symbol": "BTCUSDT"}, "symbol"),
        ("/v5/spread/instrument", {"limit": "501"}, "limit"),
    ],
)
def test_bad_parameters_are_refused_by_name(lived: Any, path: str, query: dict[str, str], words: str) -> None:
    with pytest.raises(Refused, match=f"^params error: {words} ") as refusal:
        CALLS[path](lived[0], query, NOW_MS)
    assert refusal.value.code == 10001


def test_thin_book_answers_with_an_empty_side() -> None:
    market = Market(1, NOON)
    [told] = ask(market, "/v5/market/tickers", category="option", symbol=THIN)["list"]
    assert (told["bid1Price"], told["bid1Size"], told["bid1Iv"]) == ("0", "0", "0")
    book = ask(market, "/v5/market/orderbook", category="option", symbol=THIN, limit=5)
    assert (book["b"], len(book["a"])) == ([], 2)
    assert Decimal(book["a"][0][0]) > 0
