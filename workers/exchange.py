"""A worker process: one endpoint, one connection. `python -m workers.exchange ENDPOINT PROCESS_NUM NUMPROCS`."""

import logging
import os
import random
import signal
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gateway import bus, config, log, state
from gateway.backoff import Backoff, cap_for
from gateway.bus import BusSender
from gateway.config import Settings
from gateway.errors import OurFault, SettingError
from gateway.protocol import channels
from gateway.protocol.endpoints import ENDPOINTS, Endpoint
from gateway.protocol.session import Credentials
from gateway.report import Reporter
from gateway.rest import Rest
from gateway.signing import signer
from gateway.state import STALE_S, TopicState, WorkerState
from gateway.store import Wanted
from gateway.wire import Stamp
from workers.connects import ConnectBudget
from workers.delivery import Delivery
from workers.dial import Route
from workers.exchange_clock import ExchangeClock
from workers.instruments import CatalogReader
from workers.link import Link, Outside
from workers.told import Told, of_patterns
from workers.turn_lock import TurnLock
from workers.wanted import WantedReader, Wishes

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

    @property
    def _missing_credentials(self) -> bool:
        return self.endpoint.authenticates and not self.has_credentials

    def _follow_wishes(self) -> None:
        wishes = self.wanted.wishes
        if wishes is None or wishes is self._wishes:
            return
        self._wishes = wishes
        if not self._missing_credentials:
            self.link.want({row.topic: _pushes_first(row) for row in wishes.rows})

    def _report(self) -> None:
        states = self.link.subscriptions.states() if self.link.status != "standby" else {}
        events = self.delivery.last_events()
        topics = {topic: TopicState(word, error, events.get(topic)) for topic, (word, error) in states.items()}
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
        fresh = (said for said in self.siblings() if now_ns / 1e6 - said.written_ms < STALE_S * 1000)
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
            unknown=counts.unknown,
            unacknowledged=self.delivery.bus.waiting,
            clock_skew_ms=link.clock_skew_ms,
            missing_credentials=self._missing_credentials and bool(self._wishes.rows),
            topics=topics,
        )


def _pushes_first(row: Wanted) -> bool:
    channel = channels.by_type(row.channel_type)
    return channel is not None and channel.pushes_first


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
    delivery = Delivery(name, endpoint, stamp, sender)
    route = Route(settings.websocket_base(private=private) + endpoint.path, settings.ca_file, settings.proxy)
    rest = Rest(settings.rest_base, ca_file=settings.ca_file, proxy=settings.proxy)
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
        catalog=_catalog(settings, endpoint, rest, name) if endpoint.category is not None and number == 0 else None,
        siblings=lambda: state.read_siblings(settings.var_dir, endpoint.name, number, processes),
    )


def _catalog(settings: Settings, endpoint: Endpoint, rest: Rest, name: str) -> CatalogReader:
    category = endpoint.category or ""
    coins = settings.option_base_coins
    return CatalogReader(
        settings.database_url, name=name, category=category, read=lambda: rest.instruments(category, base_coins=coins)
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
