"""The outbox under random lives: what leaves it leaves in order, what is dropped is public and oldest, and nothing is forgotten."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bus.outbox import MOST_RECORDS, OVERHEAD, Outbox
from gateway.models import Envelope, Record
from gateway.wire import TOPIC_STATE, unpack


def record(identity: str, event_type: str = "trade", topic: str = "t", received_ns: int = 0) -> Record:
    return Record("key", event_type, identity, None, None, topic, "trace", 0, received_ns, b"")


def ids(records: list[Record]) -> list[str]:
    return [entry.event_id for entry in records]


#: put so many, one of them the worker's own; put under way; acknowledge so many batches; drop down to so many records.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 5)),
        st.tuples(st.just("send"), st.integers(1, 2)),
        st.tuples(st.just("acknowledge"), st.integers(0, 3)),
        st.tuples(st.just("drop"), st.integers(0, 8)),
    ),
    max_size=40,
)


@given(STEPS)
def test_all_that_was_put_is_here_or_settled_or_dropped_and_in_order(steps: list[tuple[str, int]]) -> None:
    outbox, sent, dropped, settled = Outbox(), list[str](), list[str](), 0
    batches: list[tuple[int, list[str]]] = []
    place = 0
    for step, amount in steps:
        if step == "put":
            fresh = [record(f"{place + n}", "system" if (place + n) % 4 == 0 else "trade") for n in range(1, amount + 1)]
            place += amount
            outbox.put(fresh, 0.0)
        elif step == "send":
            batch = outbox.next_batch()
            if batch is not None:
                batches.append((batch.number, ids(unpack(batch.payload))))
                sent += batches[-1][1]
        elif step == "acknowledge" and batches:
            number, _ = batches[min(amount, len(batches) - 1)]
            outbox.acknowledged(number)
            batches = [entry for entry in batches if entry[0] > number]
        else:
            dropped += ids(outbox.drop_oldest(most_bytes=amount * OVERHEAD, born_before=0.0))
        here = ids(outbox.left())
        assert len(outbox) == len(here)
        assert outbox.bytes == len(here) * OVERHEAD
        assert here == sorted(here, key=int)
        assert outbox.settled >= settled, "what is settled stays so"
        settled = outbox.settled
        assert outbox.settled == (int(here[0]) - 1 if here else place)
    assert [entry for entry in dropped if int(entry) % 4 == 0] == []
    assert sent == sorted(sent, key=int)
    assert {*sent, *dropped, *ids(outbox.left())} == {f"{n}" for n in range(1, place + 1)}
    assert not {*sent} & {*dropped}


def test_the_oldest_record_is_found_whatever_stands_before_it() -> None:
    """REST's facts are received now; the frames behind them have waited."""
    outbox = Outbox()
    assert outbox.oldest_ns is None
    for received_ns in (30, 10, 20):
        outbox.put([record("1", received_ns=received_ns)], now=0.0)
        outbox.next_batch()
    assert outbox.oldest_ns == 10
    outbox.acknowledged(2)
    assert outbox.oldest_ns == 20


def test_what_is_under_way_is_never_dropped_and_what_the_worker_tells_itself_stays() -> None:
    outbox = Outbox()
    outbox.put([record("1")], 0.0)
    outbox.next_batch()
    outbox.put([record("2"), record("3", "system"), record("4", TOPIC_STATE), record("5")], 1.0)
    assert ids(outbox.drop_oldest(most_bytes=0, born_before=0.0)) == ["2", "5"]
    assert ids(outbox.left()) == ["1", "3", "4"]


def test_only_what_is_too_old_is_dropped_where_there_is_room() -> None:
    outbox = Outbox()
    for number, born in enumerate((1.0, 2.0, 3.0)):
        outbox.put([record(f"{number}")], born)
    assert ids(outbox.drop_oldest(most_bytes=1 << 30, born_before=2.5)) == ["0", "1"]


def test_a_backlog_leaves_in_batches_of_a_bounded_size() -> None:
    outbox = Outbox()
    outbox.put([record(f"{number}") for number in range(MOST_RECORDS + 1)], 0.0)
    sizes = [len(unpack(batch.payload)) for batch in iter(outbox.next_batch, None)]
    assert sizes == [MOST_RECORDS, 1]
    outbox.acknowledged(1)
    assert (len(outbox), outbox.settled) == (1, MOST_RECORDS)


@pytest.mark.parametrize("symbol", ["A", '"gap_id":null'])
def test_the_first_record_behind_a_gap_says_so_and_nothing_else_of_it_changes(symbol: str) -> None:
    def body() -> bytes:
        payload = {"raw": {"gap_id": None, "p": "1.50"}}
        envelope = Envelope(
            event_id="i", event_type="trade", category=None, symbol=symbol, account=None, topic="t", timestamp="", received_at="",
            sequence=1, epoch="e", gap_id=None, source="stream", trace_id="", payload=payload,
        )  # fmt: skip
        return msgspec.json.encode(envelope)

    outbox = Outbox()
    entries = [record("1", topic="other"), record("2"), record("3")]
    for entry in entries:
        entry.body = body()
    outbox.put(entries, 0.0)
    outbox.mark("t", "the-gap")
    batch = outbox.next_batch()
    assert batch is not None
    found = [json.loads(entry.body) for entry in unpack(batch.payload)]
    assert [event["gap_id"] for event in found] == [None, "the-gap", None]
    assert found[1] == {**json.loads(body()), "gap_id": "the-gap"}
