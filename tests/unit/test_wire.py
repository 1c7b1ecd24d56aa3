import json
import uuid

import msgspec
import pytest

from gateway import wire
from gateway.models import Event
from gateway.wire import NAMESPACE, Stamp, epoch, event_id, iso_ms, iso_us, pack, unpack

STARTED_MS = 1_700_000_000_123


def stamp(include_raw: str = "private") -> Stamp:
    return Stamp(worker="linear_00", account="main", include_raw=include_raw, started_ms=STARTED_MS)


def trade(number: int = 1, *, private: bool = False, symbol: str = "BTCUSDT") -> Event:
    return Event(
        event_type="trade",
        category="linear",
        symbol=symbol,
        topic=f"publicTrade.{symbol}",
        timestamp_ms=1_700_000_000_005,
        identity=f"trade|linear|{symbol}|{number}",
        payload={"price": "0.10000000000000000001"},
        private=private,
    )


def test_an_event_id_is_the_standard_uuid5_of_its_identity() -> None:
    for text in ("", "trade|linear|BTCUSDT|1", "ünïcode"):
        assert event_id(text) == str(uuid.uuid5(NAMESPACE, text))


def test_times_are_utc_with_three_and_six_digits() -> None:
    assert iso_ms(1_700_000_000_005) == "2023-11-14T22:13:20.005Z"
    assert iso_us(1_700_000_000_000_007_999) == "2023-11-14T22:13:20.000007Z"


def test_epochs_sort_by_their_start() -> None:
    assert epoch("linear_00", STARTED_MS) < epoch("inverse_00", STARTED_MS + 1)


def test_a_record_carries_the_envelope_of_the_contract() -> None:
    record = stamp().record(trade(), received_ns=1_700_000_000_006_007_000, trace_id="t-1")
    envelope = json.loads(record.body)
    assert list(envelope) == [
        "event_id", "event_type", "category", "symbol", "account", "topic", "timestamp", "received_at",
        "sequence", "epoch", "gap_id", "source", "trace_id", "payload",
    ]  # fmt: skip
    assert envelope["payload"] == {"price": "0.10000000000000000001"}
    assert (envelope["sequence"], envelope["account"], envelope["gap_id"], envelope["source"]) == (1, None, None, "stream")
    assert (record.routing_key, record.event_id) == ("trade.linear.BTCUSDT.-", envelope["event_id"])


def test_sequences_count_per_routing_key() -> None:
    writer = stamp()
    records = [writer.record(trade(symbol=symbol), received_ns=0, trace_id="t") for symbol in ("A", "B", "A", "A")]
    assert [json.loads(record.body)["sequence"] for record in records] == [1, 1, 2, 3]


def test_the_same_fact_has_the_same_id_in_another_run_and_another_account_has_another() -> None:
    ids = {
        Stamp(worker=worker, account=account, include_raw="off", started_ms=started)
        .record(trade(private=True), received_ns=0, trace_id="t")
        .event_id
        for worker, account, started in (("a", "main", 1), ("b", "main", 2), ("a", "other", 1))
    }
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("include_raw", "private", "expected"),
    [("off", True, False), ("private", True, True), ("private", False, False), ("all", False, True)],
)
def test_the_raw_record_goes_along_where_the_setting_says(include_raw: str, private: bool, expected: bool) -> None:
    assert stamp(include_raw).carries_raw(trade(private=private)) is expected
    record = stamp(include_raw).record(trade(private=private), received_ns=0, trace_id="t", raw=msgspec.Raw(b'{"p": 1.00}'))
    assert b'"raw":{"p": 1.00}' in record.body


def test_what_goes_into_one_queue_counts_for_itself() -> None:
    writer = stamp()
    records = [
        writer.record(trade(number), received_ns=0, trace_id="t", queue=queue) for number, queue in enumerate(("", "q", "", "q"))
    ]
    assert [json.loads(record.body)["sequence"] for record in records] == [1, 1, 2, 2]
    assert [(record.routing_key, record.queue) for record in records[:2]] == [("trade.linear.BTCUSDT.-", ""), ("q", "q")]


def test_a_batch_comes_back_as_it_went() -> None:
    writer = stamp()
    records = [writer.record(trade(number), received_ns=number, trace_id="t") for number in range(5)]
    assert unpack(pack(records)) == records


@pytest.mark.parametrize("garbage", [b"", b"\xc1", b"\x93\x01\x02\x03", msgspec.msgpack.encode({"a": 1})])
def test_what_is_no_batch_is_refused(garbage: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, msgspec.ValidationError)):
        unpack(garbage)


def test_the_report_of_topics_survives_its_encoding() -> None:
    reports = wire.TopicReports("linear", [wire.TopicReport("a", "live", None, 5)])
    assert msgspec.json.decode(msgspec.json.encode(reports), type=wire.TopicReports) == reports
