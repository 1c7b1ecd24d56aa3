"""SPOOL: records on disk that are not yet someone else's responsibility: a lane's spool, a worker's journal.

    append ─▶ 00…001.log  00…412.log  00…833.log ─▶ read        whole segments are deleted once all of it is released
              ▲ released: the number up to which others have it, in a file of its own

A record survives `kill -9` as soon as `append` returns, and a loss of power once `sync` has run. A record is
[magic, length, number, checksum][payload]; whatever a crash leaves behind a segment's last whole record is cut off when it is opened.
"""

import errno
import logging
import os
import struct
import threading
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateway import segments
from gateway.errors import SpoolFull
from gateway.segments import HEADER, Segment

log = logging.getLogger(__name__)

#: Between two calls of `sync`; seconds. A loss of power costs at most what came within it.
SYNC_S = 0.5
#: A new file begins beyond this; bytes.
SEGMENT_BYTES = 16 << 20
#: A file whose records are all released is kept for the next ones until it is so large; bytes. Making a file costs more than a record.
KEPT_BYTES = 1 << 20
#: The longest record; bytes.
LONGEST_BYTES = 64 << 20

_RELEASED = struct.Struct("<QI")


@dataclass(frozen=True, slots=True)
class Repair:
    """What was found when a spool was opened.

    records    that wait
    lost       that were appended and are damaged or missing: holes in the numbers
    bytes_cut  that were no whole record: what a crash left behind
    """

    records: int
    lost: int
    bytes_cut: int


class Spool:
    """Numbered 1, 2, 3 … for ever. Used by one thread; `sync` may come from another.

    What turns out to be unreadable only when it is read is logged and passed over.

    released  the number up to which all records are someone else's
    last      the number of the newest record
    """

    def __init__(self, folder: Path, *, max_bytes: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._segment_bytes = min(segment_bytes, max_bytes // 8)  # room comes back file by file
        self._segments: list[Segment] = []  # oldest first; the last one is written to, while it is open
        self._file: int | None = None  # of the last segment
        self._mark: int | None = None  # of the file `released`
        self._torn = False  # bytes of a failed append stand behind the last record
        self._cursor = (0, 0)  # where `read` stopped: record number, and the offset behind it in its segment
        self._lock = threading.Lock()  # of the descriptors that `sync` uses
        self._unsynced = False
        self.released = 0
        self.last = 0

    def open(self) -> Repair:
        """Take up what an earlier process left. Always succeeds: what is damaged is passed over and counted."""
        self.close()
        self.released = self._read_mark()
        scanned = [segments.scan(path) for path in sorted(self._folder.glob("*.log"))]
        self._segments = [found.segment for found in scanned if found.segment is not None]
        known = [numbers for found in scanned for numbers in found.runs]
        ends = [self.released, *(last for _, last in known)]
        lost = sum(max(0, first - 1 - max(end, self.released)) for end, (first, _) in zip(ends, known, strict=False))
        self.last = max(ends)
        self._delete_released(keep=0)
        cut = sum(found.bytes_cut for found in scanned)
        if lost or cut:
            log.warning("spool repaired folder=%s waiting=%d lost=%d bytes_cut=%d", self._folder, self.waiting, lost, cut)
        return Repair(self.waiting - lost, lost, cut)

    @property
    def waiting(self) -> int:
        """Records that are not released, those that are damaged among them."""
        return self.last - self.released

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
        """The records that follow a number, oldest first: at least one, if there is one, and about `most_bytes` of them."""
        found: list[tuple[int, bytes]] = []
        for segment in self._segments:
            if segment.last <= after:
                continue
            number, offset = self._cursor
            start = offset if number == after and segment.first <= number else 0
            part, end = segments.read(segment, after, start, most_bytes)
            if part:
                found += part
                self._cursor = (part[-1][0], end)
                return found
        if after == self.released < self.last:
            log.error("spool unreadable folder=%s records=%d", self._folder, self.waiting)
            self.release(self.last)
        return found

    def release(self, number: int) -> None:
        """All up to this number are someone else's now."""
        if number <= self.released:
            return
        self.released = min(number, self.last)
        self._write_mark()
        self._delete_released(keep=KEPT_BYTES)

    def sync(self) -> None:
        """Have the disk itself keep what was appended. Any thread."""
        with self._lock:
            if not self._unsynced or self._file is None:
                return
            self._unsynced = False
            file = os.dup(self._file)
        try:
            os.fdatasync(file)
        except OSError as fault:
            self._unsynced = True
            log.warning("spool not_synced folder=%s reason=%s", self._folder, fault)
        finally:
            os.close(file)

    def close(self) -> None:
        """Let go of the files; an empty spool leaves none but the mark."""
        if self._file is not None:
            self.sync()
            self._delete_released(keep=0)
        with self._lock:
            for file in (self._file, self._mark):
                if file is not None:
                    os.close(file)
            self._file = self._mark = None
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
        segment = Segment(self._folder / f"{number:020d}.log", number, number - 1, 0)
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
            is_written = len(self._segments) == 1 and self._file is not None
            if is_written and self._segments[0].size <= keep:
                return
            if is_written:
                self._leave_file()
            _delete(self._segments.pop(0).path)

    def _read_mark(self) -> int:
        try:
            number, checksum = _RELEASED.unpack((self._folder / "released").read_bytes())
        except (OSError, struct.error):
            return 0
        return int(number) if zlib.crc32(number.to_bytes(8, "little")) == checksum else 0

    def _write_mark(self) -> None:
        """Losing it costs repeats, never a record. It is written in place, so a full disk does not hinder it."""
        mark = _RELEASED.pack(self.released, zlib.crc32(self.released.to_bytes(8, "little")))
        try:
            if self._mark is None:
                self._mark = os.open(self._folder / "released", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.pwrite(self._mark, mark, 0)
        except OSError as fault:
            if fault.errno != errno.ENOSPC:
                log.warning("spool mark_not_written folder=%s reason=%s", self._folder, fault)


class Syncer(threading.Thread):
    """Syncs spools every `SYNC_S`, so that no other thread waits for the disk."""

    def __init__(self, spools: Iterable[Spool], *, every_s: float = SYNC_S) -> None:
        super().__init__(name="syncer", daemon=True)
        self._spools = tuple(spools)
        self._every_s = every_s
        self._stopped = threading.Event()

    def stop(self) -> None:
        """It may never have been started: of a process that stands by, nobody's spool is open."""
        self._stopped.set()
        if self.ident is not None:
            self.join()

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
