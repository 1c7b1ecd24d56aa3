"""The journal: what a worker read or told and its router does not have yet, on disk.

frame ─▶ keep_frame ─▶ spool          router has all records up to a place ─▶ settle ─▶ released
system event ─▶ keep_records ─▶ spool          next run: left ─▶ the same frames and records again
"""

import logging
import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from gateway.disk.spool import Repair, Spool
from gateway.errors import SpoolFull
from gateway.models import Record
from gateway.wire import pack, unpack

log = logging.getLogger(__name__)

_FRAME, _RECORDS = b"F", b"R"
_RECEIVED = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """A text of the exchange as it came. received_ns: Unix nanoseconds."""

    received_ns: int
    text: bytes


@dataclass(frozen=True, slots=True)
class KeptRecords:
    """Records as they were made."""

    records: Sequence[Record]


Kept = KeptFrame | KeptRecords


class Journal:
    """Used by the worker's main thread alone. Records have places in the outbox (`gateway/bus/outbox.py`).

    error        why the newest entry was not kept, in words; None: it was
    is_withheld  frames that were kept wait to be read, so nothing that is handed on counts until they are
    """

    def __init__(self, spool: Spool | None = None) -> None:
        """Without a spool nothing is kept."""
        self._spool = spool
        self._replayed = 0  # of what an earlier run left, handed on up to this number
        self._left_until = 0  # the last number of what it left
        self._handed: deque[tuple[int, int]] = (
            deque()
        )  # (place of the last record, number of the last entry that is in it or before)
        self.error: str | None = None
        self.is_withheld = False

    def open(self) -> Repair:
        """Take up what an earlier run left; `left` tells it."""
        if self._spool is None:
            return Repair(0, 0, 0)
        found = self._spool.open()
        self.take_up()
        return found

    def take_up(self) -> None:
        """The same of a spool that is open."""
        if self._spool is not None:
            self._replayed, self._left_until = self._spool.released, self._spool.last

    @property
    def messages(self) -> int:
        return self._spool.waiting if self._spool is not None else 0

    @property
    def size_bytes(self) -> int:
        return self._spool.size_bytes if self._spool is not None else 0

    def keep_frame(self, received_ns: int, text: bytes) -> bool:
        """Whether it is on disk; if not, `error` says why."""
        return self._keep(_FRAME + _RECEIVED.pack(received_ns) + text)

    def keep_records(self, records: Sequence[Record]) -> bool:
        """The same of records."""
        return self._keep(_RECORDS + pack(records))

    def handed(self, place: int) -> None:
        """All that was kept so far, or was told by `left`, is in records up to this place."""
        number = self._position
        if not self.is_withheld and (not self._handed or self._handed[-1][1] < number):
            self._handed.append((place, number))

    def settle(self, place: int) -> None:
        """The router has all records up to this place."""
        number = 0
        while self._handed and self._handed[0][0] <= place:
            number = self._handed.popleft()[1]
        if number and self._spool is not None:
            self._spool.release(number)

    def left(self, most_bytes: int) -> list[Kept] | None:
        """The next entries that an earlier run left, about so many bytes; none: that was all; None: the disk does not give them now."""
        found: list[Kept] = []
        while not found and self._spool is not None and self._replayed < self._left_until:
            try:
                entries = self._spool.read(self._replayed, most_bytes=most_bytes)
            except SpoolFull as fault:
                self.error = str(fault)
                return None
            self.error = None
            ours = [(number, payload) for number, payload in entries if number <= self._left_until]
            found = [kept for number, payload in ours for kept in _read(payload, number)]
            self._replayed = ours[-1][0] if ours else self._left_until  # what is damaged was counted when it was opened
        return found

    def close(self) -> None:
        if self._spool is not None:
            self._spool.close()

    @property
    def _position(self) -> int:
        if self._spool is None:
            return 0
        return self._replayed if self._replayed < self._left_until else self._spool.last

    def _keep(self, entry: bytes) -> bool:
        if self._spool is None:
            return True
        try:
            self._spool.append(entry)
        except SpoolFull as fault:
            self.error = str(fault)
            return False
        self.error = None
        return True


def _read(payload: bytes, number: int) -> list[Kept]:
    kind, rest = payload[:1], payload[1:]
    if kind == _FRAME and len(rest) >= _RECEIVED.size:
        return [KeptFrame(_RECEIVED.unpack_from(rest)[0], rest[_RECEIVED.size :])]
    try:
        if kind == _RECORDS:
            return [KeptRecords(unpack(rest))]
    except (msgspec.DecodeError, msgspec.ValidationError) as fault:
        log.warning("journal entry_unreadable number=%d reason=%s", number, fault)
        return []
    log.warning("journal entry_unknown number=%d kind=%s", number, kind.hex())
    return []
