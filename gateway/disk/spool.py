"""SPOOL: records on disk that are not yet someone else's responsibility: a lane's spool, a worker's journal.

    append ─▶ 00…001.log  00…412.log  00…833.log ─▶ read        whole segments are deleted once all of it is released
              ▲ released: the number up to which others have it, in a file of its own

A record survives `kill -9` as soon as `append` returns, and a loss of power once `sync` has run. A record is
[magic, length, number, checksum][payload]; whatever a crash leaves behind a segment's last whole record is cut off when it is opened.
"""

import logging
import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.disk import segments
from gateway.disk.mark import ReleasedMark
from gateway.disk.segments import HEADER, LONGEST_BYTES, Segment
from gateway.errors import SpoolFull

log = logging.getLogger(__name__)

#: Between two calls of `sync`; seconds. A loss of power costs at most what came within it.
SYNC_S = 0.5
#: A new file begins beyond this; bytes.
SEGMENT_BYTES = 16 << 20
#: A file whose records are all released is kept for the next ones until it is so large; bytes. Making a file costs more than a record.
KEPT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Repair:
    """What was found when a spool was opened.

    records       that wait
    lost          that were appended and are damaged or missing: holes in the numbers; of a file that cannot be read the most it can hold
    bytes_cut     that were no whole record: what a crash left behind, or damage
    bytes_behind  those of them behind the newest record: it is unknown whether they were one
    """

    records: int
    lost: int
    bytes_cut: int
    bytes_behind: int = 0


class Spool:
    """Numbered 1, 2, 3 … for ever. Used by one thread; `sync` may come from another.

    What is damaged is passed over: a hole in the numbers that are read.

    released  the number up to which all records are someone else's
    last      the number of the newest record
    """

    def __init__(self, folder: Path, *, max_bytes: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._segment_bytes = min(segment_bytes, max_bytes // 8)  # room comes back file by file
        self._segments: list[Segment] = []  # oldest first; the last one is written to, while it is open
        self._file: int | None = None  # of the last segment
        self._mark = ReleasedMark(folder)
        self._torn = False  # bytes of a failed append stand behind the last record
        self._cursor = (0, 0)  # where `read` stopped: record number, and the offset behind it in its segment
        self._lock = threading.Lock()  # of the descriptors that `sync` uses
        self._unsynced = False
        self.released = 0
        self.last = 0

    def open(self) -> Repair:
        """Take up what an earlier process left. Always succeeds: what is damaged is passed over and counted."""
        self.close()
        found, cannot_hold = [], 0
        for path in (paths := segments.paths(self._folder)):
            try:
                found.append(segments.scan(path))
            except OSError as fault:
                cannot_hold = segments.first_of(path) + segments.most_in(path)
                segments.set_aside(path, fault)
        firsts = [segments.first_of(path) for path in paths]
        mark = self._mark.read()
        self.released = mark if mark is not None else min(firsts, default=1) - 1
        self._segments = [scanned.segment for scanned in found if scanned.segment is not None]
        runs = [numbers for scanned in found for numbers in scanned.runs]
        made = firsts[-1] - 1 if firsts else 0  # a file is made for the number that comes next
        self.last = max(self.released, made, *(last for _, last in runs), cannot_hold - 1)
        whole = sum(max(0, last - max(first - 1, self.released)) for first, last in runs)
        self._delete_released(keep=0)
        cut, behind = sum(scanned.bytes_cut for scanned in found), found[-1].bytes_behind if found else 0
        repair = Repair(whole, self.waiting - whole, cut, behind)
        if repair.lost or cut:
            log.warning("spool repaired folder=%s waiting=%d lost=%d bytes_cut=%d", self._folder, self.waiting, repair.lost, cut)
        return repair

    @property
    def waiting(self) -> int:
        """Records that are not released, those that are damaged among them."""
        return self.last - self.released

    @property
    def newest(self) -> int:
        """The newest record that is whole; `last` may have been damaged. 0: none is there."""
        return self._segments[-1].last if self._segments else 0

    @property
    def size_bytes(self) -> int:
        """On disk; 0 when nothing waits."""
        return sum(segment.size for segment in self._segments) if self.waiting else 0

    def append(self, payload: bytes) -> int:
        """Keep a record; its number. Raises SpoolFull when the bound is reached or the disk refuses; nothing of it is kept then."""
        size = HEADER.size + len(payload)
        if len(payload) > LONGEST_BYTES:
            raise SpoolFull(f"{self._folder}: a record of {len(payload)} bytes; expected at most {LONGEST_BYTES}")
        if self._is_over(size):
            self._delete_released(keep=0)
        if self._is_over(size):
            raise SpoolFull(f"{self._folder} is full: {self.size_bytes} of {self._max_bytes} bytes wait")
        try:
            try:
                return self._append(payload, size)
            except OSError:
                if self.waiting or not self._segments:
                    raise
                self._delete_released(keep=0)  # the room that is missing is what nobody waits for any more
                return self._append(payload, size)
        except OSError as fault:
            raise SpoolFull(f"{self._folder} cannot be written: {fault.strerror or fault}") from fault

    def read(self, after: int, *, most_bytes: int = 1 << 20) -> list[tuple[int, bytes]]:
        """The records that follow a number, oldest first: at least one, if there is one, and about `most_bytes` of them.

        Raises SpoolFull where the disk refuses.
        """
        found: list[tuple[int, bytes]] = []
        for segment in self._segments:
            if segment.last <= after:
                continue
            number, offset = self._cursor
            start = offset if number == after and segment.first <= number else 0
            try:
                part, end = segments.read(segment, after, start, most_bytes)
            except OSError as fault:
                raise SpoolFull(f"{segment.path} cannot be read: {fault.strerror or fault}") from fault
            if part:
                found += part
                self._cursor = (part[-1][0], end)
                return found
        if after < self.last:
            self._leave_file()  # its end is damaged: it goes whole once all of it is released, and is not found again
        return found

    def set_aside(self, after: int) -> None:
        """Give up the file in which the records stand that follow a number: it cannot be read."""
        segment = next((segment for segment in self._segments if segment.last > after), None)
        if segment is not None:
            if segment is self._segments[-1]:
                self._leave_file()
            self._segments.remove(segment)
            segments.set_aside(segment.path, "the disk refuses for too long")

    def release(self, number: int) -> None:
        """All up to this number are someone else's now."""
        if number <= self.released:
            return
        self.released = min(number, self.last)
        self._mark.write(self.released)
        self._delete_released(keep=KEPT_BYTES)

    def sync(self) -> None:
        """Have the disk itself keep what was appended. Any thread."""
        try:
            with self._lock:
                if not self._unsynced or self._file is None:
                    return
                file = os.dup(self._file)
                self._unsynced = False
            try:
                os.fdatasync(file)
            finally:
                os.close(file)
        except OSError as fault:
            self._unsynced = True
            log.warning("spool not_synced folder=%s reason=%s", self._folder, fault)

    def close(self) -> None:
        """Let go of the files; an empty spool leaves none but the mark."""
        if self._file is not None:
            self.sync()
            self._delete_released(keep=0)
        with self._lock:
            if self._file is not None:
                os.close(self._file)
            self._file = None
        self._mark.close()
        self._segments.clear()
        self._cursor = (0, 0)

    def _append(self, payload: bytes, size: int) -> int:
        number = self.last + 1
        file, segment = self._room(number, size)
        self._write(file, segment, segments.encode(number, payload))
        segment.last = self.last = number
        self._unsynced = True
        return number

    def _is_over(self, size: int) -> bool:
        return sum(segment.size for segment in self._segments) + size > self._max_bytes

    def _room(self, number: int, size: int) -> tuple[int, Segment]:
        """The file that takes the next record, made when there is none or it would grow too large. Raises OSError."""
        if self._file is not None and self._segments and self._segments[-1].size + size <= self._segment_bytes:
            return self._file, self._segments[-1]
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        segment = Segment(self._folder / segments.name(number), number, number - 1, 0)
        file = os.open(segment.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._leave_file()
        with self._lock:
            self._file = file
        if self._segments and self._segments[-1].path == segment.path:
            self._segments.pop()  # it was made and never written
        self._segments.append(segment)
        self._torn = False
        _sync_folder(self._folder)
        return file, segment

    def _leave_file(self) -> None:
        """The last segment is complete."""
        self.sync()
        with self._lock:
            if self._file is not None:
                os.close(self._file)
            self._file = None

    def _write(self, file: int, segment: Segment, record: bytes) -> None:
        if self._torn:
            os.ftruncate(file, segment.size)
            self._torn = False
        written = 0
        try:
            while written < len(record):
                written += os.pwrite(file, record[written:], segment.size + written)
        except OSError:
            self._torn = True
            with suppress(OSError):
                os.ftruncate(file, segment.size)
                self._torn = False
            raise
        segment.size += len(record)

    def _delete_released(self, *, keep: int) -> None:
        """Files of which nothing waits; the one that is written to only when it is large."""
        while self._segments and self._segments[0].last <= self.released:
            self._mark.sync()
            is_written = len(self._segments) == 1 and self._file is not None
            if is_written and self._segments[0].size <= keep:
                return
            if is_written:
                self._leave_file()
            _delete(self._segments.pop(0).path)


class Syncer(threading.Thread):
    """Syncs spools every `SYNC_S`, so that no other thread waits for the disk."""

    def __init__(self, spools: Iterable[Spool], *, every_s: float = SYNC_S) -> None:
        super().__init__(name="syncer", daemon=True)
        self._spools = tuple(spools)
        self._every_s = every_s
        self._stopped = threading.Event()

    def stop(self) -> None:
        """A sync that hangs on its disk ends with the process. It may never have been started: who stands by has no spool open."""
        self._stopped.set()
        if self.ident is not None:
            self.join(1.0)

    def run(self) -> None:
        while not self._stopped.wait(self._every_s):
            for spool in self._spools:
                spool.sync()


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as fault:
        log.warning("spool file_not_deleted path=%s reason=%s", path, fault)


def _sync_folder(folder: Path) -> None:
    """The name of a new file outlives a loss of power too."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
