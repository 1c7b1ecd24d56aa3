"""The simulator as a process: bad options, a busy port, and its end by a signal or with whoever started it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import websocket
from running import is_gone, wait_for

from simulator import remote
from simulator.remote import RunningSimulator


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--steps-per-s", "0"], "found --steps-per-s 0; expected 0.01 to 1000"),
        (["--idle-s", "nan"], "found --idle-s nan; expected 0.05 to 86400"),
        (["--ws-port", "70000"], "found --ws-port 70000; expected 0 to 65535"),
        (["--ws-port", "x"], "argument --ws-port: invalid int value: 'x'"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_bad_option_is_one_sentence_and_exit_code_2(options: list[str], words: str) -> None:
    ended = subprocess.run([sys.executable, "-m", "simulator", *options], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", f"ws-gateway simulate: {words}\n")


def test_busy_port_is_named_in_one_sentence(exchange: RunningSimulator, tmp_path: Path) -> None:
    port = int(exchange.ws_url.rpartition(":")[2])
    with pytest.raises(RuntimeError, match=rf"^the simulator cannot listen on 127\.0\.0\.1 port {port}: .+$"):
        remote.start(tmp_path, ws_port=port)
    assert str(port) in (tmp_path / "simulator.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_within_two_seconds_though_a_client_does_not_answer(number: int) -> None:
    command = [sys.executable, "-m", "simulator", "--ws-port", "0", "--rest-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        where = json.loads(process.stdout.readline())
        assert where["pid"] == process.pid
        client = websocket.create_connection(where["ws_url"] + "/v5/public/spot", timeout=5)
        began = time.monotonic()
        process.send_signal(number)
        _, words = process.communicate(timeout=5)
        assert time.monotonic() - began < 2
        assert (process.returncode, words) == (0, b"")
        client.shutdown()


def test_it_ends_when_the_process_that_started_it_is_killed() -> None:
    code = "from simulator import remote; import sys; print(remote.start().pid, flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(pid, 0)
        parent.kill()
    wait_for(lambda: is_gone(pid), "the simulator ended", 5.0)
