"""The connect budget: all workers of a host together open at most so many connections in five minutes, or the exchange bans the host.

A file in the var folder holds the moments of the newest ones; the kernel's lock lets one worker at a time look and write.
"""

import fcntl
import logging
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)

#: New connections in WINDOW_S seconds. Source: protocol notes, section 2: 500 in any 5 minutes per domain and address.
MOST = 500
WINDOW_S = 300.0
#: Kept back for the private endpoint: public ones that flap must not lock it out.
FOR_PRIVATE = 50

#: Workers that ask at once get the lock in any order: moments this far ahead of ours count; later ones are of a clock that was set
#: back. Seconds.
AHEAD_S = 10.0

_MOMENT = struct.Struct("<d")


class ConnectBudget:
    """Who wants to connect asks first. Moments are Unix seconds, since the file outlives a boot."""

    def __init__(self, path: Path, *, private: bool, most: int = MOST, window_s: float = WINDOW_S) -> None:
        self._path = path
        self._most = most if private else max(1, most - min(FOR_PRIVATE, most // 10))
        self._window_s = window_s

    def wait_s(self, unix_s: float) -> float:
        """0 where a connection may be opened now, and it is counted; else the seconds until one may."""
        try:
            with self._locked() as file:
                moments = sorted(moment for moment in _read(file) if unix_s - self._window_s < moment <= unix_s + AHEAD_S)
                over = len(moments) - self._most
                if over >= 0:
                    return moments[over] + self._window_s - unix_s
                os.pwrite(file, b"".join(map(_MOMENT.pack, [*moments, unix_s])), 0)
                os.ftruncate(file, (len(moments) + 1) * _MOMENT.size)
        except OSError as fault:  # a full disk must not keep the stream away; the backoff still spaces the tries
            log.warning("connect_budget_unknown path=%s reason=%s", self._path, fault)
        return 0.0

    @contextmanager
    def _locked(self) -> Iterator[int]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)


def _read(file: int) -> list[float]:
    """What is not a whole moment is left out."""
    found = os.pread(file, 1 << 20, 0)
    return [_MOMENT.unpack_from(found, place)[0] for place in range(0, len(found) - _MOMENT.size + 1, _MOMENT.size)]
