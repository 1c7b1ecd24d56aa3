"""The ledger: every text sent and received, in order. The judge that tests compare with."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

#: Entries kept; older ones go, and `forgotten` counts them.
KEPT = 200_000
#: Characters of texts kept: entries are bounded in number and in size, since one client may send megabytes at a time.
KEPT_CHARACTERS = 256 * 1024 * 1024

#: Entries in one answer of the control interface, at the most.
PAGE = 10_000

#: withheld: the exchange made it, and a fault kept it back or changed it.
Direction = Literal["sent", "received", "withheld"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One text.

    number      counts all entries from 1
    connection  counts connections from 1
    topic       of a pushed frame; "" for anything else
    sent_ns     when it was written to, or read from, the socket; Unix nanoseconds
    """

    number: int
    connection: int
    endpoint: str
    direction: Direction
    topic: str
    text: str
    sent_ns: int


class Ledger:
    """What was said on all connections."""

    def __init__(self, kept: int = KEPT, clock_ns: Callable[[], int] = time.time_ns, *, characters: int = KEPT_CHARACTERS) -> None:
        self._entries: deque[Entry] = deque()
        self._kept: int | None = kept
        self._most_characters = characters
        self._characters = 0
        self._count = 0
        self._clock_ns = clock_ns

    def keep_all(self) -> None:
        """However many there will be: for a judge who needs the whole day."""
        self._kept = None

    @property
    def forgotten(self) -> int:
        """How many of the oldest entries are gone; 0 while nothing has overflowed."""
        return self._count - len(self._entries)

    def write(self, connection: int, endpoint: str, direction: Direction, topic: str, text: str) -> None:
        self._count += 1
        self._entries.append(Entry(self._count, connection, endpoint, direction, topic, text, self._clock_ns()))
        self._characters += len(text)
        if self._kept is None:
            return
        while len(self._entries) > self._kept or (self._characters > self._most_characters and len(self._entries) > 1):
            self._characters -= len(self._entries.popleft().text)

    def read(
        self,
        *,
        endpoint: str | None = None,
        connection: int | None = None,
        topic: str | None = None,
        direction: Direction | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> list[Entry]:
        """Entries that match, oldest first, with numbers above `after`."""
        found: list[Entry] = []
        for entry in self._entries:
            if entry.number <= after or (limit is not None and len(found) >= limit):
                continue
            if (
                endpoint in (None, entry.endpoint)
                and connection in (None, entry.connection)
                and topic in (None, entry.topic)
                and direction in (None, entry.direction)
            ):
                found.append(entry)
        return found

    def summary(self) -> list[dict[str, int | str]]:
        """How many texts of each connection, topic and direction, in the order of their first."""
        counts: dict[tuple[int, str, str, str], int] = {}
        for entry in self._entries:
            key = entry.connection, entry.endpoint, entry.topic, entry.direction
            counts[key] = counts.get(key, 0) + 1
        return [
            {"connection": connection, "endpoint": endpoint, "topic": topic, "direction": direction, "count": count}
            for (connection, endpoint, topic, direction), count in counts.items()
        ]
