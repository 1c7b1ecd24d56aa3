"""How soon a thing may be done again: a pace that slows down while one try follows another."""

from dataclasses import dataclass

#: What was well for so long has the quick first tries before it again; seconds.
CALM_S = 10.0


@dataclass(slots=True)
class Pace:
    """The first time at once, the next `first_s` after it, then doubling to `longest_s`.

    due_at  not before this moment
    wait_s  what was waited for after the last time
    """

    first_s: float
    longest_s: float
    due_at: float = 0.0
    wait_s: float = 0.0

    def is_due(self, now: float) -> bool:
        """Whether the wait is over."""
        return now >= self.due_at

    def did(self, now: float) -> None:
        """It was done: the wait after it is twice the last one."""
        self.wait_s = min(self.longest_s, max(self.first_s, 2 * self.wait_s))
        self.due_at = now + self.wait_s

    def disturbed(self, calm_s: float) -> None:
        """All was well for so long: after enough of it the next wait is the shortest again."""
        if calm_s >= CALM_S:
            self.wait_s = 0.0

    def hurry(self) -> None:
        """The next time need not wait."""
        self.due_at = 0.0
