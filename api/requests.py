"""What is asked of this process, by method, route and status, and how long it took: in a file that every process of the API reads."""

import atexit
import logging
import os
import threading
import time
from copy import deepcopy
from itertools import count
from pathlib import Path

from flask import Flask, Response, g, request

from gateway.disk.turn_lock import TurnLock
from gateway.health import state
from gateway.health.words import RequestsState
from gateway.metrics.tally import NS, Counted, Tally

log = logging.getLogger(__name__)

#: Between two writes; seconds.
EVERY_S = 1.0
#: Methods that have a name in the metric: a client may invent as many as it likes.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"


class Requests:
    """Of one process. Nothing is written before `keep`, and nothing is lost that was counted before."""

    def __init__(self, var_dir: Path) -> None:
        self._var_dir = var_dir
        self._lock = threading.Lock()  # of what is counted; nobody who has it waits for a disk
        self._writing = threading.Lock()
        self._words: RequestsState | None = None
        self._turn: TurnLock | None = None
        self._seconds = Tally().histograms("ws_gateway_api_request_seconds")

    def count(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """route: as the application knows it; None: it knows none."""
        key = f"{method if method in METHODS else OTHER} {route or OTHER} {status}"
        with self._lock:
            self._seconds[key].observe(round(seconds * NS))

    def keep(self) -> None:
        """Write what was counted. Never raises: a disk that is full costs no answer."""
        with self._writing:
            try:
                words = self._words or self._begun()
                words.written_ms = time.time_ns() // 1_000_000
                with self._lock:
                    words = deepcopy(words)
                state.write(self._var_dir, words)
            except OSError as fault:
                log.warning("api requests_not_kept reason=%s", fault)

    def start(self) -> None:
        """Keep it every second, and once more when the process ends."""
        atexit.register(self.keep)
        threading.Thread(target=self._run, name="requests", daemon=True).start()

    def _run(self) -> None:
        while True:
            self.keep()
            time.sleep(EVERY_S)

    def _begun(self) -> RequestsState:
        """Take the first number that no living process has, and go on with what was counted under it."""
        for number in count():
            name = f"requests_{number:02d}"
            turn = TurnLock(self._var_dir / "state" / f"{name}.lock")
            if turn.take():
                break
        before = next((words.counted for words in state.read_requests(self._var_dir) if words.name == name), Counted())
        tally = Tally(before)
        seconds = tally.histograms("ws_gateway_api_request_seconds")
        with self._lock:
            for key, more in self._seconds.items():
                whole = seconds[key]
                whole.counts = [one + other for one, other in zip(whole.counts, more.counts, strict=True)]
                whole.sum_ns += more.sum_ns
            self._seconds = seconds
        now_ms = time.time_ns() // 1_000_000
        self._turn = turn
        self._words = RequestsState(name=name, pid=os.getpid(), written_ms=now_ms, started_ms=now_ms, counted=tally.counted)
        return self._words


def register(app: Flask, requests: Requests) -> None:
    """Counts every answer of the application."""

    @app.after_request
    def measure(response: Response) -> Response:
        rule = request.url_rule.rule if request.url_rule is not None else None
        requests.count(request.method, rule, response.status_code, time.monotonic() - g.get("began", time.monotonic()))
        return response
