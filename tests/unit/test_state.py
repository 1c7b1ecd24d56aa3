"""State files: whole or absent, every second, and only as long as the process turns."""

import os
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.health import absence, state
from gateway.health.report import Reporter
from gateway.health.words import Absence, ApiState, RouterState, State, WorkerState
from workers import maintenance


def worker(name: str) -> WorkerState:
    return WorkerState(name=name, endpoint=name[:-3], pid=1, written_ms=1, started_ms=1, connection_status="idle")


def test_states_are_read_by_kind_and_what_cannot_be_read_is_absent(tmp_path: Path) -> None:
    assert state.read_router(tmp_path) is None
    assert state.read_workers(tmp_path) == {}
    for words in (
        worker("linear_00"),
        worker("linear_01"),
        RouterState(name="router_00", pid=1, written_ms=1, started_ms=1),
        ApiState(name="api_00", pid=1, written_ms=1, started_ms=1),
    ):
        state.write(tmp_path, words)
    (tmp_path / "state" / "spot_00.json").write_text("{half")
    (tmp_path / "state" / "moon_00.json").write_text("{}")
    assert list(state.read_workers(tmp_path)) == ["linear_00", "linear_01"]
    assert state.read_router(tmp_path) == RouterState(name="router_00", pid=1, written_ms=1, started_ms=1)


def renewed(folder: Path, after_ms: int, seconds: float) -> bool:
    """Whether the file is written anew within this time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = state.read_workers(folder).get("linear_00")
        if found is not None and found.written_ms > after_ms:
            return True
    return False


def test_a_reporter_renews_its_file_and_stops_when_its_giver_is_stuck(tmp_path: Path) -> None:
    reporter = Reporter(tmp_path, worker("linear_00"), stuck_s=1.5)
    reporter.start()
    assert renewed(tmp_path, 0, 2.0)
    reporter.give(worker("linear_00"))
    now_ms = time.time_ns() // 1_000_000
    assert not renewed(tmp_path, now_ms + 1800, 2.5), "nobody gave anything for longer than the patience"
    reporter.give(worker("linear_00"))
    assert renewed(tmp_path, now_ms + 1800, 2.0)
    reporter.stop()


def test_a_state_is_written_at_once_where_that_matters(tmp_path: Path) -> None:
    reporter = Reporter(tmp_path, worker("linear_00"))
    reporter.start()
    assert renewed(tmp_path, 0, 2.0)
    for _ in range(3):
        now_ms = time.time_ns() // 1_000_000
        reporter.give(worker("linear_00"), at_once=True)
        assert renewed(tmp_path, now_ms - 1, 0.5), "three times within what is else once"
    reporter.stop()


class KeepingFar:
    """In the place of the bus to the router's machine."""

    def __init__(self) -> None:
        self.sent: list[str | None] = []
        self.is_closed = False

    def send(self, words: State) -> None:
        assert isinstance(words, WorkerState)
        self.sent.append(words.last_error)

    def close(self) -> None:
        self.is_closed = True


def test_what_is_written_is_sent_to_another_machine_too_the_last_words_included_whatever_the_disk_says(tmp_path: Path) -> None:
    far = KeepingFar()
    (tmp_path / "state").write_text("no folder")
    reporter = Reporter(tmp_path, worker("linear_00"), far=lambda: far)
    reporter.start()
    last = worker("linear_00")
    last.last_error = "the end"
    reporter.give(last)
    reporter.stop()
    assert far.sent[-1] == "the end"
    assert far.is_closed


def test_on_a_full_disk_the_words_are_written_over_the_old_ones(tmp_path: Path) -> None:
    state.write(tmp_path, worker("linear_00"))
    part = tmp_path / "state" / f".linear_00.{os.getpid()}.part"
    part.symlink_to("/dev/full")  # whose every write says that there is no space
    words = worker("linear_00")
    words.last_error = "the disk is full"
    state.write(tmp_path, words)
    assert state.read_workers(tmp_path)["linear_00"].last_error == "the disk is full"
    assert not part.is_symlink()


def test_the_last_words_are_written_and_urgent_ones_at_once(tmp_path: Path) -> None:
    reporter = Reporter(tmp_path, worker("linear_00"))
    reporter.start()
    words = worker("linear_00")
    words.journal_error = "full"
    began = time.monotonic()
    reporter.give(words, at_once=True)
    while (found := state.read_worker(tmp_path, "linear_00")) is None or found.journal_error is None:
        assert time.monotonic() - began < 0.5, "not at once"
    last = worker("linear_00")
    last.has_ended = True
    reporter.give(last)
    reporter.stop()
    found = state.read_worker(tmp_path, "linear_00")
    assert found is not None
    assert found.has_ended


def test_the_newest_run_is_the_one_that_the_exchange_spoke_to_last() -> None:
    runs = [worker(f"private_0{number}") for number in range(3)]
    assert absence.newest_run(runs) is None
    runs[0].last_frame_ms, runs[2].last_frame_ms = 5, 9
    assert absence.newest_run(runs) is runs[2]


@pytest.mark.parametrize(
    ("more", "since_ms"),
    [
        ({}, 7),
        ({"delivered_ms": None}, 9),
        ({"delivered_ms": None, "last_frame_ms": None}, None),
        ({"wanted": 0}, None),
        ({"connection_status": "standby"}, None),
        ({"has_ended": True}, None),
        ({"connection_status": "idle", "wanted": 0, "absence": Absence(3, [])}, 3),
        ({"has_ended": True, "absence": Absence(3, [])}, 3),
    ],
    ids=["killed", "nothing delivered", "never heard", "without work", "standby", "told to end", "killed untold", "ended untold"],
)
def test_what_is_to_be_told_after_a_process_follows_from_its_last_words(more: dict[str, Any], since_ms: int | None) -> None:
    running = {"connection_status": "connected", "wanted": 1, "last_frame_ms": 9, "delivered_ms": 7, **more}
    last = msgspec.structs.replace(worker("linear_00"), **running)
    found = absence.absence_after(last)
    assert (found.since_ms if found is not None else None) == since_ms
    assert absence.absence_after(None) is None


def test_maintenance_is_what_the_status_endpoint_says_and_only_while_it_speaks(tmp_path: Path) -> None:
    words = worker("status_00")
    words.maintenance = "Upgrade"
    state.write(tmp_path, words)
    assert maintenance.announced(tmp_path, 1_000) == "Upgrade"
    assert maintenance.announced(tmp_path, 60_000) is None
