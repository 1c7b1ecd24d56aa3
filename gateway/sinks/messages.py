"""What a message says of itself, and where it goes: of one event and of a bundle of them. Source: the contract, sections 3, 4."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from gateway import names
from gateway.models import Record
from gateway.sinks.bundles import CONTENT_TYPE, Bundle

#: Messages and bytes of one write; the last message may exceed it.
AT_ONCE, AT_ONCE_BYTES = 256, 1 << 18

#: What is published as one message.
Message: TypeAlias = Record | Bundle

#: Exchange and routing key.
Route: TypeAlias = tuple[str, str]


def route_of(message: Message) -> Route:
    """Where it goes: to the topic exchange, or through the default one to a queue of its own."""
    return ("" if message.queue else names.EXCHANGE, message.routing_key)


def flat(messages: Sequence[Message]) -> Sequence[Record]:
    """All envelopes that are in them, in order."""
    return [record for message in messages for record in records_of(message)]


def records_of(message: Message) -> Sequence[Record]:
    """The envelopes that are in it."""
    return message.records if isinstance(message, Bundle) else (message,)


def properties(message: Message) -> dict[str, Any]:
    """Persistent, and dated by the fact; of a bundle by its first."""
    return {
        "content_type": CONTENT_TYPE if isinstance(message, Bundle) else "application/json",
        "content_encoding": "utf-8",
        "delivery_mode": 2,
        "message_id": message.event_id,
        "timestamp": message.timestamp_ms // 1000,
        "application_headers": _headers(message),
    }


def _headers(message: Message) -> dict[str, Any]:
    if isinstance(message, Bundle):
        return {
            "event_type": message.event_type,
            "count": message.count,
            "routing_keys": message.keys,
            "trace_id": message.trace_id,
        }
    return {
        "event_type": message.event_type,
        "category": message.category,
        "symbol": message.symbol,
        "topic": message.topic,
        "trace_id": message.trace_id,
    }


def portions(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """All of them in order, as many at once as go into one write."""
    begin = size = 0
    for end, message in enumerate(messages, start=1):
        size += message.size_bytes if isinstance(message, Bundle) else len(message.body)
        if end - begin >= AT_ONCE or size >= AT_ONCE_BYTES:
            yield messages[begin:end]
            begin, size = end, 0
    if begin < len(messages):
        yield messages[begin:]
