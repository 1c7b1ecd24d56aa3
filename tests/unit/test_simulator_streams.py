"""The simulated streams, heard as a client hears them: replayed frames agree with what a new subscriber gets, at every depth."""

import zlib
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from simulator.dialect import Message, compact
from simulator.market.funding_rates import EVERY_MS
from simulator.market.instruments import CLOSED, DELIVERING, DELIVERY_MS, TRADING
from simulator.market.market import Market
from simulator.market.topics import DEPTHS, FULL_SERVICE
from simulator.rest.market_calls import CALLS

NOON = int(datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC).timestamp()) * 1000
STEP_MS = 250
THIN = "BTC-25DEC26-90000-C-USDT"
OPTION = "BTC-25DEC26-70000-C-USDT"
SPREAD = "SOLUSDT_SOL/USDT"
DATED = ("linear", "BTCUSDT-25DEC26")
ONE_OF_EACH = {"spot": "BTCUSDT", "linear": "BTCUSDT", "inverse": "BTCUSD", "option": OPTION, "spread": SPREAD}

Side = dict[str, tuple[str, ...]]


class Listener:
    """A client's book of one stream, of pairs or of triples."""

    def __init__(self) -> None:
        self.sides: dict[str, Side] = {"b": {}, "a": {}}
        self.update_id = 0
        self.sequence = 0

    def hear(self, frame: Message) -> None:
        data = frame["data"]
        assert frame["type"] == "snapshot" or data["u"] == self.update_id + 1
        assert data["seq"] >= self.sequence
        self.update_id, self.sequence = data["u"], data["seq"]
        if frame["type"] == "snapshot":
            self.sides = {"b": {}, "a": {}}
        for side in ("b", "a"):
            for price, *sizes in data[side]:
                if any(Decimal(size) for size in sizes):
                    self.sides[side][price] = tuple(sizes)
                else:
                    del self.sides[side][price]  # of a price that is known, as the exchange promises to clients that break else

    def told(self) -> dict[str, list[list[str]]]:
        return {
            side: [[price, *self.sides[side][price]] for price in sorted(self.sides[side], key=Decimal, reverse=side == "b")]
            for side in ("b", "a")
        }


def levels(data: dict[str, Any]) -> dict[str, list[list[str]]]:
    return {side: data[side] for side in ("b", "a")}


def is_book(_category: str, topic: str) -> bool:
    return topic.startswith("orderbook.")


def test_replayed_books_agree_with_a_new_subscribers_at_every_depth() -> None:
    market = Market(3, NOON, only=[*ONE_OF_EACH.values(), THIN])
    listeners = {
        (category, topic): Listener()
        for category in DEPTHS
        for topic in market.topics(category)
        if is_book(category, topic) and ".full." not in topic
    }
    for (category, topic), listener in listeners.items():
        [frame] = market.first(category, topic, NOON)
        listener.hear(frame)
    lengths: dict[tuple[str, str], set[int]] = defaultdict(set)
    for step in range(1, 1_001):
        now_ms = NOON + step * STEP_MS
        told = market.step(now_ms, 1.5, is_book)
        if step % 300 == 0:
            told += [pair for category, symbol in ONE_OF_EACH.items() for pair in market.restart(category, symbol, now_ms)]
        for category, frame in told:
            if (category, frame["topic"]) in listeners:
                listeners[category, frame["topic"]].hear(frame)
        if step % 100:
            continue
        for (category, topic), listener in listeners.items():
            [frame] = market.first(category, topic, now_ms)
            assert (listener.update_id, listener.told()) == (frame["data"]["u"], levels(frame["data"])), topic
            lengths[category, topic] |= {len(frame["data"][side]) for side in ("b", "a")}
    for (category, topic), found in lengths.items():
        depth = topic.split(".")[1]
        assert 0 in found if THIN in topic else found == {50 if depth == "rpi" else int(depth)}, (category, topic)


def test_rpi_levels_live_as_long_as_one_of_their_sizes() -> None:
    market = Market(1, NOON, only=["BTCUSDT"])
    kinds = set()
    for step in range(400):
        market.step(NOON + step * STEP_MS, 1.5, is_book)
        for category in ("spot", "linear"):
            data = market.first(category, "orderbook.rpi.BTCUSDT", NOON)[0]["data"]
            assert Decimal(data["b"][0][0]) < Decimal(data["a"][0][0]), "not crossed"
            kinds |= {(size != "0", rpi != "0") for side in ("b", "a") for _, size, rpi in data[side]}
    assert kinds == {(True, False), (True, True), (False, True)}


def test_full_book_is_synchronised_by_the_documented_procedure() -> None:
    """Source of the procedure: protocol notes, section 6.4."""
    market, topic = Market(5, NOON, only=["BTCUSDT"]), "orderbook.full.BTCUSDT"
    query = {"category": "spot", "symbol": "BTCUSDT"}
    assert market.first("spot", topic, NOON) == []
    buffered: list[Message] = []
    listener: Listener | None = None
    for step in range(1, 2_001):
        now_ms = NOON + step * STEP_MS
        told = market.step(now_ms, 1.5, lambda _category, of: of == topic)
        buffered += [frame for category, frame in told if category == "spot" and frame["topic"] == topic]
        if step < 50:
            continue
        if listener is None:
            answer = CALLS["/v5/market/full_orderbook"](market, query, now_ms)
            assert answer["seq"] >= buffered[0]["data"]["seq"], "else it is to be fetched again"
            listener = Listener()
            listener.hear({"type": "snapshot", "data": answer})
            buffered = [frame for frame in buffered if frame["data"]["seq"] > answer["seq"]]
        for frame in buffered:
            assert frame["type"] == "delta"
            listener.hear(frame)
        buffered.clear()
        if step % 100 == 0:
            answer = CALLS["/v5/market/full_orderbook"](market, query, now_ms)
            assert (listener.update_id, listener.told()) == (answer["u"], levels(answer))
    assert listener is not None
    assert len(listener.sides["b"]) > 1_000


def test_restart_begins_every_stream_of_the_symbol_with_one_and_no_other() -> None:
    market = Market(1, NOON)
    other = market.first("linear", "orderbook.50.ETHUSDT", NOON)[0]["data"]["u"]
    told = market.restart("spot", "BTCUSDT", NOON)
    assert {(category, frame["topic"], frame["type"], frame["data"]["u"]) for category, frame in told} == {
        ("spot", f"orderbook.{depth}.BTCUSDT", "delta" if depth == "full" else "snapshot", 1)
        for depth in ("1", "50", "200", "1000", "rpi", "full")
    }
    [full] = [frame["data"] for _, frame in told if frame["topic"].startswith("orderbook.full")]
    assert (full["b"], full["a"]) == ([], []), "the client starts over"
    market.step(NOON + STEP_MS)
    assert market.first("spot", "orderbook.1000.BTCUSDT", NOON)[0]["data"]["u"] == 2
    assert market.first("linear", "orderbook.50.ETHUSDT", NOON)[0]["data"]["u"] in (other, other + 1)


def test_market_is_the_same_whoever_listens() -> None:
    def spoken(listens: Any) -> list[str]:
        market = Market(9, NOON, symbols=3)
        for step in range(1, 120):
            market.step(NOON + step * 1_000, 1.5, listens)
        last = market.step(NOON + 120_000, 1.5)
        firsts = [
            (category, frame)
            for category in DEPTHS
            for topic in market.topics(category)
            for frame in market.first(category, topic, NOON)
        ]
        return [f"{category} {compact(frame)}" for category, frame in [*last, *firsts]]

    everything = spoken(None)
    assert everything == spoken(lambda _category, _topic: False)
    assert everything == spoken(lambda category, topic: zlib.crc32(f"{category}{topic}".encode()) % 2 == 0)


def test_wanted_frames_are_those_of_a_listener_to_everything() -> None:
    def heard(*, alone: bool) -> list[str]:
        market = Market(4, NOON, symbols=2, only=["BTCUSDT", "BTCUSD", "AAAUSDT", "AABUSD", OPTION, THIN])
        found: list[str] = []
        topics = {
            "tickers.BTCUSDT",
            "orderbook.200.BTCUSD",
            "kline.1.AAAUSDT",
            "publicTrade.BTC",
            "insurance.USDT",
            "allLiquidation.AABUSD",
        }
        for step in range(1, 300):
            told = market.step(NOON + step * STEP_MS, 1.5, (lambda _category, topic: topic in topics) if alone else None)
            found += [f"{category} {compact(frame)}" for category, frame in told if frame["topic"] in topics]
        return found

    assert heard(alone=True) == heard(alone=False)


@pytest.mark.parametrize("category", FULL_SERVICE)
def test_candles_are_what_the_trades_were(category: str) -> None:
    symbol = ONE_OF_EACH[category]
    market = Market(2, NOON, only=[symbol])
    wanted = {f"publicTrade.{symbol}", *(f"kline.{interval}.{symbol}" for interval in ("1", "3", "15", "60"))}
    trades: list[Any] = []
    closed: list[Any] = []
    for step in range(1, 3 * 3_600):
        told = market.step(NOON + step * 1_000, 0.2, lambda of, topic: of == category and topic in wanted)
        for _, frame in told:
            if frame["topic"].startswith("publicTrade"):
                trades += frame["data"]
            else:
                closed += [row for row in frame["data"] if row["confirm"]]
    assert {row["interval"]: sum(one["interval"] == row["interval"] for one in closed) for row in closed} == {
        "1": 179, "3": 59, "15": 11, "60": 2,
    }  # fmt: skip
    for row in closed:
        of = [trade for trade in trades if row["start"] <= trade["T"] <= row["end"]]
        prices = [Decimal(trade["p"]) for trade in of] or [Decimal(row["open"])]
        assert Decimal(row["volume"]) == sum(Decimal(trade["v"]) for trade in of)
        assert Decimal(row["close"]) == prices[-1]
        assert Decimal(row["high"]) == max(*prices, Decimal(row["open"]))
        assert Decimal(row["low"]) == min(*prices, Decimal(row["open"]))
        if category != "inverse":
            assert Decimal(row["turnover"]) == sum(Decimal(trade["v"]) * Decimal(trade["p"]) for trade in of)
        else:
            coins = sum(Decimal(trade["v"]) / Decimal(trade["p"]) for trade in of)
            assert abs(Decimal(row["turnover"]) - coins) < Decimal("0.00000002")


def test_quiet_minutes_have_flat_candles_and_a_leap_of_time_no_more_than_are_kept() -> None:
    market = Market(1, NOON, only=["BTCUSDT"])
    market.step(NOON + 1_000, 3.0)
    told = market.step(NOON + 5 * 60_000, 3.0)
    rows = [frame["data"][0] for category, frame in told if category == "spot" and frame["topic"] == "kline.1.BTCUSDT"]
    assert [row["start"] - NOON for row in rows if row["confirm"]] == [0, 60_000, 120_000, 180_000, 240_000]
    flat = rows[1]
    assert (flat["open"], flat["high"], flat["low"], flat["volume"]) == (rows[0]["close"], flat["open"], flat["open"], "0.000000")
    market.step(NOON + 30 * 86_400_000, 3.0)
    row = market.first("spot", "kline.M.BTCUSDT", NOON)[0]["data"][0]
    assert datetime.fromtimestamp(row["start"] / 1000, UTC) == datetime(2026, 12, 1, tzinfo=UTC)


def test_funding_is_settled_every_eight_hours_and_begins_anew() -> None:
    market = Market(1, NOON, only=["BTCUSDT", "BTCUSD", "BTCUSDT-25DEC26"])
    four = NOON + EVERY_MS // 2
    before = market.first("linear", "tickers.BTCUSDT", NOON)[0]["data"]
    assert before["nextFundingTime"] == str(four)
    assert market.fundings(NOON, four - 1) == []
    told = market.step(four + 100, 1.5, lambda _category, topic: topic == "tickers.BTCUSDT")
    [delta] = [frame["data"] for category, frame in told if category == "linear"]
    assert delta["nextFundingTime"] == str(four + EVERY_MS)
    assert delta["fundingRate"] != before["fundingRate"]
    settled = market.fundings(NOON, four + 100)
    assert [(row.category, row.symbol) for row, _, _ in settled] == [("linear", "BTCUSDT"), ("inverse", "BTCUSD")]
    assert f"{settled[0][1]:f}" == before["fundingRate"]
    assert f"{settled[0][2]:f}" == before["markPrice"]
    assert market.fundings(four, four + 100) == []


def test_funding_asked_for_before_the_step_is_what_it_is_after() -> None:
    def settled(*, ask_first: bool) -> Any:
        market, later = Market(1, NOON), NOON + 3 * EVERY_MS
        early = market.fundings(NOON, later) if ask_first else []
        frames = [compact(frame) for _, frame in market.step(later)]
        return early or market.fundings(NOON, later), frames

    assert settled(ask_first=True) == settled(ask_first=False)


def test_dated_instrument_is_delivered_and_falls_silent() -> None:
    market, day = Market(1, NOON), int(datetime(2026, 12, 25, 8, tzinfo=UTC).timestamp()) * 1000
    row = market.find(*DATED)
    assert row is not None
    assert row.delivery_ms == day
    assert market.status(row, day - 1) == TRADING
    market.step(day - 60_000, 3.0)
    last = market.first("linear", f"tickers.{row.symbol}", day - 60_000)[0]["data"]
    assert last["predictedDeliveryPrice"] == last["indexPrice"], "told in the last half hour"
    assert (market.status(row, day), market.status(row, day + DELIVERY_MS)) == (DELIVERING, CLOSED)
    for _ in range(20):
        told = market.step(day, 3.0)
        assert [frame["topic"] for _, frame in told if row.symbol in frame["topic"]] == []


def test_dated_instrument_goes_on_in_a_market_that_begins_after_its_day() -> None:
    late = int(datetime(2027, 6, 1, tzinfo=UTC).timestamp()) * 1000
    market = Market(1, late)
    row = market.find(*DATED)
    assert row is not None
    assert market.status(row, late + 10 * DELIVERY_MS) == TRADING
    assert any(row.symbol in frame["topic"] for _, frame in market.step(late + 1_000, 3.0))


def heard(market: Market, topic: str, *, steps: int, step_ms: int, category: str, trades: float = 1.5) -> list[tuple[int, Message]]:
    """(time, frame) of one topic."""
    return [
        (NOON + step * step_ms, frame)
        for step in range(1, steps + 1)
        for of, frame in market.step(NOON + step * step_ms, trades, lambda of, name: (of, name) == (category, topic))
        if of == category
    ]


@pytest.mark.parametrize(
    ("category", "topic", "every_ms"),
    [
        ("linear", "allLiquidation.BTCUSDT", 500),
        ("inverse", "allLiquidation.BTCUSD", 500),
        ("linear", "insurance.USDT", 1_000),
        ("linear", "insurance.USDC", 1_000),
        ("inverse", "insurance.inverse", 1_000),
        ("linear", "adlAlert.USDT", 1_000),
        ("inverse", "adlAlert.inverse", 1_000),
        ("spot", "priceLimit.BTCUSDT", 300),
    ],
)
def test_slow_topics_keep_their_distance(category: str, topic: str, every_ms: int) -> None:
    times = [
        at_ms
        for at_ms, _ in heard(
            Market(1, NOON, only=["BTCUSDT", "BTCUSD", "BTCPERP"]), topic, steps=1_500, step_ms=40, category=category
        )
    ]
    assert len(times) > 5
    assert min(later - earlier for earlier, later in pairwise(times)) >= every_ms


def test_insurance_is_told_whole_and_then_as_it_changes() -> None:
    market, topic = Market(1, NOON, symbols=5), "insurance.USDT"
    [first] = market.first("linear", topic, NOON)
    balances = {row["symbols"]: row["balance"] for row in first["data"]}
    assert set(balances) == {"BTCUSDT", "ETHUSDT", "SOLUSDT", "AAAUSDT", "AABUSDT", "AACUSDT", "AADUSDT", "AAEUSDT"}
    frames = [frame for _, frame in heard(market, topic, steps=400, step_ms=1_000, category="linear")]
    assert {frame["type"] for frame in frames} == {"delta"}
    for frame in frames:
        for row in frame["data"]:
            assert row["balance"] != balances[row["symbols"]]
            balances[row["symbols"]] = row["balance"]
    assert balances == {row["symbols"]: row["balance"] for row in market.first("linear", topic, NOON)[0]["data"]}


def test_option_trades_of_several_symbols_share_a_frame_and_one_order_may_fill_several_levels() -> None:
    market = Market(1, NOON)
    frames = [frame["data"] for _, frame in heard(market, "publicTrade.BTC", steps=200, step_ms=250, category="option", trades=4.0)]
    assert any(len({row["s"] for row in data}) > 1 for data in frames)
    assert any(len({row["s"] for row in data}) == 1 for data in frames)
    rows = [row for data in frames for row in data]
    assert len({(row["s"], row["i"]) for row in rows}) == len(rows)
    sweeps = defaultdict(list)
    for row in rows:
        sweeps[row["s"], row["seq"]].append(row)
    assert {len(order) for order in sweeps.values()} >= {1, 2, 3}
    for order in sweeps.values():
        assert len({row["S"] for row in order}) == 1
        prices = [Decimal(row["p"]) for row in order]
        assert prices == sorted(set(prices), reverse=order[0]["S"] == "Sell"), "each at the next level"


def test_spot_trades_count_upwards_and_some_are_block_trades_or_against_rpi() -> None:
    frames = heard(Market(1, NOON, only=["BTCUSDT"]), "publicTrade.BTCUSDT", steps=600, step_ms=250, category="spot", trades=8.0)
    rows = [row for _, frame in frames for row in frame["data"]]
    numbers = [int(row["i"]) for row in rows]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert {(row["BT"], row["RPI"]) for row in rows} == {(False, False), (True, False), (False, True)}


def test_greeks_and_index_of_an_option_follow_its_underlying() -> None:
    market = Market(1, NOON)
    seen = set()
    for _, frame in heard(market, f"tickers.{OPTION}", steps=300, step_ms=250, category="option"):
        data = frame["data"]
        seen.add((Decimal(data["indexPrice"]), Decimal(data["delta"])))
        assert data["indexPrice"] == data["underlyingPrice"]
    by_index = sorted(seen)
    assert len({index for index, _ in by_index}) > 10
    assert [delta for _, delta in by_index] == sorted(delta for _, delta in by_index), "a call's delta rises with the price"
    [now] = market.first("option", f"tickers.{OPTION}", NOON)
    assert Decimal(now["data"]["indexPrice"]) == market.feeds["linear", "BTCUSDT"].last_price


def test_some_ticker_deltas_repeat_what_did_not_change() -> None:
    market = Market(1, NOON)
    state = dict(market.first("linear", "tickers.BTCUSDT", NOON)[0]["data"])
    repeats = 0
    for _, frame in heard(market, "tickers.BTCUSDT", steps=300, step_ms=250, category="linear", trades=0.2):
        repeats += any(key != "symbol" and state[key] == value for key, value in frame["data"].items())
        state |= frame["data"]
    assert 0 < repeats < 150


def test_thirteen_hundred_made_up_tickers_fit_into_one_connection() -> None:
    market = Market(1, NOON, symbols=1_300)
    topics = [topic for topic in market.topics("linear") if topic.startswith("tickers.")][-1_300:]
    assert sum(map(len, topics)) <= 21_000
    assert {category: len([1 for of, _ in market.feeds if of == category]) >= 1_300 for category in DEPTHS} == {
        "spot": True, "linear": True, "inverse": True, "option": True, "spread": False,
    }  # fmt: skip
    symbols = [(row.category, row.symbol) for row in market.instruments]
    assert len(set(symbols)) == len(symbols)


def test_market_of_some_symbols_has_no_others() -> None:
    market = Market(1, NOON, symbols=10, only=["BTCUSDT", "AABUSDT"])
    assert set(market.feeds) == {(category, symbol) for category in ("spot", "linear") for symbol in ("BTCUSDT", "AABUSDT")}
    assert market.find("linear", "AABUSDT") is not None
    assert market.find("linear", "ETHUSDT") is None
    assert not market.exists("linear", "insurance.USDC")
    assert market.exists("linear", "adlAlert.USDT")
