"""The ledger: every text sent and received, in order. The judge that tests compare with."""

import time
from collections import deque
from dataclasses import dataclass
from typing import Literal

#: Entries kept; older ones go, and `forgotten` counts them.
KEPT = 200_000

Direction = Literal["sent", "received"]


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

    def __init__(self, kept: int = KEPT) -> None:
        self._entries: deque[Entry] = deque(maxlen=kept)
        self._count = 0

    @property
    def forgotten(self) -> int:
        """How many of the oldest entries are gone; 0 while nothing has overflowed."""
        return self._count - len(self._entries)

    def write(self, connection: int, endpoint: str, direction: Direction, topic: str, text: str) -> None:
        self._count += 1
        self._entries.append(Entry(self._count, connection, endpoint, direction, topic, text, time.time_ns()))

    def read(self, *, endpoint: str | None, topic: str | None, direction: Direction | None, after: int, limit: int) -> list[Entry]:
        """Entries that match, oldest first, with numbers above `after`."""
        found: list[Entry] = []
        for entry in self._entries:
            if entry.number <= after or len(found) >= limit:
                continue
            if (endpoint in (None, entry.endpoint)) and (topic in (None, entry.topic)) and (direction in (None, entry.direction)):
                found.append(entry)
        return found
