"""CADENCE: how often one topic speaks, so that its silence can be told from a quiet market. Pure; all `now` are monotonic seconds.

heard ─ heard ─ heard ─ ─ ─ limit: stalled, asked for anew ─ ─ limit: asked again …      heard: it speaks again
"""

from dataclasses import dataclass
from math import inf

from gateway.protocol.channels.channel import Channel
from gateway.protocol.channels.orderbook import depth_of

#: A topic may be silent so many times as long as its longest interval seen lately.
PATIENCE = 5.0
#: What was seen in this time, and in the one before it, was lately; seconds.
LATELY_S = 600.0


@dataclass(slots=True)
class Cadence:
    """One topic's.

    floor_s   no shorter silence is a stall
    learns    a silence that ended well was the market's: the next one may be longer
    heard_at  when it last spoke on this connection; None: not yet
    asked_at  when it was last asked for anew since then
    asked     how often it was, since it last spoke; 0: it is not stalled
    replaced  its connection was, for its sake
    """

    floor_s: float
    learns: bool
    heard_at: float | None = None
    asked_at: float = 0.0
    asked: int = 0
    replaced: bool = False
    _longest_s: float = 0.0
    _before_s: float = 0.0  # in the time before
    _since: float = 0.0

    @property
    def limit_s(self) -> float:
        """A longer silence is a stall."""
        return max(self.floor_s, PATIENCE * max(self._longest_s, self._before_s))

    @property
    def is_stalled(self) -> bool:
        return self.asked > 0

    def heard(self, now: float, blind_until: float = -inf) -> bool:
        """It speaks; whether it was stalled. blind_until: nobody listened just before, so a silence that began earlier was not its own."""
        was_stalled = self.asked > 0
        if self.heard_at is not None and self.heard_at >= blind_until and (self.learns or not was_stalled):
            if now - self._since >= LATELY_S:
                self._before_s, self._longest_s, self._since = self._longest_s, 0.0, now
            self._longest_s = max(self._longest_s, now - self.heard_at)
        self.heard_at, self.asked, self.replaced = now, 0, False
        return was_stalled

    def silent_s(self, now: float) -> float:
        """Since it spoke, or was last asked for anew."""
        return now - max(self.asked_at, self.heard_at or 0.0)

    def is_due(self, now: float) -> bool:
        """Whether something is to be done about its silence now."""
        return (self.heard_at is not None or self.is_stalled) and self.silent_s(now) >= self.limit_s

    def ask(self, now: float) -> None:
        """It is asked for anew."""
        self.asked_at = now
        self.asked += 1

    def excuse(self, now: float) -> None:
        """Nobody could listen until now."""
        self.asked_at = now

    def begin_anew(self, now: float) -> None:
        """A new connection: it is waited for, and a stall lasts on."""
        self.heard_at, self.asked_at = None, now


def cadence_of(channel: Channel, topic: str, category: str | None) -> Cadence | None:
    """None for a topic that is quiet by nature."""
    floor_s = channel.cadence_s.get(category or "")
    if floor_s is None:
        return None
    resent_s = channel.resent_s.get(depth_of(topic) or 0) if channel.resent_s else None
    return Cadence(resent_s or floor_s, learns=resent_s is None)
