"""LATELY: a table that forgets its oldest entries: beyond a number those whose time has passed, beyond a larger one all."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

#: What happened so lately is not forgotten, unless there is more than CAP of it; milliseconds. An audit each minute reads orders again
#: that ended up to a minute before the read before it, with 5 s of overlap to both.
KEPT_MS = 150_000
#: So much is kept however old it is, and so much at the most: 5,000 executions a second in KEPT_MS, of some 200 bytes each.
MOST, CAP = 100_000, 750_000


class Lately(Generic[Key, Value]):
    """The oldest is what was not put for the longest time. Pure: its clock is the newest time that was put."""

    def __init__(self, most: int = MOST, cap: int = CAP, kept_ms: int = KEPT_MS) -> None:
        self._most = most
        self._cap = max(most, cap)
        self._kept_ms = kept_ms
        self._entries: OrderedDict[Key, tuple[int, Value]] = OrderedDict()  # whose oldest is found at once, as in no plain dict
        self._newest_ms = 0

    def put(self, key: Key, value: Value, time_ms: int) -> None:
        """It is the newest now. time_ms: when it happened."""
        self._entries[key] = time_ms, value
        self._entries.move_to_end(key)
        self._newest_ms = max(self._newest_ms, time_ms)
        while len(self._entries) > self._most:
            oldest_ms, _ = self._entries[next(iter(self._entries))]
            if len(self._entries) <= self._cap and oldest_ms > self._newest_ms - self._kept_ms:
                return
            self._entries.popitem(last=False)

    def get(self, key: Key) -> Value | None:
        found = self._entries.get(key)
        return None if found is None else found[1]

    def drop(self, key: Key) -> None:
        """If it is there."""
        self._entries.pop(key, None)

    def items(self) -> Iterator[tuple[Key, Value]]:
        """Oldest first."""
        return ((key, value) for key, (_, value) in self._entries.items())

    def __len__(self) -> int:
        return len(self._entries)
