"""Recording and replaying for tests: both as the processes that a person starts, and a digest of what came out."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from running import ROOT, Consumer, RunningGateway, wait_for

from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.frames import Data, parse
from gateway.recording import reader
from gateway.recording.entries import Entry, Kind
from gateway.recording.reader import Recording
from simulator.remote import Control

WORKERS = tuple(f"{endpoint}_00" for endpoint in ENDPOINTS)
#: What is the same in every replay of a recording; see docs/RECORDING.md.
IDENTITY = ("event_id", "event_type", "category", "symbol", "account", "topic", "timestamp", "source", "payload")


class Recorder:
    """`ws-gateway record` beside a gateway."""

    def __init__(self, gateway: RunningGateway, file: Path, *arguments: str, preexec: Any = None) -> None:
        """preexec: done by the child before it begins."""
        self.file = file
        self._gateway = gateway
        self._came = {worker: self._meetings(worker) for worker in WORKERS}
        self._words = file.with_suffix(".words").open("w+")
        command = [sys.executable, "-m", "cli.main", "record", str(file), *arguments]
        self.process = subprocess.Popen(
            command, cwd=gateway.folder, env=gateway.environ, stderr=self._words, start_new_session=True, preexec_fn=preexec
        )

    def wait_for(self, *workers: str) -> None:
        """Until these have met it."""
        for worker in workers:
            wait_for(lambda worker=worker: self._meetings(worker) > self._came[worker], f"{worker} meets the recorder", 10.0)

    def _meetings(self, worker: str) -> int:
        """How often it has met any recorder by now."""
        return self._gateway.log(worker).count("recorder_came")

    def words(self) -> str:
        return self.file.with_suffix(".words").read_text()

    def end(self) -> int:
        """Ctrl-C; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(15)
        self._words.close()
        return code


class Replay:
    """`ws-gateway replay` on free ports; its addresses and keys are those of a simulated exchange."""

    api_key = "any-key"
    api_secret = "any-secret"

    def __init__(self, file: Path, *arguments: str) -> None:
        ports = ("--ws-port", "0", "--rest-port", "0")
        self._words = file.with_suffix(".replayed").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "replay", str(file), *ports, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=self._words,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self._lines: Queue[str] = Queue()
        threading.Thread(target=lambda: [self._lines.put(line) for line in self.process.stdout or ()], daemon=True).start()
        where = self.line(20)
        self.ws_url, self.rest_url = where["ws_url"], where["rest_url"]

    def go(self) -> None:
        """Of one that began paused."""
        Control(self.rest_url).pause(on=False)

    def line(self, seconds: float) -> dict[str, Any]:
        """Its next line on stdout."""
        try:
            return dict(json.loads(self._lines.get(timeout=seconds)))
        except Empty as fault:
            raise AssertionError(f"not within {seconds:g} s: a line of the replay; it says {self.said()}") from fault

    def said(self) -> str:
        return Path(self._words.name).read_text()

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(10)
        self._words.close()
        return code


@contextmanager
def replayed(file: Path, *arguments: str) -> Iterator[Replay]:
    replay = Replay(file, *arguments)
    try:
        yield replay
    finally:
        replay.end()


def entries_of(file: Path, *, lenient: bool = False) -> dict[str, list[Entry]]:
    recording = reader.opened(file, lenient=lenient)
    return {worker: list(recording.of(worker)) for worker in recording.lanes}


def pushes(recording: Recording) -> dict[tuple[str, str], list[Data]]:
    """(endpoint, topic) → its frames, in their order."""
    found: dict[tuple[str, str], list[Data]] = {}
    for worker in recording.lanes:
        for entry in recording.of(worker):
            frame = parse(entry.data) if entry.kind is Kind.RECEIVED else None
            if isinstance(frame, Data):
                found.setdefault((worker.rpartition("_")[0], frame.topic), []).append(frame)
    return found


def digest(events: list[dict[str, Any]]) -> str:
    """Of the events of one routing key, in their order: all that a replay repeats."""
    kept = [{name: event[name] for name in IDENTITY} for event in events]
    return hashlib.sha256(json.dumps(kept).encode()).hexdigest()


def take_to_the_end(consumer: Consumer, queue: str, last: Data, seconds: float = 60.0) -> list[dict[str, Any]]:
    """Until the event of the last record of this frame has come: what is in its queue is then all that was before it."""
    record = last.data[-1] if isinstance(last.data, list) else last.data
    return consumer.take_until(queue, lambda found: any(event["payload"]["raw"] == record for event in found[-50:]), seconds)
