"""Health, rule by rule. Source of the rules: the public contract, section 5."""

import dataclasses
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.health.health import connections, health, is_ready
from gateway.health.known import Known
from gateway.health.words import GuardState, LaneState, QueueState, RouterState, TopicState, WorkerState
from gateway.protocol.endpoints import ENDPOINTS

NOW_MS = 1_700_000_000_000


def worker(endpoint: str, number: int = 0, **given: Any) -> WorkerState:
    base: dict[str, Any] = {
        "name": f"{endpoint}_{number:02d}",
        "endpoint": endpoint,
        "pid": 1,
        "written_ms": NOW_MS - 500,
        "started_ms": 0,
        "connection_status": "idle",
    }
    return WorkerState(**{**base, **given})


def busy(endpoint: str = "linear", number: int = 0, **given: Any) -> WorkerState:
    """Connected, with one topic."""
    base: dict[str, Any] = {
        "connection_status": "connected",
        "wanted": 1,
        "active_subscriptions": 1,
        "connected_since_ms": NOW_MS - 60_000,
        "topics": {"a": TopicState("acknowledged")},
    }
    return worker(endpoint, number, **{**base, **given})


def router(**given: Any) -> RouterState:
    lanes = {name: LaneState(connected=True, checked_ms=NOW_MS) for name in ("broker", "postgres")}
    base: dict[str, Any] = {"name": "router_00", "pid": 1, "written_ms": NOW_MS - 500, "started_ms": 0, "lanes": lanes}
    return RouterState(**{**base, **given})


def look(*special: WorkerState, router_state: RouterState | None = None, no_router: bool = False) -> tuple[int, dict[str, Any]]:
    """All endpoints idle, but for those given."""
    workers = {f"{name}_00": worker(name) for name in ENDPOINTS} | {state.name: state for state in special}
    return health(known(workers, None if no_router else router_state or router()))


def known(workers: dict[str, WorkerState], router_state: RouterState | None) -> Known:
    return Known(workers, router_state, NOW_MS, "simulator", "0.1.0", spool_max_bytes=1000)


def test_queues_that_fill_up_or_that_nobody_reads_are_alarms_and_make_nothing_worse() -> None:
    queues = {
        "full": QueueState(95, 1, fill=0.95, level=0.95),
        "left": QueueState(7, 0, unread_ms=NOW_MS - 90_000, is_unread=True),
        "calm": QueueState(1, 0, fill=0.01, unread_ms=NOW_MS - 1000),
    }
    status, body = look(router_state=router(queues=queues))
    assert (status, body["status"], body["reasons"]) == (200, "healthy", [])
    assert body["alarms"] == [
        "full holds 95 messages, 95% of its limits",
        "left holds 7 messages, and nobody has read it for 90 s",
    ]


def test_a_hint_is_no_alarm() -> None:
    _, body = look(router_state=router(hint="found 3 class queues"))
    assert (body["hint"], body["alarms"], body["reasons"]) == ("found 3 class queues", [], [])
    for nothing in (look(), look(no_router=True)):
        assert nothing[1]["hint"] is None


def test_each_queue_says_whether_it_is_a_class_s_or_a_service_s() -> None:
    queues = {"ws-gateway.trade": QueueState(1, 0, is_class=True), "ws-gateway.trade.desk": QueueState(1, 0)}
    assert look(router_state=router(queues=queues))[1]["queues"] == {
        "ws-gateway.trade": {"messages": 1, "consumers": 0, "kind": "class"},
        "ws-gateway.trade.desk": {"messages": 1, "consumers": 0, "kind": "service"},
    }


def test_no_work_is_healthy_too() -> None:
    status, body = look()
    assert (status, body["status"], body["reasons"]) == (200, "healthy", [])
    assert body["websocket_connected"] is True
    assert body["websocket_status"] == "idle"


def test_the_body_has_the_fields_of_the_contract_and_alarms() -> None:
    _, body = look(busy(), router_state=router(active_subscriptions=3, queues={"q": QueueState(5, 1)}))
    assert list(body) == [
        "status", "service", "version", "environment", "websocket_connected", "websocket_status", "database_connected",
        "queue_connected", "active_subscriptions", "last_heartbeat_at", "websocket_state", "connections", "queues", "queues_age_seconds", "spool",
        "clock_skew_ms", "reasons", "alarms", "hint",
    ]  # fmt: skip
    fields = [
        "connection_status", "environment", "connection_duration_seconds", "last_heartbeat_at", "reconnection_count", "last_error",
        "active_subscriptions",
    ]  # fmt: skip
    assert list(body["websocket_state"]) == fields
    assert list(body["connections"]["linear_00"]) == fields
    assert body["connections"]["linear_00"]["connection_duration_seconds"] == 60.0
    assert (body["active_subscriptions"], body["queues"], body["spool"]) == (
        3, {"q": {"messages": 5, "consumers": 1, "kind": "service"}}, {"messages": 0, "bytes": 0},
    )  # fmt: skip
    assert body["last_heartbeat_at"] == "2023-11-14T22:13:19.500Z"


def test_trouble_is_degraded_under_30_seconds_and_unhealthy_from_then_on() -> None:
    for lasted_ms, expected in ((29_999, (200, "degraded")), (30_000, (503, "unhealthy"))):
        state = busy(connection_status="reconnecting", trouble_since_ms=NOW_MS - lasted_ms, last_error="cut")
        status, body = look(state)
        assert (status, body["status"]) == expected
        assert body["reasons"] == [f"linear_00 has been reconnecting for {lasted_ms // 1000} s: cut"]
        assert body["websocket_connected"] is False
        assert body["websocket_status"] == body["websocket_state"]["connection_status"] == "reconnecting"


def test_a_silent_process_is_not_believed() -> None:
    for age_ms, expected in ((6_000, (200, "degraded")), (31_000, (503, "unhealthy"))):
        status, body = look(busy(written_ms=NOW_MS - age_ms))
        assert (status, body["status"]) == expected
        assert body["connections"]["linear_00"]["connection_status"] == "reconnecting"
        assert body["websocket_connected"] is False
    status, body = look(worker("linear", written_ms=NOW_MS - 60_000))
    assert (status, body["status"]) == (200, "degraded"), "it had no work"


def test_a_guard_that_has_fallen_silent_is_degraded_and_one_that_never_spoke_is_not_missed() -> None:
    workers = {f"{name}_00": worker(name) for name in ENDPOINTS}
    guard = GuardState(name="guard_00", pid=1, written_ms=NOW_MS - 6_000, started_ms=0)
    for words, expected in ((guard, "degraded"), (replace(guard, written_ms=NOW_MS - 500), "healthy"), (None, "healthy")):
        _, body = health(dataclasses.replace(known(workers, router()), guard=words))
        assert body["status"] == expected
        assert [reason.split(":")[0] for reason in body["reasons"]] == ["the guard is silent"] * (expected == "degraded")


def test_an_endpoint_that_never_spoke_is_said() -> None:
    workers = {f"{name}_00": worker(name) for name in ENDPOINTS if name != "spread"}
    status, body = health(known(workers, router()))
    assert (status, body["status"]) == (200, "degraded")
    assert body["reasons"] == ["no process of the endpoint spread has reported yet"]


def test_a_silent_or_missing_router_is_unhealthy() -> None:
    for status, body in (look(no_router=True), look(router_state=router(written_ms=NOW_MS - 6_000))):
        assert (status, body["status"]) == (503, "unhealthy")
        assert (body["database_connected"], body["queue_connected"]) == (False, False)


def test_a_broker_or_database_that_is_away_is_unhealthy_with_its_reason() -> None:
    here = LaneState(connected=True, checked_ms=NOW_MS)
    for name, what, field in (("broker", "RabbitMQ", "queue_connected"), ("postgres", "PostgreSQL", "database_connected")):
        away = LaneState(connected=False, checked_ms=0, last_error=f"{what} is away: gone", spool_messages=7, spool_bytes=70)
        lanes = {"broker": here, "postgres": here} | {name: away}
        status, body = look(router_state=router(lanes=lanes))
        assert (status, body[field]) == (503, False)
        assert body["reasons"] == [f"{what} is away: gone"]
        assert body["spool"] == {"messages": 7, "bytes": 70}


def test_the_spool_of_health_is_all_that_waits_on_disk_in_lanes_and_journals() -> None:
    lanes = {
        name: LaneState(connected=True, checked_ms=NOW_MS, spool_messages=2, spool_bytes=30) for name in ("broker", "postgres")
    }
    private = busy("private", journal_messages=5, journal_bytes=100)
    status, body = look(private, busy(journal_messages=1, journal_bytes=10), router_state=router(lanes=lanes))
    assert (status, body["spool"]) == (200, {"messages": 10, "bytes": 170})


def test_a_spool_or_journal_over_four_fifths_of_its_bound_is_unhealthy_and_not_ready() -> None:
    here = LaneState(connected=True, checked_ms=NOW_MS)
    for size_bytes, status, ready_then in ((800, 200, True), (801, 503, False)):
        lane = LaneState(connected=True, checked_ms=NOW_MS, spool_bytes=size_bytes)
        crowded_lane = router(lanes={"broker": lane, "postgres": here})
        assert look(router_state=crowded_lane)[0] == status
        assert is_ready(known({}, crowded_lane)) is ready_then
        private = busy("private", journal_bytes=size_bytes)
        assert look(private)[0] == status
        assert is_ready(known({"private_00": private}, router())) is ready_then
    assert look(private, router_state=crowded_lane)[1]["reasons"] == [
        "the spool of broker holds 801 of 1000 bytes", "the journal of private_00 holds 801 of 1000 bytes",
    ]  # fmt: skip


def test_a_lane_that_takes_nothing_more_is_unhealthy_and_not_ready_in_its_own_words() -> None:
    full = LaneState(connected=True, checked_ms=NOW_MS, full="no space left")
    lanes = {"broker": LaneState(connected=True, checked_ms=NOW_MS), "postgres": full}
    status, body = look(router_state=router(lanes=lanes))
    assert (status, body["reasons"]) == (503, ["the lane of postgres takes nothing more: no space left"])
    assert not is_ready(known({}, router(lanes=lanes)))
    assert is_ready(known({}, router()))


def test_wanted_private_topics_without_credentials_are_degraded() -> None:
    status, body = look(worker("private", wanted=2, missing_credentials=True))
    assert (status, body["status"]) == (200, "degraded")
    assert body["reasons"] == ["private_00 has 2 private topics wanted and no credentials"]
    assert body["websocket_connected"] is True, "a worker without credentials has no work"


def test_before_any_process_has_spoken_the_shape_is_the_same() -> None:
    status, body = health(known({}, None))
    assert status == 503
    assert body["websocket_state"]["connection_status"] == "idle"
    assert body["websocket_state"]["last_heartbeat_at"] is None


def test_a_refused_topic_alone_never_counts() -> None:
    status, body = look(busy(topics={"a": TopicState("refused", "no such topic")}, active_subscriptions=0))
    assert (status, body["status"]) == (200, "healthy")


def test_some_stalled_topics_are_degraded_and_all_of_them_unhealthy() -> None:
    some = busy(wanted=2, topics={"a": TopicState("stalled"), "b": TopicState("live")})
    assert look(some)[1]["status"] == "degraded"
    for entry in (TopicState("stalled", last_event_ms=1), TopicState("stalled", "acknowledged, but no frame came within 75 s")):
        assert look(busy(wanted=1, topics={"a": entry}))[0] == 503


@pytest.mark.parametrize(("name", "what"), [("broker", "RabbitMQ"), ("postgres", "PostgreSQL")])
def test_a_sink_that_has_not_answered_for_four_seconds_is_away_though_nobody_could_say_so(name: str, what: str) -> None:
    for silent_ms, status in ((4_000, 200), (4_001, 503)):
        lanes = router().lanes | {name: LaneState(connected=True, checked_ms=NOW_MS - silent_ms)}
        found, body = look(busy(), router_state=router(written_ms=NOW_MS, lanes=lanes))
        assert found == status
        assert body["reasons"] == ([] if status == 200 else [f"{what} is away: it has not answered for 4 s"])
        assert body["queue_connected" if name == "broker" else "database_connected"] == (status == 200)


def test_a_silent_router_is_no_sink_that_does_not_answer() -> None:
    for silent_ms, status, reasons in ((4_900, 200, []), (60_000, 503, ["the router is silent: nothing is delivered"])):
        lanes = {name: LaneState(connected=True, checked_ms=NOW_MS - silent_ms - 900) for name in ("broker", "postgres")}
        found, body = look(busy(), router_state=router(written_ms=NOW_MS - silent_ms, lanes=lanes))
        assert (found, body["reasons"]) == (status, reasons)


def test_the_depths_of_queues_say_how_old_they_are() -> None:
    assert look(busy(), router_state=router(queues_ms=NOW_MS - 2500))[1]["queues_age_seconds"] == 2.5
    assert look(busy(), router_state=router())[1]["queues_age_seconds"] is None


def test_a_process_taken_away_by_lowering_numprocs_is_no_trouble_and_not_shown() -> None:
    before = {"processes": 2, "started_ms": 1, "written_ms": NOW_MS - 90_000}
    for age_ms in (500, 1_000_000):
        _, body = look(busy("linear", 0, started_ms=2, written_ms=NOW_MS - age_ms), busy("linear", 1, **before))
        assert "linear_01" not in body["connections"]
        assert not any("linear_01" in reason for reason in body["reasons"])
    ended = busy("linear", 1, **before | {"written_ms": NOW_MS - 500}, has_ended=True)
    assert "linear_01" not in look(busy("linear", 0, started_ms=2), ended)[1]["connections"], (
        "at once, where it ended as it was told"
    )
    status, body = look(busy("linear", 0, started_ms=2), busy("linear", 1, **before))
    assert (status, body["status"]) == (200, "healthy")


def test_a_process_that_hangs_beside_another_one_of_its_endpoint_is_not_taken_for_a_removed_one() -> None:
    states = (busy("linear", 0, processes=2), busy("linear", 1, processes=2, written_ms=NOW_MS - 90_000))
    status, body = look(*states)
    assert (status, body["status"], body["websocket_connected"]) == (503, "unhealthy", False)
    assert body["reasons"] == ["linear_01 has been silent for 90 s with 1 topics wanted"]
    assert body["connections"]["linear_01"]["connection_status"] == "reconnecting"


def test_a_process_added_by_raising_numprocs_is_missed_until_it_reports() -> None:
    status, body = look(busy("linear", 0, processes=3), busy("linear", 2, processes=3))
    assert (status, body["status"], body["reasons"]) == (200, "degraded", ["linear_01 has not reported yet"])


def test_a_silent_private_process_whose_work_another_one_does_is_only_degraded() -> None:
    silent = busy("private", 0, processes=2, written_ms=NOW_MS - 90_000)
    status, body = look(silent, busy("private", 1, processes=2))
    assert (status, body["status"]) == (200, "degraded")
    assert body["reasons"] == ["private_00 has been silent for 90 s with 1 topics wanted"]
    assert look(silent, busy("private", 1, processes=2, connection_status="standby"))[0] == 503
    assert look(silent, busy("private", 1, processes=2, written_ms=NOW_MS - 90_000))[0] == 503


def test_the_lowest_process_of_an_endpoint_is_never_one_that_was_taken_away() -> None:
    status, body = look(busy("linear", 0, processes=2, written_ms=NOW_MS - 90_000), busy("linear", 1, processes=2))
    assert (status, body["status"]) == (503, "unhealthy")
    assert body["reasons"] == ["linear_00 has been silent for 90 s with 1 topics wanted"]
    status, body = look(*(busy("linear", number, processes=2, written_ms=NOW_MS - 90_000) for number in (0, 1)))
    assert (status, len(body["reasons"])) == (503, 2)


def test_a_process_is_believed_for_five_seconds_and_no_longer() -> None:
    assert look(busy(written_ms=NOW_MS - 5_000))[1]["status"] == "healthy"
    assert look(busy(written_ms=NOW_MS - 5_001))[1]["status"] == "degraded"
    assert look(router_state=router(written_ms=NOW_MS - 5_000))[0] == 200
    assert look(router_state=router(written_ms=NOW_MS - 5_001))[0] == 503


def test_a_lane_that_the_router_does_not_speak_of_is_away() -> None:
    status, body = look(router_state=router(lanes={"broker": LaneState(connected=True, checked_ms=NOW_MS)}))
    assert (status, body["queue_connected"], body["database_connected"]) == (503, True, False)
    assert body["reasons"] == ["PostgreSQL is away"]


def test_trouble_without_wanted_topics_is_none() -> None:
    status, body = look(worker("linear", connection_status="reconnecting", trouble_since_ms=NOW_MS - 90_000))
    assert (status, body["status"], body["websocket_connected"]) == (200, "healthy", True)


def test_a_worse_finding_is_not_hidden_by_a_milder_one() -> None:
    status, body = look(busy("spot", connection_status="connecting", trouble_since_ms=NOW_MS - 1), busy(written_ms=NOW_MS - 60_000))
    assert (status, body["status"], len(body["reasons"])) == (503, "unhealthy", 2)


def test_the_clock_skew_is_the_largest_either_way() -> None:
    assert look()[1]["clock_skew_ms"] is None
    assert look(busy(clock_skew_ms=40), busy("spot", clock_skew_ms=-300))[1]["clock_skew_ms"] == -300


def test_a_standby_of_the_private_endpoint_is_no_trouble() -> None:
    status, body = look(
        busy("private", processes=2), busy("private", 1, processes=2, connection_status="standby", active_subscriptions=0)
    )
    assert (status, body["status"], body["websocket_connected"]) == (200, "healthy", True)


def test_the_worst_connection_speaks_for_all() -> None:
    states = (busy(), busy("spot", connection_status="auth_failed", trouble_since_ms=NOW_MS), worker("inverse"))
    assert look(*states)[1]["websocket_status"] == "auth_failed"


def test_connections_show_every_count_of_a_worker() -> None:
    names = ("events", "dropped", "repeated", "stale", "unknown", "unknown_fields")
    counts = {name: place for place, name in enumerate(names, start=1)}
    shown = connections(known({"linear_00": busy(**counts)}, router()))["linear_00"]
    assert {name: shown[name] for name in counts} == counts


def test_connections_say_whether_their_process_is_silent() -> None:
    for age_ms, is_silent in ((5_000, False), (5_001, True)):
        found = connections(known({"linear_00": worker("linear", written_ms=NOW_MS - age_ms)}, router()))
        assert found["linear_00"]["is_silent"] is is_silent


def test_connections_show_topics_and_counts() -> None:
    workers = {"linear_00": busy(events=9, unknown=1)}
    shown = connections(known(workers, router()))["linear_00"]
    assert shown["topics"] == {"a": {"state": "acknowledged", "last_error": None, "last_event_at": None, "sequence": None}}
    assert (shown["events"], shown["unknown"], shown["connection_status"]) == (9, 1, "connected")


def test_a_clock_that_is_off_by_more_than_half_a_second_is_degraded_once_whoever_measured_it() -> None:
    for skew_ms in (None, 0, 500, -500):
        assert look(busy(clock_skew_ms=skew_ms))[1]["status"] == "healthy"
    for skew_ms, words in ((501, "501 ms behind"), (-60_000, "60000 ms ahead of")):
        status, body = look(busy(clock_skew_ms=skew_ms), worker("private", clock_skew_ms=400))
        assert (status, body["status"], body["clock_skew_ms"]) == (200, "degraded", skew_ms)
        assert body["reasons"] == [f"our clock is {words} the exchange's; expected at most 500"]
    for old in (busy(clock_skew_ms=900, written_ms=NOW_MS - 6_000), worker("linear", clock_skew_ms=900)):
        _, body = look(old)
        assert body["clock_skew_ms"] == 900
        assert not any("clock" in reason for reason in body["reasons"]), "nobody measures it now"


def test_a_worker_that_cannot_keep_what_it_reads_is_unhealthy_at_once_and_events_are_not_ready_to_be_delivered() -> None:
    state = busy("private", journal_error="the disk is full")
    status, body = look(state)
    assert (status, body["status"]) == (503, "unhealthy")
    assert body["reasons"] == ["private_00 cannot keep what it reads: the disk is full"]
    for error, expected in (("the disk is full", False), (None, True)):
        workers = {f"{name}_00": worker(name) for name in ENDPOINTS} | {"private_00": busy("private", journal_error=error)}
        assert is_ready(known(workers, router())) is expected
    silent = {"private_00": busy("private", journal_error="the disk is full", written_ms=NOW_MS - 60_000)}
    assert is_ready(known(silent, router())), "nobody says so any more"


def test_an_exchange_that_is_given_up_on_for_the_moment_is_said() -> None:
    _, body = look(busy(connection_status="reconnecting", trouble_since_ms=NOW_MS - 5_000, breaker="open", last_error="refused"))
    assert body["reasons"] == ["linear_00 has been reconnecting for 5 s, breaker open: refused"]
    found = connections(known({"linear_00": busy(breaker="half-open")}, router()))["linear_00"]
    assert found["breaker"] == "half-open"
    assert found["journal"] == {"messages": 0, "bytes": 0, "error": None}


def test_a_broker_that_is_there_and_takes_nothing_is_degraded_at_once_and_unhealthy_from_30_seconds() -> None:
    for lasted_ms, expected in ((0, (200, "degraded")), (29_999, (200, "degraded")), (30_000, (503, "unhealthy"))):
        lane = LaneState(connected=True, checked_ms=NOW_MS, blocked_ms=NOW_MS - lasted_ms, blocked="low on memory")
        status, body = look(router_state=router(lanes={**router().lanes, "broker": lane}))
        assert (status, body["status"]) == expected
        assert body["reasons"] == [f"RabbitMQ has taken nothing for {lasted_ms // 1000} s: low on memory"]
        assert body["queue_connected"] is True


def test_what_is_not_confirmed_is_late_after_5_seconds_and_unhealthy_from_30() -> None:
    for age_ms, expected in ((4999, "healthy"), (5000, "degraded"), (30_000, "unhealthy")):
        lane = LaneState(connected=True, checked_ms=NOW_MS, oldest_ms=NOW_MS - age_ms, waiting=7)
        _, body = look(router_state=router(lanes={**router().lanes, "postgres": lane}))
        assert body["status"] == expected
        late = [f"PostgreSQL has not confirmed what came {age_ms // 1000} s ago; 7 records wait"]
        assert body["reasons"] == ([] if expected == "healthy" else late)


def test_a_spool_that_cannot_be_read_is_unhealthy() -> None:
    lane = LaneState(connected=True, checked_ms=NOW_MS, unread="Input/output error")
    status, body = look(router_state=router(lanes={**router().lanes, "broker": lane}))
    assert (status, body["reasons"]) == (503, ["what waits for RabbitMQ cannot be read: Input/output error"])


def test_an_endpoint_whose_topics_need_more_processes_says_how_many_and_is_no_worse() -> None:
    _, body = look(busy("linear", 0, processes=2, processes_needed=3), busy("linear", 1, processes=2, processes_needed=3))
    assert body["alarms"] == ["linear needs 3 processes for its topics and has 2, so some are refused; expected numprocs=3"]
    assert (body["status"], body["reasons"]) == ("healthy", [])
    assert look(busy("linear", 0, processes=3, processes_needed=3))[1]["alarms"] == []


def test_a_public_process_that_stands_by_says_who_is_in_the_way() -> None:
    status, body = look(busy("linear", 0, connection_status="standby", last_error="linear_00 of 2 runs on elsewhere too"))
    assert (status, body["status"]) == (200, "degraded")
    assert body["reasons"] == ["linear_00 stands by: linear_00 of 2 runs on elsewhere too"]
