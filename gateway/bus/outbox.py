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
#: Under way unacknowledged: batches, and bytes. A worker that turns each millisecond is held up by no confirm that comes within four
#: seconds; what comes later goes over the disk.
WINDOW, WINDOW_BYTES = 4096, 16 << 20
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


class _Run(msgspec.Struct, frozen=True, gc=False):
    """Records that were put here together, in places without a hole.

    first  the place of the first
    born   when they were put here, monotonic seconds
    size   what they count as, bytes
    """

    first: int
    born: float
    size: int
    records: Sequence[Record]

    def cut(self, count: int) -> tuple["_Run", "_Run"]:
        """The first so many, and the rest."""
        records = self.records[:count]
        size = size_of(records)
        return (
            _Run(self.first, self.born, size, records),
            _Run(self.first + count, self.born, self.size - size, self.records[count:]),
        )


def size_of(records: Sequence[Record]) -> int:
    """What they count as; bytes."""
    return sum([len(record.body) for record in records]) + OVERHEAD * len(records)


class Outbox:
    """Used by one thread.

    last   the place of the newest record
    bytes  of all that is here
    """

    def __init__(self) -> None:
        self._waiting: deque[_Run] = deque()
        self._records_waiting = 0
        self._under_way: deque[Packed] = deque()
        self._under_way_bytes = 0
        self._records_under_way = 0
        self._number = 0
        self._marks: dict[str, str] = {}
        self.last = 0
        self.bytes = 0

    def __len__(self) -> int:
        """Records that are not the router's."""
        return self._records_under_way + self._records_waiting

    @property
    def batches(self) -> int:
        """Under way."""
        return len(self._under_way)

    @property
    def settled(self) -> int:
        """All records up to this place are the router's, or were dropped."""
        first = self._under_way[0].first if self._under_way else self._waiting[0].first if self._waiting else self.last + 1
        return first - 1

    @property
    def oldest_ns(self) -> int | None:
        """When the oldest record that is here was received, Unix nanoseconds. Of those that wait the first counts: they come in order,
        but for frames that waited for REST, which are not many where so much waits.
        """
        here = [batch.received_ns for batch in self._under_way]
        return min([*here, self._waiting[0].records[0].received_ns] if self._waiting else here, default=None)

    @property
    def next_number(self) -> int:
        """Of the oldest batch under way, or of the next one."""
        return self._under_way[0].number if self._under_way else self._number + 1

    @property
    def newest_number(self) -> int:
        """Of the batch that was put under way last; 0: none was."""
        return self._number

    @property
    def is_under_way(self) -> bool:
        return bool(self._under_way)

    def put(self, records: Sequence[Record], now: float) -> None:
        """Take over records, behind all that is here."""
        if not records:
            return
        size = size_of(records)
        self._waiting.append(_Run(self.last + 1, now, size, records))
        self._records_waiting += len(records)
        self.last += len(records)
        self.bytes += size

    def next_batch(self) -> Packed | None:
        """Put the oldest waiting records under way as one batch; None when nothing waits, or enough is under way."""
        if not self._waiting or len(self._under_way) >= WINDOW or self._under_way_bytes >= WINDOW_BYTES:
            return None
        records: list[Record] = []
        size, first = 0, self._waiting[0].first
        while self._waiting and len(records) < MOST_RECORDS and size < MOST_BYTES:
            run = self._waiting.popleft()
            if len(records) + len(run.records) > MOST_RECORDS or size + run.size > MOST_BYTES:
                run, rest = run.cut(_fitting(run.records, MOST_RECORDS - len(records), MOST_BYTES - size))
                if rest.records:
                    self._waiting.appendleft(rest)
            records += run.records
            size += run.size
        if self._marks:
            records = [self._marked(record) for record in records]
        self._number += 1
        batch = Packed(self._number, pack(records), first, len(records), min([record.received_ns for record in records]), size)
        self._under_way.append(batch)
        self._under_way_bytes += size
        self._records_under_way += len(records)
        self._records_waiting -= len(records)
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
        kept: list[_Run] = []
        dropped: list[Record] = []
        while self._waiting and (self.bytes > most_bytes or self._waiting[0].born < born_before):
            run = self._waiting.popleft()
            for place, record in enumerate(run.records):
                if self.bytes <= most_bytes and run.born >= born_before:
                    self._waiting.appendleft(run.cut(place)[1])
                    break
                if record.event_type in KEPT:
                    kept.append(run.cut(place)[1].cut(1)[0])
                else:
                    self.bytes -= len(record.body) + OVERHEAD
                    dropped.append(record)
        self._records_waiting -= len(dropped)
        self._waiting.extendleft(reversed(kept))
        return dropped

    def mark(self, topic: str, gap_id: str) -> None:
        """The topic's next record that goes under way follows on a gap, and says so."""
        self._marks[topic] = gap_id

    def left(self, after: int = 0) -> list[Record]:
        """All that is here behind this place, in order; of the batch that it is in, all."""
        batches = (batch for batch in self._under_way if batch.first + batch.count > after)
        under_way = [record for batch in batches for record in unpack(batch.payload)]
        return under_way + [record for run in self._waiting for record in run.records[max(0, after + 1 - run.first) :]]

    def _marked(self, record: Record) -> Record:
        gap_id = None if record.event_type in KEPT else self._marks.pop(record.topic, None)
        if gap_id is None:
            return record
        return msgspec.structs.replace(record, body=record.body.replace(_NO_GAP, b'"gap_id":"%s"' % gap_id.encode(), 1))


def _fitting(records: Sequence[Record], most: int, most_bytes: int) -> int:
    """How many of them a batch takes that has room for so many, and is full with the one that passes so many bytes."""
    size = 0
    for count, record in enumerate(records[:most], start=1):
        size += len(record.body) + OVERHEAD
        if size >= most_bytes:
            return count
    return most
