"""A worker's process from its start to its end: it ends as told, also one that only stood by, and it does not live on without a part."""

import fcntl
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import pytest
from running import ROOT, wait_for

from gateway import config
from gateway.disk.memo import Memo
from gateway.health import state
from gateway.health.words import Absence, TopicState, WorkerState
from gateway.protocol.endpoints import ENDPOINTS
from workers.catchup import Catchup
from workers.exchange import build
from workers.gaps import OpenGap
from workers.slots import Slot
from workers.wanted import WantedReader
from workers.worker import Worker

#: Nobody is there: neither of the database nor of the exchange.
AWAY = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "BYBIT_WS_URL": "ws://127.0.0.1:1",
    "BYBIT_REST_URL": "http://127.0.0.1:1",
}


@contextmanager
def process(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "WS_GATEWAY_VAR_DIR": str(folder), **AWAY}
    command = [sys.executable, "-m", "workers.exchange", *arguments]
    with subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


def words_of(folder: Path, name: str) -> WorkerState | None:
    path = folder / "state" / f"{name}.json"
    return msgspec.json.decode(path.read_bytes(), type=WorkerState) if path.exists() else None


def status_of(folder: Path, name: str) -> str:
    words = words_of(folder, name)
    return words.connection_status if words is not None else ""


def test_a_process_that_stood_by_ends_as_told_with_its_last_words(tmp_path: Path) -> None:
    with ExitStack() as stack:
        holder = stack.enter_context(process(tmp_path, "private", "0", "2"))
        wait_for(lambda: words_of(tmp_path, "private_00") is not None, "one has the turn")
        wait_for(lambda: (tmp_path / "private.lock").exists(), "the lock")
        standby = stack.enter_context(process(tmp_path, "private", "1", "2"))
        wait_for(lambda: "standby" in (status_of(tmp_path, "private_00"), status_of(tmp_path, "private_01")), "one stands by")
        for running in (standby, holder):
            running.send_signal(signal.SIGTERM)
        said = [running.communicate(timeout=20)[0] for running in (standby, holder)]
        assert [standby.returncode, holder.returncode] == [0, 0], said
    for name in ("private_00", "private_01"):
        words = words_of(tmp_path, name)
        assert words is not None
        assert words.has_ended


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_killed_process_left_untold_is_left_by_the_next_one_too_until_it_is_told(
    tmp_path: Path, ending: signal.Signals
) -> None:
    """The second ends before its turn comes; the third tells."""
    killed = WorkerState(
        name="status_00", endpoint="status", pid=1, written_ms=1, started_ms=1, connection_status="connected", wanted=1,
        last_frame_ms=9, delivered_ms=7, topics={"system_status": TopicState("live")},
    )  # fmt: skip
    state.write(tmp_path, killed)
    with (tmp_path / "status_00.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with process(tmp_path, "status", "0", "1") as second:
            wait_for(lambda: status_of(tmp_path, "status_00") == "standby", "it stands by")
            second.send_signal(ending)
            second.communicate(timeout=20)
    words = words_of(tmp_path, "status_00")
    assert words is not None
    assert words.absence == Absence(7, ["system_status"])
    with process(tmp_path, "status", "0", "1"):
        wait_for(lambda: absence_told(tmp_path), "it tells")
    (gap,) = [kept.gap for kept in Memo(tmp_path / "gaps" / "status_00.json", list[OpenGap]).read() or []]
    assert (gap.cause, gap.from_ms) == ("restarted", 7)


def absence_told(folder: Path) -> bool:
    words = words_of(folder, "status_00")
    return words is not None and words.absence is None


class EndingReader(WantedReader):
    """Its thread ends by itself, as by a fault that nobody foresaw."""

    def run(self) -> None:
        self.wishes = None


class DeadCatchup(Catchup):
    is_dead = True


def make(folder: Path) -> Worker:
    return build(
        config.load({"WS_GATEWAY_VAR_DIR": str(folder), **AWAY}, folder / "none"),
        ENDPOINTS["status"],
        Slot("status", 0, 1, range(1)),
    )


@pytest.mark.parametrize("part", ["wanted", "catch-up"])
def test_a_process_one_of_whose_threads_has_died_says_so_and_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, part: str
) -> None:
    worker = make(tmp_path)
    if part == "wanted":
        url = AWAY["DATABASE_URL"]
        worker.wanted = EndingReader(url, name="status_00", endpoint="status", mine=lambda _: True, poll_s=1.0)
    else:
        worker.link.catchup = DeadCatchup()
    with caplog.at_level(logging.ERROR):
        assert worker.run() == 1
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == [f"status_00 thread_dead names={part}: the process ends, to be started anew"]


def test_a_process_that_is_told_to_end_ends_well(tmp_path: Path) -> None:
    worker = make(tmp_path)
    worker.stop()
    assert worker.run() == 0
