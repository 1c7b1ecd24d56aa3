"""Since when records wait on disk: a moment for what was kept within the same second. Pure."""

from collections import deque
from dataclasses import dataclass, field

#: What is put within so long shares a moment; milliseconds.
SHARED_MS = 1000


@dataclass(slots=True)
class Since:
    """Of one spool; times are Unix milliseconds."""

    _moments: deque[tuple[int, int]] = field(default_factory=deque)  # first number, and when it came

    def kept(self, number: int, came_ms: int) -> None:
        if not self._moments or came_ms - self._moments[-1][1] >= SHARED_MS:
            self._moments.append((number, came_ms))

    def oldest(self, released: int) -> int | None:
        """When the oldest came that is not released; None: nothing waits."""
        while len(self._moments) > 1 and self._moments[1][0] <= released + 1:
            self._moments.popleft()
        return self._moments[0][1] if self._moments else None

    def clear(self) -> None:
        """Nothing waits."""
        self._moments.clear()
