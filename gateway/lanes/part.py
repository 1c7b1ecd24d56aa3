"""A part of a batch: the records of it that one lane wants, in memory and as they stand in the lane's spool."""

import logging
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from gateway.disk.spool import Spool
from gateway.errors import SpoolFull
from gateway.models import Record
from gateway.wire import pack, unpack

log = logging.getLogger(__name__)

#: In front of each part in a spool: how many records were ever kept, those of the part among them. So the spool's two ends tell how
#: many wait in between.
_TOTAL = struct.Struct("<Q")


@dataclass(slots=True, eq=False)
class Ticket:
    """One batch of one worker, on its way through the lanes.

    peer, number  of the batch on the bus
    left          lanes that are responsible for records of it and hold them in memory alone; counted by the router
    """

    peer: bytes
    number: int
    left: int = 0


@dataclass(slots=True, eq=False)
class Part:
    """Records that stay together.

    count, size_bytes  of the records
    records            none once they are in the spool
    ticket             None once it has come back
    number             in the spool; 0: in memory only
    total              records ever kept in the spool, up to and with this part
    newest_ns          when the newest of them was received; Unix nanoseconds
    came_ms            when the router got them; Unix milliseconds
    given_at           when the carrier got them; monotonic seconds
    """

    count: int
    size_bytes: int
    records: Sequence[Record]
    ticket: Ticket | None = None
    number: int = 0
    total: int = 0
    newest_ns: int | None = None
    came_ms: int = 0
    given_at: float = 0.0


def of(ticket: Ticket, records: Sequence[Record]) -> Part:
    size_bytes = sum(len(record.body) for record in records)
    return Part(len(records), size_bytes, records, ticket, newest_ns=newest_ns(records), came_ms=time.time_ns() // 1_000_000)


def newest_ns(records: Sequence[Record]) -> int | None:
    return records[-1].received_ns if records else None


def encode(records: Sequence[Record], total: int) -> bytes:
    """A part as it stands in a spool."""
    return _TOTAL.pack(total) + pack(records)


def decode(payload: bytes) -> tuple[list[Record], int] | None:
    """Records and total; None, and an error in the log, where a version wrote them that this one does not understand."""
    try:
        return unpack(payload[_TOTAL.size :]), int(_TOTAL.unpack_from(payload)[0])
    except (msgspec.DecodeError, msgspec.ValidationError, struct.error) as fault:
        reason = str(fault)
    log.error("spool part_unreadable bytes=%d reason=%s", len(payload), reason)
    return None


def behind(spool: Spool, number: int) -> tuple[int, list[Record], int] | None:
    """The next part of a spool behind a number, as number, records and total; None: there is none, or it cannot be read now."""
    try:
        found = spool.read(number, most_bytes=1)
    except SpoolFull:
        return None  # whoever carries it over says so
    part = decode(found[0][1]) if found else None
    return (found[0][0], *part) if part is not None else None
