"""AMQP 0-9-1 as bytes, for the ends of the benchmark that must cost little beside a broker on the same cores. Pure.

A library does the handshake and the declarations; only messages and confirms go this way. Source: the AMQP 0-9-1 specification,
sections 2.3.5 and 4.2; `basic.ack` to a publisher is RabbitMQ's extension.
"""

import struct
from dataclasses import dataclass

_HEADER = struct.Struct("!BHI")
_METHOD = struct.Struct("!HH")
_TAG = struct.Struct("!Q")
_ACK_BODY = struct.Struct("!HHQB")
_END = b"\xce"
METHOD, CONTENT, BODY, HEARTBEAT = 1, 2, 3, 8
_PUBLISH, _RETURN, _DELIVER, _ACK, _NACK = (60, 40), (60, 50), (60, 60), (60, 80), (60, 120)
#: Bytes of a message that a frame holds, of the size that RabbitMQ proposes.
FRAME_BYTES = 131_072 - 8


@dataclass(slots=True)
class Message:
    """A delivery. properties: the content header as it came, with the size of the body in it."""

    tag: int
    routing_key: bytes
    properties: bytes
    body: bytes


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    return _HEADER.pack(kind, channel, len(payload)) + payload + _END


def ack(channel: int, tag: int) -> bytes:
    """Of all deliveries up to this one."""
    return frame(METHOD, channel, _ACK_BODY.pack(*_ACK, tag, 1))


def publish(channel: int, exchange: bytes, routing_key: bytes, properties: bytes, body: bytes) -> bytes:
    """`mandatory`, as the gateway has it. properties: a content header; its size of the body is replaced."""
    method = (
        _METHOD.pack(*_PUBLISH) + b"\0\0" + bytes((len(exchange),)) + exchange + bytes((len(routing_key),)) + routing_key + b"\1"
    )
    header = properties[:4] + _TAG.pack(len(body)) + properties[12:]
    parts = (frame(BODY, channel, body[at : at + FRAME_BYTES]) for at in range(0, len(body), FRAME_BYTES))
    return frame(METHOD, channel, method) + frame(CONTENT, channel, header) + b"".join(parts)


def confirms(data: bytearray) -> list[tuple[int, bool, bool]]:
    """Take the whole frames of a publisher's channel out of `data`: (delivery tag, with all before it, accepted) of each confirm."""
    found, at = [], 0
    while len(data) - at >= _HEADER.size:
        kind, _, size = _HEADER.unpack_from(data, at)
        if len(data) - at < _HEADER.size + size + 1:
            break
        begin = at + _HEADER.size
        at = begin + size + 1
        if kind == METHOD and (method := _METHOD.unpack_from(data, begin)) in (_ACK, _NACK):
            found.append((_TAG.unpack_from(data, begin + 4)[0], bool(data[begin + 12] & 1), method == _ACK))
    del data[:at]
    return found


class Deliveries:
    """Messages out of a stream of bytes that may break anywhere."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._open: Message | None = None
        self._left = 0
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> list[Message]:
        """What is complete now."""
        buffer = self._data
        buffer += data
        found: list[Message] = []
        at, end = 0, len(buffer)
        while end - at >= 7:
            kind, _, size = _HEADER.unpack_from(buffer, at)
            begin = at + 7
            if end - begin < size + 1:
                break
            at = begin + size + 1
            if kind == BODY and self._open is not None:
                self._parts.append(bytes(buffer[begin : begin + size]))
                self._left -= size
                if self._left <= 0:
                    self._open.body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
                    found.append(self._open)
                    self._open = None
            elif kind == METHOD and _METHOD.unpack_from(buffer, begin) == _DELIVER:
                self._open = self._delivery(buffer, begin + 4)
            elif kind == CONTENT and self._open is not None:
                self._open.properties = bytes(buffer[begin : begin + size])
                self._left = _TAG.unpack_from(buffer, begin + 4)[0]
                self._parts = []
        del buffer[:at]
        return found

    @staticmethod
    def _delivery(buffer: bytearray, at: int) -> Message:
        at += 1 + buffer[at]  # the consumer's tag
        tag = _TAG.unpack_from(buffer, at)[0]
        at += 9  # and whether it comes again
        at += 1 + buffer[at]  # the exchange
        return Message(tag, bytes(buffer[at + 1 : at + 1 + buffer[at]]), b"", b"")
