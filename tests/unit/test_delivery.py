"""The worker's way out: frames become batches on a real bus, and what cannot be read or finds no room is counted and said."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from gateway import bus
from gateway.bus import BusSender
from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.frames import Data, parse
from gateway.wire import Stamp, unpack
from workers import delivery
from workers.delivery import Delivery
from workers.exchange import owner


@pytest.fixture
def context() -> "Iterator[zmq.Context[zmq.Socket[bytes]]]":
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    yield context
    context.destroy(linger=0)


def make(endpoint: str, folder: Path, context: "zmq.Context[zmq.Socket[bytes]]") -> Delivery:
    """With a router that never comes: everything stays in the sender."""
    sender = BusSender(bus.address(folder), b"w", context=context)
    return Delivery("w", ENDPOINTS[endpoint], Stamp(worker="w", account="main", include_raw="private", started_ms=1), sender)


def trades(symbol: str, *ids: str) -> Data:
    rows = [{"T": 1_700_000_000_000, "s": symbol, "S": "Buy", "v": "1", "p": "2", "i": identity} for identity in ids]
    frame = parse(
        json.dumps({"topic": f"publicTrade.{symbol}", "type": "snapshot", "ts": 1_700_000_000_001, "data": rows}).encode()
    )
    assert isinstance(frame, Data)
    return frame


def waiting(out: Delivery) -> list[dict[str, Any]]:
    return [json.loads(record.body) for _, batch in out.bus._batches for record in unpack(batch)]


def test_all_events_of_a_turn_leave_as_one_batch_in_order(tmp_path: Path, context: "zmq.Context[zmq.Socket[bytes]]") -> None:
    out = make("linear", tmp_path, context)
    out.take(trades("A", "1", "2"), 5_000_000)
    out.take(trades("B", "3"), 6_000_000)
    out.flush()
    out.flush()
    assert out.bus.waiting == 1
    events = waiting(out)
    assert [(event["payload"]["trade_id"], event["sequence"]) for event in events] == [("1", 1), ("2", 2), ("3", 1)]
    assert events[0]["trace_id"] == events[1]["trace_id"] != events[2]["trace_id"], "the events of one frame share its trace id"
    assert out.last_events() == {"publicTrade.A": 5, "publicTrade.B": 6}


def test_what_cannot_be_read_is_counted_and_logged_only_so_often(
    tmp_path: Path, context: "zmq.Context[zmq.Socket[bytes]]", caplog: pytest.LogCaptureFixture
) -> None:
    out = make("linear", tmp_path, context)
    for _ in range(delivery.COMPLAINTS + 30):
        out.unread("odd", b"odd")
    assert out.counts.unknown == delivery.COMPLAINTS + 30
    assert len([line for line in caplog.messages if "not_understood" in line]) == delivery.COMPLAINTS


def test_names_that_do_not_fit_into_a_routing_key_cost_only_their_event(
    tmp_path: Path, context: "zmq.Context[zmq.Socket[bytes]]"
) -> None:
    out = make("linear", tmp_path, context)
    out.take(trades("X" * 300, "1"), 1)
    out.take(trades("A", "2"), 1)
    out.flush()
    assert [event["sequence"] for event in waiting(out)] == [1]
    assert (out.counts.events, out.counts.unknown) == (1, 1)


def test_a_public_endpoint_without_room_drops_the_oldest_counts_them_and_says_so(
    tmp_path: Path, context: "zmq.Context[zmq.Socket[bytes]]"
) -> None:
    out = make("linear", tmp_path, context)
    big = "Y" * 200
    while out.bus.waiting_bytes <= delivery.WAITING_BYTES:
        out.take(trades("A", *(f"{big}{number}" for number in range(5000))), 1)
        out.flush()
    sent = out.bus.waiting
    out.pump(1)
    assert out.bus.waiting_bytes <= delivery.WAITING_BYTES
    dropped = (sent - out.bus.waiting) * 5000
    assert out.counts.dropped == dropped > 0
    while out.bus.waiting_bytes >= delivery.WAITING_BYTES // 2:
        out.bus.drop_oldest()
    out.pump(1)
    out.flush()
    told = [event for event in waiting(out) if event["event_type"] == "system"]
    assert [event["payload"]["kind"] for event in told] == ["overflow"]
    assert str(dropped) in told[0]["payload"]["detail"]


def test_the_private_endpoint_drops_nothing_and_stops_reading_instead(
    tmp_path: Path, context: "zmq.Context[zmq.Socket[bytes]]"
) -> None:
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


def test_a_topic_belongs_to_exactly_one_process() -> None:
    topics = [f"publicTrade.T{number}" for number in range(1000)]
    for processes in (1, 2, 5):
        counts = [sum(owner(topic, processes) == number for topic in topics) for number in range(processes)]
        assert sum(counts) == 1000
        assert min(counts) > 1000 / processes * 0.7
    assert owner("publicTrade.BTCUSDT", 7) == owner("publicTrade.BTCUSDT", 7)
