"""What the router itself has to tell consumers: `system` events that go into its own lanes."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from gateway.lanes.damage import Hole
from gateway.models import Record
from gateway.occurrences import Cause, Gap, Kind, new_gap_id, occurrence
from gateway.wire import Stamp, event_id

ENDPOINT, WORKER = "router", "router_00"
#: Of the gaps that the router tells.
CAUSES: tuple[Cause, ...] = ("queue_missing", "disk_full", "damaged")

#: A spool that was full is told to have recovered once it has not been full for this long; seconds. Room comes back file by file.
RECOVERED_AFTER_S = 2.0


class Announcements:
    """Told by any thread, taken by the router's main thread.

    wake  called after each telling
    gaps  cause → how many were told since the process began
    """

    def __init__(self, stamp: Stamp, wake: Callable[[], None]) -> None:
        self._stamp = stamp
        self._wake = wake
        self._told: deque[tuple[Kind, str, Gap | None, str | None, str | None, int]] = deque()
        self._count = 0
        self.gaps: dict[Cause, int] = dict.fromkeys(CAUSES, 0)

    def tell(
        self, kind: Kind, detail: str, gap: Gap | None = None, *, topic: str | None = None, identity: str | None = None
    ) -> None:
        """identity: of something that the next process may tell again; it is then the same event."""
        if gap is not None and kind != "recovered":
            self.gaps[gap.cause] += 1
        self._told.append((kind, detail, gap, topic, identity, time.time_ns()))
        self._wake()

    def taken(self) -> list[Record]:
        """All that was told since, as records."""
        records = []
        while self._told:
            kind, detail, gap, topic, identity, now_ns = self._told.popleft()
            self._count += 1
            event = occurrence(
                kind,
                identity=identity or f"{self._stamp.epoch}|{self._count}",
                endpoint=ENDPOINT,
                worker=WORKER,
                now_ms=now_ns // 1_000_000,
                topic=topic,
                detail=detail,
                gap=gap,
            )
            records.append(self._stamp.record(event, received_ns=now_ns, trace_id=f"{self._stamp.epoch}-s{self._count}"))
        return records


def tell_of_damage(announcements: Announcements, lane: str, hole: Hole, now_ms: int) -> None:
    """What a spool had taken, and its disk did not keep. Found again, it is the same gap."""
    identity = f"damaged|{lane}|{hole.identity}"
    to_ms = hole.to_ns // 1_000_000 if hole.to_ns is not None else now_ms
    from_ms = hole.from_ns // 1_000_000 if hole.from_ns is not None else to_ms
    gap = Gap(event_id(f"gap|{identity}"), "damaged", from_ms=min(from_ms, to_ms), to_ms=to_ms, recovered=False)
    announcements.tell("gap", hole.words(lane), gap, identity=identity)


@dataclass(slots=True)
class Fullness:
    """Whether one lane takes nothing more: told once when it begins, and once when it is over.

    gap  the one that is open, perhaps since an earlier process
    """

    lane: str
    announcements: Announcements
    gap: Gap | None = None
    _full_at: float | None = None

    def look(self, full: str | None, now: float, now_ms: int) -> None:
        """full: the lane's word; now: monotonic seconds."""
        if full is not None:
            self._full_at = now
            if self.gap is None:
                self.gap = Gap(new_gap_id(), "disk_full", from_ms=now_ms)
                self.announcements.tell("gap", f"{full}; nothing is taken from the workers, which keep what they have", self.gap)
        elif self.gap is not None and self._full_at is None:
            self._full_at = now  # it is an earlier process's
        elif self.gap is not None and self._full_at is not None and now - self._full_at >= RECOVERED_AFTER_S:
            closed = Gap(self.gap.id, "disk_full", self.gap.from_ms, to_ms=now_ms, recovered=True)
            self.gap = None
            self.announcements.tell("recovered", f"the spool of {self.lane} has room again", closed)
