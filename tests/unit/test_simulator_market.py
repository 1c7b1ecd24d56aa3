"""The simulated market: books that agree, candles that close, tickers of each category, and one market for one seed."""

from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.dialect import compact
from simulator.market import tickers
from simulator.market.book import LEVELS, Book, View
from simulator.market.candles import INTERVALS, bounds
from simulator.market.feed import MOST_TRADES, RESEND_S, Feed
from simulator.market.instruments import INSTRUMENTS, TRADING, Instrument, find
from simulator.market.market import Market
from simulator.market.topics import DEPTHS

NOON = int(datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC).timestamp()) * 1000

Levels = dict[str, str]


def instrument(category: str, symbol: str) -> Instrument:
    found = find(category, symbol)
    assert found is not None
    return found


def apply(side: Levels, changes: list[list[str]]) -> None:
    """As a client keeps a book: a size of zero deletes, which it may do to known prices only."""
    for price, size in changes:
        if Decimal(size) == 0:
            del side[price]
        else:
            side[price] = size


def in_order(side: Levels, *, falling: bool) -> list[list[str]]:
    return [[price, side[price]] for price in sorted(side, key=Decimal, reverse=falling)]


@pytest.mark.parametrize(("category", "depth"), [(category, depth) for category, depths in DEPTHS.items() for depth in depths])
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_deltas_applied_to_a_snapshot_give_the_next_snapshot(category: str, depth: int, seed: int) -> None:
    row = next(row for row in INSTRUMENTS if row.category == category)
    book = Book(row, Random(seed))
    view = View(book, depth, 7)
    bids, asks = (dict(side) for side in view.snapshot())
    for expected_id in range(8, 60):
        before = book.sequence
        book.step()
        while not view.advance(book.nearest()):
            book.step()
        assert book.sequence > before
        assert view.update_id == expected_id
        changes = view.delta()
        apply(bids, changes[0])
        apply(asks, changes[1])
        assert (in_order(bids, falling=True), in_order(asks, falling=False)) == view.snapshot()
        assert len(bids) == len(asks) == depth
        assert Decimal(view.snapshot()[0][0][0]) < Decimal(view.snapshot()[1][0][0]), "not crossed"


def test_prices_of_options_stay_above_zero_when_the_market_falls_for_long() -> None:
    class Falling(Random):
        def random(self) -> float:
            return 0.0

    book = Book(instrument("option", "ETH-25DEC26-3500-C-USDT"), Falling(1))
    lowest = book.middle
    for _ in range(2000):
        book.step()
        lowest = min(lowest, book.middle)
        assert Decimal(View(book, LEVELS["option"], 1).snapshot()[0][-1][0]) > 0
    assert lowest == LEVELS["option"] + 1


def test_one_seed_and_number_of_steps_give_one_market_byte_for_byte() -> None:
    def frames(seed: int) -> list[str]:
        market = Market(seed, NOON)
        return [compact(frame) for step in range(5) for _, frame in market.step(NOON + step * 250, 1.5)]

    assert frames(1) == frames(1)
    assert frames(1) != frames(2)


def test_every_topic_of_every_instrument_gets_frames_of_its_own_name() -> None:
    market = Market(1, NOON)
    market.enter("linear", "XPLUSDT", TRADING, NOON)
    named: set[tuple[str, str]] = set()

    def is_new(category: str, topic: str) -> bool:
        return (category, topic) not in named

    for step in range(1_200):
        frames = market.step(NOON + step * 250, 3.0, is_new)
        named.update((category, frame["topic"]) for category, frame in frames)
    for category in DEPTHS:
        assert {topic for of, topic in named if of == category} == set(market.topics(category))


@pytest.mark.parametrize("row", INSTRUMENTS, ids=lambda row: f"{row.category}-{row.symbol}")
def test_subscribers_get_books_tickers_and_candles_at_once_and_no_trades(row: Instrument) -> None:
    feed = Feed(row, Random(1), NOON)
    for topic in feed.topics():
        first = feed.first(topic, NOON)
        assert [(frame["topic"], frame.get("type", "snapshot")) for frame in first] == (
            [] if topic.startswith(("publicTrade.", "allLiquidation.", "orderbook.full.")) else [(topic, "snapshot")]
        )


@pytest.mark.parametrize("row", INSTRUMENTS, ids=lambda row: f"{row.category}-{row.symbol}")
def test_ticker_deltas_applied_to_a_snapshot_give_the_next_snapshot(row: Instrument) -> None:
    feed, topic = Feed(row, Random(1), NOON), f"tickers.{row.symbol}"
    state = dict(feed.first(topic, NOON)[0]["data"])
    kinds = set()
    for step in range(1, 30):
        for frame in feed.step(NOON + step * 250, 3.0):
            if frame["topic"] == topic:
                kinds.add(frame["type"])
                state = {**state, **frame["data"]} if frame["type"] == "delta" else dict(frame["data"])
    assert state == feed.first(topic, NOON)[0]["data"]
    assert kinds == ({"delta"} if row.category in tickers.WITH_DELTAS else {"snapshot"})


def test_tickers_of_dated_futures_have_empty_funding_and_a_delivery_time() -> None:
    ticker = Feed(instrument("linear", "BTCUSDT-25DEC26"), Random(1), NOON).first("tickers.BTCUSDT-25DEC26", NOON)[0]["data"]
    assert (ticker["fundingRate"], ticker["nextFundingTime"], ticker["deliveryTime"]) == ("", "", "2026-12-25T08:00:00Z")


def test_next_funding_is_the_next_eight_hours_of_the_day() -> None:
    ticker = Feed(instrument("linear", "BTCUSDT"), Random(1), NOON).first("tickers.BTCUSDT", NOON)[0]["data"]
    assert ticker["nextFundingTime"] == str(NOON + 4 * 3_600_000)


@pytest.mark.parametrize(
    ("interval", "start", "end"),
    [
        ("1", datetime(2026, 11, 24, 12, 34, tzinfo=UTC), datetime(2026, 11, 24, 12, 35, tzinfo=UTC)),
        ("240", datetime(2026, 11, 24, 12, tzinfo=UTC), datetime(2026, 11, 24, 16, tzinfo=UTC)),
        ("D", datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC)),
        ("W", datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC)),
        ("M", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
    ],
)
def test_candle_bounds_follow_the_calendar(interval: str, start: datetime, end: datetime) -> None:
    at_ms = int(datetime(2026, 11, 24, 12, 34, 56, tzinfo=UTC).timestamp()) * 1000 + 789
    assert bounds(interval, at_ms) == (int(start.timestamp()) * 1000, int(end.timestamp()) * 1000 - 1)


def test_candles_confirm_once_and_the_next_begins_where_they_closed() -> None:
    feed = Feed(instrument("linear", "BTCUSDT"), Random(1), NOON)
    rows = [
        frame["data"][0]
        for step in range(1, 300)  # 75 s
        for frame in feed.step(NOON + step * 250, 3.0)
        if frame["topic"] == "kline.1.BTCUSDT"
    ]
    [closed] = [row for row in rows if row["confirm"]]
    place = rows.index(closed)
    assert (closed["start"], closed["end"]) == (NOON, NOON + 59_999)
    assert all(row["start"] == NOON for row in rows[:place])
    assert all(row["start"] == NOON + 60_000 for row in rows[place + 1 :])
    assert rows[place + 1]["open"] == closed["close"] == rows[place - 1]["close"]
    for row in rows:
        assert Decimal(row["low"]) <= min(Decimal(row["open"]), Decimal(row["close"]))
        assert Decimal(row["high"]) >= max(Decimal(row["open"]), Decimal(row["close"]))
        assert row["start"] <= row["timestamp"] <= row["end"]


def test_candle_holds_the_volume_of_the_trades_in_it() -> None:
    feed = Feed(instrument("spot", "BTCUSDT"), Random(1), NOON)
    traded = Decimal(0)
    for step in range(1, 20):
        for frame in feed.step(NOON + step, 3.0):
            if frame["topic"] == "publicTrade.BTCUSDT":
                traded += sum(Decimal(trade["v"]) for trade in frame["data"])
    assert [set(INTERVALS)] == [{"1", "3", "5", "15", "30", "60", "120", "240", "360", "720", "D", "W", "M"}]
    for interval in INTERVALS:
        assert Decimal(feed.first(f"kline.{interval}.BTCUSDT", NOON)[0]["data"][0]["volume"]) == traded


def test_trades_beyond_1024_go_into_further_frames() -> None:
    feed = Feed(instrument("linear", "BTCUSDT"), Random(1), NOON)
    sizes = [len(frame["data"]) for frame in feed.step(NOON, 40_000.0) if frame["topic"] == "publicTrade.BTCUSDT"]
    assert len(sizes) > 1
    assert set(sizes[:-1]) == {MOST_TRADES}


def test_trades_come_as_often_as_asked() -> None:
    feed = Feed(instrument("linear", "BTCUSDT"), Random(1), NOON)
    count = sum(
        len(frame["data"])
        for step in range(1000)
        for frame in feed.step(NOON + step, 1.5)
        if frame["topic"] == "publicTrade.BTCUSDT"
    )
    assert 1350 < count < 1650


def test_level_one_comes_again_unchanged_after_three_quiet_seconds() -> None:
    class Still(Random):
        """Dice that touch nothing near the best price and bring no trade."""

        def random(self) -> float:
            return 0.99

    feed = Feed(instrument("linear", "BTCUSDT"), Still(1), NOON)

    def best(at_ms: int) -> list[Any]:
        return [frame["data"] for frame in feed.step(at_ms, 0.0) if frame["topic"] == "orderbook.1.BTCUSDT"]

    shown = feed.first("orderbook.1.BTCUSDT", NOON)[0]["data"]
    assert best(NOON + 1000) == []
    [again] = best(NOON + int(RESEND_S * 1000))
    assert (again["u"], again["b"], again["a"]) == (shown["u"], shown["b"], shown["a"])
    assert best(NOON + int(RESEND_S * 1000) + 1000) == []
