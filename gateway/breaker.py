"""The breaker: whether an exchange that stays away is worth more than a probe now and then. Pure.

           FAILURES in a row              tried again
CLOSED ────────────────────▶ OPEN ───────────────────▶ HALF_OPEN ─ success ─▶ CLOSED
                              ▲ ───────── failure ─────────┘
When a probe is made, the backoff says: at least every 30 s (`gateway/backoff.py`).
"""

from dataclasses import dataclass
from enum import Enum

#: In a row, after which the exchange counts as away: one lost connection is nothing.
FAILURES = 3


class State(Enum):
    """In the words of health."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(slots=True)
class Breaker:
    """Of one endpoint's connection."""

    state: State = State.CLOSED
    failures: int = 0

    def tried(self) -> None:
        """A connection is being made."""
        if self.state is State.OPEN:
            self.state = State.HALF_OPEN

    def failed(self) -> None:
        """It did not come to anything, or was lost at once."""
        self.failures += 1
        if self.state is State.HALF_OPEN or self.failures >= FAILURES:
            self.state = State.OPEN

    def succeeded(self) -> None:
        """The endpoint does its work."""
        self.failures = 0
        self.state = State.CLOSED
