"""The tape of a topic: the newest of what consumers were told of its trades or candles, so that what REST tells again can be told apart."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from gateway.models import Event

#: Events that are remembered of one topic; there may be a thousand topics.
REMEMBERED = 64
#: Trades of one topic are told in the order of their times, give or take this; milliseconds.
DISORDER_MS = 1_000


#: A trade or candle that consumers were told: its moment, Unix milliseconds, and its identity.
Told: TypeAlias = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Edge:
    """What was told last before a gap.

    newest_ms  of the newest; 0: nothing was ever told, and the cut is one of our clock
    cut_ms     what is older was told, or is older than the wish for it
    is_whole   all that was told at `cut_ms` and later is known
    """

    newest_ms: int
    cut_ms: int
    is_whole: bool
    told: frozenset[str]

    def misses(self, event: Event) -> bool:
        """Whether an event that REST tells was not told before the gap, and belongs behind the edge."""
        at_ms = moment(event)
        behind = at_ms > self.cut_ms or (self.is_whole and at_ms == self.cut_ms)
        return behind and event.identity not in self.told


class Tape:
    """Of one topic."""

    __slots__ = ("_newest", "_since")

    def __init__(self) -> None:
        self._newest: deque[Told] = deque(maxlen=REMEMBERED)
        self._since: set[str] | None = None  # told since an edge was asked for, until `close`

    def note(self, event: Event) -> None:
        """Consumers are told of it now."""
        self._newest.append((moment(event), event.identity))
        if self._since is not None:
            self._since.add(event.identity)

    @property
    def last(self) -> list[Told]:
        """What the next process must know, so that it tells nothing again that was told: all of the last moments."""
        newest_ms = max((at_ms for at_ms, _ in self._newest), default=0)
        return [told for told in self._newest if told[0] >= newest_ms - DISORDER_MS]

    def goes_on(self, last: Iterable[Told]) -> None:
        """Where another process ended."""
        self._newest.extend(last)

    def edge(self, since_ms: int) -> Edge:
        """Of a gap whose end is now. since_ms: when it began by our clock, for a topic of which this process told nothing yet."""
        self._since = set()
        if not self._newest:
            return Edge(0, since_ms - DISORDER_MS, True, frozenset())
        newest_ms = max(at_ms for at_ms, _ in self._newest)
        oldest_ms = min(at_ms for at_ms, _ in self._newest)
        cut_ms = max(oldest_ms, newest_ms - DISORDER_MS)
        is_whole = len(self._newest) < REMEMBERED or cut_ms > oldest_ms
        return Edge(newest_ms, cut_ms, is_whole, frozenset(key for _, key in self._newest))

    def is_told(self, event: Event) -> bool:
        """Whether it was told since the gap began."""
        return self._since is not None and event.identity in self._since

    def close(self) -> None:
        """What REST brought is told; what the stream brings next is new."""
        self._since = None


def moment(event: Event) -> int:
    """When a trade was, or when a candle begins; Unix milliseconds."""
    found = event.payload["start"] if event.event_type == "kline" else event.timestamp_ms
    return int(found)


def newest(events: Iterable[Event]) -> int | None:
    """The latest moment among them."""
    return max(map(moment, events), default=None)


def oldest(events: Iterable[Event]) -> int | None:
    """The earliest moment among them."""
    return min(map(moment, events), default=None)
