"""The router process: batches from all workers in, records to the lanes that want them, acknowledgements back once all have them.

workers ══ ZeroMQ ══▶ router ──▶ lane broker   ──▶ RabbitMQ
             ◀─ ack ─┘    └────▶ lane postgres ──▶ PostgreSQL
"""

import logging
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway import config, log, names
from gateway.backoff import Backoff
from gateway.bus.bus import BusReceiver
from gateway.bus.curve import Door, Keys, keys_of
from gateway.bus.far_words import FarStates
from gateway.config import Settings
from gateway.database.pruning import Retention
from gateway.database.tenure import host_of
from gateway.disk.dead_letters import DeadLetters
from gateway.disk.hold import Publisher
from gateway.disk.memo import Memo
from gateway.disk.spool import Spool, Syncer
from gateway.disk.turn_lock import TurnLock
from gateway.errors import OurFault, SettingError
from gateway.health import state
from gateway.health.report import Reporter
from gateway.health.words import LaneState, RouterState
from gateway.lanes.announcements import WORKER, Announcements
from gateway.lanes.backlogs import Backlogs, Limits
from gateway.lanes.carrier import Carrier
from gateway.lanes.lane import PATIENCE_S, Lane
from gateway.lanes.router import WATCH_S, Receiver, Router
from gateway.metrics.tally import Counted, Tally
from gateway.sinks.batching import BatchingSink
from gateway.sinks.broker import BrokerSink, QueuePolicy
from gateway.sinks.management import Management
from gateway.sinks.postgres import PostgresSink
from gateway.sinks.sink import Sink
from gateway.sinks.topology import Topology
from gateway.trouble import Trouble
from gateway.wire import Stamp
from workers.backlogs import BacklogWatch
from workers.leases import BROKER_S, LeaseKeeper
from workers.topology import TopologyKeeper

logger = logging.getLogger(__name__)

#: The longest sleep; seconds.
TURN_S = 0.5
#: State for the reporter; seconds.
REPORT_EVERY_S = 1.0
#: The longest wait between tries to reach a sink; seconds. A broker that is back is used within this.
SINK_CAP_S = 5.0
#: Sinks with a patience of their own: what they have not settled for this long goes through the spool; seconds. One thing that
#: PostgreSQL is to store holds up all that its worker sends after it.
PATIENCES_S = {"postgres": 0.1}
#: A worker run that has not been heard for this long never comes back; seconds.
FORGET_S = 3600.0
#: Between tries to get the lock that another router still holds; seconds.
LOCK_EVERY_S = 0.5


class Living(Protocol):
    """A thread of this process."""

    name: str

    def start(self) -> None: ...
    def is_alive(self) -> bool: ...


class Report(Protocol):
    """Have the router's words written. at_once: now, not within a second."""

    def __call__(self, *, at_once: bool) -> None: ...


def _lane(sink: Sink, settings: Settings, wake: Callable[[], None]) -> Lane:
    spool = Spool(settings.var_dir / "spool" / sink.name, max_bytes=settings.spool_max_bytes)
    carrier = Carrier(sink, backoff=Backoff(SINK_CAP_S, random.random), wake_router=wake)
    return Lane(carrier, spool, patience_s=PATIENCES_S.get(sink.name, PATIENCE_S))


@dataclass(frozen=True, slots=True)
class RouterWords:
    """What the router says of itself, from its parts. tally: what they count for GET /metrics; far: processes of other machines."""

    router: Router
    postgres: PostgresSink
    keeper: TopologyKeeper
    backlogs: BacklogWatch
    tally: Tally
    far: FarStates
    started_ms: int

    def now(self) -> RouterState:
        lanes = self.router.states()
        return RouterState(
            name=WORKER,
            pid=os.getpid(),
            written_ms=0,  # dated by the reporter
            started_ms=self.started_ms,
            lanes=lanes,
            queues=self.backlogs.states(),
            queues_ms=self.keeper.looked_ms,
            hint=self.backlogs.hint,
            standing_by=self.far.hints(time.time()),
            active_subscriptions=self.postgres.active_subscriptions,
            events=self.router.events,
            counted=self._counted(lanes),
        )

    def _counted(self, lanes: Mapping[str, LaneState]) -> Counted:
        """What the parts count since the process began, added to what its earlier runs counted."""
        for name, since_start, labels in (
            ("returned_total", sum(lane.returned for lane in lanes.values()), ""),
            ("publish_failures_total", sum(lane.nacked for lane in lanes.values()), "nacked"),
            ("rejected_total", self.postgres.rejected, ""),
            *(("sink_reconnects_total", lane.reconnects, sink) for sink, lane in lanes.items()),
            *(("gaps_total", count, cause) for cause, count in self.router.announcements.gaps.items()),
        ):
            self.tally.total(f"ws_gateway_{name}", since_start, labels)
        return self.tally.counted


def _backlogs(settings: Settings, keeper: TopologyKeeper, before: RouterState | None, announcements: Announcements) -> BacklogWatch:
    is_stream = settings.queue_type == "stream"  # which knows neither count nor age
    usual = Limits(None, None) if is_stream else Limits(settings.queue_max_length, settings.queue_ttl_ms)
    return BacklogWatch(
        keeper,
        Backlogs(usual, dict(before.queues) if before is not None else {}),
        announcements,
        classes=frozenset(map(names.class_queue, settings.class_queues)),
        management=Management(settings.management_url, settings.broker_url) if settings.management_url else None,
    )


def _take_turn(path: Path, wake: int, stopping: Sequence[int]) -> None:
    """The spools have one owner: a router that an earlier start has left behind is waited for, unless this one is `stopping`."""
    lock, trouble = TurnLock(path), Trouble(logger, "router waiting")
    while not lock.take() and not stopping:
        trouble.say("another router still runs")
        select.select([wake], [], [], LOCK_EVERY_S)


def _door(settings: Settings, keys: Keys | None) -> Door | None:
    """It opens before anybody can come in."""
    if keys is None:
        return None
    door = Door({keys.public, *settings.bus_allowed_keys})
    door.start()
    return door


def _check_keys(settings: Settings) -> None:
    """Raises SettingError."""
    keys = keys_of(settings.bus_key, settings.bus_router_key)
    if keys is not None and keys.public != keys.router:
        raise SettingError(
            f"WS_GATEWAY_BUS_ROUTER_KEY is {keys.router!r}; expected the public key of this machine, {keys.public!r}"
        )


def serve(
    router: Router, receiver: Receiver, threads: Sequence[Living], report: Report, wake: int, stopping: Sequence[int]
) -> None:
    """Turn until `stopping` says so, or one of the threads has ended by itself."""
    report_due = forget_due = 0.0
    said = (False, router.away)
    ended: list[str] = []
    while not stopping and not ended:
        receiver.wait(wake, WATCH_S if router.is_waiting else TURN_S, reading=not router.is_full)
        now = time.monotonic()
        router.turn(now)
        word = (router.is_full, router.away)
        if now >= report_due or word != said:
            report(at_once=word != said)
            report_due, said = now + REPORT_EVERY_S, word
        if now >= forget_due:
            forget_due = now + FORGET_S
            receiver.forget_silent(FORGET_S)
        ended = [thread.name for thread in threads if not thread.is_alive()]
    if ended:
        logger.error("router thread_ended threads=%s", ",".join(ended))


def run(settings: Settings) -> int:
    """Until SIGTERM. 1 when one of its threads ended by itself, so that supervisord starts the process again."""
    started_ms = time.time_ns() // 1_000_000
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    stopping: list[int] = []
    wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def wake_router() -> None:
        os.eventfd_write(wake, 1)

    def stop(number: int, _frame: object) -> None:
        stopping.append(number)
        wake_router()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    _take_turn(settings.var_dir / "router.lock", wake, stopping)
    if stopping:
        return 0

    stamp = Stamp(worker=WORKER, account=settings.account, include_raw="off", started_ms=started_ms)
    announcements = Announcements(stamp, wake_router)
    policy = QueuePolicy(settings.queue_type, settings.queue_ttl_ms, settings.queue_max_length)
    retention = Retention(settings.records_retention_days, settings.balance_retention_days)
    before = state.read_router(settings.var_dir)
    tally = Tally(before.counted if before is not None else None)
    keeper = TopologyKeeper(
        settings.database_url, settings.broker_url, policy, settings.class_queues, announcements, retention=retention,
        seen=before.queues if before is not None else {}, seen_ms=before.queues_ms if before is not None else 0,
        publisher=Publisher(settings.var_dir), memo=Memo(settings.var_dir / "batches.json", dict[str, list[str]]),
    )  # fmt: skip
    backlogs = _backlogs(settings, keeper, before, announcements)
    leases = LeaseKeeper(settings.database_url, lambda: Topology(settings.broker_url, policy, timeout_s=BROKER_S), announcements)
    postgres = PostgresSink(settings.database_url, DeadLetters(settings.var_dir, WORKER), tally=tally)

    def publishing(needs: Callable[[str, str], bool | None]) -> BrokerSink:
        return BrokerSink(
            settings.broker_url, keeper.declare, needs, keeper.mend, tally=tally, publisher=Publisher(settings.var_dir)
        )

    lanes = [_lane(sink, settings, wake_router) for sink in (BatchingSink(keeper.plan, publishing), postgres)]
    keeper.plan.on_news = lanes[0].carrier.poke
    for lane in lanes:
        lane.open()
    keys = keys_of(settings.bus_key, settings.bus_router_key)
    door = _door(settings, keys)
    receiver = BusReceiver(settings.bus_address, keys=keys)
    far = FarStates(settings.var_dir, host_of(settings.var_dir).id)
    router = Router(receiver, lanes, announcements, before.lanes if before is not None else {})
    words = RouterWords(router, postgres, keeper, backlogs, tally, far, started_ms)
    reporter = Reporter(settings.var_dir, words.now(), beside=far.write)
    syncer = Syncer(lane.spool for lane in lanes)
    threads: list[Living] = [*(lane.carrier for lane in lanes), keeper, backlogs, leases, reporter, syncer]
    for thread in threads:
        thread.start()
    threads += [door] if door is not None else []
    logger.info("router listening address=%s encrypted=%s", settings.bus_address, keys is not None)

    def report(*, at_once: bool) -> None:
        far.give(receiver.take_words())
        reporter.give(words.now(), at_once=at_once)

    serve(router, receiver, threads, report, wake, stopping)
    logger.info("router stopping")
    keeper.stop()
    backlogs.stop()
    leases.stop()
    router.stop(wake)
    syncer.stop()  # when what was in memory is on disk
    reporter.stop()
    if door is not None:
        door.stop()
    return 0 if stopping else 1


def main(_arguments: Sequence[str]) -> int:
    try:
        settings = config.load()
        config.require(settings, "DATABASE_URL", "BROKER_URL")
        _check_keys(settings)
    except OurFault as fault:
        print(fault, file=sys.stderr)  # noqa: T201 # before there is a log
        return 2
    log.setup("router", settings.log_level)
    return run(settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
