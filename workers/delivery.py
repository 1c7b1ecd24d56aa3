"""From data frames to records: normalised, stamped, encoded once. `dispatch.py` sends them, `ledger.py` tells what is missing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.bus.bus import BusSender
from gateway.disk.dead_letters import DeadLetters
from gateway.disk.memo import Memo
from gateway.metrics.tally import Tally
from gateway.models import BadRecord, Event, Json
from gateway.occurrences import Kind
from gateway.protocol import channels
from gateway.protocol.answers import Fact
from gateway.protocol.endpoints import Endpoint
from gateway.protocol.frames import Data, Unknown, parse
from gateway.protocol.memory import Memory
from gateway.protocol.raw_records import as_it_came, raw_data, raw_record
from gateway.wire import Stamp, TopicReport
from workers import diary
from workers.books import Books, Standing
from workers.complaints import Complaints, routable, shown
from workers.counts import Counts
from workers.dispatch import Dispatch
from workers.gaps import WHOLE_AGAIN, Gaps, OpenGap
from workers.journal import Journal, Kept, KeptFrame
from workers.ledger import Ledger
from workers.maintenance import Maintenance
from workers.overflow import WAITING_BYTES, Overflow
from workers.reader import Reader, Readers
from workers.unknown_fields import UnknownFields
from workers.voice import Voice

#: What an earlier run left is handed on so many bytes at a time, and no further ahead of the router than this.
REPLAY_BYTES, REPLAY_AHEAD = 1 << 20, 16 << 20


@dataclass(slots=True)
class Delivery:
    """The way out of one worker. Used by its main thread alone.

    continuity  whether a book's delta must bring the next `u`
    journal     what was read and is not the router's yet
    memo        where the open gaps are kept for the next run
    passes      whether consumers are to be told what the stream brings; see `catchup.py`
    holds_left  whether a frame that an earlier run left waits; see there
    tally       what the whole worker counts for GET /metrics
    """

    worker: str
    endpoint: Endpoint
    stamp: Stamp
    bus: BusSender
    dead_letters: DeadLetters
    books: Books
    continuity: bool = True
    journal: Journal = field(default_factory=Journal)
    gaps: Gaps = field(default_factory=Gaps)
    memo: Memo[list[OpenGap]] | None = None
    passes: Callable[[Event], bool] = lambda _event: True
    holds_left: Callable[[tuple[Data, int], float], bool] = lambda _frame, _now: False
    counts: Counts = field(default_factory=Counts)
    tally: Tally = field(default_factory=Tally)
    maintenance: Maintenance = field(default_factory=Maintenance)
    readers: Readers = field(init=False)
    dispatch: Dispatch = field(init=False)
    ledger: Ledger = field(init=False)
    _voice: Voice = field(init=False)
    _complaints: Complaints = field(init=False)
    _unknown: UnknownFields = field(init=False)
    _strange: Reader = field(default_factory=lambda: Reader(channels.RAW, Memory()))  # frames of no topic that is ours
    _overflow: Overflow = field(default_factory=Overflow)
    _frames: int = 0
    _is_told: bool = field(default_factory=diary.is_kept)  # of each frame, in this turn

    def __post_init__(self) -> None:
        self.readers = Readers(self.endpoint.name, self.endpoint.category, self.continuity)
        self._unknown = UnknownFields(self.worker)
        self.dispatch = Dispatch(self.worker, self.bus, self.journal, self.tally)
        self._voice = Voice(self.worker, self.endpoint, self.stamp)
        self.ledger = Ledger(self._voice, self.dispatch, self.gaps, self.memo)
        self._complaints = Complaints(self.worker, self.dead_letters, announces_all=self.endpoint.authenticates)

    def want(self, event_types: Mapping[str, frozenset[str]], now: float = 0.0) -> None:
        """Replace what is asked of each topic: its event types. One frame may tell several, of which nobody may want some."""
        self.readers.want(event_types, now)

    def new_connection(self, now: float) -> None:
        """What comes next follows nothing that came before."""
        self.readers.begin_anew(now)
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
        if self._is_told:
            diary.received(self.worker, data.text, trace_id)
        reader.heard_at = now
        if reader.cadence is not None and reader.cadence.heard(now, self.readers.blind_until):
            self._speaks_again(data.topic, reader, received_ns)
        channel, memory = reader.channel, reader.memory
        if channel.normalise is None:
            raise LookupError(f"the channel {channel.channel_type} reads no topic, but was found for {data.topic}")
        outcomes = channel.normalise(data, self.endpoint.category, memory)
        if data.unknown:
            self.counts.unknown_fields += len(data.unknown)
            self._unknown.note(channel.event_type, data.unknown)
        wanted, count = reader.wanted, len(outcomes)
        for place, outcome in enumerate(outcomes):
            if isinstance(outcome, Event):
                if wanted is not None and outcome.event_type not in wanted:
                    memory.told.pop(outcome.event_type, None)
                    continue
                if channel.is_book and not self.books.take(outcome, memory, now):
                    self.counts.stale += 1
                    continue
            elif channel.is_book:
                self.books.spoiled(data.topic, outcome.reason, now)
            outcome = routable(outcome)
            if isinstance(outcome, BadRecord):
                outcome.record = as_it_came(data, outcome.record, raw_record(data, place, count))
                self._complain(reader, outcome, trace_id, received_ns)
                continue
            if not self.passes(outcome):
                self.counts.repeated += 1
                continue
            if memory.hole is not None:
                self._tell_of_holes(data.topic, reader, received_ns)  # before the event that shows it
            raw = raw_record(data, place, count) if self.stamp.carries_raw(outcome) else None
            self._add(outcome, reader, received_ns, trace_id, raw=raw)
        return self._tell_of_holes(data.topic, reader, received_ns) if reader.may_change_its_word else False

    def fetched(self, fact: Fact, now_ns: int) -> None:
        """What REST told of a wanted topic: its record leaves with the next `flush`."""
        reader = self.readers.of(fact.outcome.topic)
        outcome = routable(fact.outcome)
        if reader is None or (isinstance(outcome, Event) and not reader.wants(outcome.event_type)):
            return
        trace_id = self._voice.trace_id()
        if isinstance(outcome, BadRecord):
            self._complain(reader, outcome, trace_id, now_ns)
            return
        self._add(outcome, reader, now_ns, trace_id, raw=fact.raw if self.stamp.carries_raw(outcome) else None)

    def _add(self, event: Event, reader: Reader, received_ns: int, trace_id: str, *, raw: Json = None, queue: str = "") -> None:
        """An event of the topic is on its way; the first one after a gap says so."""
        if event.event_type == "system_status":
            self.maintenance.take(event)
        if self.gaps.marks and not queue:
            event.gap_id = self.gaps.take_mark(event.topic, received_ns // 1_000_000 if event.source == "stream" else None)
        record = self.stamp.record(event, received_ns=received_ns, trace_id=trace_id, raw=raw, queue=queue)
        self.dispatch.add(record)
        if self._is_told:
            diary.told(self.worker, event, trace_id)
        self.counts.events += 1
        reader.note(record, self.stamp.last_sequence(record.routing_key))

    def tend(self, standing: Standing, now: float, now_ns: int) -> list[str]:
        """Whole books: deliver what came, fetch what is missing, deliver what services are to get now.

        The topics that must be subscribed anew: of books that services want whole, and that lack a snapshot.
        """
        for event, memory in self.books.fetched(standing, now):
            reader = self.readers.of(event.topic)
            if reader is not None:
                memory.continuity, reader.memory, reader.heard_at = self.continuity, memory, now
                self._add(event, reader, now_ns, self._voice.trace_id())
                self._tell_of_holes(event.topic, reader, now_ns)
        blank = self.books.look(standing, now)
        for event, queue in self.books.due(standing, now):
            reader = self.readers.of(event.topic)
            if reader is not None:
                self._add(event, reader, now_ns, self._voice.trace_id(), queue=queue)
        return blank

    def _tell_of_holes(self, topic: str, reader: Reader, now_ns: int) -> bool:
        """Say once that a book or ticker is broken, and once that it is whole again; whether it must be subscribed anew.

        The one snapshot that was asked for may get lost too, so it is asked for until it comes; `renew` spaces the asking.
        """
        kind = reader.hole()
        if kind == "gap":
            from_ms = reader.last_event_ms or now_ns // 1_000_000
            self.ledger.begin("gap", "hole", now_ns=now_ns, from_ms=from_ms, topic=topic, detail=reader.memory.hole)
        elif kind == "recovered":
            self.ledger.end_of("hole", topic, now_ns=now_ns, recovered=True, detail=WHOLE_AGAIN)
        return reader.needs_snapshot

    def _speaks_again(self, topic: str, reader: Reader, now_ns: int) -> None:
        whole = reader.channel.begins_whole
        detail = WHOLE_AGAIN if whole else "it speaks again; nothing of the time between was fetched"
        self.ledger.end_of("stalled", topic, now_ns=now_ns, recovered=whole, detail=detail)

    def tell(self, kind: Kind, *, now_ns: int, topic: str | None = None, detail: str | None = None) -> None:
        """Add a `system` event about this connection."""
        self.ledger.tell(kind, now_ns=now_ns, topic=topic, detail=detail)

    def report(self, reports: list[TopicReport], now_ns: int) -> None:
        """Tell PostgreSQL how the topics are."""
        self.dispatch.add(self._voice.report(reports, now_ns))

    def flush(self) -> None:
        """Hand what was taken to the bus as one batch."""
        self.ledger.flush()
        self._is_told = diary.is_kept()

    def replay(self, now: float) -> bool:
        """Hand on what an earlier run left, as far as there is room; whether that was all. now: monotonic seconds."""
        while self.bus.outbox.bytes < REPLAY_AHEAD:
            left = self.journal.left(REPLAY_BYTES)
            if left is None:
                break
            for kept in left:
                self._again(kept, now)
            self.dispatch.flush_replayed()
            if not left:
                return True
        self.dispatch.pump()
        return False

    def close(self, now_ns: int) -> None:
        """The worker ends: what the router has not taken stays on disk. Frames of the private endpoint are there already."""
        if not self.endpoint.authenticates:
            self._keep_rest(now_ns)
        self.dispatch.pump()
        self.journal.close()
        self.bus.close()

    def _keep_rest(self, now_ns: int) -> None:
        """What was dropped is told by now, or by the next run; the gap that it goes on with covers what the disk refuses."""
        since_ms = self.delivered_ms
        self._overflow.tell(self.ledger, now_ns)
        self.flush()
        lost = self.dispatch.keep_rest()
        if lost and since_ms is not None:
            self.counts.dropped += lost
            self.counts.not_kept += lost
            detail = f"{lost} events could be neither sent nor kept"
            self.ledger.goes_on(self.readers.wanted, from_ms=since_ms, now_ns=now_ns, detail=detail)
            self.flush()

    def _again(self, kept: Kept, now: float) -> None:
        if not isinstance(kept, KeptFrame):
            for record in kept.records:
                self.dispatch.add(record)
        elif isinstance(frame := parse(kept.text), Unknown):
            self.unread(frame, kept.received_ns)
        elif isinstance(frame, Data) and not self.holds_left((frame, kept.received_ns), now):
            self.take(frame, kept.received_ns, now)

    def pump(self, now_ns: int) -> None:
        """Move the bus on, and make room where a public endpoint has run out of it."""
        self.dispatch.pump()
        if self.endpoint.authenticates:
            return
        dropped = self._overflow.make_room(self.bus)
        self.counts.dropped += dropped
        if self._overflow.count and self.bus.outbox.bytes < WAITING_BYTES // 2 and not dropped:
            self._overflow.tell(self.ledger, now_ns)

    @property
    def delivered_ms(self) -> int | None:
        """What was received until then is the router's, or on disk; None: all of it. Unix milliseconds."""
        oldest_ns = self.bus.outbox.oldest_ns
        if self.endpoint.authenticates or oldest_ns is None:
            return self._overflow.since_ms
        return min(oldest_ns // 1_000_000, self._overflow.since_ms or oldest_ns)

    @property
    def must_wait(self) -> bool:
        """The private endpoint drops nothing: it stops reading until the router has taken what waits."""
        return self.endpoint.authenticates and self.bus.outbox.bytes > WAITING_BYTES

    def unread(self, frame: Unknown, received_ns: int) -> None:
        """Keep and count a frame that is none of what the exchange documents."""
        bad = BadRecord(topic="", reason=frame.reason, record=frame.text.decode(errors="backslashreplace"))
        self._complain(self._strange, bad, "", received_ns)

    def unasked(self, data: Data, received_ns: int) -> None:
        """Keep and count a frame of a topic that nobody asked for."""
        record = as_it_came(data, data.data, raw_data(data.text))
        bad = BadRecord(topic=data.topic, reason="a frame of a topic that nobody asked for", record=record)
        self._complain(self._strange, bad, "", received_ns)

    def _complain(self, reader: Reader, bad: BadRecord, trace_id: str, now_ns: int) -> None:
        self.counts.unknown += 1
        if self._complaints.add(reader, bad, trace_id=trace_id, now_ns=now_ns):
            self.tell("dead_letter", now_ns=now_ns, topic=shown(bad.topic) or None, detail=bad.reason)
