"""The gaps that a worker knows of: open ones, and which topics' next events follow on one. Pure; the worker tells what is found here.

    begin ─▶ open ─▶ end: recovered or not          marks: topic ─▶ the gap that its next event carries
A gap of the connection waits for the topics that were on it. Whoever fetches what was missed judges it as a whole (`is_judged`, then
`end`), or topic by topic (`promise`, then `judge`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import get_args

import msgspec

from gateway.occurrences import Cause, Gap, new_gap_id
from gateway.protocol import channels

#: Of a connection of which nobody fetched what was missed.
NOTHING_FETCHED = "nothing was fetched: what happened meanwhile is not told again"
#: Causes of gaps that are of the connection.
_OF_CONNECTION: tuple[Cause, ...] = ("disconnected", "restarted")
#: Topics that a detail names.
SHOWN = 5
#: Of a book or ticker behind a gap.
WHOLE_AGAIN = "a snapshot tells all that holds"
UNWANTED = "nobody wants it any more"
ENDED = "its process ended before it was over; what follows is in the gap of the restart"


class OpenGap(msgspec.Struct):
    """One gap, as it is kept until it closes.

    topic   None: of the connection
    topics    that a gap of the connection waits for
    promised  of them, those of which somebody fetches what was missed
    judged    of them: whether all was fetched, and a clause for a person
    detail    what was said of its end
    since_ms  topics of which more has arrived than of the others: until when; Unix milliseconds
    """

    gap: Gap
    topic: str | None = None
    topics: set[str] = msgspec.field(default_factory=set)
    promised: set[str] = msgspec.field(default_factory=set)
    judged: dict[str, tuple[bool, str]] = msgspec.field(default_factory=dict)
    detail: str | None = None
    since_ms: dict[str, int] = msgspec.field(default_factory=dict)

    @property
    def is_of_connection(self) -> bool:
        """Open, and of the connection: it was away, or its process was."""
        return self.gap.to_ms is None and self.gap.cause in _OF_CONNECTION


class Gaps:
    """Used by the worker's main thread alone.

    is_judged   gaps of the connection close only by `end`: somebody fetches what was missed, and says what came of it
    marks       topic → the gap that its next event follows on; see `take_mark`
    is_changed  since somebody last kept what is open
    ended       since then
    begun       cause → how many there were since the process began
    """

    def __init__(self, *, is_judged: bool = False) -> None:
        self._open: dict[str, OpenGap] = {}
        self.is_judged = is_judged
        self.marks: dict[str, str] = {}
        self._marked_ms: dict[str, int] = {}
        self.ended: list[OpenGap] = []
        self.is_changed = False
        self.begun: dict[Cause, int] = dict.fromkeys(get_args(Cause), 0)

    def begin(self, cause: Cause, *, from_ms: int, topic: str | None = None, topics: Collection[str] = (), now_ms: int = 0) -> Gap:
        """Open one. The next event of its topic, or of each of the topics that it waits for, follows on it.

        now_ms  when it was noticed, which may be long after it began: what was received before that does not follow on it
        """
        gap = Gap(new_gap_id(), cause, from_ms)
        self.begun[cause] += 1
        self._add(OpenGap(gap, topic, set(topics)), now_ms)
        return gap

    def extend(self, gap_id: str, topics: Collection[str], *, from_ms: int | None = None, now_ms: int = 0) -> Gap:
        """A gap of the connection lasts on, and more topics wait. What was lost stays lost; what was fetched is fetched anew.

        from_ms  since when something of these topics may be missing
        """
        found = self._open[gap_id]
        before, found.topics = found.topics, found.topics | set(topics)
        if from_ms is not None and from_ms < found.gap.from_ms:
            later = dict.fromkeys(before - set(topics), found.gap.from_ms) | found.since_ms
            found.since_ms = {topic: at_ms for topic, at_ms in later.items() if topic not in topics}
            found.gap = replace(found.gap, from_ms=from_ms)
        elif from_ms is not None and from_ms > found.gap.from_ms:
            found.since_ms |= dict.fromkeys(set(topics) - before, from_ms)
        found.judged = {topic: words for topic, words in found.judged.items() if not words[0]}
        self._add(found, now_ms)
        return found.gap

    def end(self, gap_id: str, *, to_ms: int, recovered: bool, detail: str | None = None) -> OpenGap | None:
        """Close one; None where there is no such gap open."""
        found = self._open.pop(gap_id, None)
        if found is None:
            return None
        self.ended.append(found)
        self.is_changed = True
        found.gap = replace(found.gap, to_ms=max(to_ms, found.gap.from_ms), recovered=recovered)
        found.detail = detail
        return found

    def of(self, cause: Cause, topic: str | None = None) -> str | None:
        """The id of the open one of this cause."""
        return next((key for key, kept in self._open.items() if kept.gap.cause == cause and kept.topic == topic), None)

    @property
    def connection(self) -> OpenGap | None:
        """The open one of the connection: it was away, or its process was."""
        return next((kept for kept in self._open.values() if kept.is_of_connection), None)

    @property
    def open(self) -> list[OpenGap]:
        """As it is kept for the next run."""
        return list(self._open.values())

    def adopt(self, kept: Iterable[OpenGap], *, now_ms: int = 0) -> list[OpenGap]:
        """Take over what an earlier run left open: the connection's gap goes on; the others, which are returned, cannot.

        What it had closed is in `ended`: it may have died before anybody heard of that.
        """
        others = []
        for found in kept:
            if found.gap.to_ms is not None:
                self.ended.append(found)
                self.is_changed = True
                continue
            found.promised.clear()  # whoever promised is gone
            self._add(found, now_ms)
            if not found.is_of_connection:
                others.append(found)
        return others

    def take_mark(self, topic: str, received_ms: int | None) -> str | None:
        """The gap that an event follows on: the first of its topic. received_ms: of one that may have waited since before the gap."""
        if received_ms is not None and received_ms < self._marked_ms.get(topic, 0):
            return None
        return self.marks.pop(topic, None)

    def promise(self, gap_id: str, topics: Collection[str]) -> None:
        """Somebody fetches what these topics missed: the gap stays open until each is judged."""
        if gap_id in self._open:
            self._open[gap_id].promised.update(topics)

    def judge(self, gap_id: str, topic: str, *, recovered: bool, detail: str) -> None:
        """What was fetched of one topic; once something was lost, it stays so. A gap that is closed by now keeps its verdict."""
        found = self._open.get(gap_id)
        if found is None:
            return
        found.promised.discard(topic)
        was_whole, _ = found.judged.get(topic, (True, ""))
        if was_whole or not recovered:
            found.judged[topic] = recovered, detail

    def unwanted(self, is_wanted: Callable[[str], bool]) -> list[str]:
        """Gaps of topics that nobody wants any more."""
        return [key for key, kept in self._open.items() if kept.topic is not None and not is_wanted(kept.topic)]

    def restored(self, is_back: Callable[[str], bool], is_wanted: Callable[[str], bool]) -> OpenGap | None:
        """The connection's gap, where all that it waits for is back and nobody else judges it."""
        found = self.connection
        if found is None or self.is_judged or any(map(is_wanted, found.promised)):
            return None
        return found if all(map(is_back, found.topics)) else None

    def _add(self, kept: OpenGap, now_ms: int) -> None:
        self._open[kept.gap.id] = kept
        self.is_changed = True
        topics = kept.topics if kept.topic is None else {kept.topic}
        # Where nothing came since another gap, what comes next follows on both, and names the newer one.
        self._marked_ms.update(dict.fromkeys(topics - self.marks.keys(), now_ms))
        self.marks.update(dict.fromkeys(topics, kept.gap.id))


def verdict(
    topics: Collection[str], endpoint: str, *, is_private: bool, judged: Mapping[str, tuple[bool, str]] | None = None
) -> tuple[bool, str]:
    """What is to be said of a time without these topics: (recovered, detail). judged: those of which somebody fetched what was missed."""
    judged = {topic: words for topic, words in (judged or {}).items() if topic in topics}
    if not topics:
        return False, UNWANTED
    if is_private:
        return False, NOTHING_FETCHED
    rows = [channels.for_topic(topic, endpoint) for topic in topics if topic not in judged]
    missing = sorted({row.event_type for row in rows if not row.begins_whole})
    whole = sorted({row.event_type for row in rows if row.begins_whole})
    told = [f"{_list(whole)} began anew with a snapshot"] if whole else []
    lost = [f"nothing of {_list(missing)} was fetched of the time between"] if missing else []
    fetched = [f"{topic}: {words}" for topic, (_, words) in sorted(judged.items())]
    if len(fetched) > SHOWN:
        fetched = [*fetched[:SHOWN], f"and {len(fetched) - SHOWN} topics more"]
    recovered = not missing and all(is_whole for is_whole, _ in judged.values())
    return recovered, "; ".join(told + lost + fetched)


def _list(words: list[str]) -> str:
    return ", ".join(words)
