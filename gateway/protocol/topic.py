"""A topic of one connection, as `subscriptions.py` keeps it, and a request; where a topic may go next is in `topic_moves.py`."""

from dataclasses import dataclass, field
from math import inf
from typing import Literal

from gateway.protocol.renewal import Renewal
from gateway.protocol.topic_moves import HELD, WORDS, Phase

Op = Literal["subscribe", "unsubscribe"]

#: A refused topic is asked again after this long, doubling; seconds. Source: the public contract, section 5.
RETRY_FIRST_S, RETRY_LONGEST_S = 60.0, 600.0


@dataclass(frozen=True, slots=True)
class Request:
    """One subscribe or unsubscribe to send."""

    op: Op
    topics: tuple[str, ...]
    req_id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the exchange said of one topic of a request. error: its words where it refused."""

    op: Op
    topic: str
    req_id: str
    error: str | None


@dataclass(slots=True)
class Topic:
    """A topic and what is known of it.

    pushes_first  the first frame makes it live
    early         a frame overtook the acknowledgement
    prompt        its first frame came at once, so a missing one would mean something
    alone         asked without neighbours, to find out whom a refusal means
    stale         held, but to be left and asked again when `renewal` allows it
    renewal       when it was acknowledged, and how soon it may be left for a fresh snapshot
    is_missed     consumers were told that something of it is missing
    in_doubt      it was refused, and is left to make sure before it is asked again
    hollow        it was acknowledged, and did not push though it should have
    is_ours       the refusal is our own, for want of room: it was never asked for
    """

    pushes_first: bool
    wanted: bool = True
    phase: Phase = Phase.REQUESTED
    early: bool = False
    prompt: bool = False
    alone: bool = False
    stale: bool = False
    renewal: Renewal = field(default_factory=Renewal)
    is_missed: bool = False
    in_doubt: bool = False
    hollow: bool = False
    is_ours: bool = False
    error: str | None = None
    refusals: int = 0
    retry_at: float = 0.0

    @property
    def word(self) -> str:
        """The contract's for its state. What does not push stays stalled while it is asked for again."""
        return "stalled" if self.hollow else WORDS[self.phase]

    @property
    def is_settled(self) -> bool:
        """Held and pushing, or the exchange does not give it: refused, or acknowledged without ever pushing."""
        if self.phase is Phase.ACKNOWLEDGED:
            return not self.pushes_first or self.error is not None
        return self.phase in (Phase.LIVE, Phase.REFUSED)

    @property
    def awaits_renewal(self) -> bool:
        """Stale, and not left yet."""
        return self.stale and self.phase in HELD

    def is_left(self, now: float) -> bool:
        """Whether to unsubscribe it now."""
        to_go = not self.wanted or (self.stale and self.renewal.is_due(now))
        return self.phase is Phase.UNSURE or (self.phase in HELD and to_go)

    def due(self, first_frame_s: float) -> float:
        """When time next makes something of it; it must have pushed within so many seconds of its acknowledgement."""
        if self.phase is Phase.REFUSED:
            return self.retry_at
        renewed_at = self.renewal.due_at if self.awaits_renewal else inf
        pushed_by = self.renewal.held_at + first_frame_s if self.phase is Phase.ACKNOWLEDGED and self.pushes_first else inf
        return min(renewed_at, pushed_by)

    def refuse(self, error: str | None, now: float) -> None:
        """Note a refusal, and when to ask again."""
        self.hollow, self.error = False, error
        self.retry_at = now + min(RETRY_LONGEST_S, RETRY_FIRST_S * 2.0 ** min(self.refusals, 10))
        self.refusals += 1
