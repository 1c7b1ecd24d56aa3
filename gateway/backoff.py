"""Capped full-jitter backoff: how long to wait before the next try. Pure: the caller keeps the clock and the dice."""

from collections.abc import Callable
from dataclasses import dataclass

#: The first try after a loss comes within this many seconds. Source: the public contract and issue of the connection's life.
FIRST_S = 1.0
#: The cap never exceeds this, whatever the number of workers; seconds. Source: reconnect within 30 s.
LONGEST_S = 30.0


def cap_for(workers: int) -> float:
    """The longest wait, in seconds: many workers on one host share the exchange's 500 new connections in 5 minutes."""
    return min(LONGEST_S, max(5.0, 1.2 * workers))


@dataclass(slots=True)
class Backoff:
    """Waits of a random length below a doubling bound, capped; for ever.

    dice  a number from 0 up to 1
    """

    cap_s: float
    dice: Callable[[], float]
    tries: int = 0

    def next_s(self) -> float:
        """Seconds to wait now; the bound doubles with each call until `succeeded`."""
        bound: float = min(self.cap_s, FIRST_S * 2.0 ** min(self.tries, 16))
        self.tries += 1
        return bound * self.dice()

    def succeeded(self) -> None:
        self.tries = 0
