"""WINDOW: messages that were written and are not settled: numbered as they came, tagged as they were published. Pure.

    put ─▶ number ─ tagged ─▶ tag ─ answered ─▶ numbers ─ settle ─▶ the oldest that are all confirmed, in order

A message may be published more than once; a tag is of one publication. Each step costs the same however much is under way.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from gateway.sinks.messages import Message


class Window:
    """Of one connection.

    base  the number of the oldest message that is not settled: so many are
    """

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._ahead: set[int] = set()  # confirmed, behind one that is not
        self._tags: dict[int, int] = {}  # tag → number
        self._tag = 0  # the newest
        self._first = 1  # the oldest tag that is not answered
        self.base = 0

    def __len__(self) -> int:
        """Messages that are not settled."""
        return len(self._messages)

    def __getitem__(self, number: int) -> Message:
        return self._messages[number - self.base]

    @property
    def under_way(self) -> int:
        """Publications that are not answered."""
        return len(self._tags)

    def clear(self) -> None:
        self._messages.clear()
        self._ahead.clear()
        self._tags.clear()
        self.base = self._tag = 0
        self._first = 1

    def put(self, messages: Sequence[Message]) -> range:
        """Their numbers."""
        first = self.base + len(self._messages)
        self._messages.extend(messages)
        return range(first, first + len(messages))

    def tagged(self, numbers: Iterable[int]) -> None:
        """These are published now, in this order."""
        for number in numbers:
            self._tag += 1
            self._tags[self._tag] = number

    def answered(self, answers: Iterable[tuple[int, bool]]) -> list[int]:
        """The numbers that answers speak of: (tag, whether of all before it too). Each publication is answered once."""
        pop, found = self._tags.pop, list[int]()
        for tag, multiple in answers:
            first, last = self._first if multiple else tag, min(tag, self._tag)
            found += [number for each in range(first, last + 1) if (number := pop(each, None)) is not None]
        while self._first <= self._tag and self._first not in self._tags:
            self._first += 1
        return found

    def settle(self, numbers: Iterable[int]) -> list[Message]:
        """These are confirmed: the messages that are settled by that, oldest first."""
        settled: list[Message] = []
        for number in numbers:
            if number == self.base:
                settled.append(self._messages.popleft())
                self.base += 1
            else:
                self._ahead.add(number)
        while self.base in self._ahead:
            self._ahead.discard(self.base)
            settled.append(self._messages.popleft())
            self.base += 1
        return settled
