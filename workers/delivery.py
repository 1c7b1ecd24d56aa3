"""From data frames to the bus: normalised, stamped, encoded once, sent in batches. Also what the worker itself has to tell."""

import logging
from collections.abc import Callable, Mapping
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
from workers.books import Books

log = logging.getLogger(__name__)

#: Unacknowledged bytes that a worker keeps for its router. Beyond them a public endpoint drops its oldest batch, counted and
#: announced; the private one stops reading.
WAITING_BYTES = 64 << 20
#: Bad records and unknown frames of a topic are logged, and announced, this many times; then they are only counted and kept. The
#: private endpoint announces all of them: each may be a fact of the account.
COMPLAINTS = 20
#: Topics that are read in the life of a process. The private endpoint's frames are believed to be asked for.
MOST_READERS = 50_000
#: Letters of a topic that nobody knows, where it is shown.
TOPIC_SHOWN = 200
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
    was_whole: bool = False  # on this connection


@dataclass(slots=True)
class Counts:
    """Since the process started.

    dropped         public events that found no room
    stale           changes of a whole book that were in it already
    unknown         frames and records that could not be read; each is a dead letter
    unknown_fields  keys that no table knows, each time one came; they are delivered all the same
    """

    events: int = 0
    dropped: int = 0
    stale: int = 0
    unknown: int = 0
    unknown_fields: int = 0


@dataclass(slots=True)
class Delivery:
    """The way out of one worker. Used by its main thread alone.

    continuity  whether a book's delta must bring the next `u`
    """

    worker: str
    endpoint: Endpoint
    stamp: Stamp
    bus: BusSender
    dead_letters: DeadLetters
    books: Books
    continuity: bool = True
    counts: Counts = field(default_factory=Counts)
    _readers: dict[str, _Reader] = field(default_factory=dict)
    _strange: _Reader = field(default_factory=lambda: _Reader(channels.RAW, Memory()))  # frames of no topic that is ours
    _records: list[Record] = field(default_factory=list)
    _occurrences: int = 0
    _overflowing: int = 0  # events dropped since the last announcement
    _frames: int = 0
    _traces: int = 0
    _wanted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    _noted: set[tuple[str, str]] = field(default_factory=set)

    def want(self, event_types: Mapping[str, frozenset[str]]) -> None:
        """Replace what is asked of each topic: its event types. One frame may tell several, of which nobody may want some."""
        self._wanted = event_types
        for topic, reader in self._readers.items():
            reader.wanted = event_types.get(topic)

    def new_connection(self, now: float) -> None:
        """Nothing is remembered across connections but what consumers were told: books and tickers begin with their next snapshot."""
        for reader in self._readers.values():
            reader.memory = Memory(funding=reader.memory.funding, continuity=self.continuity)
            reader.was_whole = False
        self.books.new_connection(now)

    def take(self, data: Data, received_ns: int, now: float = 0.0) -> bool:
        """Normalise one frame; its records leave with the next `flush`. True: its topic must be subscribed anew for a snapshot.

        now  monotonic seconds
        """
        self._frames += 1
        trace_id = f"{self.stamp.epoch}-{self._frames}"
        reader = self._readers.get(data.topic) or self._new_reader(data.topic)
        if reader is None:
            self.unasked(data, received_ns)
            return False
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
            if reader.channel.is_book and not self.books.take(outcome, reader.memory, now):
                self.counts.stale += 1
                continue
            raw: Json = None
            if self.stamp.carries_raw(outcome):
                raws = raw_records(data.text, len(outcomes)) if raws is None else raws
                raw = raws[place]
            reader.last_event_ms = received_ns // 1_000_000
            self.counts.events += 1
            self._records.append(self.stamp.record(outcome, received_ns=received_ns, trace_id=trace_id, raw=raw))
        return self._tell_of_holes(data.topic, reader, received_ns)

    def _new_reader(self, topic: str) -> _Reader | None:
        """For a topic that was not read before; None when there are more of them than anybody could have asked for."""
        if len(self._readers) >= MOST_READERS:
            return None
        channel = channels.for_topic(topic, self.endpoint.name)
        reader = self._readers[topic] = _Reader(channel, Memory(continuity=self.continuity), self._wanted.get(topic))
        return reader

    def _note_unknown_fields(self, channel: Channel, keys: list[str]) -> None:
        """Counted each time, logged the first time."""
        self.counts.unknown_fields += len(keys)
        for key in (key[:100] for key in keys):
            if (channel.event_type, key) not in self._noted and len(self._noted) < NOTED_FIELDS:
                self._noted.add((channel.event_type, key))
                log.info("%s unknown_field event_type=%s key=%s", self.worker, channel.event_type, key)

    def tend(self, is_held: Callable[[str], bool], now: float, now_ns: int) -> None:
        """Whole books: fetch what is missing, deliver what came and what services are to get now. is_held: of a topic, by the exchange."""
        for event, memory in self.books.fetched(now):
            reader = self._readers.get(event.topic) or self._new_reader(event.topic)
            if reader is not None:
                memory.continuity, reader.memory = self.continuity, memory
                self._records.append(self.stamp.record(event, received_ns=now_ns, trace_id=self._own_trace_id()))
                self._tell_of_holes(event.topic, reader, now_ns)
        self.books.ask(is_held, now)
        for event, queue in self.books.due(now):
            self._records.append(self.stamp.record(event, received_ns=now_ns, trace_id=self._own_trace_id(), queue=queue))

    def _tell_of_holes(self, topic: str, reader: _Reader, now_ns: int) -> bool:
        """Say once that a book or ticker is broken, and once that it is whole again; whether it must be subscribed anew.

        The one snapshot that was asked for may get lost too, so it is asked for until it comes; `renew` spaces the asking. A book
        whose snapshots come over REST is not broken before it was whole, and is fetched instead.
        """
        hole, by_rest = reader.memory.hole, reader.channel.rest_snapshots
        reader.was_whole = reader.was_whole or reader.memory.in_sync
        if by_rest and not reader.was_whole and not reader.is_broken:
            return False
        was, reader.is_broken = reader.is_broken, hole is not None
        if was != reader.is_broken:
            self.tell("gap" if reader.is_broken else "recovered", now_ns=now_ns, topic=topic, detail=hole)
        return reader.is_broken and not by_rest

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
        self._records.append(self.stamp.record(event, received_ns=now_ns, trace_id=self._own_trace_id()))

    def _own_trace_id(self) -> str:
        """Of what no frame brought."""
        self._traces += 1
        return f"{self.stamp.epoch}-s{self._traces}"

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
        topic = bad.topic[:TOPIC_SHOWN]
        self.dead_letters.add(topic=topic, reason=bad.reason, record=bad.record, trace_id=trace_id, received_ns=now_ns)
        reader.complaints += 1
        if reader.complaints <= COMPLAINTS:
            log.warning("%s not_understood topic=%s reason=%s", self.worker, topic, bad.reason, extra={"trace_id": trace_id})
        if reader.complaints <= COMPLAINTS or self.endpoint.authenticates:
            self.tell("dead_letter", now_ns=now_ns, topic=topic or None, detail=bad.reason)


def _routable(outcome: Outcome) -> Outcome:
    """An event whose names do not fit into a routing key cannot be published."""
    if isinstance(outcome, Event) and not names.is_routable(outcome.category, outcome.symbol, outcome.variant):
        return BadRecord(topic=outcome.topic, reason="its names do not fit into a routing key", record=outcome.payload)
    return outcome
