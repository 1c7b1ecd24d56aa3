"""The breaker: an exchange that stays away is a state, not an accident that repeats. Pure; the backoff spaces the tries.

CLOSED ─ failed, and again, and again ─▶ OPEN ─ try ─▶ HALF_OPEN ─ succeeded ─▶ CLOSED
                                          ▲              │ failed
                                          └──────────────┘
"""

from enum import Enum
from typing import Literal

#: So many failures in a row are no accident.
FAILURES = 3

Word = Literal["closed", "open", "half-open"]


class State(Enum):
    """CLOSED: the line is used. OPEN: nobody tries now. HALF_OPEN: one try is under way."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Input(Enum):
    """What moves it. FAILED_AGAIN: too often in a row."""

    TRY = "try"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    FAILED_AGAIN = "failed again"


MOVES: dict[tuple[State, Input], State] = {
    (State.CLOSED, Input.TRY): State.CLOSED,
    (State.CLOSED, Input.SUCCEEDED): State.CLOSED,
    (State.CLOSED, Input.FAILED): State.CLOSED,
    (State.CLOSED, Input.FAILED_AGAIN): State.OPEN,
    (State.OPEN, Input.TRY): State.HALF_OPEN,
    (State.OPEN, Input.FAILED_AGAIN): State.OPEN,
    (State.HALF_OPEN, Input.TRY): State.HALF_OPEN,
    (State.HALF_OPEN, Input.SUCCEEDED): State.CLOSED,
    (State.HALF_OPEN, Input.FAILED_AGAIN): State.OPEN,
}


class Breaker:
    """failures: in a row."""

    def __init__(self) -> None:
        self._state = State.CLOSED
        self.failures = 0

    @property
    def word(self) -> Word:
        """As states and health say it."""
        return self._state.value

    def tried(self) -> None:
        """A try begins."""
        self._state = MOVES[self._state, Input.TRY]

    def succeeded(self) -> None:
        """The line does its work."""
        self.failures = 0
        self._state = MOVES[self._state, Input.SUCCEEDED]

    def failed(self) -> None:
        """A try did not succeed, or the line broke."""
        self.failures += 1
        self._state = MOVES[self._state, Input.FAILED_AGAIN if self.failures >= FAILURES else Input.FAILED]

    def rested(self) -> None:
        """Nobody wants the line: nothing is known of it."""
        self._state, self.failures = State.CLOSED, 0
