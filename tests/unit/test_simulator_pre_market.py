"""A contract before its launch: what is told in which phase, and how its books begin; and books that begin anew."""

from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from simulator.dialect import Message
from simulator.market.instruments import CLOSED, PRELAUNCH, TRADING
from simulator.market.market import Market
from simulator.market.pre_market import ENTRIES, PHASES
from simulator.rest.market_calls import CALLS

NOON = int(datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC).timestamp()) * 1000
SYMBOL = "XPLUSDT"
FULL = "orderbook.full.BTCUSDT"


def heard(market: Market, *, steps: int = 240) -> dict[str, list[Message]]:
    """Family of topics → frames of a while, those of a new subscriber first."""
    found: dict[str, list[Message]] = defaultdict(list)
    frames = [frame for topic in market.topics("linear") for frame in market.first("linear", topic, NOON)]
    for step in range(1, steps):
        frames += [frame for category, frame in market.step(NOON + step * 500, 3.0) if category == "linear"]
    for frame in frames:
        found[frame["topic"].partition(".")[0]].append(frame)
    return found


@pytest.mark.parametrize(
    ("phase", "families"),
    [
        ("CallAuction", {"tickers"}),
        ("CallAuctionNoCancel", {"tickers"}),
        ("CrossMatching", {"tickers", "kline"}),
        ("ContinuousTrading", {"tickers", "kline", "orderbook", "publicTrade", "priceLimit", "allLiquidation"}),
        (TRADING, {"tickers", "kline", "orderbook", "publicTrade", "priceLimit", "allLiquidation"}),
    ],
)
def test_each_phase_tells_what_it_has(phase: str, families: set[str]) -> None:
    market = Market(1, NOON, only=[SYMBOL])
    market.enter("linear", SYMBOL, phase, NOON)
    told = heard(market)
    assert set(told) == families
    assert {frame["type"] for frame in told["tickers"]} == {"snapshot", "delta"}
    first = told["tickers"][0]["data"]
    assert first["curPreListingPhase"] == (phase if phase in PHASES else "")
    if "orderbook" not in families:
        assert (first["prevPrice1h"], first["bid1Price"], first["openInterest"], first["fundingRate"]) == ("", "", "0", "")
        assert Decimal(first["preOpenPrice"]) > 0
        assert any("preQty" in frame["data"] for frame in told["tickers"][1:]), "orders gather"
    else:
        assert (first["preOpenPrice"], first["preQty"]) == ("", "")
    if phase == "CrossMatching":
        rows = [row for frame in told["kline"] for row in frame["data"]]
        assert {row["interval"] for row in rows} >= {"1", "60", "D", "W", "M"}
        assert {(row["volume"], row["open"] == row["close"]) for row in rows} == {("0", True)}
        assert sum(row["confirm"] for row in rows if row["interval"] == "1") == 1


def test_books_begin_with_one_when_the_auction_is_over() -> None:
    market = Market(1, NOON, only=[SYMBOL])
    assert {frame["topic"] for _, frame in market.enter("linear", SYMBOL, "CrossMatching", NOON)} == {f"tickers.{SYMBOL}"}
    told = [frame for _, frame in market.enter("linear", SYMBOL, "ContinuousTrading", NOON)]
    books = [frame for frame in told if frame["topic"].startswith("orderbook")]
    assert {(frame["topic"], frame["type"], frame["data"]["u"]) for frame in books} == {
        (f"orderbook.{depth}.{SYMBOL}", "snapshot", 1) for depth in ("1", "50", "200", "1000", "rpi")
    }
    assert all(frame["data"]["b"] for frame in books)
    assert market.enter("linear", SYMBOL, "CallAuction", NOON) == [], "what is over stays over"
    assert [frame["topic"] for _, frame in market.enter("linear", SYMBOL, TRADING, NOON)] == [f"tickers.{SYMBOL}"]


def test_instruments_info_tells_of_the_pre_market() -> None:
    market, query = Market(1, NOON), {"category": "linear", "symbol": SYMBOL}
    listing = CALLS["/v5/market/instruments-info"]
    for entry in ENTRIES:
        market.enter("linear", SYMBOL, entry, NOON)
        [row] = listing(market, query | {"status": TRADING if entry == TRADING else PRELAUNCH}, NOON)["list"]
        assert row["isPreListing"] is (entry != TRADING)
        phase = row["preListingInfo"]["curAuctionPhase"] if entry != TRADING else row["preListingInfo"]
        assert phase == (entry if entry != TRADING else None)
    assert [row["symbol"] for row in listing(market, query, NOON)["list"]] == [SYMBOL], "an ordinary perpetual now"
    market = Market(1, NOON)
    assert listing(market, query, NOON)["list"] == [], "of those that trade"
    book = CALLS["/v5/market/orderbook"](market, query, NOON)
    assert (book["b"], book["a"]) == ([], [])


def test_pre_market_is_not_funded_until_it_trades() -> None:
    market, later = Market(1, NOON, only=[SYMBOL]), NOON + 3 * 8 * 3_600_000
    assert market.fundings(NOON, later) == []
    market.enter("linear", SYMBOL, TRADING, NOON)
    assert [row.symbol for row, _, _ in market.fundings(NOON, later)] == [SYMBOL] * 3


def fetched(market: Market, now_ms: int = NOON) -> tuple[int, int, int]:
    """`u` of the full book over REST, and how many levels a side."""
    answer = CALLS["/v5/market/full_orderbook"](market, {"category": "spot", "symbol": "BTCUSDT"}, now_ms)
    return answer["u"], len(answer["b"]), len(answer["a"])


def test_new_tick_size_begins_the_full_book_anew_and_no_other() -> None:
    market = Market(1, NOON, only=["BTCUSDT"])
    other = market.first("spot", "orderbook.50.BTCUSDT", NOON)[0]["data"]["u"]
    [(_, frame)] = market.restart("spot", "BTCUSDT", NOON, "tick")
    assert (frame["topic"], frame["type"]) == (FULL, "delta")
    assert (frame["data"]["u"], frame["data"]["b"], frame["data"]["a"]) == (1, [], [])
    assert fetched(market) == (1, 1500, 1500)
    frames = [frame for category, frame in market.step(NOON + 250) if (category, frame["topic"]) == ("spot", FULL)]
    assert [frame["data"]["u"] for frame in frames] == [2]
    assert market.first("spot", "orderbook.50.BTCUSDT", NOON)[0]["data"]["u"] in (other, other + 1)
    assert market.restart("linear", "BTCUSDT", NOON, "tick") == [], "which has no full book"


def test_delisted_symbol_empties_its_full_book_and_falls_silent() -> None:
    market = Market(1, NOON, only=["BTCUSDT"])
    [(_, frame)] = market.restart("spot", "BTCUSDT", NOON, "delisted")
    assert (frame["topic"], frame["data"]["u"], frame["data"]["b"], frame["data"]["a"]) == (FULL, 1, [], [])
    assert fetched(market) == (1, 0, 0)
    row = market.find("spot", "BTCUSDT")
    assert row is not None
    assert market.status(row, NOON) == CLOSED
    told = [category for step in range(1, 20) for category, _ in market.step(NOON + step * 250)]
    assert "spot" not in told
    assert "linear" in told


def test_delisted_pre_market_falls_silent() -> None:
    for phase in ("CallAuction", "ContinuousTrading"):
        market = Market(1, NOON, only=[SYMBOL])
        market.enter("linear", SYMBOL, phase, NOON)
        market.restart("linear", SYMBOL, NOON, "delisted")
        assert [frame["topic"] for _, frame in market.step(NOON + 250) if SYMBOL in frame["topic"]] == []


def test_dice_of_others_are_not_moved_by_a_phase() -> None:
    def spoken(entry: str) -> list[Message]:
        market = Market(3, NOON, only=[SYMBOL, "BTCUSDT"])
        market.enter("linear", SYMBOL, entry, NOON)
        return [frame for step in range(1, 40) for _, frame in market.step(NOON + step * 250) if SYMBOL not in frame["topic"]]

    assert spoken(PHASES[0]) == spoken(TRADING)
