"""REST answers become the events of the stream: as their golden cases say, and with the ids that the stream gave the same facts."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.models import BadRecord, Event
from gateway.protocol import channels
from gateway.protocol.answers import ANSWERS, events_of
from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.frames import Data, parse
from gateway.protocol.memory import Memory
from simulator.account_control import Do, act
from simulator.dialect import Message, compact
from simulator.exchange import Exchange, Options
from simulator.market.candles import INTERVALS, bounds
from simulator.rest import account_calls, market_calls

CASES = sorted((Path(__file__).parents[1] / "answers").glob("*.json"))
FIELDS = ("event_type", "category", "symbol", "topic", "timestamp_ms", "identity", "variant", "private", "payload", "source")
BEGAN_MS = 1_782_864_000_000


def events(outcomes: Sequence[Event | BadRecord]) -> list[Event]:
    assert not [outcome for outcome in outcomes if isinstance(outcome, BadRecord)]
    return [outcome for outcome in outcomes if isinstance(outcome, Event)]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_an_answer_comes_out_as_its_case_says(path: Path) -> None:
    case = json.loads(path.read_bytes())
    where = {key: case[key] for key in ("topic", "endpoint", "category")}
    found = events(events_of(case["path"], case["answer"], **where))
    assert [{key: getattr(event, key) for key in FIELDS} for event in found] == case["expected"]


def test_every_call_has_a_golden_case() -> None:
    covered = {json.loads(path.read_bytes())["path"] for path in CASES}
    assert covered == set(ANSWERS)


@pytest.mark.parametrize(
    "body", [None, [], {}, {"result": None}, {"result": {"list": {}}}, {"result": {"list": [None, 1, [], {}]}, "time": "x"}]
)
@pytest.mark.parametrize("path", ANSWERS)
def test_what_is_no_answer_is_bad_records(path: str, body: Any) -> None:
    topic = {
        "/v5/market/kline": "kline.1.BTCUSDT",
        "/v5/order/realtime": "order",
        "/v5/spread/execution/list": "spread.execution",
    }.get(path, "publicTrade.BTCUSDT")
    endpoint = "linear" if "." in topic and not topic.startswith("spread.") else "private"
    found = events_of(path, body, topic=topic, endpoint=endpoint, category="linear")
    assert found
    assert all(isinstance(outcome, BadRecord) for outcome in found)


@pytest.mark.parametrize("legs", [None, 5, {}, "", [], [None, 5, {}], [{"category": [], "execId": "1"}]])
def test_an_odd_leg_does_not_cost_the_combination(legs: Any) -> None:
    body = json.loads((Path(__file__).parents[1] / "answers" / "spread_execution_list.json").read_bytes())["answer"]
    body["result"]["list"][0]["legs"] = legs
    first, *others = events_of("/v5/spread/execution/list", body, topic="spread.execution", endpoint="private", category=None)
    assert isinstance(first, Event)
    assert len(others) == (len(legs) if isinstance(legs, list) else 0)
    assert all(isinstance(outcome, BadRecord) for outcome in others)


class Clock:
    """Moves when told."""

    now_ms = BEGAN_MS

    def ns(self) -> int:
        return self.now_ms * 1_000_000


def streamed(endpoint: str, frames: Sequence[Message]) -> list[Event]:
    """What the normalisers make of pushed frames."""
    found: list[Event] = []
    for frame in frames:
        data = parse(compact(frame).encode())
        assert isinstance(data, Data)
        normalise = channels.for_topic(data.topic, endpoint).normalise
        assert normalise is not None
        found += events(normalise(data, ENDPOINTS[endpoint].category, Memory(state={"symbol": "-"})))
    return found


def ids(found: Sequence[Event]) -> list[str]:
    return [event.identity for event in found]


def asked(exchange: Exchange, clock: Clock, path: str, topic: str, **query: str) -> list[Event]:
    """What the account's REST call tells, as events."""
    result = account_calls.CALLS[path](exchange, query, clock.now_ms)  # type: ignore[arg-type] # of a query it needs no more than a dict
    body = json.loads(compact({"retCode": 0, "result": result, "time": clock.now_ms}))
    return events(events_of(path, body, topic=topic, endpoint="private", category=None))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.sampled_from(("place", "fill", "half", "amend", "cancel")), st.integers(0, 5)), min_size=5, max_size=25)
)
def test_orders_fills_and_positions_have_the_streams_ids(script: list[tuple[str, int]]) -> None:
    clock = Clock()
    exchange = Exchange(Options(paused=True), clock.ns)
    places = [("linear", "BTCUSDT"), ("inverse", "BTCUSD"), ("spot", "ETHUSDT"), ("option", "BTC-25DEC26-70000-C-USDT")]
    frames: list[Message] = []
    for action, number in script:
        clock.now_ms += 1_000
        category, symbol = places[number % len(places)]
        open_orders = exchange.account.open_orders
        if action == "place" or not open_orders:
            side: Any = ("Buy", "Sell")[number % 2]
            frames += act(exchange, Do(action="place", category=category, symbol=symbol, side=side))
            continue
        order = open_orders[number % len(open_orders)]
        do = Do(action="fill" if action == "half" else action, order_id=order.order_id)
        if action == "half":
            do.quantity = f"{(order.left / 2).quantize(order.instrument.step):f}"
            if not order.left / 2 >= order.instrument.step:
                continue
        if action == "amend":
            do.price = f"{order.price + order.instrument.tick:f}"
        frames += act(exchange, do)
    told = streamed("private", frames)
    by_type = {kind: set(ids([event for event in told if event.event_type == kind])) for kind in ("order", "execution", "position")}
    executions: list[Event] = []
    for category, symbol in places:
        more = {"symbol": symbol}
        executions += asked(exchange, clock, "/v5/execution/list", "execution", category=category, limit="100", **more)
        open_now = asked(exchange, clock, "/v5/order/realtime", "order", category=category, limit="50", **more)
        over = asked(exchange, clock, "/v5/order/history", "order", category=category, limit="50", **more)
        assert set(ids([*open_now, *over])) <= by_type["order"]
        if category != "spot":
            held = asked(exchange, clock, "/v5/position/list", "position", category=category, **more)
            moved = [event for event in held if event.payload["updated_time"] > BEGAN_MS]
            assert set(ids(moved)) <= by_type["position"]
    assert set(ids(executions)) == by_type["execution"]
    assert {(event.event_type, event.source) for event in executions} <= {("execution", "rest")}


def test_spreads_have_the_streams_ids() -> None:
    clock = Clock()
    exchange = Exchange(Options(paused=True), clock.ns)
    frames: list[Message] = []
    for action in ("fill", "cancel", "fill", "leave"):
        clock.now_ms += 1_000
        frames += act(exchange, Do(action="place", category="spread", symbol="SOLUSDT_SOL/USDT", side="Buy"))
        newest = list(exchange.account.spread_orders)[-1]
        clock.now_ms += 1_000
        if action != "leave":
            frames += act(exchange, Do(action=action, order_id=newest))
    told = streamed("private", [frame for frame in frames if str(frame["topic"]).startswith("spread.")])
    open_now = asked(exchange, clock, "/v5/spread/order/realtime", "spread.order")
    over = asked(exchange, clock, "/v5/spread/order/history", "spread.order")
    fills = asked(exchange, clock, "/v5/spread/execution/list", "spread.execution")
    assert (len(open_now), len(over), len(fills)) == (1, 3, 6)
    last = {
        event.payload["order_id"]: event
        for event in told
        if event.payload["category"] == "combination" and "status" in event.payload
    }
    assert {(event.category, event.identity) for event in [*open_now, *over]} == {
        ("spread", event.identity) for event in last.values()
    }
    assert ids(fills) == ids([event for event in told if event.event_type == "execution"])
    same = ("symbol", "side", "price", "quantity", "category", "execution_type", "exec_time", "parent_exec_id")
    for event in fills:
        [streams] = [other for other in told if other.identity == event.identity]
        assert [event.payload.get(name) for name in same] == [streams.payload.get(name) for name in same]


@pytest.mark.parametrize(
    ("category", "symbol"),
    [
        ("spot", "BTCUSDT"),
        ("linear", "BTCUSDT"),
        ("inverse", "BTCUSD"),
        ("option", "BTC-25DEC26-70000-C-USDT"),
        ("spread", "SOLUSDT_SOL/USDT"),
    ],
)
def test_trades_have_the_streams_ids(category: str, symbol: str) -> None:
    clock = Clock()
    exchange = Exchange(Options(paused=True), clock.ns)
    topic = f"publicTrade.{'BTC' if category == 'option' else symbol}"
    frames = []
    for _ in range(15):
        clock.now_ms += 500
        frames += [frame for of, frame in exchange.market.step(clock.now_ms, 2.0) if of == category and frame["topic"] == topic]
    path = "/v5/spread/recent-trade" if category == "spread" else "/v5/market/recent-trade"
    query = {"category": category, "symbol": symbol, "limit": "60"}
    result = market_calls.CALLS[path](exchange.market, query, clock.now_ms)  # type: ignore[arg-type] # of a query it needs no more
    body = json.loads(compact({"retCode": 0, "result": result, "time": clock.now_ms}))
    fetched = list(events(events_of(path, body, topic=topic, endpoint=category, category=category)))
    since = [event for event in fetched if event.timestamp_ms > BEGAN_MS]
    told = [event for event in streamed(category, frames) if event.symbol == symbol]
    assert ids(since) == ids(told)[-len(since) :]
    assert len(since) > 5
    names = ("price", "quantity", "side", "trade_time")
    assert [[event.payload[name] for name in names] for event in since] == [
        [event.payload[name] for name in names] for event in told[-len(since) :]
    ]


@pytest.mark.parametrize("interval", INTERVALS)
def test_a_candle_ends_where_the_exchange_says_and_is_closed_thereafter(interval: str) -> None:
    for at_ms in (BEGAN_MS, BEGAN_MS - 1, 1_709_251_199_999, 1_735_689_599_999):
        start, end = bounds(interval, at_ms)
        topic = f"kline.{interval}.BTCUSDT"
        for time_ms, closed in ((at_ms, False), (end, False), (end + 1, True), (end + 10**9, True), ("x", None)):
            body = {"result": {"list": [[str(start), *"111111"]]}, "time": time_ms}
            [event] = events(events_of("/v5/market/kline", body, topic=topic, endpoint="linear", category="linear"))
            assert (event.payload["end"], event.payload["confirm"]) == (end, closed)


@pytest.mark.parametrize(("topic", "start"), [("kline.x.BTCUSDT", "0"), ("kline.0.BTCUSDT", "0"), ("kline.M.BTCUSDT", "9" * 16)])
def test_the_end_of_a_strange_candle_is_not_known(topic: str, start: str) -> None:
    body = {"result": {"list": [[start, *"111111"]]}, "time": BEGAN_MS}
    [event] = events(events_of("/v5/market/kline", body, topic=topic, endpoint="linear", category="linear"))
    assert (event.payload["end"], event.payload["confirm"]) == (None, None)


def test_closed_candles_have_the_streams_ids() -> None:
    clock = Clock()
    exchange = Exchange(Options(paused=True), clock.ns)
    frames = []
    for _ in range(400):
        clock.now_ms += 1_000
        frames += [
            frame for of, frame in exchange.market.step(clock.now_ms, 2.0) if of == "linear" and frame["topic"] == "kline.1.BTCUSDT"
        ]
    query = {"category": "linear", "symbol": "BTCUSDT", "interval": "1"}
    result = market_calls.CALLS["/v5/market/kline"](exchange.market, query, clock.now_ms)  # type: ignore[arg-type] # as above
    body = json.loads(compact({"retCode": 0, "result": result, "time": clock.now_ms}))
    fetched = events(events_of("/v5/market/kline", body, topic="kline.1.BTCUSDT", endpoint="linear", category="linear"))
    told = [event for event in streamed("linear", frames) if event.payload["confirm"]]
    assert len(told) >= 6
    closed = [event for event in fetched if event.payload["confirm"]][-len(told) :]
    assert ids(told) == ids(closed)
    assert [event.payload["end"] for event in told] == [event.payload["end"] for event in closed]
    assert fetched[-1].payload["confirm"] is False
