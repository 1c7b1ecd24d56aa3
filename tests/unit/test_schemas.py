"""The published schemas: every golden event fits the one of its class, and an event that is not as it says does not."""

import json
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from book_bench import BEGAN_MS, FULL, Bench, answer
from golden import CASES, FRAMES, load, normalise
from jsonschema import Draft202012Validator
from published import RECEIVED_NS, SCHEMAS, VALIDATORS, faults

from gateway.bus import bus
from gateway.bus.bus import BusSender
from gateway.disk.dead_letters import DeadLetters
from gateway.models import Envelope, Event, Source
from gateway.protocol.channels import CHANNELS
from gateway.protocol.channels.channel import Channel
from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.fields import Fields, Kind
from gateway.protocol.frames import Data, parse
from gateway.protocol.raw_records import raw_records
from gateway.schemas import meanings
from gateway.wire import Stamp
from tests.standins import KeepingFetcher
from tests.zeromq import Context
from workers.books import Books
from workers.delivery import Delivery

BY_NAME = [pytest.param(row, id=row.channel_type) for row in CHANNELS]


def messages(path: Path, include_raw: str) -> list[Any]:
    """The events of a case as consumers get them."""
    case = load(path)
    outcomes = normalise(case["endpoint"], case["frames"])
    data = parse(json.dumps(case["frames"][-1]).encode())
    assert isinstance(data, Data)
    raws = raw_records(data.text, len(outcomes))
    stamp = Stamp(worker="w", account="main", include_raw=include_raw, started_ms=1)
    return [
        json.loads(
            stamp.record(
                outcome, received_ns=RECEIVED_NS, trace_id="t-1", raw=raws[place] if stamp.carries_raw(outcome) else None
            ).body
        )
        for place, outcome in enumerate(outcomes)
        if isinstance(outcome, Event)
    ]


def one_of(event_type: str) -> Any:
    """A golden event of the class, as a message."""
    for path in CASES:
        for message in messages(path, "all"):
            if message["event_type"] == event_type:
                return message
    raise LookupError(event_type)


def told(folder: Path, context: Context) -> list[Any]:
    """What a worker says of itself."""
    sender = BusSender(bus.address(folder), b"w", context=context)
    out = Delivery(
        "w",
        ENDPOINTS["linear"],
        Stamp(worker="w", account="main", include_raw="off", started_ms=1),
        sender,
        DeadLetters(folder, "w"),
        Books("linear", KeepingFetcher()),
    )
    out.tell("connected", now_ns=RECEIVED_NS)
    out.tell("gap", now_ns=RECEIVED_NS, topic="orderbook.50.BTCUSDT", detail="a hole")
    out.flush()
    return [json.loads(record.body) for record in sender.outbox.left()]


@pytest.mark.parametrize("row", BY_NAME)
def test_schema_is_a_schema_with_an_address_and_a_title(row: Channel) -> None:
    found = SCHEMAS[row.event_type]
    Draft202012Validator.check_schema(found)
    assert found["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert (found["$id"], found["title"]) == (f"schemas/{row.event_type}.json", row.event_type)


@pytest.mark.parametrize("include_raw", ["off", "all"])
@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_golden_event_fits_the_schema_of_its_class_and_of_no_other(path: Path, include_raw: str) -> None:
    for message in messages(path, include_raw):
        assert faults(message, message["event_type"]) == []
        assert ("raw" in message["payload"]) == (include_raw == "all")
        assert [name for name in VALIDATORS if not faults(message, name)] == [message["event_type"]]


def test_what_the_gateway_tells_fits_its_schema(tmp_path: Path, context: Context) -> None:
    said = told(tmp_path, context)
    assert [message["payload"]["kind"] for message in said] == ["connected", "gap"]
    assert [faults(message, "system") for message in said] == [[], []]


@pytest.mark.parametrize("odd", [BEGAN_MS, None, "soon", [1], {}, True, 1.5])
def test_a_book_that_was_fetched_or_published_whole_fits_the_schema_of_its_class(odd: Any) -> None:
    found = []
    for topic, levels in (
        ("orderbook.50.A", [["1", "5"]]),
        ("orderbook.1.A", [["1", "5"]]),
        ("orderbook.rpi.A", [["1", "5", "0"]]),
    ):
        bench = Bench(topic)
        bench.take("snapshot", 5, 0.0, b=levels, a=[])
        found += bench.tend(0.0)
    bench = Bench(FULL)
    bench.tend(0.0)
    bench.answers.ready = [(FULL, answer(7) | {"ts": odd, "cts": odd})]
    found += bench.tend(1.0)
    for message in found:
        message.pop("queue")
        assert faults(message, message["event_type"]) == []
    assert [message["source"] for message in found] == ["stream", "derived"] * 3 + ["rest", "derived"]


def test_every_class_that_the_exchange_feeds_has_golden_events() -> None:
    covered = {message["event_type"] for path in CASES for message in messages(path, "off")}
    assert covered == {row.event_type for row in CHANNELS} - {"system"}


@pytest.mark.parametrize("row", [pytest.param(row, id=row.channel_type) for row in CHANNELS if row.endpoint != ""])
def test_message_without_a_field_that_is_always_there_does_not_fit(row: Channel) -> None:
    message = one_of(row.event_type)
    for name in Envelope.__struct_fields__:
        assert faults({key: value for key, value in message.items() if key != name}, row.event_type), name
    for name in (*row.named, *(field.name for field in row.fields.further if field.must)):
        payload = {key: value for key, value in message["payload"].items() if key != name}
        assert faults({**message, "payload": payload}, row.event_type) == [f"$.payload: {name!r} is a required property"]


@pytest.mark.parametrize("row", [pytest.param(row, id=row.channel_type) for row in CHANNELS if row.endpoint != ""])
def test_named_field_of_another_type_does_not_fit(row: Channel) -> None:
    message = one_of(row.event_type)
    for field in row.fields.named:
        wrong: list[Any] = [1.5, [1.5], [["x"]], [None]]
        wrong += [None] if field.must else []
        wrong += [{}] if field.kind is not Kind.BY_COIN else []
        wrong += ["1e5", ".5", "1,0", "", "NaN", "0x1", 7] if field.kind is Kind.AMOUNT else []
        wrong += ["7", True] if field.kind in (Kind.WHOLE, Kind.TIME) else []
        for value in wrong:
            assert faults({**message, "payload": {**message["payload"], field.name: value}}, row.event_type), (field.name, value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_id", "7"), ("event_id", None), ("event_type", "ticker"), ("category", "future"), ("category", None), ("symbol", None),
        ("account", "main"), ("topic", None), ("timestamp", "2026-01-01T00:00:00Z"), ("timestamp", 1_780_000_000_123),
        ("received_at", "2026-01-01T00:00:00.123Z"), ("received_at", "2026-01-01T00:00:00.123456+00:00"), ("sequence", 0),
        ("sequence", "1"), ("epoch", 1), ("gap_id", 1), ("source", "dream"), ("trace_id", None), ("payload", []),
    ],
)  # fmt: skip
def test_envelope_field_of_another_type_does_not_fit(field: str, value: Any) -> None:
    message = one_of("trade")
    assert faults(message, "trade") == []
    assert all(fault.startswith(f"$.{field}: ") for fault in faults({**message, field: value}, "trade"))
    assert faults({**message, field: value}, "trade")


@pytest.mark.parametrize("include_raw", ["off", "all"])
@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_field_that_nobody_knows_fits(path: Path, include_raw: str) -> None:
    for message in messages(path, include_raw):
        grown = {**message, "payload": {**message["payload"], "brand_new": {"a": [1.5, None]}}}
        assert faults(grown, message["event_type"]) == []


@pytest.mark.parametrize("coin", [{"coin": 1}, {"coin": None}, {"derived": None}, {"wallet_balance": 1}, {"frozen": "1e3"}])
def test_coin_of_another_form_does_not_fit(coin: dict[str, Any]) -> None:
    message = one_of("balance")
    first, *others = message["payload"]["coins"]
    changed = {**message["payload"], "coins": [{**first, **coin}, *others]}
    [name] = coin
    assert [fault.partition(":")[0] for fault in faults({**message, "payload": changed}, "balance")] == [
        f"$.payload.coins[0].{name}"
    ]


def test_amount_that_is_no_number_passes_as_it_came_and_the_schema_says_so() -> None:
    frame = load(FRAMES / "balance" / "wallet.json")["frames"][0]
    coins = [{"coin": "ODD", "walletBalance": "oops", "locked": ""}, {"coin": "BTC", "walletBalance": "0.10"}]
    [event] = normalise("private", [{**frame, "data": [{"accountType": "UNIFIED", "coin": coins}]}])
    assert isinstance(event, Event)
    assert [coin["wallet_balance"] for coin in event.payload["coins"]] == ["oops", "0.10"]
    stamp = Stamp(worker="w", account="main", include_raw="off", started_ms=1)
    message = json.loads(stamp.record(event, received_ns=RECEIVED_NS, trace_id="t").body)
    [fault] = faults(message, "balance")
    assert fault.startswith("$.payload.coins[0].wallet_balance: ")
    assert "passes as it came" in SCHEMAS["balance"]["properties"]["payload"]["description"]


def test_every_field_of_the_envelope_is_described_in_its_order() -> None:
    assert list(meanings.ENVELOPE) == [*Envelope.__struct_fields__, "raw"]
    assert get_type_hints(Envelope)["source"] == Source
    assert SCHEMAS["trade"]["properties"]["source"]["enum"] == list(get_args(Source))
    for found in SCHEMAS.values():
        assert found["required"] == list(found["properties"]) == list(Envelope.__struct_fields__)


@pytest.mark.parametrize("row", BY_NAME)
def test_named_fields_come_first_in_the_schema_and_no_known_field_is_missing(row: Channel) -> None:
    payload = SCHEMAS[row.event_type]["properties"]["payload"]
    assert tuple(payload["required"])[: len(row.named)] == row.named
    assert tuple(payload["properties"])[: len(row.named)] == row.named
    assert {field.name for field in (*row.fields.named, *row.fields.further)} <= set(payload["properties"])


def test_meanings_are_of_classes_and_fields_that_exist() -> None:
    lists = {field.name: field.of for row in CHANNELS for field in (*row.fields.named, *row.fields.further) if field.of is not None}
    tables: dict[str, Fields] = {row.event_type: row.fields for row in CHANNELS} | lists
    for owner, said in meanings.MEANINGS.items():
        known = {field.name for field in (*tables[owner].named, *tables[owner].further)}
        assert set(said) <= known, owner
