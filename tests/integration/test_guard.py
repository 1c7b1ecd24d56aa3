"""The guard under a real supervisord: who dies is told once, who hangs is started anew, and nothing that it told is lost."""

import json
import os
import signal
from typing import Any

from running import Consumer, RunningGateway, wait_for

KINDS = ("died", "stuck", "fatal")


def events(gateway: RunningGateway, *kinds: str) -> list[dict[str, Any]]:
    """Occurrences of these kinds, oldest first."""
    rows = gateway.call("GET", "/api/v1/events?limit=1000")[1]["events"]
    return [row for row in reversed(rows) if row["kind"] in (kinds or KINDS)]


def again(gateway: RunningGateway, name: str, pid: int, seconds: float = 20.0) -> None:
    wait_for(lambda: gateway.pids().get(name, pid) != pid, f"{name} runs again", seconds)


def test_a_death_is_one_event_and_one_row_whoever_dies(gateway: RunningGateway, consumer: Consumer) -> None:
    row = gateway.subscribe("system")
    for name in ("spot_00", "router_00", "api_00", "guard_00"):
        pid = gateway.pids()[name]
        os.kill(pid, signal.SIGKILL)
        again(gateway, name, pid)
        gateway.wait_until_healthy()

        def told(name: str = name) -> list[dict[str, Any]]:
            return [entry for entry in events(gateway) if entry["worker"] == name]

        [found] = wait_for(told, f"the death of {name} is told")
        assert (found["kind"], found["endpoint"]) == ("died", name[:-3])
        assert f"(pid {pid}) ended by itself: terminated by SIGKILL; not expected" in found["detail"]
    deaths = events(gateway)
    assert [entry["worker"] for entry in deaths] == ["spot_00", "router_00", "api_00", "guard_00"]
    ids = {entry["event_id"] for entry in deaths}
    published = consumer.take_until(row["queue"], lambda found: {event["event_id"] for event in found} >= ids)
    assert len([event for event in published if event["payload"]["kind"] in KINDS]) == len(ids), "none twice"


def test_a_death_is_told_by_the_guard_and_what_it_cost_by_the_next_run_and_each_names_the_other(gateway: RunningGateway) -> None:
    gateway.wait_until_held(gateway.subscribe("ticker", symbol="BTCUSDT", category="linear")["id"])
    pid = gateway.pids()["linear_00"]
    os.kill(pid, signal.SIGKILL)
    again(gateway, "linear_00", pid)
    [death] = wait_for(lambda: events(gateway, "died"), "the death is told")
    [gap] = wait_for(lambda: events(gateway, "gap"), "the gap is told")
    assert "its next run tells as a gap with cause `restarted`" in death["detail"]
    assert "an event `died` of this worker tells" in gap["detail"]
    assert (death["gap_id"], gap["gap_id"] is None) == (None, False)


def test_what_was_told_while_the_router_was_away_is_on_disk_and_comes_with_the_next_run_of_the_guard(
    gateway: RunningGateway,
) -> None:
    gateway.control("stop", "router:router_00")
    pids = gateway.pids()
    os.kill(pids["option_00"], signal.SIGKILL)
    again(gateway, "option_00", pids["option_00"])

    def unsent() -> int:
        return int(json.loads((gateway.folder / "var" / "state" / "guard_00.json").read_bytes())["unsent"])

    wait_for(unsent, "the guard has told it, and the router does not have it")
    os.kill(pids["guard_00"], signal.SIGKILL)
    again(gateway, "guard_00", pids["guard_00"])
    gateway.control("start", "router:router_00")
    gateway.wait_until_healthy()

    def told() -> bool:
        return {entry["worker"] for entry in events(gateway)} == {"option_00", "guard_00"}

    wait_for(told, lambda: f"both deaths, but {events(gateway)}")
    wait_for(lambda: unsent() == 0, "the router has all")
    assert len(events(gateway)) == 2


def test_a_worker_that_no_longer_turns_is_ended_and_started_anew_and_no_other(gateway: RunningGateway) -> None:
    row = gateway.subscribe("ticker", symbol="BTCUSDT", category="linear")
    gateway.wait_until_held(row["id"])
    before = gateway.pids()
    os.kill(before["linear_00"], signal.SIGSTOP)
    again(gateway, "linear_00", before["linear_00"], 40.0)
    gateway.wait_until_held(row["id"])
    gateway.wait_until_healthy()
    assert {name for name, pid in gateway.pids().items() if before[name] != pid} == {"linear_00"}
    wait_for(lambda: len(events(gateway)) == 2, lambda: f"two events, but {events(gateway)}")
    stuck, died = events(gateway)
    assert (stuck["kind"], died["kind"], stuck["worker"], died["worker"]) == ("stuck", "died", "linear_00", "linear_00")
    assert f"which the event {stuck['event_id']} tells: terminated by SIGKILL" in died["detail"]


def test_a_stop_by_an_operator_is_no_death(gateway: RunningGateway) -> None:
    gateway.control("restart", "linear:linear_00")
    gateway.control("stop", "spread:spread_00")
    pid = gateway.pids()["inverse_00"]
    os.kill(pid, signal.SIGKILL)  # what comes behind them is told
    again(gateway, "inverse_00", pid)
    wait_for(lambda: events(gateway), "the death is told")
    assert [entry["worker"] for entry in events(gateway)] == ["inverse_00"]


def test_a_program_that_cannot_be_started_is_told_try_by_try_and_when_it_is_given_up(gateway: RunningGateway) -> None:
    path = gateway.folder / "supervisord.conf"
    before, section, after = path.read_text().partition("[program:spread]")
    after = after.replace("python -m workers.exchange spread %(process_num)d %(numprocs)d", "sh -c 'exit 3'", 1)
    path.write_text(before + section + after.replace("startretries=1000000", "startretries=1", 1))
    gateway.control("update", "spread")
    wait_for(lambda: events(gateway, "fatal"), "it is told that it is given up", 30.0)
    told = [(entry["kind"], entry["worker"]) for entry in events(gateway)]
    assert told == [("died", "spread_00"), ("died", "spread_00"), ("fatal", "spread_00")]
    first, second, last = events(gateway)
    assert "exit status 3; not expected; starts in a row that failed: 1; it is started again in 1 s" in first["detail"]
    assert "starts in a row that failed: 2" in second["detail"]
    assert "`supervisorctl start spread:spread_00`" in last["detail"]
