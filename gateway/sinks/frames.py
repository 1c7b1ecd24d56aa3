"""FRAMES: a message as it is published, in the bytes of AMQP 0-9-1; and the confirms that come back. Pure.

    basic.publish ─ content header ─ body, in pieces where it is longer than a frame          basic.ack ─▶ (tag, multiple)

py-amqp builds the same, argument by argument, at 12 µs a message and a system call for each. What is alike in all messages of a route is
built once here, and many go out in one write.
Source: AMQP 0-9-1 specification, sections 2.3.5 (frames), 4.2.5 (tables) and the table of class `basic`.
"""

from collections.abc import Mapping, Sequence
from struct import Struct, pack
from typing import Any

from gateway.models import Record
from gateway.sinks.bundles import Bundle
from gateway.sinks.messages import Message, properties, route_of

#: Routes whose beginnings are remembered: 1,500 topics of one endpoint are as many. Beyond that all are learnt anew: each digit more of
#: the trace ids makes other routes, and those before it are gone.
MOST_ROUTES = 50_000

_METHOD, _HEADER, _BODY = 1, 2, 3
_END = b"\xce"
#: Around the payload of a frame.
FRAME_BYTES = 8
_PUBLISH, _ACK, _MANDATORY = (60, 40), 60 << 16 | 80, b"\x01"
#: Which properties there are: content_type, content_encoding, headers, delivery_mode, message_id, timestamp.
_PROPERTIES = 1 << 15 | 1 << 14 | 1 << 13 | 1 << 12 | 1 << 7 | 1 << 6
#: The `delivery_mode`, and the length of a message id behind it, by that length.
_PERSISTENT = tuple(bytes((2, length)) for length in range(256))

#: Type, channel, length; class, weight and length of the body.
_head = Struct(">BHIHHQ").pack
#: The timestamp, the end of the header's frame, and the beginning of the body's.
_tail = Struct(">QBBHI").pack
_frame = Struct(">BHI").pack
#: One whole frame: type, channel, length, class and method, tag, multiple, end.
_ack = Struct(">BHIIQBB")


class Frames:
    """Of one channel."""

    def __init__(self, channel: int, frame_max: int) -> None:
        """frame_max: as it was agreed with the broker."""
        self._channel = channel
        self._longest = frame_max - FRAME_BYTES
        self._known: dict[tuple[object, ...], tuple[bytes, bytes, int]] = {}

    def of(self, messages: Sequence[Message]) -> bytes:
        """All that publishes them, in their order; a message that reaches no queue comes back."""
        parts: list[bytes] = []
        channel, known, longest = self._channel, self._known, self._longest
        for record in messages:
            if isinstance(record, Bundle):
                parts += self._bundle(record)
                continue
            body, event_id, trace_id = record.body, record.event_id.encode(), record.trace_id.encode()
            key = (record.routing_key, record.event_type, record.topic, record.category, record.symbol, record.queue, len(trace_id))
            method, begin, count = known.get(key) or self._learn(key, record)
            length = len(body)
            first = body if length <= longest else body[:longest]
            parts += (
                method,
                _head(_HEADER, channel, count + len(event_id), _PUBLISH[0], 0, length),
                begin,
                trace_id,
                _PERSISTENT[len(event_id)],
                event_id,
                _tail(record.timestamp_ms // 1000, _END[0], _BODY, channel, len(first)),
                first,
                _END,
            )
            if length > longest:
                parts += self._rest(body)
        return b"".join(parts)

    def _learn(self, key: tuple[object, ...], record: Record) -> tuple[bytes, bytes, int]:
        """Of a route: the method's frame, the properties up to the trace id's text, and the length of the header without the event id."""
        said = properties(record)
        headers = dict(said["application_headers"])
        trace_id = headers.pop("trace_id").encode()
        table = _table(headers) + _short(b"trace_id") + b"S" + pack(">I", len(trace_id))
        begin = _begin(said, len(table) + len(trace_id)) + table
        # Class, weight, length of the body; the delivery mode, the event id's length, the timestamp.
        found = self._method(record), begin, 12 + len(begin) + len(trace_id) + 1 + 1 + 8
        if len(self._known) >= MOST_ROUTES:
            self._known.clear()
        self._known[key] = found
        return found

    def _bundle(self, bundle: Bundle) -> list[bytes]:
        """There is one of them for hundreds of events: nothing of it is remembered."""
        said, body, message_id = properties(bundle), bundle.body, bundle.event_id.encode()
        table = _table(said["application_headers"])
        begin = _begin(said, len(table)) + table + _PERSISTENT[len(message_id)] + message_id
        first = body[: self._longest]
        return [
            self._method(bundle),
            _head(_HEADER, self._channel, 12 + len(begin) + 8, _PUBLISH[0], 0, len(body)),
            begin,
            _tail(said["timestamp"], _END[0], _BODY, self._channel, len(first)),
            first,
            _END,
            *self._rest(body),
        ]

    def _method(self, message: Message) -> bytes:
        exchange, routing_key = route_of(message)
        arguments = pack(">HHH", *_PUBLISH, 0) + _short(exchange.encode()) + _short(routing_key.encode()) + _MANDATORY
        return _frame(_METHOD, self._channel, len(arguments)) + arguments + _END

    def _rest(self, body: bytes) -> list[bytes]:
        """What does not fit into the first frame of a body."""
        parts: list[bytes] = []
        for start in range(self._longest, len(body), self._longest):
            piece = body[start : start + self._longest]
            parts += (_frame(_BODY, self._channel, len(piece)), piece, _END)
        return parts

    def acks(self, data: bytes) -> tuple[list[tuple[int, bool]], int]:
        """The confirms (tag, whether all before it too) that data begins with, and how many bytes they are."""
        found, at = list[tuple[int, bool]](), 0
        for at in range(0, len(data) - _ack.size + 1, _ack.size):
            kind, channel, _, method, tag, bits, end = _ack.unpack_from(data, at)
            if kind != _METHOD or channel != self._channel or method != _ACK or end != _END[0]:
                return found, at
            found.append((tag, bool(bits & 1)))
        return found, at + _ack.size if found else 0


def _short(text: bytes) -> bytes:
    return len(text).to_bytes(1, "big") + text


def _begin(said: Mapping[str, Any], table_bytes: int) -> bytes:
    """Of a header: which properties there are, the first two, and the length of the table behind them."""
    texts = _short(said["content_type"].encode()) + _short(said["content_encoding"].encode())
    return pack(">H", _PROPERTIES) + texts + pack(">I", table_bytes)


def _table(headers: Mapping[str, str | int | None]) -> bytes:
    return b"".join(_short(name.encode()) + _value(value) for name, value in headers.items())


def _value(value: str | int | None) -> bytes:
    """Of a table: a long text, a number of 32 bits, or nothing."""
    if value is None:
        return b"V"
    if isinstance(value, int):
        return b"I" + pack(">i", value)
    found = value.encode()
    return b"S" + pack(">I", len(found)) + found
