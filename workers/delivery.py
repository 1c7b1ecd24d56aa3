"""From data frames to the bus: normalised, stamped, encoded once, sent in batches. Also what the worker itself has to tell."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from gateway import names
from gateway.bus import BusSender
from gateway.dead_letters import DeadLetters
from gateway.models import BadRecord, Event, Record
from gateway.occurrences import Gap, occurrence
from gateway.protocol import channels
from gateway.protocol.channels.channel import Channel, Outcome
from gateway.protocol.endpoints import Endpoint
from gateway.protocol.frames import Data, Unknown
from gateway.protocol.memory import Memory
from gateway.protocol.raw_records import RawRecords, as_it_came, raw_data
from gateway.wire import TOPIC_STATE, Stamp, TopicReport, TopicReports
from workers.books import Books, Standing
from workers.complaints import Complaints, shown
from workers.reader import Reader, Readers

log = logging.getLogger(__name__)

#: Unacknowledged bytes that a worker keeps for its router. Beyond them a public endpoint drops its oldest batch, counted and
#: announced; the private one stops reading.
WAITING_BYTES = 64 << 20
#: Names of unknown fields that are remembered, so that each is logged once.
NOTED_FIELDS = 1000


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
    readers: Readers = field(init=False)
    _complaints: Complaints = field(init=False)
    _strange: Reader = field(default_factory=lambda: Reader(channels.RAW, Memory()))  # frames of no topic that is ours
    _records: list[Record] = field(default_factory=list)
    _occurrences: int = 0
    _overflowing: int = 0  # events dropped since the last announcement
    _frames: int = 0
    _traces: int = 0
    _noted: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.readers = Readers(self.endpoint.name, self.continuity)
        self._complaints = Complaints(self.worker, self.dead_letters, announces_all=self.endpoint.authenticates)

    def want(self, event_types: Mapping[str, frozenset[str]], now: float = 0.0) -> None:
        """Replace what is asked of each topic: its event types. One frame may tell several, of which nobody may want some."""
        self.readers.want(event_types, now)

    def new_connection(self, now: float) -> None:
        """What comes next follows nothing that came before."""
        self.readers.begin_anew()
        self.books.lost(now)

    def lost(self, now: float) -> None:
        """The connection is gone: no book is what the exchange's is."""
        self.books.lost(now)

    def take(self, data: Data, received_ns: int, now: float = 0.0) -> bool:
        """Normalise one frame; its records leave with the next `flush`. True: its topic must be subscribed anew for a snapshot.

        now  monotonic seconds
        """
        self._frames += 1
        trace_id = f"{self.stamp.epoch}-{self._frames}"
        reader = self.readers.of(data.topic)
        if reader is None:
            self.unasked(data, received_ns)
            return False
        reader.heard_at = now
        normalise = reader.channel.normalise
        if normalise is None:
            raise LookupError(f"the channel {reader.channel.channel_type} reads no topic, but was found for {data.topic}")
        outcomes = normalise(data, self.endpoint.category, reader.memory)
        if data.unknown:
            self._note_unknown_fields(reader.channel, data.unknown)
        raws = RawRecords(data.text, len(outcomes))
        for place, outcome in enumerate(outcomes):
            if isinstance(outcome, Event):
                if not reader.wants(outcome.event_type):
                    reader.memory.told.pop(outcome.event_type, None)
                    continue
                if reader.channel.is_book and not self.books.take(outcome, reader.memory, now):
                    self.counts.stale += 1
                    continue
            elif reader.channel.is_book:
                self.books.spoiled(data.topic, outcome.reason, now)
            outcome = _routable(outcome)
            if isinstance(outcome, BadRecord):
                outcome.record = as_it_came(outcome.record, raws.at(place))
                self._complain(reader, outcome, trace_id, received_ns)
                continue
            raw = raws.at(place) if self.stamp.carries_raw(outcome) else None
            self._records.append(self.stamp.record(outcome, received_ns=received_ns, trace_id=trace_id, raw=raw))
            self._count(reader, received_ns)
        return self._tell_of_holes(data.topic, reader, received_ns)

    def _count(self, reader: Reader, now_ns: int) -> None:
        """An event of the topic is on its way."""
        self.counts.events += 1
        reader.last_event_ms = now_ns // 1_000_000

    def _note_unknown_fields(self, channel: Channel, keys: list[str]) -> None:
        """Counted each time, logged the first time."""
        self.counts.unknown_fields += len(keys)
        for key in (key[:100] for key in keys):
            if (channel.event_type, key) not in self._noted and len(self._noted) < NOTED_FIELDS:
                self._noted.add((channel.event_type, key))
                log.info("%s unknown_field event_type=%s key=%s", self.worker, channel.event_type, key)

    def tend(self, standing: Standing, now: float, now_ns: int) -> list[str]:
        """Whole books: deliver what came, fetch what is missing, deliver what services are to get now.

        The topics that must be subscribed anew: of books that services want whole, and that lack a snapshot.
        """
        for event, memory in self.books.fetched(standing, now):
            reader = self.readers.of(event.topic)
            if reader is not None:
                memory.continuity, reader.memory, reader.heard_at = self.continuity, memory, now
                self._records.append(self.stamp.record(event, received_ns=now_ns, trace_id=self._own_trace_id()))
                self._count(reader, now_ns)
                self._tell_of_holes(event.topic, reader, now_ns)
        blank = self.books.look(standing, now)
        for event, queue in self.books.due(standing, now):
            self._records.append(self.stamp.record(event, received_ns=now_ns, trace_id=self._own_trace_id(), queue=queue))
            reader = self.readers.of(event.topic)
            if reader is not None:
                self._count(reader, now_ns)
        return blank

    def _tell_of_holes(self, topic: str, reader: Reader, now_ns: int) -> bool:
        """Say once that a book or ticker is broken, and once that it is whole again; whether it must be subscribed anew.

        The one snapshot that was asked for may get lost too, so it is asked for until it comes; `renew` spaces the asking.
        """
        kind = reader.hole()
        if kind is not None:
            self.tell(kind, now_ns=now_ns, topic=topic, detail=reader.memory.hole)
        return reader.needs_snapshot

    def tell(self, kind: str, *, now_ns: int, topic: str | None = None, detail: str | None = None, gap: Gap | None = None) -> None:
        """Add a `system` event about this connection."""
        self._occurrences += 1
        event = occurrence(
            kind,
            identity=f"{self.stamp.epoch}|{self._occurrences}",
            endpoint=self.endpoint.name,
            worker=self.worker,
            now_ms=now_ns // 1_000_000,
            category=self.endpoint.category,
            topic=topic,
            detail=detail,
            gap=gap,
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

    def unread(self, frame: Unknown, received_ns: int) -> None:
        """Keep and count a frame that is none of what the exchange documents."""
        bad = BadRecord(topic="", reason=frame.reason, record=frame.text.decode(errors="backslashreplace"))
        self._complain(self._strange, bad, "", received_ns)

    def unasked(self, data: Data, received_ns: int) -> None:
        """Keep and count a frame of a topic that nobody asked for."""
        bad = BadRecord(
            topic=data.topic, reason="a frame of a topic that nobody asked for", record=as_it_came(data.data, raw_data(data.text))
        )
        self._complain(self._strange, bad, "", received_ns)

    def _complain(self, reader: Reader, bad: BadRecord, trace_id: str, now_ns: int) -> None:
        self.counts.unknown += 1
        if self._complaints.add(reader, bad, trace_id=trace_id, now_ns=now_ns):
            self.tell("dead_letter", now_ns=now_ns, topic=shown(bad.topic) or None, detail=bad.reason)


def _routable(outcome: Outcome) -> Outcome:
    """An event whose names do not fit into a routing key cannot be published; what told it is added by whoever has it."""
    if isinstance(outcome, Event) and not names.is_routable(outcome.category, outcome.symbol, outcome.variant):
        return BadRecord(topic=outcome.topic, reason="its names do not fit into a routing key", record=None)
    return outcome
