"""Listed, ended, and listed again: whichever way an instrument was ended, it is closed alike and begins anew alike."""

import json
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from test_simulator_connection import Talk
from test_simulator_streams import Listener, levels

from simulator.dialect import Message
from simulator.exchange import Exchange, Options
from simulator.faults import Fault
from simulator.market.funding_rates import EVERY_MS
from simulator.market.instruments import CLOSED, PRELAUNCH, TRADING, Instrument
from simulator.market.market import Market, Told
from simulator.market.pre_market import ENTRIES, PHASES
from simulator.market.topics import DEPTHS
from simulator.rest import account_calls
from simulator.rest.market_calls import CALLS

NOON = int(datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC).timestamp()) * 1000
STEP_MS = 250
PRE_MARKET = "XPLUSDT"
ONE_OF_EACH = {
    "spot": "BTCUSDT", "linear": "BTCUSDT", "inverse": "BTCUSD", "option": "BTC-25DEC26-70000-C-USDT", "spread": "SOLUSDT_SOL/USDT",
}  # fmt: skip
End = Callable[[Market, str, str], Told]


def delisted(market: Market, category: str, symbol: str) -> Told:
    return market.delist(category, symbol, NOON)


def by_the_fault(market: Market, category: str, symbol: str) -> Told:
    return market.restart(category, symbol, NOON, "delisted")


WAYS = pytest.mark.parametrize("end", [delisted, by_the_fault])
EACH = pytest.mark.parametrize(("category", "symbol"), ONE_OF_EACH.items(), ids=ONE_OF_EACH)


def instrument(market: Market, category: str, symbol: str) -> Instrument:
    found = market.find(category, symbol)
    assert found is not None
    return found


def own_topics(market: Market, category: str, symbol: str) -> set[str]:
    return {topic for topic in market.topics(category) if topic.endswith(f".{symbol}")}


def steps(market: Market, category: str, symbol: str, *, count: int = 20) -> list[Message]:
    """What is heard of one instrument in a while after noon."""
    told = (pair for step in range(1, count) for pair in market.step(NOON + step * STEP_MS, 3.0))
    return [frame for of, frame in told if of == category and frame["topic"].endswith(f".{symbol}")]


def row_of(market: Market, status: str) -> dict[str, Any]:
    """The pre-market as instruments-info lists it."""
    query = {"category": "linear", "symbol": PRE_MARKET, "status": status}
    [row] = CALLS["/v5/market/instruments-info"](market, query, NOON)["list"]
    return dict(row)


@EACH
@WAYS
def test_what_is_ended_is_closed_empty_and_silent(end: End, category: str, symbol: str) -> None:
    market = Market(1, NOON)
    topics = own_topics(market, category, symbol)
    frames = [frame for _, frame in end(market, category, symbol)]
    assert [(frame["topic"], frame["data"]["u"], frame["data"]["b"], frame["data"]["a"]) for frame in frames] == (
        [(f"orderbook.full.{symbol}", 1, [], [])] if category == "spot" else []
    )
    assert market.status(instrument(market, category, symbol), NOON) == CLOSED
    assert own_topics(market, category, symbol) == (topics if end is by_the_fault else set())
    path = "/v5/spread/orderbook" if category == "spread" else "/v5/market/orderbook"
    book = CALLS[path](market, {"category": category, "symbol": symbol}, NOON)
    assert (book["b"], book["a"]) == ([], [])
    assert steps(market, category, symbol) == []


@EACH
@WAYS
def test_what_is_closed_begins_nothing_and_ends_once(end: End, category: str, symbol: str) -> None:
    market = Market(1, NOON)
    end(market, category, symbol)
    for how in ("service", "tick", "delisted"):
        assert market.restart(category, symbol, NOON, how) == []
    assert market.delist(category, symbol, NOON) == []


@EACH
@WAYS
def test_who_held_a_book_through_its_end_has_the_right_one_when_it_is_listed_again(end: End, category: str, symbol: str) -> None:
    market = Market(1, NOON)
    market.step(NOON)
    topics = own_topics(market, category, symbol)
    books = [f"orderbook.{depth}.{symbol}" for depth in DEPTHS[category]]
    end(market, category, symbol)
    told = market.enlist(instrument(market, category, symbol), NOON)
    assert market.status(instrument(market, category, symbol), NOON) == TRADING
    assert own_topics(market, category, symbol) == topics
    listeners: dict[str, Listener] = defaultdict(Listener)
    for frame in [*(frame for _, frame in told), *steps(market, category, symbol)]:
        if frame["topic"] in books:
            listeners[frame["topic"]].hear(frame)
    assert set(listeners) == set(books)
    for topic, listener in listeners.items():
        [first] = market.first(category, topic, NOON)
        assert levels(first["data"])["b"], "not empty"
        assert (listener.told(), listener.update_id) == (levels(first["data"]), first["data"]["u"])


def test_what_is_listed_while_it_trades_goes_on_as_it_was() -> None:
    def heard(*, again: bool) -> Any:
        market = Market(1, NOON)
        assert not again or market.enlist(instrument(market, "linear", "BTCUSDT"), NOON) == []
        return steps(market, "linear", "BTCUSDT")

    assert heard(again=True) == heard(again=False)


def test_nobody_has_orders_in_what_is_only_shown() -> None:
    market = Market(1, NOON)
    market.enlist(instrument(market, "spot", "BTCUSDT"), NOON, stage=PRELAUNCH)
    assert market.status(instrument(market, "spot", "BTCUSDT"), NOON) == PRELAUNCH
    assert market.first("spot", "orderbook.50.BTCUSDT", NOON)[0]["data"]["b"] == []
    books = {frame["topic"]: frame["data"] for _, frame in market.enlist(instrument(market, "spot", "BTCUSDT"), NOON)}
    assert (books["orderbook.50.BTCUSDT"]["u"], len(books["orderbook.50.BTCUSDT"]["b"])) == (1, 50)


@WAYS
def test_what_is_closed_is_not_funded(end: End) -> None:
    market, later = Market(1, NOON, only=["BTCUSDT"]), NOON + EVERY_MS
    assert [row.symbol for row, _, _ in market.fundings(NOON, later)] == ["BTCUSDT"]
    end(market, "linear", "BTCUSDT")
    assert market.fundings(NOON, later) == []


@pytest.mark.parametrize("entry", ENTRIES)
@WAYS
def test_ended_pre_market_enters_no_phase(end: End, entry: str) -> None:
    market = Market(1, NOON)
    market.enter("linear", PRE_MARKET, "CallAuctionNoCancel", NOON)
    end(market, "linear", PRE_MARKET)
    assert market.enter("linear", PRE_MARKET, entry, NOON) == []
    assert row_of(market, CLOSED)["preListingInfo"]["curAuctionPhase"] == "CallAuctionNoCancel", "as it was"
    assert steps(market, "linear", PRE_MARKET) == []


@pytest.mark.parametrize("phase", ENTRIES)
@pytest.mark.parametrize("end", [None, delisted, by_the_fault])
def test_pre_market_that_is_listed_to_be_traded_is_an_ordinary_perpetual(end: End | None, phase: str) -> None:
    market = Market(1, NOON)
    market.enter("linear", PRE_MARKET, phase, NOON)
    if end is not None:
        end(market, "linear", PRE_MARKET)
    told = [frame for _, frame in market.enlist(instrument(market, "linear", PRE_MARKET), NOON)]
    assert row_of(market, TRADING)["isPreListing"] is False
    ticker = market.first("linear", f"tickers.{PRE_MARKET}", NOON)[0]["data"]
    assert (ticker["curPreListingPhase"], ticker["preOpenPrice"]) == ("", "")
    assert ticker["fundingRate"] != ""
    assert [row.symbol for row, _, _ in market.fundings(NOON, NOON + EVERY_MS)].count(PRE_MARKET) == 1
    had_books = end is None and phase in ("ContinuousTrading", TRADING)
    assert any(frame["topic"].startswith("orderbook.") for frame in told) is not had_books
    assert market.first("linear", f"orderbook.50.{PRE_MARKET}", NOON)[0]["data"]["b"] != []
    assert {frame["topic"].partition(".")[0] for frame in steps(market, "linear", PRE_MARKET)} >= {"orderbook", "publicTrade"}


@pytest.mark.parametrize("phase", ENTRIES)
@WAYS
def test_pre_market_that_is_shown_again_begins_with_the_first_phase(end: End, phase: str) -> None:
    market = Market(1, NOON)
    market.enter("linear", PRE_MARKET, phase, NOON)
    end(market, "linear", PRE_MARKET)
    told = market.enlist(instrument(market, "linear", PRE_MARKET), NOON, stage=PRELAUNCH)
    assert [frame["data"]["curPreListingPhase"] for _, frame in told] == [PHASES[0]]
    assert row_of(market, PRELAUNCH)["preListingInfo"]["curAuctionPhase"] == PHASES[0]
    assert {frame["topic"] for frame in steps(market, "linear", PRE_MARKET)} == {f"tickers.{PRE_MARKET}"}
    assert market.enlist(instrument(market, "linear", PRE_MARKET), NOON, stage=PRELAUNCH) == [], "which it is"


def test_topic_of_what_a_fault_delisted_shows_an_empty_book_and_who_holds_it_is_told_of_the_next_listing() -> None:
    talk, book = Talk("spot"), "orderbook.50.BTCUSDT"
    assert talk.ask("subscribe", book)["success"]
    talk.exchange.do(Fault(kind="restart", how="delisted", topic="BTCUSDT", endpoint="spot"))
    before = len(talk.updates())
    talk.exchange.step()
    assert len(talk.updates()) == before
    assert talk.ask("subscribe", "orderbook.200.BTCUSDT")["success"]
    empty = json.loads(talk.line.texts[-1])
    assert (empty["topic"], empty["type"], empty["data"]["b"]) == ("orderbook.200.BTCUSDT", "snapshot", [])
    assert talk.ask("unsubscribe", "orderbook.200.BTCUSDT")["success"]
    before = len(talk.updates())
    talk.exchange.list_instrument(instrument(talk.exchange.market, "spot", "BTCUSDT"), "")
    talk.exchange.step()
    assert talk.updates()[before:] == [1, 2]


def test_a_position_of_an_instrument_that_is_gone_is_listed_all_the_same() -> None:
    exchange = Exchange(Options(paused=True))
    instrument = exchange.market.find("linear", "SOLUSDT")
    assert instrument is not None
    exchange.account.place(
        instrument, side="Buy", price=instrument.price, quantity=instrument.step, now_ms=exchange.now_ms(), kind="Market"
    )
    exchange.market.delist("linear", "SOLUSDT", exchange.now_ms())
    listed = account_calls.CALLS["/v5/position/list"](exchange, {"category": "linear", "settleCoin": "USDT"}, exchange.now_ms())
    assert [row["symbol"] for row in listed["list"]] == ["SOLUSDT"]
