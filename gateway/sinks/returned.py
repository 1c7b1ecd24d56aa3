"""Messages that RabbitMQ gave back although a queue should have got them: published once more, after the queue was declared.

`basic.return` names no delivery tag; the confirm of the same message follows it. So a message is known by its id and key until then.
"""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Returned:
    """Of one connection's window; numbers are the window's.

    again  numbers that are confirmed and are to be published once more
    """

    again: list[int] = field(default_factory=list)
    _back: Counter[tuple[str, str]] = field(default_factory=Counter)
    _second: set[int] = field(default_factory=set)

    def clear(self) -> None:
        self.again.clear()
        self._back.clear()
        self._second.clear()

    def add(self, event_id: str, routing_key: str) -> None:
        """It came back; its confirm follows."""
        self._back[event_id, routing_key] += 1

    def confirmed(self, number: int, event_id: str, routing_key: str) -> bool | None:
        """None: it had not come back. True: it goes once more. False: it did so already, and came back again."""
        found = event_id, routing_key
        was_second = number in self._second
        self._second.discard(number)
        if not self._back[found]:
            return None
        self._back[found] -= 1
        if not self._back[found]:
            del self._back[found]
        if was_second:
            return False
        self.again.append(number)
        return True

    def taken(self) -> list[int]:
        """Those to publish now."""
        numbers, self.again = self.again, []
        self._second.update(numbers)
        return numbers

    def __bool__(self) -> bool:
        """Whether a confirm may mean something else than that all is well."""
        return bool(self._back or self._second)
