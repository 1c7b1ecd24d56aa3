"""The worker's way out: frames become batches on a real bus, and what cannot be read or finds no room is counted and said."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.bus import bus
from gateway.bus.bus import BusSender
from gateway.disk.dead_letters import DeadLetters
from gateway.disk.memo import Memo
from gateway.disk.spool import Spool
from gateway.models import Record
from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.frames import Data, Unknown, parse
from gateway.protocol.raw_records import raw_records
from gateway.wire import Stamp, unpack
from tests.moving import Meter
from tests.scraping import known, meter, worker
from tests.standins import KeepingFetcher
from tests.zeromq import Context
from workers import complaints
from workers.books import Books
from workers.delivery import Delivery
from workers.gaps import OpenGap
from workers.journal import Journal, KeptRecords
from workers.overflow import WAITING_BYTES
from workers.run_counts import counted


def make(endpoint: str, folder: Path, context: Context, include_raw: str = "private") -> Delivery:
    """With a router that never comes: everything stays in the sender."""
    sender = BusSender(bus.address(folder), b"w", context=context)
    stamp = Stamp(worker="w", account="main", include_raw=include_raw, started_ms=1)
    return Delivery("w", ENDPOINTS[endpoint], stamp, sender, DeadLetters(folder, "w"), Books(endpoint, KeepingFetcher()))


def meter_of(out: Delivery) -> Meter:
    return meter(lambda: known(worker(counted=counted(out, reconnections=0, missed=0, unmatched=0))))


def letters(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "dead_letters" / "w.jsonl").read_bytes().splitlines()]


def trades(symbol: str, *ids: str, ms: int = 1_700_000_000_000) -> Data:
    rows = [{"T": ms, "s": symbol, "S": "Buy", "v": "1", "p": "2", "i": identity} for identity in ids]
    frame = parse(json.dumps({"topic": f"publicTrade.{symbol}", "type": "snapshot", "ts": ms + 1, "data": rows}).encode())
    assert isinstance(frame, Data)
    return frame


def waiting(out: Delivery) -> list[dict[str, Any]]:
    return [json.loads(record.body) for record in out.bus.outbox.left()]


def test_all_events_of_a_turn_leave_as_one_batch_in_order(tmp_path: Path, context: Context) -> None:
    out = make("linear", tmp_path, context)
    out.take(trades("A", "1", "2"), 5_000_000)
    out.take(trades("B", "3"), 6_000_000)
    out.flush()
    out.flush()
    events = waiting(out)
    assert [(event["payload"]["trade_id"], event["sequence"]) for event in events] == [("1", 1), ("2", 2), ("3", 1)]
    assert events[0]["trace_id"] == events[1]["trace_id"] != events[2]["trace_id"], "the events of one frame share its trace id"
    assert [out.readers.last_event_ms(f"publicTrade.{symbol}") for symbol in "ABC"] == [5, 6, None]
    assert [out.readers.sequence(f"publicTrade.{symbol}") for symbol in "ABC"] == [2, 1, None]
    batch = out.bus.outbox.next_batch()
    assert batch is not None
    assert batch.count == 3


def test_what_cannot_be_read_is_counted_and_kept_always_and_logged_and_announced_only_so_often(
    tmp_path: Path, context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    out = make("linear", tmp_path, context)
    for _ in range(complaints.COMPLAINTS + 30):
        out.unread(Unknown("odd", b"\xffodd"), 1_000)
    out.flush()
    assert out.counts.unknown == out.dead_letters.kept == complaints.COMPLAINTS + 30
    assert len([line for line in caplog.messages if "not_understood" in line]) == complaints.COMPLAINTS
    assert [event["payload"]["kind"] for event in waiting(out)] == ["dead_letter"] * complaints.COMPLAINTS
    assert letters(tmp_path)[-1] == {
        "received_at": "1970-01-01T00:00:00.000001Z", "topic": "", "reason": "odd", "trace_id": None, "record": "\\xffodd",
    }  # fmt: skip


def test_a_bad_record_of_the_account_is_announced_each_time_and_kept_as_it_came(tmp_path: Path, context: Context) -> None:
    out = make("private", tmp_path, context)
    good = {"category": "linear", "symbol": "B", "size": "1", "side": "Buy", "positionIdx": 0, "updatedTime": "1700000000000"}
    bad = {**good, "symbol": "A", "size": "-"}
    for _ in range(complaints.COMPLAINTS + 5):
        frame = parse(json.dumps({"topic": "position", "creationTime": 1, "data": [bad, good]}).encode())
        assert isinstance(frame, Data)
        out.take(frame, 1)
    out.flush()
    kinds = [event["payload"].get("kind", event["symbol"]) for event in waiting(out)]
    assert kinds == ["dead_letter", "B"] * (complaints.COMPLAINTS + 5)
    assert [letter["record"] for letter in letters(tmp_path)] == [bad] * (complaints.COMPLAINTS + 5)
    assert letters(tmp_path)[0]["reason"] == "found size '-'; expected a decimal number"


def test_names_that_do_not_fit_into_a_routing_key_cost_only_their_event(tmp_path: Path, context: Context) -> None:
    out = make("linear", tmp_path, context)
    out.take(trades("X" * 300, "1"), 1)
    out.take(trades("A", "2"), 1)
    out.flush()
    assert [event["sequence"] for event in waiting(out) if event["event_type"] == "trade"] == [1]
    assert (out.counts.events, out.counts.unknown) == (1, 1)


def test_a_letter_holds_the_digits_that_came(tmp_path: Path, context: Context) -> None:
    out = make("linear", tmp_path, context)
    odd = b'{"s":"A", "i":"1","p":1.50,\n"v":2.0e3,"T":"soon"}'
    unroutable = b'{"s":"%s","i":"1","p":1.50,"v":"2","T":5}' % (b"X" * 300)
    frames = [
        b'{"topic":"publicTrade.A","type":"snapshot","ts":1,"data":[%s,%s]}' % (odd, unroutable),
        b'{"topic":"tickers.A","type":"delta","ts":1,"data":{"symbol":"A","lastPrice":1.50}}',
    ]
    for text in frames:
        frame = parse(text)
        assert isinstance(frame, Data)
        out.take(frame, 1)
    strange = parse(b'{"topic":"strange","data":[{"p":1.50}]}')
    assert isinstance(strange, Data)
    out.unasked(strange, 1)
    kept = [line.partition(b'"record":')[2] for line in (tmp_path / "dead_letters" / "w.jsonl").read_bytes().splitlines()]
    whole = b'{"symbol":"A","lastPrice":1.50}'
    assert kept == [record + b"}" for record in (odd.replace(b"\n", b" "), unroutable, whole, b'[{"p":1.50}]')]


@pytest.mark.parametrize(
    ("depth", "is_read"),
    [(300, (True,)), (900, (True, False)), (990, (True, False)), (5_000, (False,))],
    ids=["300", "900", "990", "5000"],
)
def test_a_value_that_another_of_the_same_key_hides_may_be_as_deep_as_it_likes(
    depth: int, is_read: tuple[bool, ...], tmp_path: Path, context: Context
) -> None:
    """The frame is what the second value makes it; how deep a decoder goes depends on who calls it."""
    row = b'{"symbol":"A","a":%s1%s,"a":1,"size":"-"}' % (b'{"a":' * depth, b"}" * depth)
    text = b'{"topic":"position","creationTime":1,"data":[%s]}' % row
    [raw] = raw_records(text, 1)
    assert (raw is not None) in is_read
    assert raw is None or bytes(raw) == row
    frame = Data("position", None, 1, [{"symbol": "A", "a": 1, "size": "-"}], {"topic": "position"}, text)
    out = make("private", tmp_path, context)
    out.take(frame, 1)
    assert (out.counts.unknown, out.dead_letters.kept) == (1, 1)


RAW = b'{"topic":"order","creationTime":1700000000000,"data":[%s , %s]}'
RAW_ROW = (
    b'{"category":"linear" ,"symbol":"A","orderId":"%d","orderStatus":"New","updatedTime":"1700000000000","n":1.10e2,"qty":0.500}'
)


@pytest.mark.parametrize(("include_raw", "carried"), [("private", True), ("all", True), ("off", False)])
def test_the_raw_record_is_the_bytes_that_came(include_raw: str, carried: bool, tmp_path: Path, context: Context) -> None:
    out = make("private", tmp_path, context, include_raw)
    frame = parse(RAW % (RAW_ROW % 1, RAW_ROW % 2))
    assert isinstance(frame, Data)
    out.take(frame, 1)
    out.flush()
    bodies = [record.body for record in out.bus.outbox.left()]
    assert [RAW_ROW % 1 in bodies[0], RAW_ROW % 2 in bodies[1]] == [carried, carried]
    assert json.loads(bodies[0])["payload"]["quantity"] == "0.500", "a number with a fraction keeps its digits as a text"


def test_public_events_carry_no_raw_record_unless_all_are_asked_for(tmp_path: Path, context: Context) -> None:
    for include_raw in ("private", "all"):
        out = make("linear", tmp_path / include_raw, context, include_raw)
        out.take(trades("A", "1"), 1)
        out.flush()
        [event] = waiting(out)
        assert ("raw" in event["payload"]) == (include_raw == "all")


def test_an_unknown_field_is_delivered_counted_each_time_and_logged_once(
    tmp_path: Path, context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    out = make("linear", tmp_path, context)
    for identity in ("1", "2"):
        frame = trades("A", identity)
        frame.data[0]["brandNew"] = "x"
        out.take(frame, 1)
    out.flush()
    assert [event["payload"]["brand_new"] for event in waiting(out)] == ["x", "x"]
    assert (out.counts.unknown_fields, out.counts.unknown) == (2, 0)
    assert len([line for line in caplog.messages if "unknown_field" in line and "brandNew" in line]) == 1


TICKER = {"symbol": "A", "lastPrice": "1", "fundingRate": "0.0001", "nextFundingTime": "1700000000000"}


def ticker(kind: str, ts: int, **row: str) -> Data:
    frame = parse(json.dumps({"topic": "tickers.A", "type": kind, "ts": ts, "cs": ts, "data": {"symbol": "A", **row}}).encode())
    assert isinstance(frame, Data)
    return frame


def test_of_a_frame_that_tells_several_things_only_what_is_wanted_is_delivered(tmp_path: Path, context: Context) -> None:
    for wanted, told in ((("funding",), ["funding"]), (("ticker",), ["ticker"]), (("ticker", "funding"), ["ticker", "funding"])):
        out = make("linear", tmp_path / "-".join(wanted), context)
        out.want({"tickers.A": frozenset(wanted)})
        out.take(ticker("snapshot", 1, **TICKER), 1)
        out.flush()
        assert [event["event_type"] for event in waiting(out)] == told


def test_whoever_begins_to_want_funding_is_told_what_holds(tmp_path: Path, context: Context) -> None:
    out = make("linear", tmp_path, context)
    out.want({"tickers.A": frozenset(["ticker"])})
    out.take(ticker("snapshot", 1, **TICKER), 1)
    out.want({"tickers.A": frozenset(["ticker", "funding"])})
    out.take(ticker("delta", 2, lastPrice="2"), 1)
    out.take(ticker("delta", 3, lastPrice="3"), 1)
    out.want({"tickers.A": frozenset(["ticker"])})
    out.take(ticker("delta", 4, fundingRate="0.0002"), 1)
    out.want({"tickers.A": frozenset(["funding"])})
    out.new_connection(1.0)
    out.take(ticker("snapshot", 5, **{**TICKER, "fundingRate": "0.0002"}), 1)
    out.want({"tickers.A": frozenset(["funding", "ticker"])})
    out.take(ticker("delta", 6, lastPrice="4"), 1)
    out.flush()
    told = [(event["event_type"], event["payload"].get("funding_rate")) for event in waiting(out)]
    assert [rate for kind, rate in told if kind == "funding"] == ["0.0001", "0.0002"]
    assert [kind for kind, _ in told].index("funding") == 2, "with the first ticker after the wish"
    assert out.readers.sequence("tickers.A") == len([kind for kind, _ in told if kind == "ticker"]), (
        "its own class counts, not what is derived"
    )


def test_whoever_wants_funding_after_nobody_did_is_told_what_holds(tmp_path: Path, context: Context) -> None:
    out = make("linear", tmp_path, context)
    for push, wanted in enumerate(({"tickers.A": frozenset(["funding"])}, {}, {"tickers.A": frozenset(["funding"])}), start=1):
        out.want(wanted, now=push * 7200.0)
        if wanted:
            out.take(ticker("snapshot", push, **TICKER), 1, now=push * 7200.0)
    out.flush()
    assert [event["event_type"] for event in waiting(out)] == ["funding", "funding"]


def test_funding_that_a_filter_left_out_was_not_told(tmp_path: Path, context: Context) -> None:
    out = make("linear", tmp_path, context)
    out.want({"tickers.A": frozenset(["ticker"])})
    out.take(ticker("snapshot", 1, **TICKER), 1)
    out.readers.of("tickers.A").wanted = None  # type: ignore[union-attr] # as of a topic that nobody names any more
    out.take(ticker("delta", 2, lastPrice="2"), 1)
    out.flush()
    assert [event["event_type"] for event in waiting(out)] == ["ticker", "ticker", "funding"]


def test_funding_is_told_once_for_each_change_also_across_connections(tmp_path: Path, context: Context) -> None:
    out = make("linear", tmp_path, context)
    out.want({"tickers.A": frozenset(["funding"])})
    for ts, rate in enumerate(("0.0001", "0.0001", "0.0002", "0.0001"), start=1):
        out.take(ticker("snapshot" if ts == 1 else "delta", ts, **{**TICKER, "fundingRate": rate}), 1)
    out.new_connection(0.0)
    out.take(ticker("snapshot", 9, **TICKER), 1)
    out.take(ticker("delta", 10, fundingRate="0.0003"), 1)
    out.flush()
    events = waiting(out)
    assert [event["payload"]["funding_rate"] for event in events] == ["0.0001", "0.0002", "0.0001", "0.0003"]
    assert len({event["event_id"] for event in events}) == 4
    assert {(event["source"], event["topic"]) for event in events} == {("derived", "tickers.A")}


def book(kind: str, update_id: int, *, ts: int = 1_700_000_000_000, topic: str = "orderbook.50.A", **changed: Any) -> Data:
    data = {"s": topic.split(".", 2)[2], "b": [["1", "5"]], "a": [["2", "5"]], "u": update_id, "seq": update_id, **changed}
    frame = parse(json.dumps({"topic": topic, "type": kind, "ts": ts, "cts": 1_700_000_000_000, "data": data}).encode())
    assert isinstance(frame, Data)
    return frame


@pytest.mark.parametrize(("topic", "ids"), [("orderbook.50.A", 2), ("orderbook.rpi.A", 2), ("orderbook.1.A", 1)])
def test_a_snapshot_after_a_renewal_is_another_fact_and_a_resend_of_depth_1_is_not(
    topic: str, ids: int, tmp_path: Path, context: Context
) -> None:
    out = make("linear", tmp_path, context)
    for ts in (1_700_000_000_001, 1_700_000_000_001, 1_700_000_000_900):
        out.take(book("snapshot", 7, ts=ts, topic=topic), 1)
    out.flush()
    assert len({event["event_id"] for event in waiting(out)}) == ids


def test_a_public_endpoint_without_room_drops_the_oldest_counts_them_and_tells_the_gap(tmp_path: Path, context: Context) -> None:
    out = make("linear", tmp_path, context)
    big, number = "Y" * 200, 0
    out.tell("connected", now_ns=1_000_000)
    while out.bus.outbox.bytes <= WAITING_BYTES:
        number += 1
        out.take(trades("A", *(f"{big}{number}-{row}" for row in range(5000))), number * 1_000_000_000)
        out.take(trades("B", f"{number}"), number * 1_000_000_000)
        out.flush()
    before = len(out.bus.outbox)
    with meter_of(out).moving("dropped_total", worker="linear_00", reason="overflow"):
        out.pump(1)
    assert (out.delivered_ms or number) <= 1000, "what was dropped was not delivered"
    assert out.bus.outbox.bytes <= WAITING_BYTES
    assert out.counts.dropped == before - len(out.bus.outbox) > 0
    [kept, first, *_] = waiting(out)
    assert kept["payload"]["kind"] == "connected", "what the worker itself tells is never dropped"
    while (batch := out.bus.outbox.next_batch()) is not None:
        out.bus.outbox.acknowledged(batch.number)
        events = [json.loads(record.body) for record in unpack(batch.payload)]
        marked = {event["topic"]: event["gap_id"] for event in events if event["gap_id"]}
        if marked:
            assert events[1]["event_id"] == first["event_id"]
            assert events[1]["gap_id"] == marked["publicTrade.A"], "the first event behind what was dropped says so"
            break
    while (batch := out.bus.outbox.next_batch()) is not None:
        out.bus.outbox.acknowledged(batch.number)
    out.pump(1)
    out.flush()
    [told] = waiting(out)
    assert (told["payload"]["kind"], told["payload"]["cause"], told["payload"]["recovered"]) == ("overflow", "overflow", False)
    assert told["payload"]["gap_id"] == marked["publicTrade.A"]
    assert told["payload"]["from"] == 1000
    assert told["payload"]["to"] >= 1000
    assert str(out.counts.dropped) in told["payload"]["detail"]


class NarrowBus(BusSender):
    """With room for little."""

    def make_room(self, most_bytes: int, most_s: float) -> list[Record]:
        return super().make_room(min(most_bytes, 2_500), most_s)


def make_narrow(folder: Path, context: Context, journal_bytes: int) -> Delivery:
    """A worker whose router takes nothing, and which has had to drop the first of three trades."""
    sender = NarrowBus(bus.address(folder), b"w", context=context)
    out = Delivery(
        "w", ENDPOINTS["linear"], Stamp(worker="w", account="main", include_raw="off", started_ms=1), sender,
        DeadLetters(folder, "w"), Books("linear", KeepingFetcher()),
        journal=Journal(Spool(folder / "journal", max_bytes=journal_bytes)), memo=Memo(folder / "gaps.json", list[OpenGap]),
    )  # fmt: skip
    out.journal.open()
    out.want({"publicTrade.A": frozenset(["trade"])})
    for number in (1, 2, 3):
        out.take(trades("A", f"{number}"), number * 1_000_000_000)
    out.flush()
    out.pump(1)
    assert out.counts.dropped == 1
    return out


def test_a_worker_that_stops_tells_of_what_it_dropped(tmp_path: Path, context: Context) -> None:
    make_narrow(tmp_path, context, 1 << 20).close(9_000_000_000)
    journal = Journal(Spool(tmp_path / "journal", max_bytes=1 << 20))
    journal.open()
    left = [json.loads(record.body) for kept in journal.left(1 << 20) if isinstance(kept, KeptRecords) for record in kept.records]
    told = [event["payload"] for event in left if event["event_type"] == "system"]
    assert [(entry["kind"], entry["from"], entry["to"], entry["recovered"]) for entry in told] == [("overflow", 1000, 1000, False)]
    assert [event["payload"]["trade_id"] for event in left if event["event_type"] == "trade"] == ["2", "3"]
    assert not (tmp_path / "gaps.json").exists(), "nothing else is missing"


def test_what_a_worker_that_stops_can_neither_send_nor_keep_is_in_the_gap_of_the_next_run(tmp_path: Path, context: Context) -> None:
    out = make_narrow(tmp_path, context, 16)
    with meter_of(out).moving("dropped_total", worker="linear_00", reason="not_kept"):
        out.close(9_000_000_000)
    assert out.counts.dropped > 1
    [kept] = Memo(tmp_path / "gaps.json", list[OpenGap]).read() or []
    assert (kept.gap.cause, kept.gap.from_ms, kept.gap.to_ms, kept.topics) == ("restarted", 1000, None, {"publicTrade.A"})


def test_what_rest_has_told_already_is_counted_when_the_stream_tells_it(tmp_path: Path, context: Context) -> None:
    out = make("linear", tmp_path, context)
    out.passes = lambda event: event.payload["trade_id"] != "1"
    out.take(trades("A", "1", "2"), 1)
    assert (out.counts.events, out.counts.repeated) == (1, 1)


def test_what_waited_too_long_is_dropped_though_there_is_room(tmp_path: Path, context: Context) -> None:
    out = make("linear", tmp_path, context)
    out.take(trades("A", "1"), 1)
    out.flush()
    assert out.bus.make_room(WAITING_BYTES, most_s=60.0) == []
    assert len(out.bus.make_room(WAITING_BYTES, most_s=0.0)) == 1


def test_the_private_endpoint_drops_nothing_and_stops_reading_instead(tmp_path: Path, context: Context) -> None:
    out = make("private", tmp_path, context)
    row = {
        "category": "linear",
        "symbol": "A",
        "orderId": "1",
        "orderStatus": "New",
        "updatedTime": "1700000000000",
        "note": "Z" * 100_000,
    }
    frame = parse(json.dumps({"topic": "order", "creationTime": 1_700_000_000_000, "data": [row] * 20}).encode())
    assert isinstance(frame, Data)
    while not out.must_wait:
        out.take(frame, 1)
        out.flush()
        out.pump(1)
    assert out.counts.dropped == 0
