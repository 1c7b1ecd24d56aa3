"""Health: a pure function of the processes' own words and the clock. Nobody is asked; what is not renewed is not believed.

Rules and shape: the public contract, section 5.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gateway.health.known import Known
from gateway.health.words import LaneState, TopicState, WorkerState
from gateway.protocol.endpoints import ENDPOINTS
from gateway.wire import iso_ms

#: Trouble that lasts this long makes the gateway unhealthy; milliseconds.
PATIENCE_MS = 30_000
#: What is not confirmed for this long is late; milliseconds. Longer than a carrier's wait between two tries.
LATE_MS = 5_000
#: Our clock and the exchange's may differ by this much; milliseconds. A login or a REST call is still dated right: theirs counts.
SKEW_MS = 500

#: Of a spool's or journal's bound: beyond it the gateway is unhealthy.
CROWDED = 0.8

#: From best to worst: the top-level state is the worst of all connections.
SEVERITY = ("idle", "standby", "connected", "subscribing", "authenticating", "connecting", "reconnecting", "auth_failed")

#: The words of `status`, from best to worst.
VERDICTS = HEALTHY, DEGRADED, UNHEALTHY = "healthy", "degraded", "unhealthy"

Body = dict[str, Any]


def health(known: Known) -> tuple[int, Body]:
    """The answer of GET /health: HTTP status and body."""
    workers = known.present
    told = [found for state in workers.values() for found in _worker(known, state)]
    findings = [*_missing(known, workers), *told, *_router(known), *_guard(known), *_disk(known), *_clock(known, workers)]
    verdicts = {verdict for verdict, _ in findings}
    status = UNHEALTHY if UNHEALTHY in verdicts else DEGRADED if DEGRADED in verdicts else HEALTHY
    worst = max(workers.values(), key=lambda state: _severity(known, state), default=None)
    lanes = known.router.lanes if known.router is not None else {}
    body = {
        "status": status,
        "service": "ws-gateway",
        "version": known.version,
        "environment": known.environment,
        "websocket_connected": all(known.does_its_work(state) for state in workers.values()),
        "websocket_status": known.status_of(worst) if worst is not None else "idle",
        "database_connected": known.is_sink_there(lanes.get("postgres")),
        "queue_connected": known.is_sink_there(lanes.get("broker")),
        "active_subscriptions": (known.router.active_subscriptions if known.router is not None else None) or 0,
        "last_heartbeat_at": _iso(max((state.written_ms for state in workers.values()), default=None)),
        "websocket_state": _connection(known, worst),
        "connections": {name: _connection(known, state) for name, state in workers.items()},
        "queues": {
            name: {"messages": queue.messages, "consumers": queue.consumers, "kind": "class" if queue.is_class else "service"}
            for name, queue in sorted((known.router.queues if known.router is not None else {}).items())
        },
        "queues_age_seconds": _age_s(known),
        "spool": {
            "messages": sum(lane.spool_messages for lane in lanes.values()) + sum(w.journal_messages for w in workers.values()),
            "bytes": sum(lane.spool_bytes for lane in lanes.values()) + sum(w.journal_bytes for w in workers.values()),
        },
        "clock_skew_ms": _worst(state.clock_skew_ms for state in workers.values()),
        "reasons": [reason for _, reason in findings],
        "alarms": list(_alarms(known)),
        "hint": known.router.hint if known.router is not None else None,
    }
    return (503 if status == UNHEALTHY else 200), body


def is_ready(known: Known) -> bool:
    """Whether events can be delivered: broker and database are connected, and what cannot be delivered at once can be kept."""
    _, body = health(known)
    can_keep = not list(_disk(known))
    return bool(body["database_connected"] and body["queue_connected"] and can_keep)


def connections(known: Known) -> dict[str, Body]:
    """Every worker connection, for GET /connections: the fields of health and what only a person needs."""
    return {
        name: {
            "name": name,
            "endpoint": state.endpoint,
            "pid": state.pid,
            "is_silent": not known.is_fresh(state),
            **_connection(known, state),
            "wanted": state.wanted,
            "events": state.events,
            "dropped": state.dropped,
            "repeated": state.repeated,
            "stale": state.stale,
            "unknown": state.unknown,
            "unknown_fields": state.unknown_fields,
            "missed": state.missed,
            "unacknowledged": state.unacknowledged,
            "clock_skew_ms": state.clock_skew_ms,
            "breaker": state.breaker,
            "journal": {"messages": state.journal_messages, "bytes": state.journal_bytes, "error": state.journal_error},
            "last_frame_at": _iso(state.last_frame_ms),
            "topics": {topic: _topic(entry) for topic, entry in state.topics.items()},
        }
        for name, state in known.present.items()
    }


Finding = tuple[str, str]


def _missing(known: Known, workers: Mapping[str, WorkerState]) -> Iterator[Finding]:
    """Each endpoint has as many processes as they say themselves, at least one; one that never spoke cannot be doing its work."""
    for endpoint in ENDPOINTS:
        processes = known.processes(endpoint)
        if not processes:
            yield DEGRADED, f"no process of the endpoint {endpoint} has reported yet"
        for name in (f"{endpoint}_{number:02d}" for number in range(processes)):
            if name not in workers:
                yield DEGRADED, f"{name} has not reported yet"


def _worker(known: Known, state: WorkerState) -> Iterator[Finding]:
    if not known.is_fresh(state):
        age_ms = known.now_ms - state.written_ms
        if state.wanted:
            verdict = UNHEALTHY if age_ms >= PATIENCE_MS and known.is_missed(state) else DEGRADED
            yield verdict, f"{state.name} has been silent for {age_ms // 1000} s with {state.wanted} topics wanted"
        else:
            yield DEGRADED, f"{state.name} has been silent for {age_ms // 1000} s"
        return
    if state.missing_credentials:
        yield DEGRADED, f"{state.name} has {state.wanted} private topics wanted and no credentials"
        return
    if state.connection_status == "standby" and not ENDPOINTS[state.endpoint].authenticates:
        yield DEGRADED, f"{state.name} stands by: {state.last_error}"
    if not state.wanted or state.connection_status == "standby":
        return
    if state.trouble_since_ms is not None:
        lasted_ms = known.now_ms - state.trouble_since_ms
        verdict = UNHEALTHY if lasted_ms >= PATIENCE_MS else DEGRADED
        why = f": {state.last_error}" if state.last_error else ""
        breaker = f", breaker {state.breaker}" if state.breaker != "closed" else ""
        yield verdict, f"{state.name} has been {state.connection_status} for {lasted_ms // 1000} s{breaker}{why}"
    stalled = [entry for entry in state.topics.values() if entry.state == "stalled"]
    if stalled:
        verdict = UNHEALTHY if len(stalled) == state.wanted else DEGRADED
        yield verdict, f"{state.name} has {len(stalled)} of {state.wanted} topics stalled"


def _router(known: Known) -> Iterator[Finding]:
    """The broker, the database and the process between them and the workers."""
    router = known.router
    if router is None or not known.is_fresh(router):
        yield UNHEALTHY, "the router is silent: nothing is delivered"
        return
    for name, what in (("broker", "RabbitMQ"), ("postgres", "PostgreSQL")):
        lane = router.lanes.get(name)
        if lane is not None and lane.connected and not known.is_sink_there(lane):
            yield UNHEALTHY, f"{what} is away: it has not answered for {known.unanswered_ms(lane) // 1000} s"
        elif not known.is_sink_there(lane):
            why = f": {lane.last_error.removeprefix(f'{what} is away: ')}" if lane is not None and lane.last_error else ""
            yield UNHEALTHY, f"{what} is away{why}"
        elif lane is not None:
            yield from _delivery(known, what, lane)


def _delivery(known: Known, what: str, lane: LaneState) -> Iterator[Finding]:
    """A sink that is there, and yet nothing reaches it, or too late."""
    if lane.unread is not None:
        yield UNHEALTHY, f"what waits for {what} cannot be read: {lane.unread}"
    if lane.blocked_ms is not None:
        lasted_ms = known.now_ms - lane.blocked_ms
        why = f": {lane.blocked}" if lane.blocked else ""
        yield (
            UNHEALTHY if lasted_ms >= PATIENCE_MS else DEGRADED,
            f"{what} has taken nothing for {max(0, lasted_ms) // 1000} s{why}",
        )
    late_ms = known.now_ms - lane.oldest_ms if lane.oldest_ms is not None else 0
    if late_ms >= LATE_MS:
        verdict = UNHEALTHY if late_ms >= PATIENCE_MS else DEGRADED
        yield verdict, f"{what} has not confirmed what came {late_ms // 1000} s ago; {lane.waiting} records wait"


def _guard(known: Known) -> Iterator[Finding]:
    if known.guard is not None and not known.is_fresh(known.guard):
        yield DEGRADED, "the guard is silent: deaths are not told, and whoever hangs is not started anew"


def _alarms(known: Known) -> Iterator[str]:
    """What a person should do something about, and what makes the gateway no worse: topics without room, queues that nobody reads."""
    for endpoint in ENDPOINTS:
        said = [state for state in known.present.values() if state.endpoint == endpoint and known.is_fresh(state)]
        has, needs = known.processes(endpoint), max((state.processes_needed for state in said), default=0)
        if needs > has:
            yield f"{endpoint} needs {needs} processes for its topics and has {has}, so some are refused; expected numprocs={needs}"
    for name, queue in sorted((known.router.queues if known.router is not None else {}).items()):
        if queue.level:
            yield f"{name} holds {queue.messages} messages, {queue.fill or 0:.0%} of its limits"
        if queue.is_unread and queue.unread_ms is not None:
            yield f"{name} holds {queue.messages} messages, and nobody has read it for {(known.now_ms - queue.unread_ms) // 1000} s"
    if known.router is not None:
        yield from known.router.standing_by


def _clock(known: Known, workers: Mapping[str, WorkerState]) -> Iterator[Finding]:
    """Once, whoever measured it."""
    skew_ms = _worst(known.skew_ms(state) for state in workers.values())
    if skew_ms is not None and abs(skew_ms) > SKEW_MS:
        where = "behind" if skew_ms > 0 else "ahead of"
        yield DEGRADED, f"our clock is {abs(skew_ms)} ms {where} the exchange's; expected at most {SKEW_MS}"


def _worst(skews_ms: Iterable[int | None]) -> int | None:
    """The farthest either way."""
    return max((skew_ms for skew_ms in skews_ms if skew_ms is not None), key=abs, default=None)


def _disk(known: Known) -> Iterator[Finding]:
    """What waits on disk, and whether there is room for more."""
    lanes = known.router.lanes if known.router is not None else {}
    taken = {f"the spool of {name}": lane.spool_bytes for name, lane in lanes.items()}
    taken |= {f"the journal of {name}": state.journal_bytes for name, state in known.workers.items()}
    for name, lane in lanes.items():
        if lane.full is not None:
            yield UNHEALTHY, f"the lane of {name} takes nothing more: {lane.full}"
    for name, state in known.workers.items():
        if state.journal_error is not None and known.is_fresh(state):
            yield UNHEALTHY, f"{name} cannot keep what it reads: {state.journal_error}"
    for what, size_bytes in taken.items():
        if size_bytes > CROWDED * known.spool_max_bytes:
            yield UNHEALTHY, f"{what} holds {size_bytes} of {known.spool_max_bytes} bytes"


def _severity(known: Known, state: WorkerState) -> int:
    return SEVERITY.index(known.status_of(state))


#: What is said of the connections before any worker has spoken.
_SILENT = WorkerState(name="", endpoint="", pid=0, written_ms=0, started_ms=0, connection_status="idle")


def _connection(known: Known, state: WorkerState | None) -> Body:
    state = state or _SILENT
    lasted = (known.now_ms - state.connected_since_ms) / 1000 if state.connected_since_ms is not None else 0.0
    return {
        "connection_status": known.status_of(state),
        "environment": known.environment,
        "connection_duration_seconds": round(max(0.0, lasted), 3),
        "last_heartbeat_at": _iso(state.written_ms),
        "reconnection_count": state.reconnection_count,
        "last_error": state.last_error,
        "active_subscriptions": state.active_subscriptions,
    }


def _age_s(known: Known) -> float | None:
    """How old the depths of queues are; None: nobody has looked yet."""
    looked_ms = known.router.queues_ms if known.router is not None else 0
    return round(max(0, known.now_ms - looked_ms) / 1000, 3) if looked_ms else None


def _topic(entry: TopicState) -> Body:
    last_event_at = _iso(entry.last_event_ms)
    return {"state": entry.state, "last_error": entry.last_error, "last_event_at": last_event_at, "sequence": entry.sequence}


def _iso(unix_ms: int | None) -> str | None:
    return iso_ms(unix_ms) if unix_ms else None
