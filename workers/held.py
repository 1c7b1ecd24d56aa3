"""Frames that wait for what REST brings first, so that consumers get both in the exchange's order; never for long. Pure."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeAlias, TypeVar

from gateway.protocol.answers import Fact

Item = TypeVar("Item")
#: The earliest moment of what a frame tells, Unix milliseconds; None: it tells nothing that can be read.
FirstMs: TypeAlias = Callable[[Item], int | None]

#: The longest wait of a frame; seconds. Source: the issue of nothing lost: live events wait at most so long, then they go.
LONGEST_S = 2.0


class Held(Generic[Item]):
    """By key: a topic, or the whole of a connection."""

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._waiting: dict[str, deque[tuple[float, Item]]] = {}
        self._earlier: dict[str, int] = {}  # of them, those that waited when the newest answer began to be expected
        self._released: deque[Item] = deque()

    def expect(self, key: str) -> None:
        """From now on its frames wait, until `release`, or until the first of them has waited long enough.

        Those that wait already go one by one as they get old.
        """
        self._earlier[key] = len(self._waiting.setdefault(key, deque()))

    def put(self, key: str, item: Item, now: float) -> bool:
        """Whether it waits, which it does not where nothing is expected. now: monotonic seconds."""
        waiting = self._waiting.get(key)
        if waiting is None:
            return False
        waiting.append((now, item))
        return True

    def release(self, key: str) -> None:
        """What was expected has come, or never will."""
        self._released.extend(item for _, item in self._waiting.pop(key, ()))

    def release_all(self) -> None:
        for key in list(self._waiting):
            self.release(key)

    def first(self, key: str) -> Item | None:
        """The one that has waited longest."""
        waiting = self._waiting.get(key)
        return waiting[0][1] if waiting else None

    def take_all(self, key: str) -> list[Item]:
        """All of them; from now on none waits."""
        return [item for _, item in self._waiting.pop(key, ())]

    def between(
        self, key: str, facts: Sequence[Fact], at_ms: Callable[[Fact], int], first_ms: FirstMs[Item],
        is_before: Callable[[int, int], bool],
    ) -> Iterator[tuple[list[Fact], Item | None]]:  # fmt: skip
        """What REST told, in its order, between the frames that wait: before each frame the facts that are before its first.

        The frames behind the last fact wait on. They may be of several connections, with some of what was missed between them, and what
        REST lists may begin behind the first of them.
        """
        left = deque(facts)
        while left and (frame := self.first(key)) is not None:
            began_ms, before = first_ms(frame), list[Fact]()
            while left and began_ms is not None and is_before(at_ms(left[0]), began_ms):
                before.append(left.popleft())
            if not left:
                yield before, None
                return
            yield before, self._first_of(key)
        yield list(left), None

    def drop(self, key: str) -> None:
        """The same of all, and of those to come."""
        self._waiting.pop(key, None)

    def due(self, now: float) -> list[Item]:
        """What waits no longer, in the order it came in under its key."""
        for key, waiting in list(self._waiting.items()):
            while waiting and self._earlier[key] and now - waiting[0][0] >= self._longest_s:
                self._released.append(self._first_of(key))
            if waiting and not self._earlier[key] and now - waiting[0][0] >= self._longest_s:
                self.release(key)
        found = list(self._released)
        self._released.clear()
        return found

    @property
    def next_at(self) -> float | None:
        """When something is due at the latest; monotonic seconds."""
        if self._released:
            return 0.0
        return min((waiting[0][0] + self._longest_s for waiting in self._waiting.values() if waiting), default=None)

    def _first_of(self, key: str) -> Item:
        """It waits no longer."""
        self._earlier[key] = max(0, self._earlier[key] - 1)
        return self._waiting[key].popleft()[1]

    @property
    def firsts(self) -> list[Item]:
        """Of each key the one that has waited longest."""
        return [waiting[0][1] for waiting in self._waiting.values() if waiting] + [*self._released][:1]

    def __len__(self) -> int:
        return len(self._released) + sum(map(len, self._waiting.values()))
