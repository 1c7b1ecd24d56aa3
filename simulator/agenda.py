"""What is due when. Time is an argument, so that a day can pass in a second as well as in a day."""

import heapq
from collections.abc import Callable

Act = Callable[[], None]


class Agenda:
    """Things to do at a time, Unix milliseconds; `run` does what is due, in the order of its time."""

    def __init__(self) -> None:
        self._due: list[tuple[int, int, Act]] = []
        self._count = 0
        self._now_ms = 0

    @property
    def next_ms(self) -> int | None:
        """When the next thing is due; None: nothing is."""
        return self._due[0][0] if self._due else None

    def at(self, due_ms: int, act: Act) -> None:
        self._count += 1
        heapq.heappush(self._due, (due_ms, self._count, act))

    def every(self, period_s: float, act: Act, *, now_ms: int) -> None:
        """Again and again, first after one period. What was missed while nobody called `run` is done once, not in a burst."""
        period_ms = max(1, int(period_s * 1000))

        def again() -> None:
            due_ms = max(due[0] + period_ms, self._now_ms - period_ms)
            due[0] = due_ms
            self.at(due_ms, again)
            act()

        due = [now_ms + period_ms]
        self.at(due[0], again)

    def run(self, now_ms: int) -> None:
        self._now_ms = now_ms
        while self._due and self._due[0][0] <= now_ms:
            _, _, act = heapq.heappop(self._due)
            act()
