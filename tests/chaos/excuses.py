"""What may be missing, and why: a row of `gaps` that covers it, and where a process was ended, only what was under way to it then. Pure.

A fact that was sent to a process that was ended is excused from shortly before its end on, on the connection that ended with it, and
where nobody was told, until the topic is sent again. So is the state of an order or a position that was under way when REST told a
newer one. All else that is missing beside a `restarted` row is lost.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from tests.chaos.recorder import Message
from tests.chaos.stage import Ending
from tests.chaos.truth import Told

#: Between a row of a worker's and the facts it speaks of: what lay in sockets, and clocks that are read one after the other; nanoseconds.
SLACK_NS = 300_000_000
#: The same of a queue: what lay in the router's lane, and until the queue was made after it was looked for.
QUEUE_SLACK_NS = 2 * 10**9
#: What was sent so shortly before a process ended may have lain in its socket, or in the memory of a public one; nanoseconds.
UNDER_WAY_NS = 300_000_000
#: Causes by which a number that was stamped may never come. A connection that is away, or a topic that is silent, stamps nothing.
STAMPED_AND_LOST = ("overflow", "queue_missing", "disk_full")

#: Kind of a state → how many words of its fact say whose it is, and which one is its update time.
UPDATED = {"order": (2, 3), "position": (3, 4)}

Gap = dict[str, Any]


class Place(NamedTuple):
    """Where something went through. queue: "" where nothing of the topic ever came."""

    endpoint: str
    topic: str
    queue: str


def covers(gap: Gap, place: Place, since_ns: int, until_ns: int | None = None) -> bool:
    """Whether a row of `gaps` speaks of this place at this time, or between these. One that is open speaks of all that comes."""
    slack_ns = SLACK_NS
    if gap["cause"] == "queue_missing":  # the router's: what went through one queue
        slack_ns = QUEUE_SLACK_NS
        if place.queue not in str(gap["detail"]).split():
            return False
    elif not is_of(gap, place.endpoint, place.topic):
        return False
    opened, closed = gap["from_at"].timestamp() * 1e9, gap["to_at"].timestamp() * 1e9 if gap["to_at"] else float("inf")
    return bool(opened - slack_ns <= (until_ns or since_ns) and since_ns <= closed + slack_ns)


def is_of(gap: Gap, endpoint: str, topic: str) -> bool:
    """Whether a row of a worker's is about this topic."""
    return gap["endpoint"] == endpoint and gap["topic"] in (None, "", topic)


def told_at(messages: Iterable[Message]) -> dict[str, list[int]]:
    """Gap → when it was told, first and again, Unix milliseconds."""
    told: dict[str, list[int]] = defaultdict(list)
    for each in messages:
        if each.event_type == "system":
            told[str(each.payload["gap_id"])].append(each.received_ms)
    return told


def milliseconds(at: datetime) -> int:
    """Unix time; floats of it are not exact."""
    return round(at.timestamp() * 1000)


def excuses_a_hole(gap: Gap, place: Place, since_ns: int, until_ns: int) -> bool:
    """Whether numbers may be missing because of it, that were stamped between these."""
    is_its_cause = gap["cause"] in STAMPED_AND_LOST or (gap["cause"] == "restarted" and place.endpoint != "private")
    return is_its_cause and covers(gap, place, since_ns, until_ns)


def told_over_rest(messages: Iterable[Message]) -> dict[tuple[Any, ...], list[tuple[int, int]]]:
    """Order or position → the update times of the states that REST told, and when that was; nanoseconds."""
    told: dict[tuple[Any, ...], list[tuple[int, int]]] = defaultdict(list)
    for each in messages:
        if each.source == "rest" and each.fact is not None and each.fact[0] in UPDATED:
            whose, at_ms = _update(each.fact)
            told[whose].append((at_ms, each.received_ns))
    return told


def is_overtaken(told: Told, gaps: Iterable[Gap], over_rest: dict[tuple[Any, ...], list[tuple[int, int]]]) -> bool:
    """Whether it was under way, while one of these gaps was open, when REST told something newer. What had come by then is told before it."""
    if told.fact[0] not in UPDATED:
        return False
    whose, at_ms = _update(told.fact)
    is_in_gap = any(
        gap["from_at"].timestamp() * 1e9 <= told.sent_ns <= gap["to_at"].timestamp() * 1e9 for gap in gaps if gap["to_at"]
    )
    return is_in_gap and any(
        newer_ms > at_ms and told.sent_ns >= told_ns - UNDER_WAY_NS for newer_ms, told_ns in over_rest.get(whose, ())
    )


def _update(fact: tuple[Any, ...]) -> tuple[tuple[Any, ...], int]:
    """Whose state it is, and when it was updated."""
    words, place = UPDATED[fact[0]]
    return fact[:words], int(fact[place])


class Endings:
    """The ends of processes, and what each connection was sent."""

    def __init__(self, ended: Sequence[Ending], told: Iterable[Told]) -> None:
        self._ended = ended
        self._spans: dict[tuple[str, int], tuple[int, int]] = {}  # (endpoint, connection) → its first and last fact
        self._begins: dict[tuple[str, str, int], int] = {}  # (endpoint, topic, connection) → its first fact
        for each in told:
            first, last = self._spans.get((each.endpoint, each.connection), (each.sent_ns, each.sent_ns))
            self._spans[each.endpoint, each.connection] = min(first, each.sent_ns), max(last, each.sent_ns)
            self._begins.setdefault((each.endpoint, each.topic, each.connection), each.sent_ns)

    def of(self, told: Told) -> Ending | None:
        """The one that a fact may have been lost by."""
        first, last = self._spans[told.endpoint, told.connection]
        for ending in self._ended:
            ended_it = first < ending.at_ns and last <= ending.over_ns + UNDER_WAY_NS
            if ending.endpoint == told.endpoint and ended_it and told.sent_ns >= ending.at_ns - UNDER_WAY_NS:
                return ending
        return None

    def of_the_untold(self, endpoint: str, topic: str, at_ns: int) -> Ending | None:
        """The one because of which nobody may have been told what happened then."""
        for ending in self._ended:
            later = [
                began for (of, name, connection), began in self._begins.items()
                if (of, name) == (endpoint, topic) and self._spans[of, connection][0] >= ending.at_ns
            ]  # fmt: skip
            until_ns = min(later, default=at_ns)
            if ending.endpoint == endpoint and ending.at_ns - UNDER_WAY_NS <= at_ns <= until_ns:
                return ending
        return None
