"""Wire: Event → Record (stamped, encoded once) and batches of Records ↔ bytes."""

import hashlib
import time
from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID, uuid5

import msgspec

from gateway import names
from gateway.models import LATEST_MS, Envelope, Event, Json, Record

#: Namespace of every event_id; never changes, or replays would bring new ids.
NAMESPACE = uuid5(UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8"), "urn:ws-gateway:event")

_sha1, _NAMESPACE = hashlib.sha1, NAMESPACE.bytes
#: A hexadecimal digit → the same with the two bits in front that say RFC 9562.
_VARIANT = {f"{digit:x}": f"{digit & 3 | 8:x}" for digit in range(16)}

#: Event type of a worker's report about its topics: a record for PostgreSQL, never published.
TOPIC_STATE = "topic_state"


class TopicReport(msgspec.Struct):
    """What a worker says of one topic: its state in the contract's words, and when its newest event was received (Unix ms)."""

    topic: str
    state: str
    last_error: str | None = None
    last_event_ms: int | None = None


class TopicReports(msgspec.Struct):
    """The body of a `topic_state` record."""

    endpoint: str
    reports: list[TopicReport]


_encode_envelope = msgspec.json.Encoder().encode
_encode_batch = msgspec.msgpack.Encoder().encode
_batch_decoder = msgspec.msgpack.Decoder(list[Record])


def event_id(identity: str) -> str:
    """UUIDv5 of what identifies a fact. The same text as `uuid.uuid5`, at a quarter of its cost."""
    text = _sha1(_NAMESPACE + identity.encode(), usedforsecurity=False).hexdigest()
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"


#: Three digits of each.
_THOUSAND = tuple(f"{number:03d}" for number in range(1_000))


@lru_cache(maxsize=64)
def _second(unix_s: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(unix_s))


@lru_cache(maxsize=1024)
def _millisecond(unix_ms: int) -> str:
    return f"{_second(unix_ms // 1_000)}.{_THOUSAND[unix_ms % 1_000]}"


def iso_ms(unix_ms: int) -> str:
    """ISO 8601 UTC with milliseconds and Z."""
    return f"{_millisecond(unix_ms)}Z"


def iso_us(unix_ns: int) -> str:
    """ISO 8601 UTC with microseconds and Z, from Unix nanoseconds."""
    return f"{_millisecond(unix_ns // 1_000_000)}{_THOUSAND[unix_ns // 1_000 % 1_000]}Z"


def epoch(worker: str, started_ms: int) -> str:
    """Names the run of a process's sequences; sorts by its start."""
    return iso_ms(started_ms).replace("-", "").replace(":", "") + f"-{worker}"


class Stamp:
    """Gives events their place: event_id, account, sequence, epoch, trace_id, receive time. One per process and run.

    include_raw  off, private or all: which events carry the exchange's record under payload.raw
    """

    def __init__(self, *, worker: str, account: str, include_raw: str, started_ms: int) -> None:
        self.epoch = epoch(worker, started_ms)
        self._account = account
        self._include_raw = include_raw
        self._sequences: dict[str, int] = {}
        self._received_ns, self._received_at = 0, iso_us(0)  # of the newest event: many are received together

    def carries_raw(self, event: Event) -> bool:
        """Whether the setting wants the exchange's record beside the event's payload."""
        return self._include_raw == "all" or (event.private and self._include_raw == "private")

    def last_sequence(self, routing_key: str) -> int:
        """Of the newest event of this key; 0: there was none."""
        return self._sequences.get(routing_key, 0)

    def record(self, event: Event, *, received_ns: int, trace_id: str, raw: Json = None, queue: str = "") -> Record:
        """The event as a record for the bus, its envelope encoded. An event without a usable time is dated by its receipt.

        raw    the exchange's record, for payload.raw; None: it carries none
        queue  the one queue that gets it, which is then its routing key and counts for itself; "": all that are bound to its key
        """
        event_type, category, symbol, topic = event.event_type, event.category, event.symbol, event.topic
        key = queue or names.routing_key(event_type, category, symbol, event.variant)
        sequence = self._sequences[key] = self._sequences.get(key, 0) + 1
        account = self._account if event.private else None
        payload = event.payload if raw is None else {**event.payload, "raw": raw}
        timestamp_ms = event.timestamp_ms if 0 < event.timestamp_ms <= LATEST_MS else received_ns // 1_000_000
        if received_ns != self._received_ns:
            self._received_ns, self._received_at = received_ns, iso_us(received_ns)
        identity = event_id(f"{account}|{event.identity}" if account else event.identity)
        body = _encode_envelope(
            Envelope(
                identity, event_type, category, symbol, account, topic, iso_ms(timestamp_ms), self._received_at, sequence, self.epoch,
                event.gap_id, event.source, trace_id, payload,
            )
        )  # fmt: skip
        return Record(key, event_type, identity, category, symbol, topic, trace_id, timestamp_ms, received_ns, body, queue)


def pack(records: Sequence[Record]) -> bytes:
    """A batch for the bus."""
    return _encode_batch(records)


def unpack(batch: bytes) -> list[Record]:
    """The records of a batch. Raises msgspec.DecodeError or ValidationError on anything else."""
    return _batch_decoder.decode(batch)
