"""The whole book of `orderbook.full.{symbol}`: deltas of the stream joined to a snapshot over REST. Source: protocol notes, section 6.4.

Told: `frame`, `snapshot`, `distrust`. Asked: `wants_fetch`, `in_sync`, `hole`, `book`.

    frames are kept ── snapshot that fits ──▶ in sync ── a hole, or `u` 1 ──▶ frames are kept
"""

from collections import deque
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gateway.models import Json
from gateway.protocol.book import Book
from gateway.protocol.pace import Pace

#: Seconds between two fetches of a snapshot: so many at first, then doubling.
FETCH_FIRST_S, FETCH_LONGEST_S = 1.0, 30.0
#: Frames that are kept while the snapshot is awaited: at one each 200 ms more than half an hour.
MOST_KEPT = 10_000
#: So many stale frames in a row are no late ones: the count, or what was taken for the newest, is wrong. Ten seconds' worth.
MOST_STALE = 50

#: What became of a frame: in the book, kept for the snapshot to come, older than what is known, or the end of what was known.
Took: TypeAlias = Literal["applied", "kept", "stale", "broken"]


@dataclass(frozen=True, slots=True)
class _Frame:
    """A frame of the stream, or a snapshot."""

    update_id: int
    sequence: int
    bids: Json
    asks: Json

    @property
    def is_empty(self) -> bool:
        return not self.bids and not self.asks


class FullBook:
    """One book and how far it can be trusted. Outlives connections: `distrust` begins again, fetches keep their pace.

    update_id  `u` of the newest frame in the book; None while it is not in sync, or was found empty without a number
    sequence   `seq` of it
    hole       why there is no book, in words; None while it is in sync
    """

    def __init__(self) -> None:
        self.book = Book()
        self.update_id: int | None = None
        self.sequence: int | None = None
        self.hole: str | None = "no snapshot was fetched yet"
        self._kept: deque[_Frame] = deque()
        self._stale = 0
        self._is_bare = False  # found empty at no known `u`: no ground for applying the first level that comes
        self._synced_at = 0.0
        self._pace = Pace(FETCH_FIRST_S, FETCH_LONGEST_S)

    @property
    def in_sync(self) -> bool:
        return self.hole is None

    def wants_fetch(self, now: float) -> bool:
        """Whether to ask for a snapshot now; True is counted as asked."""
        if self.in_sync or not self._pace.is_due(now):
            return False
        self._pace.did(now)
        return True

    def frame(self, *, kind: str, update_id: int, sequence: int, bids: Json, asks: Json, now: float) -> Took:
        """A frame of the stream arrived. The stream documents no snapshots; one that comes all the same is the book."""
        frame = _Frame(update_id, sequence, bids, asks)
        if kind == "snapshot":
            self._kept.clear()
            return "applied" if self._begin(frame, now) else "broken"
        if update_id == 1:
            return self._start_over("the exchange began its count anew", now, frame)
        if not self.in_sync:
            return self._keep(frame)
        if self._is_bare and not frame.is_empty:
            return self._start_over("a change came to a book that was found empty", now, frame)
        if self.update_id is None or self.sequence is None:
            self.update_id, self.sequence = update_id, sequence
            return "applied"
        if update_id == self.update_id and sequence != self.sequence:
            return self._start_over(f"update {update_id} came with sequence {sequence} after {self.sequence}", now, frame)
        if update_id > self.update_id + 1:
            return self._start_over(f"update {update_id} came after {self.update_id}", now, frame)
        if update_id <= self.update_id or sequence < self.sequence:
            self._stale += 1
            if self._stale < MOST_STALE:
                return "stale"
            return self._start_over(f"update {update_id} is the {self._stale}th that is older than {self.update_id}", now, frame)
        reason = self._apply(frame)
        return "applied" if reason is None else self._start_over(reason, now)

    def snapshot(self, result: Json, now: float) -> bool:
        """The answer of REST arrived, its `result`; True: it and the frames kept are the book now, at the newest `u`.

        A snapshot that is newer than all frames kept is true by itself: the next frame has to follow it.
        """
        if self.in_sync:
            return False  # of an earlier fetch: what came since is newer
        found = _read(result)
        if isinstance(found, str):
            return self._refuse(found)
        if found is None:
            return self._begin_empty(now)
        kept = self._kept
        if kept and found.sequence < kept[0].sequence:
            return self._refuse(f"the snapshot's sequence {found.sequence} is older than the first frame's {kept[0].sequence}")
        while kept and kept[0].sequence < found.sequence:
            kept.popleft()
        if any(frame.sequence == found.sequence and frame.update_id != found.update_id for frame in kept):
            return self._refuse(f"the snapshot has update {found.update_id} with sequence {found.sequence}, and a frame another")
        if kept and kept[0].sequence == found.sequence:
            kept.popleft()
        if kept and kept[0].update_id != found.update_id + 1:
            return self._refuse(f"the snapshot's update {found.update_id} is not followed by {kept[0].update_id}")
        return self._begin(found, now)

    def distrust(self, reason: str, now: float) -> None:
        """Begin again although the numbers fit: the connection was lost, the book was found crossed, or a consumer asks for it."""
        self._start_over(reason, now)

    def _keep(self, frame: _Frame) -> Took:
        kept = self._kept
        if kept and frame.sequence < kept[-1].sequence:
            self._stale += 1
            if self._stale < MOST_STALE:
                return "stale"
            kept.clear()
        if len(kept) >= MOST_KEPT or (kept and frame.update_id != kept[-1].update_id + 1):
            kept.clear()
        self._stale = 0
        kept.append(frame)
        return "kept"

    def _begin(self, snapshot: _Frame, now: float) -> bool:
        """Take a snapshot for the book, and the frames kept after it."""
        reason = self.book.apply("snapshot", snapshot.bids, snapshot.asks)
        self.update_id, self.sequence = snapshot.update_id, snapshot.sequence
        while self._kept and reason is None:
            reason = self._apply(self._kept.popleft())
        if reason is not None:
            self._start_over(reason, now)
            return False
        self.hole, self._synced_at, self._stale, self._is_bare = None, now, 0, False
        return True

    def _begin_empty(self, now: float) -> bool:
        """The answer held nothing and named no `u`: believed while no frame says otherwise, and asked again when one does."""
        if any(not frame.is_empty for frame in self._kept):
            return self._refuse("the snapshot is empty, yet changes came")
        newest = self._kept.pop() if self._kept else None
        self._kept.clear()
        self.book.apply("snapshot", [], [])
        self.update_id, self.sequence = (newest.update_id, newest.sequence) if newest is not None else (None, None)
        self.hole, self._synced_at, self._stale, self._is_bare = None, now, 0, True
        return True

    def _apply(self, frame: _Frame) -> str | None:
        self.update_id, self.sequence, self._stale = frame.update_id, frame.sequence, 0
        return self.book.apply("delta", frame.bids, frame.asks)

    def _refuse(self, reason: str) -> bool:
        self.hole = reason
        return False

    def _start_over(self, reason: str, now: float, first: _Frame | None = None) -> Took:
        """What was known is void. first: the frame to keep, where it may be the one that the snapshot follows."""
        if self.in_sync:
            self._pace.disturbed(now - self._synced_at)
        self.book.forget()
        self.update_id = self.sequence = None
        self.hole, self._stale, self._is_bare = reason, 0, False
        self._kept.clear()
        if first is not None:
            self._kept.append(first)
        return "broken"


def _read(result: Json) -> _Frame | str | None:
    """The answer's book; None for an empty one without numbers, as of a symbol that is delisted; or why it is none of these."""
    if not isinstance(result, dict) or not isinstance(result.get("b"), list) or not isinstance(result.get("a"), list):
        return "the snapshot: found no bids and asks; expected a list of each"
    update_id: Json = result.get("u")
    sequence: Json = result.get("seq")
    is_numbered = type(update_id) is int and type(sequence) is int
    if not result["b"] and not result["a"] and (not is_numbered or update_id < 1):
        return None
    if not is_numbered:
        return f"the snapshot: found u {update_id!r:.50} and seq {sequence!r:.50}; expected whole numbers"
    return _Frame(update_id, sequence, result["b"], result["a"])
