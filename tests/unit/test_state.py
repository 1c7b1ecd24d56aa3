"""State files: whole or absent, every second, and only as long as the process turns."""

import time
from pathlib import Path

from gateway import state
from gateway.report import Reporter
from gateway.state import ApiState, RouterState, WorkerState


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
