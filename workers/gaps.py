"""The gaps that a worker knows of: open ones, and which topics' next events follow on one. Pure; the worker tells what is found here.

    begin ─▶ open ─▶ end: recovered or not          marks: topic ─▶ the gap that its next event carries
A gap of the connection waits for the topics that were on it; whoever fetches what was missed may judge it (`is_judged`).
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

import msgspec

from gateway.occurrences import Cause, Gap, new_gap_id
from gateway.protocol import channels

#: Of a connection of which nobody fetched what was missed.
NOTHING_FETCHED = "nothing was fetched: what happened meanwhile is not told again"
UNWANTED = "nobody wants it any more"
ENDED = "its process ended before it was over; what follows is in the gap of the restart"


class OpenGap(msgspec.Struct):
    """One gap, as it is kept until it closes.

    topic   None: of the connection
    topics  that a gap of the connection waits for
    """

    gap: Gap
    topic: str | None = None
    topics: set[str] = msgspec.field(default_factory=set)


class Gaps:
    """Used by the worker's main thread alone.

    is_judged   gaps of the connection close only by `end`: somebody fetches what was missed, and says what came of it
    marks       topic → the gap that its next event follows on
    is_changed  since somebody last kept what is open
    ended       since then
    """

    def __init__(self, *, is_judged: bool = False) -> None:
        self._open: dict[str, OpenGap] = {}
        self.is_judged = is_judged
        self.marks: dict[str, str] = {}
        self.ended: list[OpenGap] = []
        self.is_changed = False

    def begin(self, cause: Cause, *, from_ms: int, topic: str | None = None, topics: Collection[str] = ()) -> Gap:
        """Open one. The next event of its topic, or of each of the topics that it waits for, follows on it."""
        gap = Gap(new_gap_id(), cause, from_ms)
        self._add(OpenGap(gap, topic, set(topics)))
        return gap

    def extend(self, gap_id: str, topics: Collection[str]) -> Gap:
        """A gap of the connection lasts on, and more topics wait."""
        found = self._open[gap_id]
        self._add(OpenGap(found.gap, None, found.topics | set(topics)))
        return found.gap

    def end(self, gap_id: str, *, to_ms: int, recovered: bool) -> OpenGap | None:
        """Close one; None where there is no such gap open."""
        found = self._open.pop(gap_id, None)
        if found is None:
            return None
        self.ended.append(found)
        self.is_changed = True
        found.gap = replace(found.gap, to_ms=max(to_ms, found.gap.from_ms), recovered=recovered)
        return found

    def of(self, cause: Cause, topic: str | None = None) -> str | None:
        """The id of the open one of this cause."""
        return next((key for key, kept in self._open.items() if kept.gap.cause == cause and kept.topic == topic), None)

    @property
    def connection(self) -> OpenGap | None:
        """The open one of the connection: it was away, or its process was."""
        return next((kept for kept in self._open.values() if kept.gap.cause in ("disconnected", "restarted")), None)

    @property
    def open(self) -> list[OpenGap]:
        """As it is kept for the next run."""
        return list(self._open.values())

    def adopt(self, kept: Iterable[OpenGap]) -> list[OpenGap]:
        """Take over what an earlier run left open: the connection's gap goes on; the others, which are returned, cannot."""
        others = []
        for found in kept:
            self._add(found)
            if found.gap.cause not in ("disconnected", "restarted"):
                others.append(found)
        return others

    def unwanted(self, is_wanted: Callable[[str], bool]) -> list[str]:
        """Gaps of topics that nobody wants any more."""
        return [key for key, kept in self._open.items() if kept.topic is not None and not is_wanted(kept.topic)]

    def restored(self, is_back: Callable[[str], bool]) -> OpenGap | None:
        """The connection's gap, where all that it waits for is back and nobody else judges it."""
        found = self.connection
        return found if found is not None and not self.is_judged and all(map(is_back, found.topics)) else None

    def _add(self, kept: OpenGap) -> None:
        self._open[kept.gap.id] = kept
        self.is_changed = True
        topics = kept.topics if kept.topic is None else {kept.topic}
        self.marks.update(dict.fromkeys(topics, kept.gap.id))


def verdict(topics: Collection[str], endpoint: str, *, is_private: bool) -> tuple[bool, str]:
    """What is to be said of a time without these topics, of which nobody fetched anything: (recovered, detail)."""
    if not topics:
        return False, UNWANTED
    if is_private:
        return False, NOTHING_FETCHED
    rows = [channels.for_topic(topic, endpoint) for topic in topics]
    missing = sorted({row.event_type for row in rows if not row.begins_whole})
    whole = sorted({row.event_type for row in rows if row.begins_whole})
    told = [f"{_list(whole)} began anew with a snapshot"] if whole else []
    lost = [f"nothing of {_list(missing)} was fetched of the time between"] if missing else []
    return not missing, "; ".join(told + lost)


def _list(words: list[str]) -> str:
    return ", ".join(words)
