"""The watchdog: topics that have fallen silent, each by its own cadence. Pure: told the time and what is so, it says what to do.

silent for its limit ─▶ stalled, asked for anew ─ again ─▶ asked again, or the connection is replaced
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from gateway.protocol.cadence import Cadence

#: Between two looks; seconds.
LOOK_S = 1.0
#: Frames that waited unread for so long, or a worker that did not look for so long, excuse a silence; seconds.
BLIND_S = 3.0
#: A topic that was asked for so often and stays silent has its connection replaced, once.
ASKED = 2


class Awaiting(Protocol):
    """How it is with a topic; see `gateway/protocol/subscriptions.py`."""

    def is_awaited(self, name: str, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class Findings:
    """What to do now.

    stalled   (topic, seconds of silence, its limit) of those that have just stalled
    renew     topics to ask for anew, those among them
    dead      why the connection is to be replaced; None: it is not
    """

    stalled: list[tuple[str, float, float]] = field(default_factory=list)
    renew: list[str] = field(default_factory=list)
    dead: str | None = None


_NOTHING = Findings()


@dataclass(slots=True)
class Watchdog:
    """Of one worker's connection."""

    _looked_at: float | None = None
    _turned_at: float | None = None
    _unread_since: float | None = None

    def look(self, topics: Iterable[tuple[str, Cadence]], awaiting: Awaiting, now: float, *, unread: bool) -> Findings:
        """Every turn; it does something once a second. unread: frames wait that nobody got to."""
        last, self._turned_at = self._turned_at, now
        if unread:
            self._unread_since = now if self._unread_since is None else self._unread_since
            return _NOTHING
        blind_since, self._unread_since = self._unread_since, None
        was_blind = any(since is not None and now - since >= BLIND_S for since in (last, blind_since))
        if not was_blind and self._looked_at is not None and now - self._looked_at < LOOK_S:
            return _NOTHING
        self._looked_at = now
        watched = [(name, cadence) for name, cadence in topics if awaiting.is_awaited(name)]
        if was_blind:
            for _, cadence in watched:
                cadence.excuse(now)
            return _NOTHING
        due = [(name, cadence) for name, cadence in watched if cadence.is_due(now)]
        return self._found(due, watched, now) if due else _NOTHING

    def _found(self, due: list[tuple[str, Cadence]], watched: list[tuple[str, Cadence]], now: float) -> Findings:
        found = Findings()
        dead = [(name, cadence) for name, cadence in due if self._is_hopeless(cadence, watched)]
        for name, cadence in due:
            if not cadence.is_stalled:
                found.stalled.append((name, cadence.silent_s(now), cadence.limit_s))
            found.renew.append(name)
            cadence.ask(now)
        if not dead:
            return found
        for _, cadence in watched:
            cadence.replaced = cadence.replaced or cadence.is_stalled
        others = f" and {len(dead) - 1} more" if len(dead) > 1 else ""
        return Findings(found.stalled, [], f"{dead[0][0]}{others} stayed silent, though asked for anew")

    def _is_hopeless(self, cadence: Cadence, watched: list[tuple[str, Cadence]]) -> bool:
        """Asking did not help, and it is the connection rather than the topic; or nobody knows, and all was tried."""
        stalled = sum(other.is_stalled for _, other in watched)
        most = stalled * 2 > len(watched)
        return cadence.is_stalled and not cadence.replaced and (most or cadence.asked >= ASKED)
