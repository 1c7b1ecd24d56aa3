"""Whose turn it is: of processes that share a journal one is active; the others stand by and take over when it goes.

All processes of the private endpoint share one. A public one has its own, which a second process of the same name must not touch.
"""

import fcntl
import os
from pathlib import Path


class TurnLock:
    """A lock on a file in the var folder. The kernel lets go of it when its holder dies, however it dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def take(self) -> bool:
        """Try; True when it is ours now, or was already."""
        if self._file is not None:
            return True
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Let another one take it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
