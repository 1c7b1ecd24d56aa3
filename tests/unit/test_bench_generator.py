"""The generator of the benchmark: its schedule, its frames and its dialect."""

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.generator import rest
from bench.generator.connection import Connection, Refused
from bench.generator.frames import FIRST_UPDATE, KINDS, first, framed, template
from bench.generator.load import Load, Targets
from bench.generator.schedule import Schedule, Segment
from bench.shared import Shared
from gateway.protocol import channels, frames
from gateway.protocol.memory import Memory

MS, STAMP = 1_782_864_000_000, 1_000_000_000_012_345_678
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def payload(frame: bytes) -> bytes:
    """Of a whole frame of the server; its header must say the length that it has."""
    size, at = frame[1], 2
    if size == 126:
        size, at = struct.unpack_from("!H", frame, 2)[0], 4
    assert len(frame) == at + size
    return frame[at:]


def masked(text: str) -> bytes:
    body, mask = text.encode(), b"\x01\x02\x03\x04"
    return bytes((0x81, 0x80 | 126)) + struct.pack("!H", len(body)) + mask + bytes(b ^ mask[i & 3] for i, b in enumerate(body))


def connected(path: str = "/v5/public/linear") -> Connection:
    connection = Connection(None, lambda: None)
    connection.receive(f"GET {path} HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode())
    return connection


def answers(connection: Connection) -> list[dict[str, object]]:
    """All that waits for the client, which are short frames, behind the handshake."""
    data = bytes(connection.out).rpartition(b"\r\n\r\n")[2]
    found = []
    while data:
        size, at = (data[1], 2) if data[1] < 126 else (struct.unpack_from("!H", data, 2)[0], 4)
        found.append(json.loads(data[at : at + size]))
        data = data[at + size :]
    return found


@given(st.lists(st.tuples(st.integers(1, 5_000), st.integers(1, 4)), min_size=1, max_size=4))
def test_each_event_is_due_when_its_time_has_come_and_not_before(parts: list[tuple[int, int]]) -> None:
    schedule = Schedule([Segment(rate, seconds) for rate, seconds in parts])
    times = schedule.times(0, schedule.events)
    assert len(times) == schedule.events == sum(rate * seconds for rate, seconds in parts)
    assert times == sorted(times)
    for number in {0, schedule.events // 3, schedule.events - 1}:
        assert schedule.due(times[number] + 1) >= number + 1
        assert schedule.due(times[number] - 1) <= number
    assert schedule.due(schedule.end_us) == schedule.events
    assert schedule.next_us(schedule.events) is None


def test_rate_changes_where_a_segment_ends() -> None:
    schedule = Schedule([Segment(10, 1), Segment(1_000, 1)])
    assert [schedule.due(us) for us in (0, 999_999, 1_000_000, 1_999_999, 10**9)] == [1, 10, 11, 1010, 1010]


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_of_a_kind_is_as_long_as_its_header_says_and_carries_the_stamp(kind: str) -> None:
    made = template(kind, "AAAUSDT")
    for number, update in ((0, FIRST_UPDATE + 1), (10**10, FIRST_UPDATE + 10**8)):
        text = payload(KINDS[kind].make(made, MS, number, STAMP, update))
        assert str(STAMP) in text.decode()
        assert json.loads(text)["topic"] == f"{KINDS[kind].prefix}AAAUSDT"


@pytest.mark.parametrize("kind", KINDS)
def test_gateway_reads_the_frames_and_its_event_has_the_stamp_behind_the_mark(kind: str) -> None:
    topic = f"{KINDS[kind].prefix}AAAUSDT"
    normalise, memory = channels.for_topic(topic, "linear").normalise, Memory()
    assert normalise is not None
    texts = [payload(whole) for whole in [first(topic, MS)] if whole]
    texts += [
        payload(KINDS[kind].make(template(kind, "AAAUSDT"), MS, number, STAMP, FIRST_UPDATE + 1 + number)) for number in range(2)
    ]
    events = [event for text in texts for event in normalise(frames.parse(text), "linear", memory)]  # type: ignore[arg-type] # they are data
    name = KINDS[kind].mark.decode().strip('":')
    assert [str(event.payload[name]) for event in events[-2:]] == [  # type: ignore[union-attr] # and well formed
        f"{number:016d}-{STAMP}" if KINDS[kind].numbered else str(STAMP) for number in range(2)
    ]
    assert memory.hole is None


def test_first_frame_of_a_ticker_is_whole_and_a_trade_has_none() -> None:
    whole = first("tickers.AAAUSDT", MS)
    assert whole is not None
    assert json.loads(payload(whole))["type"] == "snapshot"
    assert first("publicTrade.AAAUSDT", MS) is None


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_header_of_a_message_says_its_length(size: int) -> None:
    frame = framed(bytes(size))
    assert frame[0] == 0x81
    assert len(frame) == size + (2 if size < 126 else 4 if size < 65_536 else 10)


def test_handshake_is_answered_as_the_standard_has_it() -> None:
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n" in bytes(connected().out)


def test_path_that_the_exchange_lacks_is_refused() -> None:
    with pytest.raises(Refused, match="'/v5/public/none'"):
        connected("/v5/public/none")


def test_subscribe_is_acknowledged_in_the_dialect_and_the_first_frame_follows_though_the_request_comes_in_parts() -> None:
    connection = connected()
    for byte in masked('{"op":"subscribe","req_id":"7","args":["tickers.AAAUSDT","publicTrade.AAAUSDT"]}'):
        connection.receive(bytes((byte,)))
    ack, ticker = answers(connection)
    assert (ack["success"], ack["req_id"], ack["op"]) == (True, "7", "subscribe")
    assert ticker["topic"] == "tickers.AAAUSDT"
    assert list(connection.topics) == ["tickers.AAAUSDT", "publicTrade.AAAUSDT"]
    connection.receive(masked('{"op":"unsubscribe","req_id":"8","args":["tickers.AAAUSDT"]}'))
    assert list(connection.topics) == ["publicTrade.AAAUSDT"]


def test_more_characters_than_a_connection_holds_are_refused() -> None:
    connection = connected()
    connection.receive(masked(json.dumps({"op": "subscribe", "args": [f"publicTrade.{'A' * 5_990}{n}" for n in range(4)]})))
    assert (answers(connection)[0]["success"], len(connection.topics)) == (False, 0)


def test_ping_of_the_exchange_and_ping_of_the_protocol_are_answered() -> None:
    connection = connected()
    connection.receive(masked('{"op":"ping","req_id":"9"}'))
    assert answers(connection)[0]["ret_msg"] == "pong"
    connection.receive(b"\x89\x82\0\0\0\0hi")
    assert bytes(connection.out).endswith(b"\x8a\x02hi")


def test_topics_of_a_load_are_taken_by_turns_and_books_count_on_from_load_to_load(tmp_path: Path) -> None:
    connection, targets = connected(), Targets("books")
    connection.topics = dict.fromkeys(["orderbook.200.BBBUSDT", "orderbook.200.AAAUSDT", "tickers.AAAUSDT"])
    targets.renew([connection])
    shared = Shared(tmp_path / "arrived")
    for load in (100, 101):
        connection.out.clear()
        found = Load(load, targets, shared, segments=(), window=4, seconds=5.0)
        found.start_us = 0
        found.emit()
        found.emit()
        assert (found.sent, bytes(connection.out).count(b"orderbook.200.AAAUSDT")) == (4, 2)
    assert [row.update - FIRST_UPDATE for row in targets.rows] == [4, 4]


def test_frames_that_are_due_wait_unmade_while_their_client_takes_nothing_and_keep_their_time(tmp_path: Path) -> None:
    connection, targets = connected(), Targets("trades")
    connection.topics = {"publicTrade.AAAUSDT": None}
    targets.renew([connection])
    load = Load(100, targets, Shared(tmp_path / "arrived"), segments=[Segment(1_000, 1)], window=0, seconds=0)
    load.start_us = load.start_us - 2_000_000
    begun = load.start_us
    connection.out.extend(bytes(1 << 19))
    load.emit()
    assert load.sent == 0
    connection.out.clear()
    while not load.is_over:
        load.emit()
    assert load.sent == 1_000
    assert f"-{100 * 10**16 + begun + 999_000}".encode() in connection.out


def test_load_with_a_window_keeps_so_many_under_way_until_it_is_stopped(tmp_path: Path) -> None:
    connection, targets, shared = connected(), Targets("trades"), Shared(tmp_path / "arrived")
    connection.topics = {"publicTrade.AAAUSDT": None}
    targets.renew([connection])
    load = Load(100, targets, shared, segments=(), window=10, seconds=60.0)
    load.start_us = 0
    load.emit()
    shared.put(100, 4)
    load.emit()
    assert (load.sent, load.is_over) == (14, False)
    load.stop()
    assert load.is_over


def test_catalog_is_listed_in_pages_and_a_symbol_is_found() -> None:
    listed = rest.catalog(40)
    path, seen, cursor = "/v5/market/instruments-info", [], ""
    while True:
        result = rest.answer(listed, path, {"category": "linear", "limit": "30", "cursor": cursor}, MS)["result"]
        seen += [row["symbol"] for row in result["list"]]
        cursor = result["nextPageCursor"]
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == 46
    [row] = rest.answer(listed, path, {"category": "linear", "symbol": "AAAUSDT"}, MS)["result"]["list"]
    assert row["status"] == "Trading"


def test_history_is_empty() -> None:
    assert rest.answer({}, "/v5/market/recent-trade", {"category": "linear"}, MS)["result"] == {"list": []}
