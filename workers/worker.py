"""A worker: one endpoint, one connection; its parts, and the loop that turns them."""

import logging
import os
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from gateway.protocol.endpoints import Endpoint
from gateway.report import Reporter
from gateway.state import TopicState, WorkerState, is_fresh
from workers.catalog_reader import CatalogReader
from workers.delivery import Delivery
from workers.link import Link
from workers.told import Told, of_patterns
from workers.turn_lock import TurnLock
from workers.wanted import WantedReader, Wishes
from workers.work import Resyncs, Work, work_of

logger = logging.getLogger(__name__)

#: State files and reports to PostgreSQL; seconds.
REPORT_EVERY_S = 1.0
#: A stopping worker waits this long for the router to take what was read, and no longer than the patience without a sign of it;
#: seconds. supervisord stops one program after another: all of them together have 20 s.
FLUSH_S, PATIENCE_S = 6.0, 0.5


def owner(topic: str, processes: int) -> int:
    """Which process of an endpoint serves a topic. Source: the public contract, section 1."""
    return zlib.crc32(topic.encode()) % processes


@dataclass(slots=True)
class Worker:
    """The process's parts, wired.

    siblings  the last words of the other processes of the endpoint
    """

    name: str
    endpoint: Endpoint
    processes: int
    started_ms: int
    wanted: WantedReader
    link: Link
    delivery: Delivery
    reporter: Reporter
    lock: TurnLock | None
    has_credentials: bool
    catalog: CatalogReader | None
    siblings: Callable[[], Iterable[WorkerState]]
    stopping: bool = False
    _wishes: Wishes = field(default_factory=Wishes)
    _told: Told = field(default_factory=Told)
    _resyncs: Resyncs = field(default_factory=Resyncs)
    _report_due: float = 0.0
    _status: str = ""

    def run(self) -> None:
        """Until `stopping`."""
        self.wanted.start()
        self.reporter.start()
        if self.catalog is not None:
            self.catalog.start()
        while not self.stopping:
            self._follow_wishes()
            if self.lock is None or self.lock.take():
                self.lock = None
                self.link.turn()
            else:
                self.link.status = "standby"
            if time.monotonic() >= self._report_due or self.link.status != self._status:
                self._status = self.link.status
                self._report_due = time.monotonic() + REPORT_EVERY_S
                self._report()
            self.link.wait()
        logger.info("%s stopping", self.name)
        self.wanted.stop()
        if self.catalog is not None:
            self.catalog.stop()
        self.link.close()
        if not self.delivery.bus.flush(FLUSH_S, patience_s=PATIENCE_S):
            logger.error(
                "%s not_handed_over batches=%d: the router did not take them in time", self.name, self.delivery.bus.waiting
            )
        self.delivery.bus.close()
        self.reporter.give(self._state({}))
        self.reporter.stop()

    def stop(self) -> None:
        """Soon; may be called by a signal."""
        self.stopping = True
        os.eventfd_write(self.wanted.wake, 1)

    @property
    def _missing_credentials(self) -> bool:
        return self.endpoint.authenticates and not self.has_credentials

    def _follow_wishes(self) -> None:
        wishes = self.wanted.wishes
        if wishes is None or wishes is self._wishes:
            return
        self._wishes = wishes
        if not self._missing_credentials:
            self._take_up(work_of(wishes.rows, self.endpoint), self._resyncs.grown(wishes.rows))

    def _take_up(self, work: Work, anew: set[str]) -> None:
        """Follow what the rows say now. anew: topics that somebody wants a fresh snapshot of."""
        self.link.want({topic: row.pushes_first for topic, row in work.channels.items()})
        now = time.monotonic()
        self.delivery.want(work.event_types, now)
        self.delivery.books.want(work.channels, work.snapshots)
        for topic in sorted(anew):
            if not self.delivery.books.distrust(topic, now):
                self.link.subscriptions.renew(topic)

    def _report(self) -> None:
        states = self.link.subscriptions.states() if self.link.status != "standby" else {}
        last_event_ms = self.delivery.readers.last_event_ms
        topics = {topic: TopicState(word, error, last_event_ms(topic)) for topic, (word, error) in states.items()}
        self._tell_postgres(topics)
        self.reporter.give(self._state(topics))

    def _tell_postgres(self, topics: Mapping[str, TopicState]) -> None:
        """Report each topic that changed, and again where a row says something else; so, too, each wish that names many."""
        now, now_ns, wishes = time.monotonic(), time.time_ns(), self._wishes
        patterns = of_patterns(wishes.named, {**self._siblings_topics(now_ns), **topics}) if wishes.named else {}
        rows = [*(row for row in wishes.rows if row.pattern is None), *wishes.patterns]
        stored, reports = {row.topic for row in rows}, []
        for report, is_settled in self._told.news({**topics, **patterns}, rows, now):
            if is_settled and report.topic not in patterns:
                kind = "refused" if report.state == "refused" else "subscribed"
                self.delivery.tell(kind, now_ns=now_ns, topic=report.topic, detail=report.last_error)
            if report.topic in stored:
                reports.append(report)
        if reports:
            self.delivery.report(reports, now_ns)
        self.delivery.flush()

    def _siblings_topics(self, now_ns: int) -> dict[str, TopicState]:
        """What the other processes of this endpoint hold; nothing of one that has fallen silent."""
        fresh = (said for said in self.siblings() if is_fresh(said, now_ns // 1_000_000))
        return {topic: state for said in fresh for topic, state in said.topics.items()}

    def _state(self, topics: dict[str, TopicState]) -> WorkerState:
        link, counts = self.link, self.delivery.counts
        return WorkerState(
            name=self.name,
            endpoint=self.endpoint.name,
            pid=os.getpid(),
            written_ms=0,  # dated by the reporter
            started_ms=self.started_ms,
            connection_status=link.status,
            processes=self.processes,
            connected_since_ms=link.connected_since,
            trouble_since_ms=link.trouble_since,
            last_frame_ms=link.last_frame_ms,
            reconnection_count=link.reconnections,
            last_error=link.last_error,
            wanted=len({row.topic for row in self._wishes.rows}),
            active_subscriptions=link.subscriptions.held,
            events=counts.events,
            dropped=counts.dropped,
            stale=counts.stale,
            unknown=counts.unknown,
            unknown_fields=counts.unknown_fields,
            unacknowledged=self.delivery.bus.waiting,
            clock_skew_ms=link.clock_skew_ms,
            missing_credentials=self._missing_credentials and bool(self._wishes.rows),
            topics=topics,
        )
