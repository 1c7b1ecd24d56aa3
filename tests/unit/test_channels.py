"""Every recorded data frame comes out as its golden case says; mutated and hostile ones cost themselves and nothing else."""

import json
import time
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from golden import CASES, FRAMES, load, normalise
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import names
from gateway.models import BadRecord, Event
from gateway.protocol import channels
from gateway.protocol.channels import CHANNELS
from gateway.protocol.channels.channel import Channel
from gateway.protocol.endpoints import CATEGORIES, ENDPOINTS
from gateway.protocol.frames import Data, parse
from gateway.protocol.memory import Memory
from gateway.protocol.raw_records import raw_records
from gateway.wire import Stamp

FIELDS = ("event_type", "category", "symbol", "topic", "timestamp_ms", "identity", "variant", "private", "payload")


def shown(event: Event) -> dict[str, Any]:
    """As the cases write it: the source only where it is not the stream."""
    source = {} if event.source == "stream" else {"source": event.source}
    return {key: getattr(event, key) for key in FIELDS} | source


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_frame_comes_out_as_its_case_says(path: Path) -> None:
    case = load(path)
    found = [
        {"bad_record": outcome.reason} if isinstance(outcome, BadRecord) else shown(outcome)
        for outcome in normalise(case["endpoint"], case["frames"])
    ]
    assert found == case["expected"]


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_named_fields_come_first_and_nothing_of_the_record_is_lost(path: Path) -> None:
    case = load(path)
    for outcome in normalise(case["endpoint"], case["frames"]):
        if isinstance(outcome, Event):
            [named] = [row.named for row in CHANNELS if row.event_type == outcome.event_type]
            assert tuple(outcome.payload)[: len(named)] == named
            if outcome.event_type != "raw":
                assert "" not in outcome.payload.values()
                assert all(key == key.lower() for key in outcome.payload)


def test_every_row_has_a_golden_case_for_each_of_its_categories() -> None:
    covered = {
        (event["event_type"], category) for path in CASES for event in load(path)["expected"] if "event_type" in event
        for category in (event["category"] or "", "")
    }  # fmt: skip
    wanted = {(row.event_type, category) for row in CHANNELS if row.endpoint != "" for category in row.topics or (*CATEGORIES, "")}
    assert wanted - covered == set()


def test_a_case_lies_in_the_folder_of_a_channel_that_reads_it() -> None:
    for path in CASES:
        case = load(path)
        assert channels.for_topic(case["frames"][-1]["topic"], case["endpoint"]).channel_type == path.parent.name, path


@pytest.mark.parametrize("row", CHANNELS, ids=lambda row: row.channel_type)
def test_a_topic_made_from_a_row_is_read_by_the_same_row(row: Channel) -> None:
    if row.normalise is None:
        return
    for category in row.topics:
        symbol = "XRP-30OCT26-0.4-P-USDT" if category == "option" else "USDT" if row.groups else "BTCUSDT"
        depth, interval = row.default_depth.get(category), row.default_interval
        topic = channels.topic_of(row, category=category or None, symbol=symbol, depth=depth, interval=interval)
        named = channels.named_by(topic, row.endpoint_for(category or None))
        assert named is not None
        assert named.channel is row
        assert (named.depth, named.interval) == (depth, interval)
        if not row.private:
            assert named.category == (category or None)
            assert named.symbol in (None, symbol, "XRP")


@pytest.mark.parametrize(
    ("topic", "endpoint"),
    [
        ("orderbook.full.BTCUSDT", "option"), ("order", "linear"), ("kline.1.BTCUSDT", "option"), ("publicTrade.BTCUSDT", "private"),
        ("nobody.knows", "linear"), ("liquidation.BTCUSDT", "linear"), ("orderbook.x.BTCUSDT", "spot"), ("orderbook.50.", "spot"),
        ("strategy", "private"), ("rfq.open.rfqs", "private"), ("position.spot", "private"), ("wallet.linear", "private"), (".", "spot"),
    ],
)  # fmt: skip
def test_a_topic_that_no_other_row_knows_is_raw(topic: str, endpoint: str) -> None:
    assert channels.named_by(topic, endpoint) is None
    row = channels.for_topic(topic, endpoint)
    assert (row.channel_type, row.private) == ("raw", endpoint == "private")


@pytest.mark.parametrize(
    ("topic", "channel_type", "category"),
    [
        ("order", "order", None), ("order.linear", "order", "linear"), ("spread.order", "order", "spread"),
        ("execution.fast", "execution_fast", None), ("execution.fast.option", "execution_fast", "option"),
        ("execution.spot", "execution", "spot"), ("spread.execution", "execution", "spread"), ("position.inverse", "position", "inverse"),
        ("wallet", "balance", None), ("greeks", "greeks", None),
    ],
)  # fmt: skip
def test_a_private_topic_is_read_in_either_form(topic: str, channel_type: str, category: str | None) -> None:
    named = channels.named_by(topic, "private")
    assert named is not None
    assert (named.channel.channel_type, named.category) == (channel_type, category)


@pytest.mark.parametrize(
    ("channel_type", "category", "symbol", "depth", "interval", "binding"),
    [
        ("trades", "linear", "BTCUSDT", None, None, "trade.linear.BTCUSDT.-"),
        ("trades", "option", "BTC", None, None, "trade.option.*.BTC"),
        ("trades", "option", "XRP-30OCT26-0.4-P-USDT", None, None, "trade.option.XRP-30OCT26-0_4-P-USDT.XRP"),
        ("orderbook", "spot", "BTCUSDT", 50, None, "orderbook.spot.BTCUSDT.50"),
        ("kline", "inverse", "BTCUSD", None, "D", "kline.inverse.BTCUSD.D"),
        ("order", None, "BTCUSDT", None, None, "order.*.BTCUSDT.*"),
        ("order", "linear", None, None, None, "order.linear.*.*"),
        ("balance", None, None, None, None, "balance.*.*.*"),
        ("order", "spread", None, None, None, "order.spread.*.*"),
        ("rpi_orderbook", "linear", "BTCUSDT", None, None, "rpi_orderbook.linear.BTCUSDT.-"),
        ("insurance", "inverse", "inverse", None, None, "insurance.inverse.inverse.-"),
        ("funding", "linear", "BTCUSDT", None, None, "funding.linear.BTCUSDT.-"),
    ],
)
def test_a_binding_lets_through_exactly_what_was_subscribed(
    channel_type: str, category: str | None, symbol: str | None, depth: int | None, interval: str | None, binding: str
) -> None:
    row = channels.by_type(channel_type)
    assert row is not None
    assert channels.binding_of(row, category=category, symbol=symbol, depth=depth, interval=interval) == binding


def test_the_routing_key_of_an_option_trade_fits_its_base_coins_binding() -> None:
    case = load(FRAMES / "trades" / "option_trade.json")
    [event] = normalise("option", case["frames"])
    assert isinstance(event, Event)
    key = names.routing_key(event.event_type, event.category, event.symbol, event.variant)
    assert key == "trade.option.BTC-25SEP26-100000-C-USDT.BTC"


def test_a_delta_before_any_snapshot_is_a_bad_ticker_and_a_book_out_of_sync() -> None:
    case = load(FRAMES / "ticker" / "linear_ticker_delta.json")
    [outcome] = normalise("linear", case["frames"][-1:])
    assert isinstance(outcome, BadRecord)
    case = load(FRAMES / "orderbook" / "linear_orderbook_50_delta.json")
    [event] = normalise("linear", case["frames"][-1:])
    assert isinstance(event, Event)
    assert event.payload["in_sync"] is False


def test_a_bad_record_does_not_cost_its_neighbours() -> None:
    case = load(FRAMES / "trades" / "inverse_trade.json")
    frame = case["frames"][0]
    frame["data"][1] = {"T": "no time"}
    outcomes = normalise("inverse", [frame])
    assert [type(outcome).__name__ for outcome in outcomes] == ["Event", "BadRecord", "Event"]


@pytest.mark.parametrize("blank", ["", None])
@pytest.mark.parametrize("key", ["price", "cumExecQty", "qty"])
def test_an_order_is_one_state_whether_nothing_came_as_blank_or_as_zero(key: str, blank: str | None) -> None:
    frame = load(FRAMES / "order" / "order_linear.json")["frames"][0]
    ids = set()
    for nothing in (blank, "0", "0.00", 0):
        [event] = normalise("private", [{**frame, "data": [{**frame["data"][0], key: nothing}]}])
        assert isinstance(event, Event)
        ids.add(event.identity)
    assert len(ids) == 1


@pytest.mark.parametrize("blank", [{}, {"category": ""}, {"category": None}])
@pytest.mark.parametrize(
    ("folder", "case", "topic"),
    [
        ("position", "position_short_oneway", "position.linear"), ("order", "order_linear", "order.linear"),
        ("execution", "execution_inverse", "execution.inverse"),
        ("execution_fast", "execution_fast_linear", "execution.fast.linear"),
    ],
)  # fmt: skip
def test_a_row_without_a_category_has_that_of_its_narrower_topic(
    folder: str, case: str, topic: str, blank: dict[str, str | None]
) -> None:
    frame = load(FRAMES / folder / f"{case}.json")["frames"][0]
    row = {key: value for key, value in frame["data"][0].items() if key != "category"} | blank
    [event] = normalise("private", [{**frame, "topic": topic, "data": [row]}])
    assert isinstance(event, Event)
    [whole] = normalise("private", [{**frame, "topic": topic, "data": [frame["data"][0]]}])
    assert event == whole
    [bad] = normalise("private", [{**frame, "topic": topic, "data": [{**row, "symbol": 5}]}])
    assert isinstance(bad, BadRecord)
    assert bad.record == {**row, "symbol": 5}, "as it came"
    [bad] = normalise("private", [{**frame, "topic": topic.rpartition(".")[0], "data": [row]}])
    assert isinstance(bad, BadRecord)


def test_with_coins_that_cannot_be_read_each_row_keeps_its_raw_record() -> None:
    frame = load(FRAMES / "balance" / "wallet_odd_coins.json")["frames"][0]
    data = parse(json.dumps(frame).encode())
    assert isinstance(data, Data)
    outcomes = normalise("private", [frame])
    assert len(outcomes) > len(frame["data"])
    raws = raw_records(data.text, len(outcomes))
    rows = frame["data"]
    assert [json.loads(bytes(raw or b"")) for raw in raws] == [*rows, *[rows] * (len(outcomes) - len(rows))]
    assert [type(outcome).__name__ for outcome in outcomes[: len(rows)]] == ["Event", "Event", "BadRecord", "BadRecord"]


def test_of_unknown_keys_with_one_name_none_is_lost() -> None:
    frame = load(FRAMES / "balance" / "wallet.json")["frames"][0]
    strange = {"fooBar": 1, "foo_bar": 2, "FooBar": 3, "_fooBar": 4, "symbol_": {"aB": 1, "a_b": 2}, "raw": 5, "Raw": 6}
    row = {**frame["data"][0], **strange, "coin": [{"coin": "A", **strange}]}
    [event] = normalise("private", [{**frame, **strange, "data": [row]}])
    assert isinstance(event, Event)
    for payload in (event.payload, event.payload["coins"][0]):
        assert {name: payload[name] for name in ("foo_bar", "exchange_foo_bar", "exchange_foo_bar_2", "exchange_foo_bar_3")} == {
            "foo_bar": 1,
            "exchange_foo_bar": 2,
            "exchange_foo_bar_2": 3,
            "exchange_foo_bar_3": 4,
        }
        assert payload["symbol_"] == {"a_b": 1, "exchange_a_b": 2}
        assert {payload["exchange_raw"], payload["exchange_exchange_raw"]} == {5, 6}
        assert "raw" not in payload


def test_thousands_of_keys_with_one_name_are_kept_in_no_time() -> None:
    frame = load(FRAMES / "balance" / "wallet.json")["frames"][0]
    strange = {"".join(letters): 1 for letters in product(*(("a_", "A_"),) * 14)}
    began = time.process_time()
    [event] = normalise("private", [{**frame, "data": [{"coin": [], **strange, "new": strange}]}])
    assert isinstance(event, Event)
    assert len([name for name in event.payload if "a_a_a_a" in name]) == len(event.payload["new"]) == 2**14
    assert time.process_time() - began < 5


def test_a_raw_records_own_raw_is_kept_beside_ours() -> None:
    frame = load(FRAMES / "raw" / "strategy.json")["frames"][0]
    [event] = normalise("private", [{**frame, "data": [{"a": 1, "raw": "theirs", "fooBar": 2}]}])
    assert isinstance(event, Event)
    assert {key: event.payload[key] for key in ("a", "exchange_raw", "fooBar")} == {"a": 1, "exchange_raw": "theirs", "fooBar": 2}
    assert "raw" not in event.payload
    [event] = normalise("private", [{**frame, "data": [{"exchange_raw": 1, "raw": 2}]}])
    assert isinstance(event, Event)
    assert (event.payload["exchange_raw"], event.payload["exchange_exchange_raw"]) == (1, 2)


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**80), 2**80), st.text(max_size=5), st.floats(allow_nan=False, allow_infinity=False),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2), st.just(""), st.just([[]]),
)  # fmt: skip


def changed(value: Any, data: st.DataObject) -> Any:
    """The value with one thing in it replaced or taken away."""
    if isinstance(value, dict) and value and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(value)))
        if data.draw(st.integers(0, 3)) == 0:
            return {name: part for name, part in value.items() if name != key}
        return {**value, key: changed(value[key], data)}
    if isinstance(value, list) and value and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(value) - 1))
        return [*value[:place], changed(value[place], data), *value[place + 1 :]]
    return data.draw(JUNK)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(st.data())
def test_no_mutated_frame_makes_a_normaliser_or_the_wire_raise(data: st.DataObject) -> None:
    case = load(data.draw(st.sampled_from(CASES)))
    frame = parse(json.dumps({**case["frames"][-1], "data": changed(case["frames"][-1]["data"], data)}).encode())
    stamp = Stamp(worker="w", account="main", include_raw="all", started_ms=0)
    if isinstance(frame, Data):
        row = channels.for_topic(frame.topic, case["endpoint"])
        assert row.normalise is not None
        memory = Memory(state={"symbol": "BTCUSDT"})
        for outcome in row.normalise(frame, ENDPOINTS[case["endpoint"]].category, memory):
            if isinstance(outcome, Event):
                [raw, *_] = raw_records(frame.text, 1)
                record = stamp.record(outcome, received_ns=1, trace_id="t", raw=raw)
                assert msgspec.json.decode(record.body)
