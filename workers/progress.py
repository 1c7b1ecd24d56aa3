"""PROGRESS: which processes no longer renew the words about themselves. Pure; told what the files say, asked who is stuck.

What counts is that the guard itself, turning every second, has seen nothing new for so long: neither a clock that is set nor
a machine that slept makes a process look stuck.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.health.words import Words

#: A process whose file was not renewed for this long does no work; seconds. Health says so after 5. Its reporter stops writing 20 s
#: after the main loop's last turn (`gateway/health/report.py`), so a loop that hangs ends after 40.
SILENT_S = 20.0
#: Between SIGTERM, which a loop that turns again still heeds, and SIGKILL; seconds.
TERM_S = 5.0
#: Between two looks; longer than this, the guard itself was not there, and has seen nothing; seconds.
BLIND_S = 5.0


@dataclass(slots=True)
class _Seen:
    """A process's newest words, when they were first seen, and when it was told to end; monotonic seconds."""

    words: Words
    since: float
    told: float | None = None


class Progress:
    """Of all processes that write a state file."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._looked: float | None = None

    def look(self, found: Mapping[str, Words], now: float) -> None:
        """found: process → what its file says now; now: monotonic seconds."""
        if self._looked is None or now - self._looked > BLIND_S:
            self._seen.clear()
        self._looked = now
        for name, words in found.items():
            seen_before = self._seen.get(name)
            if seen_before is None or seen_before.words != words:
                self._seen[name] = _Seen(words, now)
        for name in self._seen.keys() - found.keys():
            del self._seen[name]

    def silent(self, now: float) -> dict[str, Words]:
        """Those that are silent for too long and were not told to end yet."""
        return {name: s.words for name, s in self._seen.items() if s.told is None and now - s.since >= SILENT_S}

    def told(self, name: str, now: float) -> None:
        """It was told to end."""
        self._seen[name].told = now

    def gone(self, name: str) -> None:
        """Its file is what a process has left behind: nobody is to be told, until somebody writes it anew."""
        self._seen[name].told = math.inf

    def deaf(self, now: float) -> dict[str, Words]:
        """Those that were told, and are there all the same."""
        return {name: s.words for name, s in self._seen.items() if s.told is not None and now - s.told >= TERM_S}
