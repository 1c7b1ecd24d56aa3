"""From data frames to the bus: normalised, stamped, encoded once, sent in batches. Also what the worker itself has to tell."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from gateway import names
from gateway.bus import BusSender
from gateway.dead_letters import DeadLetters
from gateway.models import BadRecord, Event, Json, Record
from gateway.protocol import channels
from gateway.protocol.channels.channel import Channel, Memory, Outcome
from gateway.protocol.endpoints import Endpoint
from gateway.protocol.frames import Data, Unknown
from gateway.protocol.raw_records import raw_records
from gateway.wire import TOPIC_STATE, Stamp, TopicReport, TopicReports

log = logging.getLogger(__name__)

#: Unacknowledged bytes that a worker keeps for its router. Beyond them a public endpoint drops its oldest batch, counted and
#: announced; the private one stops reading.
WAITING_BYTES = 64 << 20
#: Bad records and unknown frames of a topic are logged, and announced, this many times; then they are only counted and kept. The
#: private endpoint announces all of them: each may be a fact of the account.
COMPLAINTS = 20
#: Names of unknown fields that are remembered, so that each is logged once.
NOTED_FIELDS = 1000


@dataclass(slots=True)
class _Reader:
    """How one topic is read on this connection.

    wanted  event types that somebody asked for; None: all that its frames tell
    """

    channel: Channel
    memory: Memory
    wanted: frozenset[str] | None = None
    last_event_ms: int | None = None
    complaints: int = 0
    is_broken: bool = False  # and consumers were told so


@dataclass(slots=True)
class Counts:
    """Since the process started.

    dropped         public events that found no room
    unknown         frames and records that could not be read; each is a dead letter
    unknown_fields  keys that no table knows, each time one came; they are delivered all the same
    """

    events: int = 0
    dropped: int = 0
    unknown: int = 0
    unknown_fields: int = 0


@dataclass(slots=True)
class Delivery:
    """The way out of one worker. Used by its main thread alone."""

    worker: str
    endpoint: Endpoint
    stamp: Stamp
    bus: BusSender
    dead_letters: DeadLetters
    counts: Counts = field(default_factory=Counts)
    _readers: dict[str, _Reader] = field(default_factory=dict)
    _strange: _Reader = field(default_factory=lambda: _Reader(channels.RAW, Memory()))  # frames of no topic that is ours
    _records: list[Record] = field(default_factory=list)
    _occurrences: int = 0
    _overflowing: int = 0  # events dropped since the last announcement
    _frames: int = 0
    _wanted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    _noted: set[tuple[str, str]] = field(default_factory=set)

    def want(self, event_types: Mapping[str, frozenset[str]]) -> None:
        """Replace what is asked of each topic: its event types. One frame may tell several, of which nobody may want some."""
        self._wanted = event_types
        for topic, reader in self._readers.items():
            reader.wanted = event_types.get(topic)

    def new_connection(self) -> None:
        """Nothing is remembered across connections but what consumers were told: books and tickers begin with their next snapshot."""
        for reader in self._readers.values():
            reader.memory = Memory(funding=reader.memory.funding)

    def take(self, data: Data, received_ns: int) -> bool:
        """Normalise one frame; its records leave with the next `flush`. True: its topic needs a new snapshot."""
        self._frames += 1
        trace_id = f"{self.stamp.epoch}-{self._frames}"
        reader = self._readers.get(data.topic)
        if reader is None:
            channel = channels.for_topic(data.topic, self.endpoint.name)
            reader = self._readers[data.topic] = _Reader(channel, Memory(), self._wanted.get(data.topic))
        normalise = reader.channel.normalise
        if normalise is None:
            raise LookupError(f"the channel {reader.channel.channel_type} reads no topic, but was found for {data.topic}")
        outcomes = normalise(data, self.endpoint.category, reader.memory)
        if data.unknown:
            self._note_unknown_fields(reader.channel, data.unknown)
        raws: list[Json] | None = None
        for place, outcome in enumerate(outcomes):
            outcome = _routable(outcome)
            if isinstance(outcome, BadRecord):
                self._complain(reader, outcome, trace_id, received_ns)
                continue
            if reader.wanted is not None and outcome.event_type not in reader.wanted:
                continue
            raw: Json = None
            if self.stamp.carries_raw(outcome):
                raws = raw_records(data.text, len(outcomes)) if raws is None else raws
                raw = raws[place]
            reader.last_event_ms = received_ns // 1_000_000
            self.counts.events += 1
            self._records.append(self.stamp.record(outcome, received_ns=received_ns, trace_id=trace_id, raw=raw))
        return self._tell_of_holes(data.topic, reader, received_ns)

    def _note_unknown_fields(self, channel: Channel, keys: list[str]) -> None:
        """Counted each time, logged the first time."""
        self.counts.unknown_fields += len(keys)
        for key in (key[:100] for key in keys):
            if (channel.event_type, key) not in self._noted and len(self._noted) < NOTED_FIELDS:
                self._noted.add((channel.event_type, key))
                log.info("%s unknown_field event_type=%s key=%s", self.worker, channel.event_type, key)

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

    def unread(self, frame: Unknown, received_ns: int) -> None:
        """Keep and count a frame that is none of what the exchange documents."""
        bad = BadRecord(topic="", reason=frame.reason, record=frame.text.decode(errors="backslashreplace"))
        self._complain(self._strange, bad, "", received_ns)

    def unasked(self, data: Data, received_ns: int) -> None:
        """Keep and count a frame of a topic that nobody asked for."""
        bad = BadRecord(topic=data.topic, reason="a frame of a topic that nobody asked for", record=data.data)
        self._complain(self._strange, bad, "", received_ns)

    def _complain(self, reader: _Reader, bad: BadRecord, trace_id: str, now_ns: int) -> None:
        self.counts.unknown += 1
        self.dead_letters.add(topic=bad.topic, reason=bad.reason, record=bad.record, trace_id=trace_id, received_ns=now_ns)
        reader.complaints += 1
        if reader.complaints <= COMPLAINTS:
            log.warning(
                "%s not_understood topic=%s reason=%s", self.worker, bad.topic[:100], bad.reason, extra={"trace_id": trace_id}
            )
        if reader.complaints <= COMPLAINTS or self.endpoint.authenticates:
            self.tell("dead_letter", now_ns=now_ns, topic=bad.topic or None, detail=bad.reason)


def _routable(outcome: Outcome) -> Outcome:
    """An event whose names do not fit into a routing key cannot be published."""
    if isinstance(outcome, Event) and not names.is_routable(outcome.category, outcome.symbol, outcome.variant):
        return BadRecord(topic=outcome.topic, reason="its names do not fit into a routing key", record=outcome.payload)
    return outcome
