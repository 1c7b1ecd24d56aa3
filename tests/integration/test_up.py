"""`ws-gateway up`, as a newcomer runs it: in a copy of the project, with an empty home and nothing started."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running import PROGRAMS, ROOT, is_gone, wait_for

from gateway.servers.server import free_ports


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout of its own, which the installed packages do not know: `up` finds its parts beside itself."""
    for name in ("gateway", "workers", "api", "cli", "simulator", "migrations"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "supervisord.conf", tmp_path)
    (tmp_path / "home").mkdir()
    return tmp_path


class Up:
    """A running `ws-gateway up`."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.port = free_ports(1)[0]
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "PYTHONPATH": str(folder),
            "WS_GATEWAY_PORT": str(self.port),
            **settings,
        }
        self.output = folder / "up.log"
        with self.output.open("ab") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli.main", "up", "--seed", "3"], cwd=folder, env=self.environ, stdout=stream, stderr=stream
            )

    def text(self) -> str:
        return self.output.read_text()

    def wait_until_greeted(self, times: int = 1) -> None:
        def greeted() -> bool:
            assert self.process.poll() is None, self.text()
            return self.text().count("The gateway is up") == times

        wait_for(greeted, f"greeted: {self.text()}", 90.0)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Another command in another terminal, which knows nothing but the folder."""
        environ = {key: value for key, value in self.environ.items() if key != "WS_GATEWAY_PORT"}
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=self.folder, env=environ, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    def pids(self) -> list[int]:
        """Every process that works in this folder or below."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != self.process.pid:
                try:
                    environ = (entry / "environ").read_bytes()
                    command = (entry / "cmdline").read_bytes()
                except OSError:
                    continue
                if str(self.folder).encode() in environ + command and not is_gone(int(entry.name)):
                    found.append(int(entry.name))
        return found

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == 0, self.text()


@pytest.fixture
def up(folder: Path) -> Iterator[Up]:
    running = Up(folder)
    yield running
    if running.process.poll() is None:
        running.process.terminate()
        running.process.wait(60)


def test_up_brings_events_of_all_endpoints_says_what_to_do_next_and_leaves_nothing(up: Up) -> None:
    up.wait_until_greeted()
    text = up.text()
    assert f"http://127.0.0.1:{up.port}/api/v1" in text
    assert (up.folder / "var" / "api_key").read_text() in text
    tailed = up.run("tail", "--json", "--count", "600")
    assert tailed.returncode == 0, tailed.stderr
    events: list[dict[str, Any]] = [json.loads(line) for line in tailed.stdout.splitlines()]
    assert len(events) == 600
    assert {"spot", "linear", "inverse", "option", "spread"} <= {event["category"] for event in events}
    assert {"trade", "ticker", "orderbook", "kline", "order"} <= {event["event_type"] for event in events}
    status = up.run("status")
    assert (status.returncode, status.stdout.split()[0]) == (0, "healthy"), status.stdout + status.stderr
    listed = up.run("list", "--json")
    assert {json.loads(line)["requesting_service"] for line in listed.stdout.splitlines()} == {"demo"}
    control = subprocess.run(
        [str(Path(sys.executable).parent / "supervisorctl"), "status"], cwd=up.folder, capture_output=True, text=True, check=False
    ).stdout
    assert {line.split()[0] for line in control.splitlines()} == {f"{program}:{program}_00" for program in PROGRAMS}
    second = up.run("up")
    assert second.returncode == 1
    assert second.stderr.startswith("a gateway already runs with")
    up.interrupt()
    wait_for(lambda: not up.pids(), f"nothing left, but {up.pids()}")
    assert not (up.folder / "var" / "run.json").exists()


def test_a_second_run_continues_with_the_same_data(up: Up) -> None:
    up.wait_until_greeted()
    done = up.run("subscribe", "trades", "ETHUSDT", "--category", "linear", "--service", "mine")
    assert done.returncode == 0, done.stderr
    key = (up.folder / "var" / "api_key").read_text()
    up.interrupt()
    again = Up(up.folder)
    try:
        again.wait_until_greeted(times=2)
        rows = [json.loads(line) for line in again.run("list", "--service", "mine", "--json").stdout.splitlines()]
        assert [row["topic"] for row in rows] == ["publicTrade.ETHUSDT"]
        assert (up.folder / "var" / "api_key").read_text() == key
        wish = {"channel_type": "ticker", "symbol": "ETHUSDT", "category": "linear", "ttl_seconds": 60}
        (up.folder / "wishes.json").write_text(json.dumps([wish]))
        counts = "1 added, 1 removed, 0 unchanged"
        assert again.run("apply", "mine", "wishes.json", "--dry-run").stdout.endswith(f"{counts} (nothing was changed)\n")
        assert again.run("apply", "mine", "wishes.json").stdout.splitlines()[-1] == counts
        cancelled = again.run("unsubscribe", "--service", "mine")
        assert cancelled.stdout == "cancelled: 1\n"
    finally:
        again.process.send_signal(signal.SIGTERM)
        assert again.process.wait(60) == 0


def test_what_is_started_dies_with_up_however_it_dies(up: Up) -> None:
    up.wait_until_greeted()
    up.process.kill()
    up.process.wait()
    wait_for(lambda: not up.pids(), f"nothing left, but {up.pids()}", 40.0)


def test_a_busy_port_is_one_sentence(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        up = Up(folder, WS_GATEWAY_PORT=str(port))
        assert up.process.wait(30) == 2
        assert up.text() == f"WS_GATEWAY_PORT is {port}, which is in use; expected a free port\n"


def test_a_bad_setting_is_one_sentence(folder: Path) -> None:
    up = Up(folder, BYBIT_ENVIRONMENT="moon")
    assert up.process.wait(30) == 2
    assert up.text() == "BYBIT_ENVIRONMENT is 'moon'; expected one of mainnet, testnet, demo, simulator\n"
