"""`ws-gateway drained`: by whose words nothing waits."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest

from gateway.health import state
from gateway.health.words import LaneState, RouterState, WorkerState

ROOT = Path(__file__).resolve().parents[2]
Done = subprocess.CompletedProcess[str]


def drained(folder: Path, *arguments: str) -> Done:
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "cli.main", "drained", *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=60)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def says(folder: Path, waiting: int = 0, *, ago_ms: int = 0) -> None:
    """The router, of records in memory: none is on disk."""
    written_ms = now_ms() - ago_ms
    lane = LaneState(connected=True, checked_ms=written_ms, waiting=waiting)
    words = RouterState(name="router_00", pid=1, written_ms=written_ms, started_ms=0, lanes={"broker": lane})
    state.write(folder / "var", words)


def while_saying(folder: Path, waiting: Callable[[], int], *arguments: str) -> Done:
    """With a router that speaks four times a second."""
    over = Event()

    def speak() -> None:
        while not over.wait(0.25):
            says(folder, waiting())

    says(folder, waiting())
    speaker = Thread(target=speak)
    speaker.start()
    try:
        return drained(folder, *arguments)
    finally:
        over.set()
        speaker.join()


@pytest.mark.parametrize("ago_ms", [None, 6000])
def test_while_the_router_is_silent_nobody_knows(tmp_path: Path, ago_ms: int | None) -> None:
    if ago_ms is not None:
        says(tmp_path, ago_ms=ago_ms)
    done = drained(tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"the router of {tmp_path}/var is silent; expected it to run")


def test_last_words_are_not_taken_for_a_rest(tmp_path: Path) -> None:
    says(tmp_path)
    done = drained(tmp_path, "--within", "3")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "nothing seems to wait, but nobody has said so for two seconds; try again\n"


def test_what_waits_in_memory_waits(tmp_path: Path) -> None:
    done = while_saying(tmp_path, lambda: 3, "--within", "2")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "3 events still wait, and go on waiting on disk when the gateway stops\n"


def test_what_only_a_journal_has_waits(tmp_path: Path) -> None:
    words = {"pid": 1, "written_ms": now_ms(), "started_ms": 0, "connection_status": "idle", "journal_messages": 2}
    state.write(tmp_path / "var", WorkerState(name="private_00", endpoint="private", **words))
    done = while_saying(tmp_path, lambda: 0, "--within", "2")
    assert done.stderr == "2 events still wait, and go on waiting on disk when the gateway stops\n"


def test_it_ends_once_all_has_been_delivered_for_two_seconds(tmp_path: Path) -> None:
    left = iter([5, 4, 3, 2, 1])
    done = while_saying(tmp_path, lambda: next(left, 0))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "nothing waits: RabbitMQ and PostgreSQL have all that was read\n"
    assert list(left) == []
