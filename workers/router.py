"""The router process: batches from all workers in, records to the lanes that want them, acknowledgements back once all have them.

workers ══ ZeroMQ ══▶ router ──▶ lane broker   ──▶ RabbitMQ
             ◀─ ack ─┘    └────▶ lane postgres ──▶ PostgreSQL
"""

import logging
import os
import random
import signal
import sys
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway import bus, config, log
from gateway.backoff import Backoff
from gateway.bus import Batch, BusReceiver
from gateway.config import Settings
from gateway.dead_letters import DeadLetters
from gateway.errors import OurFault
from gateway.lane import Lane, Ticket
from gateway.pruning import Retention
from gateway.report import Reporter
from gateway.sinks.broker import BrokerSink, QueuePolicy
from gateway.sinks.postgres import PostgresSink
from gateway.state import RouterState
from workers.topology import TopologyKeeper

logger = logging.getLogger(__name__)

#: The longest sleep; seconds.
TURN_S = 0.5
#: State for the reporter; seconds.
REPORT_EVERY_S = 1.0
#: The longest wait between tries to reach a sink; seconds. A broker that is back is used within this.
SINK_CAP_S = 5.0
#: A worker run that has not been heard for this long never comes back; seconds.
FORGET_S = 3600.0
#: Stopping: the lanes may carry over what waits for this long; seconds. SIGTERM to exit is at most 10 s.
DRAIN_S = 6.0


@dataclass(slots=True)
class Router:
    """Used by the main thread alone.

    events  records taken from workers since the start
    """

    receiver: BusReceiver
    lanes: Sequence[Lane]
    events: int = 0
    _tickets: dict[bytes, deque[Ticket]] = field(default_factory=lambda: defaultdict(deque))

    def turn(self) -> None:
        """Take what is here unless a lane is full, and acknowledge what all lanes have settled."""
        if not any(lane.full for lane in self.lanes):
            for batch in self.receiver.take():
                self._spread(batch)
        self.acknowledge()

    def _spread(self, batch: Batch) -> None:
        ticket = Ticket(batch.peer, batch.number)
        self._tickets[batch.peer].append(ticket)
        self.events += len(batch.records)
        for lane in self.lanes:
            wanted = [record for record in batch.records if lane.wants(record)]
            if wanted:
                ticket.left += 1
                lane.put(ticket, wanted)

    def acknowledge(self) -> None:
        """Cumulatively, in each worker's order."""
        for lane in self.lanes:
            for ticket in lane.settled():
                ticket.left -= 1
        for peer, tickets in list(self._tickets.items()):
            number = None
            while tickets and tickets[0].left == 0:
                number = tickets.popleft().number
            if number is not None:
                self.receiver.settle(peer, number)
            if not tickets:
                del self._tickets[peer]


def _state(router: Router, postgres: PostgresSink, keeper: TopologyKeeper, started_ms: int) -> RouterState:
    return RouterState(
        name="router_00",
        pid=os.getpid(),
        written_ms=0,  # dated by the reporter
        started_ms=started_ms,
        lanes={lane.name: lane.state() for lane in router.lanes},
        queues=keeper.depths,
        active_subscriptions=postgres.active_subscriptions,
        events=router.events,
    )


def run(settings: Settings) -> int:
    """Until SIGTERM. 1 when a lane's thread ended by itself, so that supervisord starts the process again."""
    started_ms = time.time_ns() // 1_000_000
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    stopping: list[int] = []
    wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def stop(number: int, _frame: object) -> None:
        stopping.append(number)
        os.eventfd_write(wake, 1)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)

    policy = QueuePolicy(settings.queue_type, settings.queue_ttl_ms, settings.queue_max_length)
    retention = Retention(settings.records_retention_days, settings.balance_retention_days)
    keeper = TopologyKeeper(settings.database_url, settings.broker_url, policy, settings.class_queues, retention=retention)
    postgres = PostgresSink(settings.database_url, DeadLetters(settings.var_dir, "router_00"))
    lanes = [
        Lane(sink, backoff=Backoff(SINK_CAP_S, random.random), wake_router=lambda: os.eventfd_write(wake, 1))
        for sink in (BrokerSink(settings.broker_url, keeper.declare), postgres)
    ]
    router = Router(BusReceiver(bus.address(settings.var_dir)), lanes)
    reporter = Reporter(settings.var_dir, _state(router, postgres, keeper, started_ms))
    for lane in lanes:
        lane.start()
    keeper.start()
    reporter.start()
    logger.info("router listening address=%s", bus.address(settings.var_dir))

    report_due = forget_due = 0.0
    while not stopping and all(lane.is_alive() for lane in lanes):
        router.receiver.wait(wake, TURN_S, reading=not any(lane.full for lane in lanes))
        router.turn()
        now = time.monotonic()
        if now >= report_due:
            report_due = now + REPORT_EVERY_S
            reporter.give(_state(router, postgres, keeper, started_ms))
        if now >= forget_due:
            forget_due = now + FORGET_S
            router.receiver.forget_silent(FORGET_S)
    logger.info("router stopping")
    keeper.stop()
    for lane in lanes:
        lane.stop(DRAIN_S / len(lanes))
    router.acknowledge()
    router.receiver.close()
    reporter.stop()
    return 0 if stopping else 1


def main(_arguments: Sequence[str]) -> int:
    try:
        settings = config.load()
        config.require(settings, "DATABASE_URL", "BROKER_URL")
    except OurFault as fault:
        print(fault, file=sys.stderr)  # noqa: T201 # before there is a log
        return 2
    log.setup("router", settings.log_level)
    return run(settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
