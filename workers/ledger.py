"""The ledger: what the worker tells of itself, and of every gap its begin and its end."""

import logging
from collections.abc import Collection, Mapping
from typing import Protocol

from gateway.disk.memo import Memo
from gateway.occurrences import Cause, Gap, Kind
from gateway.protocol.endpoints import Endpoint
from workers.dispatch import Dispatch
from workers.gaps import ENDED, SHOWN, UNWANTED, Gaps, OpenGap, verdict
from workers.voice import Voice

log = logging.getLogger(__name__)

#: One death, two tellings: of the end itself, by the guard, and of what may be missing, by the next run.
TOLD_BESIDE = "of the end itself, where supervisord saw it, an event `died` of this worker tells"


#: Of topics that came from another host, or whose folder on disk is gone.
TAKEN_OVER = "another process held these topics, and left nothing here: what is missed is since what PostgreSQL knows of them"


class Topics(Protocol):
    """How it is with the connection's topics; see `gateway/protocol/subscriptions.py`."""

    def is_back(self, name: str, /) -> bool: ...

    def is_held(self, name: str, /) -> bool: ...

    def is_wanted(self, name: str, /) -> bool: ...


class Ledger:
    """Used by the worker's main thread alone.

    gaps   those that are open
    """

    def __init__(self, voice: Voice, dispatch: Dispatch, gaps: Gaps, memo: Memo[list[OpenGap]] | None) -> None:
        """memo: what is open, for the next run; None: nobody keeps it."""
        self._voice = voice
        self._dispatch = dispatch
        self._memo = memo
        self.gaps = gaps

    def tell(self, kind: Kind, *, now_ns: int, topic: str | None = None, detail: str | None = None, gap: Gap | None = None) -> None:
        """Add a `system` event about this worker's connection."""
        self._dispatch.add_kept(self._voice.occurrence(kind, now_ns=now_ns, topic=topic, detail=detail, gap=gap))

    def begin(
        self,
        kind: Kind,
        cause: Cause,
        *,
        now_ns: int,
        from_ms: int,
        topic: str | None = None,
        topics: Collection[str] = (),
        detail: str | None = None,
    ) -> str:
        """Open a gap, and say so as this kind of occurrence; its id. topics: that a gap of the connection waits for."""
        gap = self.gaps.begin(cause, from_ms=from_ms, topic=topic, topics=topics, now_ms=now_ns // 1_000_000)
        self.tell(kind, now_ns=now_ns, topic=topic, detail=detail, gap=gap)
        return gap.id

    def end(self, gap_id: str, *, now_ns: int, recovered: bool, detail: str | None = None) -> None:
        """Close a gap, if it is open, and say what came of it. Whoever fetched what was missed calls this too."""
        closed = self.gaps.end(gap_id, to_ms=now_ns // 1_000_000, recovered=recovered, detail=detail)
        if closed is not None:
            self.tell("recovered", now_ns=now_ns, topic=closed.topic, detail=detail, gap=closed.gap)

    def end_of(self, cause: Cause, topic: str | None, *, now_ns: int, recovered: bool, detail: str | None = None) -> None:
        """The same of the open gap of this cause."""
        gap_id = self.gaps.of(cause, topic)
        if gap_id is not None:
            self.end(gap_id, now_ns=now_ns, recovered=recovered, detail=detail)

    def connection_lost(self, cause: Cause, topics: Collection[str], *, from_ms: int, now_ns: int, detail: str) -> None:
        """The connection is away: one gap, which lasts over all tries to come back."""
        was_open = self.gaps.connection
        if was_open is None and topics:
            self.begin("disconnected", cause, now_ns=now_ns, from_ms=from_ms, topics=topics, detail=detail)
            return
        gap = self.gaps.extend(was_open.gap.id, topics, now_ms=now_ns // 1_000_000) if was_open is not None else None
        self.tell("disconnected", now_ns=now_ns, detail=detail, gap=gap)

    def unacknowledged(self, kind: str, topic: str, *, last_ms: int | None, now_ns: int) -> None:
        """A topic delivers, but is left to be asked for anew (`gap`), or it is back. last_ms: when its newest event was received."""
        if kind == "gap":
            detail, from_ms = "its acknowledgement did not come", last_ms or now_ns // 1_000_000
            self.begin("gap", "unacknowledged", now_ns=now_ns, from_ms=from_ms, topic=topic, detail=detail)
        else:
            detail = "it is held again; nothing of the time between was fetched"
            self.end_of("unacknowledged", topic, now_ns=now_ns, recovered=False, detail=detail)

    def was_away(self, since_ms: int | None, topics: Collection[str], *, now_ns: int) -> None:
        """The process begins, and takes up what an earlier one left open. since_ms: when that ended without a word; None: it did not."""
        kept = self._memo.read() if self._memo is not None else None
        others = self.gaps.adopt(kept or [], now_ms=now_ns // 1_000_000)
        for closed in self.gaps.ended:
            self.tell("recovered", now_ns=now_ns, topic=closed.topic, detail=closed.detail, gap=closed.gap)
        for left in others:
            self.end(left.gap.id, now_ns=now_ns, recovered=False, detail=ENDED)
        if self.gaps.connection is not None:
            self.goes_on(topics, from_ms=since_ms, now_ns=now_ns, detail="the process was away")
        elif since_ms is not None and topics:
            detail = f"the process ended without a word: nobody knows what the exchange sent until it is back; {TOLD_BESIDE}"
            self.begin("gap", "restarted", now_ns=now_ns, from_ms=since_ms, topics=topics, detail=detail)

    def goes_on(self, topics: Collection[str], *, from_ms: int | None, now_ns: int, detail: str) -> None:
        """The connection's gap lasts over the process's end, and begins there at the latest; where there is none, one opens."""
        was_open = self.gaps.connection
        if was_open is not None:
            gap = self.gaps.extend(was_open.gap.id, topics, from_ms=from_ms, now_ms=now_ns // 1_000_000)
            self.tell("gap", now_ns=now_ns, detail=detail, gap=gap)
        else:
            from_ms = from_ms or now_ns // 1_000_000
            self.begin("gap", "restarted", now_ns=now_ns, from_ms=from_ms, topics=topics, detail=detail)

    def takes_over(self, since_ms: Mapping[str, int], *, now_ns: int) -> None:
        """Topics that another process held, of which this one knows no more than until when something of them arrived."""
        first_ms = min(since_ms.values())
        self.goes_on(since_ms, from_ms=first_ms, now_ns=now_ns, detail=TAKEN_OVER)
        gap = self.gaps.connection
        if gap is not None:
            gap.since_ms |= {topic: at_ms for topic, at_ms in since_ms.items() if at_ms > gap.gap.from_ms}

    def look(self, endpoint: Endpoint, topics: Topics, *, now_ns: int) -> None:
        """Close what is over: of topics that nobody wants any more, and of a connection that is whole again."""
        for gap_id in self.gaps.unwanted(topics.is_wanted):
            self.end(gap_id, now_ns=now_ns, recovered=False, detail=UNWANTED)
        whole = self.gaps.restored(topics.is_back, topics.is_wanted)
        if whole is not None:
            wanted = [topic for topic in whole.topics if topics.is_wanted(topic)]
            recovered, detail = verdict(wanted, endpoint.name, is_private=endpoint.authenticates, judged=whole.judged)
            refused = sorted(topic for topic in wanted if not topics.is_held(topic))
            if refused:
                recovered, detail = False, f"{detail}; refused: {', '.join(refused[:SHOWN])}"
            self.end(whole.gap.id, now_ns=now_ns, recovered=recovered, detail=detail)

    def flush(self) -> None:
        """Send all that was collected. A gap is on disk before anybody hears of its begin, and until its end is kept."""
        is_changed, has_ended = self.gaps.is_changed, bool(self.gaps.ended)
        if self._memo is not None and is_changed:
            self._memo.write([*self.gaps.open, *self.gaps.ended])
        self._dispatch.flush()
        if self._memo is not None and has_ended:
            self._memo.write(self.gaps.open)
        self.gaps.is_changed = False
        self.gaps.ended.clear()
