"""Frames that wait for what REST brings first, so that consumers get both in the exchange's order; never for long. Pure."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from gateway.protocol.answers import Fact, at_ms

Item = TypeVar("Item")
#: The earliest moment of what a frame tells, Unix milliseconds; None: it tells nothing that can be read.
FirstMs: TypeAlias = Callable[[Item], int | None]
#: Facts that REST told, and the frame behind them, if there is one: consumers are to be told them in this order.
Step: TypeAlias = tuple[list[Fact], Item | None]

#: The longest wait of a frame; seconds. Source: the issue of nothing lost: live events wait at most so long, then they go.
LONGEST_S = 2.0


@dataclass(slots=True)
class _Waiting(Generic[Item]):
    """Frames of one key, each with when it came, monotonic seconds. earlier: of them, those that wait for an answer before the newest."""

    frames: deque[tuple[float, Item]] = field(default_factory=deque)
    earlier: int = 0

    def is_old(self, now: float, longest_s: float) -> bool:
        """Whether the first has waited long enough."""
        return bool(self.frames) and now - self.frames[0][0] >= longest_s

    def take_first(self) -> Item:
        self.earlier = max(0, self.earlier - 1)
        return self.frames.popleft()[1]


class Held(Generic[Item]):
    """By key: a topic, or the whole of a connection."""

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._waiting: dict[str, _Waiting[Item]] = {}
        self._released: deque[Item] = deque()

    def expect(self, key: str) -> None:
        """From now on its frames wait, until `release`, or until the first of them has waited long enough.

        Those that wait already go one by one as they get old.
        """
        waiting = self._waiting.setdefault(key, _Waiting())
        waiting.earlier = len(waiting.frames)

    def put(self, key: str, item: Item, now: float) -> bool:
        """Whether it waits, which it does not where nothing is expected. now: monotonic seconds."""
        waiting = self._waiting.get(key)
        if waiting is None:
            return False
        waiting.frames.append((now, item))
        return True

    @property
    def is_idle(self) -> bool:
        """Nothing is expected, and nothing waits."""
        return not self._waiting and not self._released

    def release(self, key: str) -> None:
        """What was expected has come, or never will."""
        self._released.extend(self.take_all(key))

    def release_all(self) -> None:
        for key in list(self._waiting):
            self.release(key)

    def take_all(self, key: str) -> list[Item]:
        """Its frames, which are not due later; from now on none waits."""
        waiting = self._waiting.pop(key, None)
        return [item for _, item in waiting.frames] if waiting is not None else []

    def between(
        self, key: str, facts: Sequence[Fact], first_ms: FirstMs[Item], is_before: Callable[[int, int], bool]
    ) -> Iterator[Step[Item]]:
        """What REST told, in its order, between the frames that wait: before each frame the facts that are before its first.

        The frames behind the last fact wait on. They may be of several connections, with some of what was missed between them, and what
        REST lists may begin behind the first of them.
        """
        left, waiting = deque(facts), self._waiting.get(key)
        while left and waiting is not None and waiting.frames:
            began_ms, before = first_ms(waiting.frames[0][1]), list[Fact]()
            while left and began_ms is not None and is_before(at_ms(left[0]), began_ms):
                before.append(left.popleft())
            if not left:
                yield before, None
                return
            yield before, waiting.take_first()
        yield list(left), None

    def due(self, now: float) -> list[Item]:
        """What waits no longer, in the order it came in under its key."""
        for key, waiting in list(self._waiting.items()):
            while waiting.earlier and waiting.is_old(now, self._longest_s):
                self._released.append(waiting.take_first())
            if not waiting.earlier and waiting.is_old(now, self._longest_s):
                self.release(key)
        found = list(self._released)
        self._released.clear()
        return found

    @property
    def firsts(self) -> list[Item]:
        """Of each key the one that has waited longest."""
        waiting = [each.frames[0][1] for each in self._waiting.values() if each.frames]
        return [*waiting, self._released[0]] if self._released else waiting

    def __len__(self) -> int:
        return len(self._released) + sum(len(waiting.frames) for waiting in self._waiting.values())
