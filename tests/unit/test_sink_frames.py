"""What is written to RabbitMQ: the same bytes that py-amqp writes, whatever the record holds; and confirms out of what it says."""

from struct import pack

import amqp
import pytest
from amqp.method_framing import frame_writer
from amqp.serialization import dumps
from hypothesis import given
from hypothesis import strategies as st

from gateway import names
from gateway.models import Record
from gateway.sinks.bundles import Bundle
from gateway.sinks.frames import MOST_ROUTES, Frames
from gateway.sinks.messages import properties

CHANNEL, FRAME_MAX = 3, 4096
WORDS = st.text(max_size=40)
RECORDS = st.builds(
    Record, routing_key=WORDS, event_type=WORDS, event_id=WORDS, category=st.none() | WORDS, symbol=st.none() | WORDS, topic=WORDS,
    trace_id=WORDS, timestamp_ms=st.integers(0, 253_402_300_799_999), received_ns=st.just(0),
    body=st.binary(min_size=1, max_size=50) | st.integers(1, 3 * FRAME_MAX).map(bytes), queue=st.sampled_from(["", "a-queue"]),
)  # fmt: skip


class Written:
    """In the place of py-amqp's connection and transport: keeps what is written."""

    frame_max = FRAME_MAX
    bytes_sent = 0

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += bytes(data)


def bundle(records: list[Record]) -> Bundle:
    return Bundle("ws-gateway.trade.desk", 1, 0.0, records, sum(len(record.body) for record in records))


BUNDLES = st.builds(bundle, st.lists(RECORDS, min_size=1, max_size=5))


def by_py_amqp(messages: list[Record | Bundle]) -> bytes:
    written = Written()
    write = frame_writer(written, written)
    for message in messages:
        exchange = "" if message.queue else names.EXCHANGE
        arguments = dumps("Bssbb", (0, exchange, message.routing_key, True, False))
        write(1, CHANNEL, (60, 40), arguments, amqp.Message(message.body, **properties(message)))
    return written.data


@given(st.lists(RECORDS | BUNDLES, max_size=6))
def test_messages_are_written_as_py_amqp_writes_them(messages: list[Record | Bundle]) -> None:
    frames = Frames(CHANNEL, FRAME_MAX)
    expected = by_py_amqp(messages)
    assert frames.of(messages) == expected
    assert frames.of(messages) == expected, "the second time by what was remembered of the route"


def test_no_more_routes_are_remembered_than_allowed_and_a_new_one_always_is() -> None:
    frames = Frames(CHANNEL, FRAME_MAX)
    routes = [
        Record(f"key-{number}", "trade", "id", None, None, "topic", "trace", 0, 0, b"{}") for number in range(MOST_ROUTES + 1)
    ]
    frames.of(routes[:-1])
    assert len(frames._known) == MOST_ROUTES
    assert frames.of(routes[-1:]) == by_py_amqp(list(routes[-1:]))
    assert len(frames._known) == 1
    assert frames.of(routes[:1]) == by_py_amqp(list(routes[:1])), "what was forgotten is learnt anew"


def ack(tag: int, multiple: int, channel: int = CHANNEL) -> bytes:
    return pack(">BHIHHQBB", 1, channel, 13, 60, 80, tag, multiple, 0xCE)


HEARTBEAT = pack(">BHIB", 8, 0, 0, 0xCE)


@pytest.mark.parametrize(
    ("data", "acks", "length"),
    [
        (b"", [], 0),
        (ack(7, 0), [(7, False)], 21),
        (ack(7, 0) + ack(9, 1), [(7, False), (9, True)], 42),
        (ack(7, 0) + ack(9, 1)[:20], [(7, False)], 21),
        (ack(7, 1)[:20], [], 0),
        (ack(7, 0) + HEARTBEAT + ack(8, 0), [(7, False)], 21),
        (HEARTBEAT + ack(7, 0), [], 0),
        (ack(7, 0) + pack(">BHIHHQBB", 1, CHANNEL, 13, 60, 120, 8, 0, 0xCE), [(7, False)], 21),  # a basic.nack
        (ack(7, 0, channel=1), [], 0),
    ],
)
def test_confirms_are_taken_as_far_as_nothing_else_comes(data: bytes, acks: list[tuple[int, bool]], length: int) -> None:
    assert Frames(CHANNEL, FRAME_MAX).acks(data) == (acks, length)
