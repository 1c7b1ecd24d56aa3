"""A hold: who moves queues has the router publish nothing meanwhile. Two locks on files, which the kernel frees with their holders.

who moves     hold.lock, alone ──▶ publishing.lock, alone: nobody publishes ──▶ … moves … ──▶ both are free again
publisher     publishing.lock, shared, while it publishes; lets go of it once it has seen that hold.lock is taken
"""

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway.errors import RequestError
from gateway.trouble import Trouble

log = logging.getLogger(__name__)

#: What the router says of itself meanwhile.
WORDS = "queues are moved; what comes meanwhile waits on disk"
#: A publisher looks twice a second, and then waits for what is under way; seconds.
PATIENCE_S = 15.0
#: A publisher that looks whether anybody asks has the lock for a moment; seconds.
ASKING_S = 1.0
#: Between two tries to get a lock; seconds.
AGAIN_S = 0.05


def is_asked(var_dir: Path) -> bool:
    """Whether somebody wants that nothing is published. Raises PermissionError where the lock is another user's."""
    with suppress(FileNotFoundError):
        file = os.open(var_dir / "hold.lock", os.O_RDWR | os.O_CLOEXEC)
        try:
            return not _try(file, fcntl.LOCK_SH)
        finally:
            os.close(file)
    return False


class Publisher:
    """Of one thread that publishes, or makes queues."""

    def __init__(self, var_dir: Path | None) -> None:
        """None: nobody ever asks."""
        self._var_dir = var_dir
        self._file: int | None = None
        self._trouble = Trouble(log, "hold lock_unreadable")

    def may(self, *, is_idle: bool) -> bool:
        """Whether to publish now; asked twice a second. is_idle: nothing is under way, so that it can be left for whoever asks."""
        if self._var_dir is None:
            return True
        try:
            may = self._may(self._var_dir, is_idle=is_idle)
        except PermissionError as fault:  # what another user has left behind; `held` is refused then, so nobody asks
            self._trouble.say(f"{fault.filename} is another user's; expected it to be deleted")
            return True
        self._trouble.over()
        return may

    def _may(self, var_dir: Path, *, is_idle: bool) -> bool:
        if is_asked(var_dir):
            if is_idle:
                self.leave()
            return False
        if self._file is None:
            file = _open(var_dir / "publishing.lock")
            if not _try(file, fcntl.LOCK_SH):
                os.close(file)
                return False
            self._file = file
        return True

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """One turn of somebody who makes queues: whether he may."""
        try:
            yield self.may(is_idle=True)
        finally:
            self.leave()

    def leave(self) -> None:
        """Nothing is published until `may` has said so again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


@contextmanager
def held(var_dir: Path, *, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """While this lasts the router of this var folder, if it runs, publishes nothing. Raises RequestError where it does not pause.

    Only for the router's own user: of a lock that another one makes the router could not know who holds it.
    """
    user = _router_user(var_dir)
    if user not in (None, os.geteuid()):
        raise RequestError(f"found {var_dir} to be of a router that runs as user {user}; expected to be run as that user")
    try:
        ask, alone = _open(var_dir / "hold.lock"), _open(var_dir / "publishing.lock")
    except PermissionError as fault:
        raise RequestError(f"{fault.filename} is another user's; expected it to be deleted") from fault
    try:
        _take(ask, ASKING_S, "found another command that moves queues; expected one at a time")
        _take(alone, patience_s, f"the router has not paused within {patience_s:g} s; look at `ws-gateway status`, and try again")
        yield
    finally:
        os.close(alone)
        os.close(ask)


def _router_user(var_dir: Path) -> int | None:
    """The number of the user that the router runs as; None before it ever spoke."""
    words = var_dir / "state" / "router_00.json"
    return words.stat().st_uid if words.exists() else None


def _take(file: int, within_s: float, words: str) -> None:
    until = time.monotonic() + within_s
    while not _try(file, fcntl.LOCK_EX):
        if time.monotonic() >= until:
            raise RequestError(words)
        time.sleep(AGAIN_S)


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try(file: int, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
