"""OUTBOX: what a worker has for its router, in order, until the router has acknowledged it. Pure.

    put ─▶ waiting: records ─ next_batch ─▶ under way: numbered batches ─ acknowledged ─▶ the router's
              └─ drop_oldest: of public events, where there is no room

Every record has a place, counted from 1. A batch under way is never dropped: the router may have it.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from gateway.models import Record
from gateway.wire import TOPIC_STATE, pack, unpack

#: Of one batch.
MOST_RECORDS, MOST_BYTES = 1000, 1 << 20
#: Under way unacknowledged: batches, and bytes.
WINDOW, WINDOW_BYTES = 512, 16 << 20
#: What a record costs in memory besides its body; bytes.
OVERHEAD = 512
#: Event types that are kept however little room there is: what the worker itself tells.
KEPT = frozenset({"system", TOPIC_STATE})

#: The envelope's empty field as it is encoded. No text of the exchange comes before it unescaped, and the payload comes behind it.
_NO_GAP = b'"gap_id":null'


@dataclass(frozen=True, slots=True)
class Packed:
    """One batch under way.

    first         place of its first record
    count         of its records; places between may have been dropped
    received_ns   of its oldest record
    size          what it counts as, bytes
    """

    number: int
    payload: bytes
    first: int
    count: int
    received_ns: int
    size: int


class _Waiting(msgspec.Struct, frozen=True, gc=False):
    """One record. born: when it was put here, monotonic seconds."""

    place: int
    born: float
    size: int
    record: Record


class Outbox:
    """Used by one thread.

    last   the place of the newest record
    bytes  of all that is here
    """

    def __init__(self) -> None:
        self._waiting: deque[_Waiting] = deque()
        self._under_way: deque[Packed] = deque()
        self._under_way_bytes = 0
        self._records_under_way = 0
        self._number = 0
        self._marks: dict[str, str] = {}
        self.last = 0
        self.bytes = 0

    def __len__(self) -> int:
        """Records that are not the router's."""
        return self._records_under_way + len(self._waiting)

    @property
    def batches(self) -> int:
        """Under way."""
        return len(self._under_way)

    @property
    def settled(self) -> int:
        """All records up to this place are the router's, or were dropped."""
        first = self._under_way[0].first if self._under_way else self._waiting[0].place if self._waiting else self.last + 1
        return first - 1

    @property
    def oldest_ns(self) -> int | None:
        """When the oldest record that is here was received, Unix nanoseconds. Of those that wait the first counts: they come in order,
        but for frames that waited for REST, which are not many where so much waits.
        """
        here = [batch.received_ns for batch in self._under_way]
        return min([*here, self._waiting[0].record.received_ns] if self._waiting else here, default=None)

    @property
    def next_number(self) -> int:
        """Of the oldest batch under way, or of the next one."""
        return self._under_way[0].number if self._under_way else self._number + 1

    @property
    def is_under_way(self) -> bool:
        return bool(self._under_way)

    def put(self, records: Sequence[Record], now: float) -> None:
        """Take over records, behind all that is here."""
        for record in records:
            self.last += 1
            size = len(record.body) + OVERHEAD
            self.bytes += size
            self._waiting.append(_Waiting(self.last, now, size, record))

    def next_batch(self) -> Packed | None:
        """Put the oldest waiting records under way as one batch; None when nothing waits, or enough is under way."""
        if not self._waiting or len(self._under_way) >= WINDOW or self._under_way_bytes >= WINDOW_BYTES:
            return None
        taken: list[_Waiting] = []
        size = 0
        while self._waiting and len(taken) < MOST_RECORDS and size < MOST_BYTES:
            taken.append(self._waiting.popleft())
            size += taken[-1].size
        records = [self._marked(entry.record) for entry in taken] if self._marks else [entry.record for entry in taken]
        self._number += 1
        batch = Packed(self._number, pack(records), taken[0].place, len(taken), min(record.received_ns for record in records), size)
        self._under_way.append(batch)
        self._under_way_bytes += size
        self._records_under_way += len(taken)
        return batch

    def after(self, number: int) -> Iterator[Packed]:
        """Batches under way with a higher number, oldest first."""
        return (batch for batch in self._under_way if batch.number > number)

    def acknowledged(self, number: int) -> None:
        """The router has all batches up to this one."""
        while self._under_way and self._under_way[0].number <= number:
            batch = self._under_way.popleft()
            self.bytes -= batch.size
            self._under_way_bytes -= batch.size
            self._records_under_way -= batch.count

    def drop_oldest(self, *, most_bytes: int, born_before: float) -> list[Record]:
        """Drop public events that wait, oldest first, until all fits and none is older; what was dropped. KEPT ones stay in place."""
        kept: list[_Waiting] = []
        dropped: list[Record] = []
        while self._waiting and (self.bytes > most_bytes or self._waiting[0].born < born_before):
            entry = self._waiting.popleft()
            if entry.record.event_type in KEPT:
                kept.append(entry)
                continue
            self.bytes -= entry.size
            dropped.append(entry.record)
        self._waiting.extendleft(reversed(kept))
        return dropped

    def mark(self, topic: str, gap_id: str) -> None:
        """The topic's next record that goes under way follows on a gap, and says so."""
        self._marks[topic] = gap_id

    def left(self, after: int = 0) -> list[Record]:
        """All that is here behind this place, in order; of the batch that it is in, all."""
        batches = (batch for batch in self._under_way if batch.first + batch.count > after)
        under_way = [record for batch in batches for record in unpack(batch.payload)]
        return under_way + [entry.record for entry in self._waiting if entry.place > after]

    def _marked(self, record: Record) -> Record:
        gap_id = None if record.event_type in KEPT else self._marks.pop(record.topic, None)
        if gap_id is None:
            return record
        return msgspec.structs.replace(record, body=record.body.replace(_NO_GAP, b'"gap_id":"%s"' % gap_id.encode(), 1))
