"""GAUGES: how each gauge is read from what the processes say of themselves. What nobody knows is left out."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import get_args

from gateway.health import health
from gateway.health.known import Known
from gateway.health.words import ApiState, ConnectionStatus, GuardState, LaneState, QueueState, RouterState, WorkerState
from gateway.metrics.totals import Labels, Totals
from gateway.protocol.topic_moves import STATES

Samples = Iterator[tuple[Labels, float]]


@dataclass(frozen=True, slots=True)
class Scraped:
    """What one answer is made of. api: the control API's words; None: it never spoke."""

    known: Known
    totals: Totals
    api: ApiState | None = None

    @property
    def workers(self) -> dict[str, WorkerState]:
        return self.known.present

    @property
    def lanes(self) -> dict[str, LaneState]:
        return self.known.router.lanes if self.known.router is not None else {}

    @property
    def queues(self) -> dict[str, QueueState]:
        return self.known.router.queues if self.known.router is not None else {}

    @property
    def processes(self) -> dict[str, WorkerState | RouterState | ApiState | GuardState]:
        others = [state for state in (self.known.router, self.known.guard, self.api) if state is not None]
        return {**self.workers, **{state.name: state for state in others}}

    def age_s(self, since_ms: int | None) -> float:
        """0 where nothing began."""
        return max(0, self.known.now_ms - since_ms) / 1000 if since_ms is not None else 0.0


Gauge = Callable[[Scraped], Samples]


def _build_info(found: Scraped) -> Samples:
    yield (found.known.version, found.known.environment), 1


def _health(found: Scraped) -> Samples:
    _, body = health.health(found.known)
    yield from (((word,), body["status"] == word) for word in health.VERDICTS)


def _process_up(found: Scraped) -> Samples:
    yield from (((name,), found.known.is_fresh(state)) for name, state in found.processes.items())


def _process_start(found: Scraped) -> Samples:
    yield from (((name,), state.started_ms / 1000) for name, state in found.processes.items())


def _subscriptions(found: Scraped) -> Samples:
    if found.known.router is not None and found.known.router.active_subscriptions is not None:
        yield (), found.known.router.active_subscriptions


def _connection_up(found: Scraped) -> Samples:
    for name, state in found.workers.items():
        now = found.known.status_of(state)
        yield from (((name, word), now == word) for word in get_args(ConnectionStatus))


def _topics(found: Scraped) -> Samples:
    for name, state in found.workers.items():
        if found.known.is_fresh(state):
            counts = Counter(topic.state for topic in state.topics.values())
            yield from (((name, word), counts[word]) for word in STATES)


def _trouble_s(found: Scraped, state: WorkerState) -> float | None:
    """Of a silent process since its last words, or since it had trouble by then."""
    if found.known.is_fresh(state):
        return found.age_s(state.trouble_since_ms)
    return found.age_s(state.trouble_since_ms or state.written_ms) if found.known.is_missed(state) else None


def _uptime(found: Scraped) -> Samples:
    online = found.totals.counters["ws_gateway_online_seconds_total"]
    for (name,), work_ns in found.totals.counters["ws_gateway_work_seconds_total"].items():
        state = found.workers.get(name)
        whole_ns = work_ns + (found.known.offline_ms(state) * 1_000_000 if state is not None else 0)
        if state is not None and whole_ns:
            yield (name,), online[name,] / whole_ns


def _gaps_open(found: Scraped) -> Samples:
    yield from (((name,), state.gaps_open) for name, state in found.workers.items())
    if found.known.router is not None:
        yield (found.known.router.name,), sum(lane.full_gap is not None for lane in found.lanes.values())


def _spool_limit(found: Scraped) -> Samples:
    yield (), found.known.spool_max_bytes


def _of_workers(value: Callable[[Scraped, WorkerState], float | None]) -> Gauge:
    def samples(found: Scraped) -> Samples:
        told = ((name, value(found, state)) for name, state in found.workers.items())
        yield from (((name,), number) for name, number in told if number is not None)

    return samples


def _clock_skew(found: Scraped, state: WorkerState) -> float | None:
    skew_ms = found.known.skew_ms(state)
    return None if skew_ms is None else skew_ms / 1000


def _of_lanes(value: Callable[[Scraped, LaneState], float]) -> Gauge:
    def samples(found: Scraped) -> Samples:
        yield from (((name,), value(found, lane)) for name, lane in found.lanes.items())

    return samples


def _of_queues(value: Callable[[Scraped, QueueState], float | None]) -> Gauge:
    def samples(found: Scraped) -> Samples:
        told = ((name, value(found, queue)) for name, queue in sorted(found.queues.items()))
        yield from (((name,), number) for name, number in told if number is not None)

    return samples


#: Metric without its prefix → how it is read. The success measures are in `slo.py`.
GAUGES: dict[str, Gauge] = {
    "build_info": _build_info,
    "health": _health,
    "process_up": _process_up,
    "process_start_time_seconds": _process_start,
    "subscriptions": _subscriptions,
    "connection_up": _connection_up,
    "connection_trouble_seconds": _of_workers(_trouble_s),
    "wanted_topics": _of_workers(lambda _, state: state.wanted),
    "topics": _topics,
    "uptime_ratio": _uptime,
    "clock_skew_seconds": _of_workers(_clock_skew),
    "last_frame_timestamp_seconds": _of_workers(lambda _, state: state.last_frame_ms and state.last_frame_ms / 1000),
    "gaps_open": _gaps_open,
    "unacknowledged": _of_workers(lambda _, state: state.unacknowledged),
    "unacknowledged_batches": _of_workers(lambda _, state: state.unacknowledged_batches),
    "journal_messages": _of_workers(lambda _, state: state.journal_messages),
    "journal_bytes": _of_workers(lambda _, state: state.journal_bytes),
    "sink_up": _of_lanes(lambda found, lane: found.known.is_sink_there(lane)),
    "sink_blocked_seconds": _of_lanes(lambda found, lane: found.age_s(lane.blocked_ms)),
    "spool_messages": _of_lanes(lambda _, lane: lane.spool_messages),
    "spool_bytes": _of_lanes(lambda _, lane: lane.spool_bytes),
    "spool_limit_bytes": _spool_limit,
    "spool_age_seconds": _of_lanes(lambda found, lane: found.age_s(lane.oldest_ms)),
    "queue_messages": _of_queues(lambda _, queue: queue.messages),
    "queue_consumers": _of_queues(lambda _, queue: queue.consumers),
    "queue_oldest_seconds": _of_queues(lambda found, queue: None if queue.oldest_ms is None else found.age_s(queue.oldest_ms)),
    "queue_fill_ratio": _of_queues(lambda _, queue: queue.fill),
    "queue_backlog_alarm": _of_queues(lambda _, queue: queue.level),
    "queue_unread": _of_queues(lambda _, queue: queue.is_unread),
}
