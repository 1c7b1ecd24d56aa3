"""The REST budget: all processes of a host together ask at most so much, the private ones first; and a ban is respected by all.

Source: protocol notes, section 9.2: 600 requests in 5 s of one address over all REST hosts; beyond them HTTP 403, and ten minutes of rest.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from gateway.disk.moments import Moments, Window
from gateway.errors import NotAsked

log = logging.getLogger(__name__)

#: Requests of one host in WINDOW_S seconds: half of what the exchange allows an address, which others may share with us.
MOST = 300
WINDOW_S = 5.0
#: Kept back for the private endpoint: backfills of a thousand topics must not hold up the account.
FOR_PRIVATE = 100
#: How long nothing is asked after a ban; seconds.
BAN_S = 600.0


def folder_of(var_dir: Path, rest_base: str) -> Path:
    """Where the budget of one exchange is shared."""
    return var_dir / "rest" / (urlsplit(rest_base).hostname or "")


class RestBudget:
    """Who wants to ask waits for a turn."""

    def __init__(
        self, folder: Path, *, private: bool, most: int = MOST, window_s: float = WINDOW_S, ban_s: float = BAN_S,
        unix_s: Callable[[], float] = time.time, pause: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        """folder: shared by all processes of the host that ask this exchange."""
        own = most if private else max(1, most - min(FOR_PRIVATE, most // 3))
        self._window = Window(folder / "asked", most=own, span_s=window_s, what="rest_budget")
        self._ban = Moments(folder / "banned")
        self._ban_s = ban_s
        self._unix_s = unix_s
        self._pause = pause

    def take(self, patience_s: float) -> None:
        """Wait until one may be asked, which is then counted. Raises NotAsked where that takes longer, or while the host is banned."""
        waited_s = 0.0
        while True:
            banned_s = self.banned_s()
            if banned_s > 0.0:
                raise NotAsked(f"the exchange has banned this address; nothing is asked for another {banned_s:.0f} s")
            wait_s = self._window.wait_s(self._unix_s())
            if wait_s <= 0.0:
                return
            if waited_s + wait_s > patience_s:
                raise NotAsked(f"the REST requests of this host are used up; the next may be asked in {wait_s:.1f} s")
            self._pause(wait_s)
            waited_s += wait_s

    def banned(self) -> None:
        """The exchange said so: no process of the host asks for a while."""
        log.error("rest_banned seconds=%.0f: the exchange refuses this address; does something else here ask it too?", self._ban_s)
        try:
            self._ban.replace(lambda _found: [self._unix_s() + self._ban_s])
        except OSError as fault:
            log.warning("rest_ban_unwritten path=%s reason=%s", self._ban.path, fault)

    def banned_s(self) -> float:
        """Seconds that are left of a ban; 0 without one. One that would last longer is of a clock that was set back."""
        found: list[float] = []

        def look(moments: list[float]) -> list[float]:
            found.extend(moments)
            return moments

        try:
            self._ban.replace(look)
        except OSError as fault:
            log.warning("rest_ban_unknown path=%s reason=%s", self._ban.path, fault)
        left = max(found, default=0.0) - self._unix_s()
        return left if 0.0 < left <= self._ban_s else 0.0
