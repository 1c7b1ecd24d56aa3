"""The process's words about itself, written to the var folder every second by a thread that nothing else can block."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from gateway.health import state
from gateway.health.words import State

log = logging.getLogger(__name__)

#: Between two writes; seconds. Source: the public contract, section 1.
EVERY_S = 1.0
#: A main loop that has not turned for this long is stuck, and its words are no longer renewed; seconds.
#: Longer than any single wait of a main loop: a connect that times out.
STUCK_S = 20.0


class Far(Protocol):
    """A way to another machine; see `gateway/bus/far_words.py`."""

    def send(self, words: State, /) -> None: ...

    def close(self) -> None: ...


class Reporter(threading.Thread):
    """Writes the newest state it was given, dated now, for as long as its giver keeps turning."""

    def __init__(
        self,
        var_dir: Path,
        first: State,
        *,
        stuck_s: float = STUCK_S,
        far: Callable[[], Far] | None = None,
        beside: Callable[[float], None] | None = None,
    ) -> None:
        """`stuck_s`: infinite where there is no loop that could stop turning.

        far     opens the way to who cannot read the file
        beside  writes what is to be written besides; told the time, Unix seconds
        """
        super().__init__(name="reporter", daemon=True)
        self._var_dir = var_dir
        self._stuck_s = stuck_s
        self._open_far = far
        self._beside = beside
        self._state = first
        self._turned = time.monotonic()
        self._woken = threading.Event()
        self._stopping = False
        self._far: Far | None = None

    def give(self, words: State, *, at_once: bool = False) -> None:
        """The main loop has turned, and this is what is so. `at_once`: it is written now, not within a second."""
        self._state = words
        self._turned = time.monotonic()
        if at_once:
            self._woken.set()

    def stop(self) -> None:
        self._stopping = True
        self._woken.set()
        self.join(EVERY_S)

    def run(self) -> None:
        self._far = self._open_far() if self._open_far is not None else None
        while not self._stopping:
            if time.monotonic() - self._turned < self._stuck_s:
                self._write()
            self._woken.wait(EVERY_S)
            self._woken.clear()
        self._write()  # the last words
        if self._far is not None:
            self._far.close()

    def _write(self) -> None:
        words = self._state
        words.written_ms = time.time_ns() // 1_000_000
        try:
            if self._far is not None:
                self._far.send(words)
            state.write(self._var_dir, words)
            if self._beside is not None:
                self._beside(time.time())
        except OSError as fault:
            log.warning("%s state_not_written reason=%s", words.name, fault)
