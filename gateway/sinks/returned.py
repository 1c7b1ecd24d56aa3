"""Messages that RabbitMQ gave back although a queue should have got them: published once more, after what was missing was made.

`basic.return` names no delivery tag; the confirm of the same message follows it. So a message is known by its id and route until then.
"""

from collections import Counter
from dataclasses import dataclass, field

from gateway.sinks.messages import Route


@dataclass(slots=True)
class Returned:
    """Of one connection's window; numbers are the window's.

    again   numbers that are confirmed and are to be published once more
    routes  of theirs: what leads nowhere
    """

    again: list[int] = field(default_factory=list)
    routes: set[Route] = field(default_factory=set)
    _back: Counter[tuple[str, Route]] = field(default_factory=Counter)
    _second: set[int] = field(default_factory=set)

    def clear(self) -> None:
        self.again.clear()
        self.routes.clear()
        self._back.clear()
        self._second.clear()

    def add(self, event_id: str, route: Route) -> None:
        """It came back; its confirm follows."""
        self._back[event_id, route] += 1

    def confirmed(self, number: int, event_id: str, route: Route) -> bool | None:
        """None: it had not come back. True: it goes once more. False: it did so already, and came back again."""
        found = event_id, route
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
        self.routes.add(route)
        return True

    def taken(self) -> list[int]:
        """Those to publish now."""
        numbers, self.again = self.again, []
        self.routes.clear()
        self._second.update(numbers)
        return numbers

    @property
    def holds(self) -> bool:
        """Something came back that may go once more: what is newer must not overtake it."""
        return bool(self._back or self.again)

    def __bool__(self) -> bool:
        """Whether a confirm may mean something else than that all is well."""
        return bool(self._back or self._second)
