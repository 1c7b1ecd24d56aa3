"""A process of the benchmark: a line of JSON says that it is ready, then one answers each order, until its input ends."""

import json
import os
import select
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

#: From the end of its input until it is told to end, and from then until it is killed; seconds.
_END_S = 2.0
#: Bytes of its last words that are told.
_WORDS = 2000


class ChildLost(Exception):
    """It ended, or said nothing in time; the message has its last words."""


class Child:
    """ready  its first line"""

    def __init__(self, name: str, command: Sequence[str], folder: Path, environ: dict[str, str], *, seconds: float = 30.0) -> None:
        """`folder`: where it runs, and where what it says besides goes, into NAME.log."""
        self.name = name
        self._log = folder / f"{name}.log"
        with self._log.open("wb") as words:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words, cwd=folder, env=environ, bufsize=0
            )
        self._said = b""
        with ExitStack() as unless_ready:
            unless_ready.callback(self.end)
            self.ready = self._line(seconds)
            unless_ready.pop_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, within_s: float = 10.0, **order: Any) -> dict[str, Any]:
        """The answer. Raises ChildLost."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
        except BrokenPipeError as fault:
            raise ChildLost(f"{self.name} has ended: {self._last_words()}") from fault
        return self._line(within_s)

    def end(self) -> None:
        """Close its input; by force where that is not enough."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        for harder in (self._process.terminate, self._process.kill):
            try:
                self._process.wait(_END_S)
                break
            except subprocess.TimeoutExpired:
                harder()
        self._process.wait()
        self._process.stdout.close()

    def _line(self, seconds: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        until = time.monotonic() + seconds
        while b"\n" not in self._said:
            readable, _, _ = select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))
            part = os.read(self._process.stdout.fileno(), 1 << 20) if readable else b""
            if not part:
                how = "has ended" if readable else f"has said nothing for {seconds:g} s"
                raise ChildLost(f"{self.name} {how}: {self._last_words()}")
            self._said += part
        line, _, self._said = self._said.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found

    def _last_words(self) -> str:
        lines = self._log.read_bytes()[-_WORDS:].decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"
