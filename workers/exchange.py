"""A worker process: one endpoint, one connection. `python -m workers.exchange ENDPOINT PROCESS_NUM NUMPROCS`."""

import logging
import os
import random
import signal
import sys
import time
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gateway import bus, config, log
from gateway.backoff import Backoff, cap_for
from gateway.bus import BusSender
from gateway.config import Settings
from gateway.dead_letters import DeadLetters
from gateway.errors import OurFault, SettingError
from gateway.protocol import channels
from gateway.protocol.channels.channel import Channel
from gateway.protocol.endpoints import ENDPOINTS, Endpoint
from gateway.protocol.session import Credentials
from gateway.report import Reporter
from gateway.rest import Rest
from gateway.signing import signer
from gateway.state import TopicState, WorkerState
from gateway.store import Wanted
from gateway.wire import Stamp, TopicReport
from workers.book_fetcher import BookFetcher
from workers.books import Books
from workers.connects import ConnectBudget
from workers.delivery import Delivery
from workers.dial import Route
from workers.exchange_clock import ExchangeClock
from workers.link import Link, Outside
from workers.turn_lock import TurnLock
from workers.wanted import WantedReader

logger = logging.getLogger(__name__)

#: State files and reports to PostgreSQL; seconds.
REPORT_EVERY_S = 1.0
#: `last_event_at` is at most 5 s late (the public contract, section 5): reported this often, with room for the way; seconds.
LAST_EVENT_EVERY_S = 3.0
#: A row that still says something else this long after a report is told again; seconds.
REPEAT_AFTER_S = 3.0
#: A stopping worker waits this long for the router to take what was read, and no longer than the patience without a sign of it;
#: seconds. supervisord stops one program after another: all of them together have 20 s.
FLUSH_S, PATIENCE_S = 6.0, 0.5


def owner(topic: str, processes: int) -> int:
    """Which process of an endpoint serves a topic. Source: the public contract, section 1."""
    return zlib.crc32(topic.encode()) % processes


@dataclass(slots=True)
class _Told:
    """What PostgreSQL was last told of a topic, and when, in monotonic seconds."""

    state: str = ""
    last_error: str | None = None
    last_event_ms: int | None = None
    at: float = 0.0


@dataclass(slots=True)
class Worker:
    """The process's parts, wired."""

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
    stopping: bool = False
    _rows: list[Wanted] = field(default_factory=list)
    _told: dict[str, _Told] = field(default_factory=lambda: defaultdict(_Told))
    _report_due: float = 0.0
    _status: str = ""

    def run(self) -> None:
        """Until `stopping`."""
        self.wanted.start()
        self.reporter.start()
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
        self.link.close()
        if not self.delivery.bus.flush(FLUSH_S, patience_s=PATIENCE_S):
            logger.error(
                "%s not_handed_over batches=%d: the router did not take them in time", self.name, self.delivery.bus.waiting
            )
        self.delivery.bus.close()
        self.reporter.give(self._state({}))
        self.reporter.stop()

    @property
    def _missing_credentials(self) -> bool:
        return self.endpoint.authenticates and not self.has_credentials

    def _follow_wishes(self) -> None:
        rows = self.wanted.rows
        if rows is None or rows is self._rows:
            return
        self._rows = rows
        if not self._missing_credentials:
            self.link.want({row.topic: _channel_of(row, self.endpoint).pushes_first for row in rows})
            self.delivery.want(_event_types(rows, self.endpoint))

    def _report(self) -> None:
        states = self.link.subscriptions.states() if self.link.status != "standby" else {}
        events = self.delivery.last_events()
        self._tell_postgres(states)
        self.reporter.give(
            self._state({topic: TopicState(word, error, events.get(topic)) for topic, (word, error) in states.items()})
        )

    def _tell_postgres(self, states: dict[str, tuple[str, str | None]]) -> None:
        """Report each topic that changed, and again where a row says something else."""
        now, now_ns = time.monotonic(), time.time_ns()
        differing = {row.topic for row in self._rows if (row.state, row.last_error) != states.get(row.topic)}
        events = self.delivery.last_events()
        reports = []
        for topic, (word, error) in states.items():
            told, last_event_ms = self._told[topic], events.get(topic)
            changed = (word, error) != (told.state, told.last_error)
            if (
                changed
                or (topic in differing and now - told.at >= REPEAT_AFTER_S)
                or (last_event_ms != told.last_event_ms and now - told.at >= LAST_EVENT_EVERY_S)
            ):
                if changed and (word in ("acknowledged", "refused") or (word == "live" and told.state != "acknowledged")):
                    kind = "refused" if word == "refused" else "subscribed"
                    self.delivery.tell(kind, now_ns=now_ns, topic=topic, detail=error)
                self._told[topic] = _Told(word, error, last_event_ms, now)
                reports.append(TopicReport(topic=topic, state=word, last_error=error, last_event_ms=last_event_ms))
        for topic in [topic for topic in self._told if topic not in states]:
            del self._told[topic]
        if reports:
            self.delivery.report(reports, now_ns)
        self.delivery.flush()

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
            wanted=len({row.topic for row in self._rows}),
            active_subscriptions=link.subscriptions.held,
            events=counts.events,
            dropped=counts.dropped,
            unknown=counts.unknown,
            unknown_fields=counts.unknown_fields,
            unacknowledged=self.delivery.bus.waiting,
            clock_skew_ms=link.clock_skew_ms,
            missing_credentials=self._missing_credentials and bool(self._rows),
            topics=topics,
        )


def _channel_of(row: Wanted, endpoint: Endpoint) -> Channel:
    """The row that reads a wish's topic; for a topic in the exchange's own words the row of its family."""
    named = channels.by_type(row.channel_type)
    return named if named is not None and named is not channels.RAW else channels.for_topic(row.topic, endpoint.name)


def _event_types(rows: Sequence[Wanted], endpoint: Endpoint) -> dict[str, frozenset[str]]:
    """Topic → what somebody wants of it."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        wanted[row.topic].add(_channel_of(row, endpoint).event_type)
    return {topic: frozenset(types) for topic, types in wanted.items()}


def build(settings: Settings, endpoint: Endpoint, number: int, processes: int) -> Worker:
    """Wire the parts of one process from the settings."""
    name = f"{endpoint.name}_{number:02d}"
    started_ms = time.time_ns() // 1_000_000
    private = endpoint.authenticates
    wanted = WantedReader(
        settings.database_url,
        name=name,
        endpoint=endpoint.name,
        mine=lambda topic: private or owner(topic, processes) == number,
        poll_s=settings.poll_seconds,
    )
    stamp = Stamp(worker=name, account=settings.account, include_raw=settings.include_raw, started_ms=started_ms)
    sender = BusSender(bus.address(settings.var_dir), f"{name}-{started_ms}-{os.getpid()}".encode())
    rest = Rest(settings.rest_base, ca_file=settings.ca_file, proxy=settings.proxy)
    fetcher = BookFetcher(rest, category=endpoint.category or "", worker=name, wake=wanted.wake)
    delivery = Delivery(
        name,
        endpoint,
        stamp,
        sender,
        DeadLetters(settings.var_dir, name),
        Books(endpoint.category, fetcher),
        continuity=settings.book_continuity,
    )
    route = Route(settings.websocket_base(private=private) + endpoint.path, settings.ca_file, settings.proxy)
    link = Link(
        endpoint,
        route,
        credentials=Credentials(settings.api_key, signer(settings.api_secret)) if settings.has_credentials else None,
        delivery=delivery,
        backoff=Backoff(cap_for(max(processes, len(ENDPOINTS))), random.random),
        outside=Outside(
            clock=ExchangeClock(rest.server_time_ms, worker=name),
            budget=ConnectBudget(settings.var_dir / "connects" / (urlsplit(route.url).hostname or ""), private=private),
        ),
        wake=wanted.wake,
    )
    first = WorkerState(
        name=name,
        endpoint=endpoint.name,
        pid=os.getpid(),
        written_ms=0,
        started_ms=started_ms,
        connection_status="idle",
        processes=processes,
    )
    lock = TurnLock(settings.var_dir / f"{endpoint.name}.lock") if private else None
    return Worker(
        name=name,
        endpoint=endpoint,
        processes=processes,
        started_ms=started_ms,
        wanted=wanted,
        link=link,
        delivery=delivery,
        reporter=Reporter(settings.var_dir, first),
        lock=lock,
        has_credentials=settings.has_credentials,
    )


def _arguments(arguments: Sequence[str]) -> tuple[Endpoint, int, int]:
    usage = f"expected ENDPOINT PROCESS_NUM NUMPROCS, with an endpoint out of {', '.join(ENDPOINTS)}; found {list(arguments)}"
    if len(arguments) != 3 or arguments[0] not in ENDPOINTS or not (arguments[1].isdigit() and arguments[2].isdigit()):
        raise SettingError(usage)
    number, processes = int(arguments[1]), int(arguments[2])
    if not number < processes:
        raise SettingError(usage)
    return ENDPOINTS[arguments[0]], number, processes


def main(arguments: Sequence[str]) -> int:
    """Run one worker until SIGTERM."""
    try:
        endpoint, number, processes = _arguments(arguments)
        settings = config.load()
        config.require(settings, "DATABASE_URL")
        log.setup(f"{endpoint.name}_{number:02d}", settings.log_level)
        worker = build(settings, endpoint, number, processes)
    except OurFault as fault:
        print(fault, file=sys.stderr)  # noqa: T201 # one sentence, for whoever started it
        return 2

    def stop(*_signal: object) -> None:
        worker.stopping = True
        os.eventfd_write(worker.wanted.wake, 1)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    worker.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
