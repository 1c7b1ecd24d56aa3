"""From data frames to the bus: normalised, stamped, encoded once, sent in batches. Also what the worker itself has to tell."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from gateway import names
from gateway.bus import BusSender
from gateway.models import BadRecord, Event, Json, Record
from gateway.protocol import channels
from gateway.protocol.channels.channel import Channel, Memory
from gateway.protocol.endpoints import Endpoint
from gateway.protocol.frames import Data
from gateway.wire import TOPIC_STATE, Stamp, TopicReport, TopicReports

log = logging.getLogger(__name__)

#: Unacknowledged bytes that a worker keeps for its router. Beyond them a public endpoint drops its oldest batch, counted and
#: announced; the private one stops reading.
WAITING_BYTES = 64 << 20
#: Bad records and unknown frames are logged up to this many times a topic, then only counted.
COMPLAINTS = 20


@dataclass(slots=True)
class _Reader:
    """How one topic is read on this connection."""

    channel: Channel | None
    memory: Memory
    last_event_ms: int | None = None
    complaints: int = 0
    is_broken: bool = False  # and consumers were told so


@dataclass(slots=True)
class Counts:
    """Since the process started. dropped: public events that found no room; unknown: frames and records we could not read."""

    events: int = 0
    dropped: int = 0
    unknown: int = 0


@dataclass(slots=True)
class Delivery:
    """The way out of one worker. Used by its main thread alone."""

    worker: str
    endpoint: Endpoint
    stamp: Stamp
    bus: BusSender
    counts: Counts = field(default_factory=Counts)
    _readers: dict[str, _Reader] = field(default_factory=dict)
    _records: list[Record] = field(default_factory=list)
    _occurrences: int = 0
    _overflowing: int = 0  # events dropped since the last announcement
    _frames: int = 0

    def new_connection(self) -> None:
        """Nothing is remembered across connections: books and tickers begin with their next snapshot."""
        for reader in self._readers.values():
            reader.memory = Memory()  # what consumers were told stays: the next snapshot tells them that the gap is over

    def take(self, data: Data, received_ns: int) -> bool:
        """Normalise one frame; its records leave with the next `flush`. True: its topic needs a new snapshot."""
        self._frames += 1
        trace_id = f"{self.stamp.epoch}-{self._frames}"
        reader = self._readers.get(data.topic)
        if reader is None:
            reader = self._readers[data.topic] = _Reader(channels.for_topic(data.topic, self.endpoint.name), Memory())
        if reader.channel is None or reader.channel.normalise is None:
            self._complain(reader, f"topic={data.topic} reason=no channel reads this topic", trace_id)
            return False
        outcomes = reader.channel.normalise(data, self.endpoint.category, reader.memory)
        rows = data.data if isinstance(data.data, list) and len(data.data) == len(outcomes) else None
        for index, outcome in enumerate(outcomes):
            raw: Json = rows[index] if rows is not None else data.data
            if isinstance(outcome, BadRecord):
                self._complain(reader, f"topic={outcome.topic} reason={outcome.reason}", trace_id)
                continue
            if not names.is_routable(outcome.category, outcome.symbol, outcome.variant):
                self._complain(reader, f"topic={data.topic[:100]} reason=its names do not fit into a routing key", trace_id)
                continue
            reader.last_event_ms = received_ns // 1_000_000
            self.counts.events += 1
            self._records.append(self.stamp.record(outcome, received_ns=received_ns, trace_id=trace_id, raw=raw))
        return self._tell_of_holes(data.topic, reader, received_ns)

    def _tell_of_holes(self, topic: str, reader: _Reader, now_ns: int) -> bool:
        """Say once that a book or ticker is broken, and once that it is whole again; whether it is broken.

        The one snapshot that was asked for may get lost too, so it is asked for until it comes; `renew` spaces the asking.
        """
        was, reader.is_broken = reader.is_broken, reader.memory.hole is not None
        if was != reader.is_broken:
            self.tell("gap" if reader.is_broken else "recovered", now_ns=now_ns, topic=topic, detail=reader.memory.hole)
        return reader.is_broken

    def tell(self, kind: str, *, now_ns: int, topic: str | None = None, detail: str | None = None) -> None:
        """Add a `system` event about this connection."""
        self._occurrences += 1
        event = Event(
            event_type="system",
            category=self.endpoint.category,
            symbol=None,
            topic="system",
            timestamp_ms=now_ns // 1_000_000,
            identity=f"{self.stamp.epoch}|{self._occurrences}",
            payload={
                "kind": kind,
                "endpoint": self.endpoint.name,
                "worker": self.worker,
                "topic": topic,
                "gap_id": None,
                "detail": detail,
            },
            source="derived",
        )
        self._records.append(self.stamp.record(event, received_ns=now_ns, trace_id=f"{self.stamp.epoch}-s{self._occurrences}"))

    def report(self, reports: list[TopicReport], now_ns: int) -> None:
        """Tell PostgreSQL how the topics are."""
        body = msgspec.json.encode(TopicReports(self.endpoint.name, reports))
        self._records.append(
            Record(
                routing_key="",
                event_type=TOPIC_STATE,
                event_id="",
                category=self.endpoint.category,
                symbol=None,
                topic="",
                trace_id="",
                timestamp_ms=now_ns // 1_000_000,
                received_ns=now_ns,
                body=body,
            )
        )

    def flush(self) -> None:
        """Hand what was taken to the bus as one batch."""
        if self._records:
            self.bus.send(self._records)
            self._records = []

    def pump(self, now_ns: int) -> None:
        """Move the bus on, and make room where a public endpoint has run out of it."""
        self.bus.pump()
        if self.endpoint.authenticates:
            return
        while self.bus.waiting_bytes > WAITING_BYTES and self.bus.waiting > 1:
            dropped = self.bus.drop_oldest()
            self.counts.dropped += dropped
            self._overflowing += dropped
        if self._overflowing and self.bus.waiting_bytes < WAITING_BYTES // 2:
            log.warning("%s overflow dropped=%d", self.worker, self._overflowing)
            self.tell("overflow", now_ns=now_ns, detail=f"{self._overflowing} events found no room and were dropped")
            self._overflowing = 0

    @property
    def must_wait(self) -> bool:
        """The private endpoint drops nothing: it stops reading until the router has taken what waits."""
        return self.endpoint.authenticates and self.bus.waiting_bytes > WAITING_BYTES

    def last_events(self) -> Mapping[str, int | None]:
        """Topic → when its newest event was received, Unix milliseconds."""
        return {topic: reader.last_event_ms for topic, reader in self._readers.items()}

    def unread(self, reason: str, text: bytes) -> None:
        """Count a frame that is none of what the exchange documents."""
        reader = self._readers.setdefault("", _Reader(None, Memory()))
        self._complain(reader, f"reason={reason} text={text[:200]!r}", f"{self.stamp.epoch}-{self._frames}")

    def _complain(self, reader: _Reader, words: str, trace_id: str) -> None:
        self.counts.unknown += 1
        reader.complaints += 1
        if reader.complaints <= COMPLAINTS:
            log.warning("%s not_understood %s", self.worker, words, extra={"trace_id": trace_id})
