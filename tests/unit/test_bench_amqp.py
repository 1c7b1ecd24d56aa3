"""The ends of the benchmark that speak AMQP in bytes: a message survives whatever pieces it comes in, and a confirm is counted once."""

import struct
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bench import ceiling
from bench.amqp_frames import BODY, CONTENT, FRAME_BYTES, METHOD, Deliveries, ack, confirms, frame, publish
from bench.arrivals import Arrivals, stamp
from bench.consumer import Reader

#: A content header without any property, as it is put into frames.
BARE = struct.pack("!HHQH", 60, 0, 0, 0)


def delivered(tag: int, key: bytes, body: bytes) -> bytes:
    """As a broker sends it."""
    method = struct.pack("!HH", 60, 60) + b"\x04ctag" + struct.pack("!QB", tag, 0) + b"\x02ex" + bytes((len(key),)) + key
    header = struct.pack("!HHQH", 60, 0, len(body), 0)
    parts = b"".join(frame(BODY, 1, body[at : at + 50]) for at in range(0, len(body), 50))
    return frame(METHOD, 1, method) + frame(CONTENT, 1, header) + parts


@given(
    st.lists(st.tuples(st.binary(max_size=20), st.binary(min_size=1, max_size=200)), max_size=5),
    st.lists(st.integers(0, 2_000), max_size=12),
)
def test_messages_are_found_whatever_pieces_they_come_in(messages: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    whole = b"".join(delivered(tag, key, body) for tag, (key, body) in enumerate(messages))
    deliveries, found, places = Deliveries(), [], sorted({0, len(whole), *(min(cut, len(whole)) for cut in cuts)})
    for begin, end in pairwise(places):
        found += deliveries.feed(whole[begin:end])
    assert [(each.tag, each.routing_key, each.body) for each in found] == [(tag, *each) for tag, each in enumerate(messages)]


def test_what_is_published_is_what_a_consumer_would_find() -> None:
    body = bytes(FRAME_BYTES + 10)
    data = publish(1, b"ex", b"a.b", BARE, body)
    kind, channel, size = struct.unpack_from("!BHI", data)
    method = data[7 : 7 + size]
    assert (kind, channel, struct.unpack_from("!HH", method)) == (METHOD, 1, (60, 40))
    assert method[4:] == b"\0\0\x02ex\x03a.b\x01"
    rest = data[8 + size :]
    kind, _, size = struct.unpack_from("!BHI", rest)
    assert (kind, struct.unpack_from("!Q", rest, 7 + 4)[0]) == (CONTENT, len(body))
    assert len(rest) == 8 + size + len(body) + 2 * 8


@given(st.lists(st.tuples(st.integers(1, 2**40), st.booleans(), st.booleans())), st.integers(0, 200))
def test_confirms_are_taken_once_and_half_a_frame_waits(given_: list[tuple[int, bool, bool]], cut: int) -> None:
    whole = b"".join(
        frame(METHOD, 1, struct.pack("!HHQB", 60, 80 if accepted else 120, tag, int(with_all)))
        for tag, with_all, accepted in given_
    )
    data = bytearray(whole[:cut])
    found = confirms(data)
    data += whole[cut:]
    assert found + confirms(data) == given_
    assert not data


def test_acknowledgement_of_a_consumer_is_of_all_before_it() -> None:
    assert ack(1, 7)[7:-1] == struct.pack("!HHQB", 60, 80, 7, 1)


def test_reader_finds_single_events_and_batches() -> None:
    def event(number: int) -> bytes:
        return b'{"payload":{"trade_id":"%016d-%019d","price":"1"}}' % (number, stamp(100, 1_000))

    arrivals = Arrivals()
    reader = Reader("trades", arrivals)
    bodies = [event(0), b"[" + event(1) + b"," + event(2) + b"]"]
    messages = Deliveries().feed(b"".join(delivered(tag, b"trade.a", body) for tag, body in enumerate(bodies)))
    reader.read(messages, 2_000)
    assert (arrivals.received, arrivals.repeats, list(reader.samples)) == (3, 0, [b"trade.a"])


def test_reader_of_books_passes_over_a_state_without_stamp() -> None:
    arrivals = Arrivals()
    bodies = [b'{"cross_sequence":1}', b'{"cross_sequence":%d}' % stamp(100, 1_000)]
    Reader("books", arrivals).read(Deliveries().feed(b"".join(delivered(1, b"k", body) for body in bodies)), 2_000)
    assert arrivals.received == 1


def test_bare_publisher_changes_the_id_alone() -> None:
    body = b'{"event_id":"x","payload":{"trade_id":"%016d-%019d","price":"1"}}' % (5, stamp(100, 7))
    message = {"key": "trade.a", "properties": BARE.hex(), "body": body.hex()}
    [(head, tail)] = ceiling.templates("ex", [message])
    again = head + b"%016d-%019d" % (5, stamp(100, 7)) + tail
    assert again == publish(1, b"ex", b"trade.a", BARE, body)
