"""A topic of one connection, as `subscriptions.py` keeps it; where it may go next is in `topic_moves.py`."""

from dataclasses import dataclass

from gateway.protocol.topic_moves import Phase


@dataclass(slots=True)
class Topic:
    """A topic and what is known of it.

    pushes_first  the first frame makes it live
    early         a frame overtook the acknowledgement
    prompt        its first frame came at once, so a missing one would mean something
    alone         asked without neighbours, to find out whom a refusal means
    stale         held, but to be left and asked again, not before `renew_at`
    held_at       when it was acknowledged
    is_ours       the refusal is our own, for want of room: it was never asked for
    """

    pushes_first: bool
    wanted: bool = True
    phase: Phase = Phase.REQUESTED
    early: bool = False
    prompt: bool = False
    alone: bool = False
    stale: bool = False
    renew_at: float = 0.0
    held_at: float = 0.0
    is_ours: bool = False
    error: str | None = None
    refusals: int = 0
    retry_at: float = 0.0
