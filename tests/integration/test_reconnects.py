"""1,000 reconnects on real sockets leave nothing behind: threads and files equal, memory within 2 MB."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import remote
from simulator.remote import RunningSimulator

ROUNDS = 1200  # the first fifth warms the caches
DRIVER = Path(__file__).with_name("reconnecting.py")


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningSimulator]:
    running = remote.start(connects=1_000_000, steps_per_s=20, account_every_s=0.5)
    yield running
    running.stop()


@pytest.mark.long
@pytest.mark.parametrize("endpoint", ["linear", "private"])
def test_a_thousand_reconnects_leave_nothing_behind(exchange: RunningSimulator, endpoint: str) -> None:
    command = [sys.executable, str(DRIVER), endpoint, exchange.ws_url, exchange.rest_url, str(ROUNDS)]
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False, env={"PYTHONPATH": root})
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    before, after = found["before"], found["after"]
    assert found["reconnections"] == ROUNDS
    assert (after["threads"], after["files"]) == (before["threads"], before["files"])
    assert after["bytes"] - before["bytes"] <= 2 << 20, f"{(after['bytes'] - before['bytes']) / 2**20:.2f} MB"
