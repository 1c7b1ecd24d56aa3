"""Moments that all processes of a host share: a file of Unix seconds. The kernel's lock lets one process at a time look and write.

A file outlives a process and a boot, so the moments are Unix time, which may be set back: what lies too far ahead counts for nothing.
"""

import fcntl
import logging
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)

#: Processes that ask at once get the lock in any order: moments this far ahead of ours count; later ones are of a clock that was set
#: back. Seconds.
AHEAD_S = 10.0

_MOMENT = struct.Struct("<d")


class Moments:
    """One file of them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def replace(self, change: Callable[[list[float]], list[float]]) -> None:
        """Write what `change` makes of those that are there, while nobody else looks. Raises OSError."""
        with self._locked() as file:
            found = _read(file)
            kept = change(found)
            if kept != found:
                os.pwrite(file, b"".join(map(_MOMENT.pack, kept)), 0)
                os.ftruncate(file, len(kept) * _MOMENT.size)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)


class Window:
    """At most so many of something in any span, for all processes together.

    most  of this one's: whoever must leave room for others has a smaller one
    what  for the log
    """

    def __init__(self, path: Path, *, most: int, span_s: float, what: str) -> None:
        self._moments = Moments(path)
        self._most = most
        self._span_s = span_s
        self._what = what

    def wait_s(self, unix_s: float) -> float:
        """0 where one may be now, and it is counted; else the seconds until one may."""
        wait_s = 0.0

        def count(found: list[float]) -> list[float]:
            nonlocal wait_s
            moments = sorted(moment for moment in found if unix_s - self._span_s < moment <= unix_s + AHEAD_S)
            over = len(moments) - self._most
            if over >= 0:
                wait_s = moments[over] + self._span_s - unix_s
                return found
            return [*moments, unix_s]

        try:
            self._moments.replace(count)
        except OSError as fault:  # a full disk must not keep the stream away; whoever asks spaces the tries
            log.warning("%s_unknown path=%s reason=%s", self._what, self._moments.path, fault)
        return wait_s


def _read(file: int) -> list[float]:
    """What is not a whole moment is left out."""
    found = os.pread(file, 1 << 20, 0)
    return [_MOMENT.unpack_from(found, place)[0] for place in range(0, len(found) - _MOMENT.size + 1, _MOMENT.size)]
