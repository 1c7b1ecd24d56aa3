"""A worker: one endpoint, one connection; its parts, and the loop that turns them."""

import logging
import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.database.store import CREDENTIALS_MISSING, Wanted
from gateway.disk.spool import Syncer
from gateway.disk.turn_lock import TurnLock
from gateway.health.absence import absence_after, newest_run
from gateway.health.report import Reporter
from gateway.health.words import TopicState, WorkerState, is_fresh
from gateway.occurrences import Kind
from gateway.protocol.endpoints import Endpoint
from gateway.trouble import Trouble
from workers.catalog_reader import CatalogReader
from workers.delivery import Delivery
from workers.layout import BUSY, Layout
from workers.link import Link
from workers.run_counts import counted
from workers.slots import Slot
from workers.tap import Tap
from workers.told import Told, of_patterns
from workers.topic_states import topic_states
from workers.wanted import WantedReader, Wishes
from workers.work import Resyncs, Work, work_of

logger = logging.getLogger(__name__)

#: State files and reports to PostgreSQL; seconds.
REPORT_EVERY_S = 1.0
#: A stopping worker waits this long for the router to take what was read, and no longer than the patience without a sign of it;
#: seconds. supervisord stops one program after another: all of them together have 20 s.
FLUSH_S, PATIENCE_S = 6.0, 0.5


@dataclass(slots=True)
class Worker:
    """The process's parts, wired.

    slot      which of the endpoint's processes it is
    siblings  the last words of the other processes of the endpoint
    disabled  why the settings forbid all of its category; None: they do not
    lock      of its journal: whoever has it works, any other process with the same one stands by
    layout    how the topics are dealt, and who is in the way; None: they are not, one process has them all
    before    its own last words of an earlier run; None: there was none, or they cannot be read
    syncer    of its journal
    tap       of its link
    """

    name: str
    endpoint: Endpoint
    slot: Slot
    started_ms: int
    wanted: WantedReader
    link: Link
    delivery: Delivery
    reporter: Reporter
    lock: TurnLock
    layout: Layout | None
    has_credentials: bool
    disabled: str | None
    catalog: CatalogReader | None
    siblings: Callable[[], Iterable[WorkerState]]
    before: WorkerState | None
    syncer: Syncer
    tap: Tap
    stopping: bool = False
    _is_open: bool = False  # its journal
    _has_begun: bool = False
    _wishes: Wishes = field(default_factory=Wishes)
    _told: Told = field(default_factory=Told)
    _resyncs: Resyncs = field(default_factory=Resyncs)
    _report_due: float = 0.0
    _word: str = ""
    _waiting: Trouble = field(init=False)

    def __post_init__(self) -> None:
        self._waiting = Trouble(logger, f"{self.name} standing_by")

    def run(self) -> int:
        """Until `stopping`, or until a part of it is dead; the process's exit code."""
        self.wanted.start()
        self.reporter.start()
        if self.catalog is not None:
            self.catalog.start()
        while not self.stopping and not self._is_dead():
            self._follow_wishes()
            self.tap.turn(time.monotonic(), time.time_ns(), self.link.subscriptions.names_delivering)
            if self._begins():
                if self.wanted.held_ms:
                    self._takes_over()
                self.link.turn()
            word = f"{self.link.status} {self.delivery.journal.error}"
            if time.monotonic() >= self._report_due or word != self._word:
                self._report(at_once=word != self._word)
                self._word = word
                self._report_due = time.monotonic() + REPORT_EVERY_S
            self.link.wait()
        logger.info("%s stopping", self.name)
        if self.catalog is not None:
            self.catalog.stop()
        self.link.close()
        self.tap.close(time.time_ns())
        self.delivery.bus.flush(FLUSH_S, patience_s=PATIENCE_S)
        self.wanted.stop()  # another machine may have the topics from now on
        self.delivery.close(time.time_ns())
        if self._is_open and not self.delivery.counts.not_kept:
            self.link.catchup.ends()
        self.syncer.stop()
        self.reporter.give(self._state({}, has_ended=True))
        self.reporter.stop()
        return 0 if self.stopping else 1

    def stop(self) -> None:
        """Soon; may be called by a signal."""
        self.stopping = True
        os.eventfd_write(self.wanted.wake, 1)

    def _is_dead(self) -> bool:
        """Whether a thread has ended that never should: what it did is done by nobody, so the process ends and is started anew."""
        own = [self.wanted, self.reporter, self.syncer, *([self.catalog] if self.catalog is not None else [])]
        dead = [thread.name for thread in own if thread.ident is not None and not thread.is_alive()]
        dead += ["catch-up"] if self.link.catchup.is_dead else []
        if dead:
            logger.error("%s thread_dead names=%s: the process ends, to be started anew", self.name, ",".join(dead))
        in_the_way = self.wanted.in_the_way if self._has_begun else None
        if in_the_way is not None:
            logger.error("%s must_stand_by reason=%s: the process ends, to be started anew", self.name, in_the_way)
        return bool(dead) or in_the_way is not None

    def _begins(self) -> bool:
        """Whether it is this process's turn, and what an earlier run left has been read: nothing new comes before that."""
        if self._has_begun:
            return True
        in_the_way = None if self._is_open else self.wanted.in_the_way or self._takes_turn()
        if in_the_way is not None:
            if in_the_way != BUSY:
                self._waiting.say(in_the_way)
                self.link.status, self.link.last_error = "standby", in_the_way
            return False
        if not self._is_open:
            self._is_open = True
            left = self.delivery.journal.open()
            if left.records or left.lost:
                logger.info("%s journal_left records=%d lost=%d", self.name, left.records, left.lost)
            self.syncer.start()
            self.link.catchup.begins()
            self.link.status, self.link.last_error = "connecting", None
        self._has_begun = self.delivery.replay(time.monotonic())
        if self._has_begun:
            since_ms, topics = self._away()
            self.delivery.ledger.was_away(since_ms, topics, now_ns=time.time_ns())
            self._waiting.over()
        return self._has_begun

    def _takes_turn(self) -> str | None:
        """None: it has it. Else who is in the way."""
        if self.layout is not None:
            return self.layout.begin(self.lock)
        return None if self.lock.take() else "another process has the turn"

    def _takes_over(self) -> None:
        """Once PostgreSQL has said what is wanted: some of it was held elsewhere, by a process that left nothing on this disk."""
        held_ms, self.wanted.held_ms = self.wanted.held_ms, {}
        remembered, gap = self.wanted.remembered(), self.delivery.gaps.connection
        known = {row.topic for row in remembered.rows} if remembered is not None else set()
        known |= gap.topics if gap is not None else set()
        since_ms = {topic: at_ms for topic, at_ms in (held_ms or {}).items() if topic not in known}
        if since_ms:
            self.delivery.ledger.takes_over(since_ms, now_ns=time.time_ns())

    def _away(self) -> tuple[int | None, Collection[str]]:
        """Since when nobody did this process's work, where the last one who did ended without a word; and what it held."""
        others = self.siblings() if self.endpoint.authenticates else []
        absence = absence_after(newest_run([*([self.before] if self.before is not None else []), *others]))
        remembered = self.wanted.remembered()
        topics = {row.topic for row in remembered.rows} if remembered is not None else set()
        absent = [topic for topic in (absence.topics if absence is not None else ()) if self.wanted.mine(topic)]
        return (absence.since_ms, absent or topics) if absence is not None else (None, topics)

    @property
    def _missing_credentials(self) -> bool:
        return self.endpoint.authenticates and not self.has_credentials

    @property
    def _barred(self) -> TopicState | None:
        """How all wishes are while none of them can be followed; None: they can."""
        if self.disabled is not None:
            return TopicState("refused", self.disabled)
        return TopicState("requested", CREDENTIALS_MISSING) if self._missing_credentials else None

    def _follow_wishes(self) -> None:
        wishes = self.wanted.wishes
        if wishes is None or wishes is self._wishes:
            return
        if wishes.needs > self.slot.processes and wishes.needs != self._wishes.needs:
            logger.warning(
                "%s more_processes_needed found=%d expected=%d: what does not fit into the exchange's limits is refused",
                self.name, self.slot.processes, wishes.needs,
            )  # fmt: skip
        self._wishes = wishes
        if self._barred is None:
            self._take_up(work_of(wishes.rows, self.endpoint), self._resyncs.grown(wishes.rows))

    def _take_up(self, work: Work, anew: set[str]) -> None:
        """Follow what the rows say now. anew: topics that somebody wants a fresh snapshot of."""
        self.link.want({topic: row.pushes_first for topic, row in work.channels.items()})
        now = time.monotonic()
        self.link.diary.want(work.calls, self.link.subscriptions.is_held)
        self.delivery.want(work.event_types, now)
        self.delivery.books.want(work.channels, work.snapshots)
        self.link.catchup.want(work.channels.__contains__)
        for topic in sorted(anew):
            if not self.delivery.books.distrust(topic, now):
                self.link.subscriptions.renew(topic)

    def _report(self, *, at_once: bool) -> None:
        stored = [*(row for row in self._wishes.rows if row.pattern is None), *self._wishes.patterns]
        if self._barred is not None and self.link.status != "standby":
            topics = {row.topic: self._barred for row in stored}
        else:
            topics = topic_states(self.link, self.delivery.readers)
        self._tell_postgres(topics, stored)
        self.reporter.give(self._state(topics), at_once=at_once)

    def _tell_postgres(self, topics: Mapping[str, TopicState], stored: Sequence[Wanted]) -> None:
        """Report each topic that changed, and again where a row says something else; so, too, each wish that names many."""
        now, now_ns, named = time.monotonic(), time.time_ns(), self.slot.seen_here(self._wishes.named)
        patterns = of_patterns(named, {**self._siblings_topics(now_ns), **topics}) if named and self._barred is None else {}
        in_rows, reports = {row.topic for row in stored}, []
        for report, is_settled in self._told.news({**topics, **patterns}, stored, now):
            if is_settled and report.topic not in patterns and self._barred is None:
                kind: Kind = "refused" if report.state == "refused" else "subscribed"
                self.delivery.tell(kind, now_ns=now_ns, topic=report.topic, detail=report.last_error)
            if report.topic in in_rows:
                reports.append(report)
        if reports:
            self.delivery.report(reports, now_ns)
        if self._has_begun:
            self.delivery.flush()

    def _siblings_topics(self, now_ns: int) -> dict[str, TopicState]:
        """What the other processes of this endpoint hold; nothing of one that has fallen silent."""
        fresh = (said for said in self.siblings() if is_fresh(said, now_ns // 1_000_000))
        return {topic: state for said in fresh for topic, state in said.topics.items()}

    def _state(self, topics: dict[str, TopicState], *, has_ended: bool = False) -> WorkerState:
        link, counts, journal, outbox = self.link, self.delivery.counts, self.delivery.journal, self.delivery.bus.outbox
        last_ms = link.intake.last_frame_ms
        waits_ms = min((at for at in (self.delivery.delivered_ms, link.catchup.held_since_ms) if at is not None), default=None)
        return WorkerState(
            name=self.name,
            endpoint=self.endpoint.name,
            pid=os.getpid(),
            written_ms=0,  # dated by the reporter
            started_ms=self.started_ms,
            connection_status=link.status,
            processes=self.slot.processes,
            processes_needed=self._wishes.needs,
            connected_since_ms=link.connected_since,
            trouble_since_ms=link.trouble_since,
            last_frame_ms=last_ms,
            reconnection_count=link.reconnections,
            last_error=link.last_error,
            wanted=len({row.topic for row in self._wishes.rows}) if self.disabled is None else 0,
            active_subscriptions=link.subscriptions.held,
            events=counts.events,
            dropped=counts.dropped,
            repeated=counts.repeated,
            stale=counts.stale,
            unknown=counts.unknown,
            unknown_fields=counts.unknown_fields,
            unacknowledged=len(outbox),
            unacknowledged_batches=outbox.batches,
            gaps_open=len(self.delivery.gaps.open),
            counted=counted(
                self.delivery,
                reconnections=link.reconnections,
                missed=link.catchup.missed,
                unmatched=link.subscriptions.unmatched,
            ),
            missed=link.catchup.missed,
            journal_messages=journal.messages,
            journal_bytes=journal.size_bytes,
            journal_error=journal.error,
            breaker=link.breaker.word,
            delivered_ms=min(last_ms, waits_ms or last_ms) if last_ms is not None else None,
            maintenance=self.delivery.maintenance.title,
            has_ended=has_ended,
            absence=absence_after(self.before) if not self._has_begun else None,
            clock_skew_ms=link.clock_skew_ms,
            missing_credentials=self._missing_credentials and bool(self._wishes.rows),
            topics=topics,
        )
