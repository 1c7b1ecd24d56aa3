"""The writer: entries into a file, chunk by chunk. A disk that takes nothing costs entries, which are counted, and nothing else."""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from gateway.errors import RequestError
from gateway.recording import entries
from gateway.recording.entries import HEAD, Kind, Lost
from gateway.recording.layout import CHUNK_BYTES, TALLY_AT, Tally, chunk, first_page


@dataclass(slots=True)
class _Lane:
    """Of one worker: what is not in the file yet, and what never will be."""

    content: bytearray
    entries: int = 0
    lost: int = 0
    lost_since_ns: int = 0


class Writer:
    """Of one file, which must not exist.

    tally    what is in it by now
    trouble  why the disk took nothing when it was asked last; None: it took all
    """

    def __init__(self, path: Path) -> None:
        """Raises RequestError where it exists, OSError where it cannot be made."""
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError as fault:
            raise RequestError(f"found {path}; expected a file that is not there yet") from fault
        self.tally = Tally()
        self.trouble: str | None = None
        self._lanes: dict[str, _Lane] = {}
        try:
            _write(self._file, first_page(self.tally), 0)
        except OSError:
            os.close(self._file)
            path.unlink()
            raise

    def add(self, worker: str, content: bytes | bytearray, count: int) -> None:
        """Whole entries of a worker."""
        lane = self._lanes.setdefault(worker, _Lane(bytearray()))
        lane.content += content
        lane.entries += count
        if len(lane.content) >= CHUNK_BYTES:
            self._put(worker, lane)

    def flush(self) -> None:
        """Whatever waits goes into the file."""
        for worker, lane in self._lanes.items():
            if lane.entries:
                self._put(worker, lane)

    def close(self) -> None:
        """The recording is whole: what waits is in it, and so is the tally."""
        self.flush()
        self.tally.finished = True
        self._put_tally()
        os.fsync(self._file)
        os.close(self._file)

    def _put(self, worker: str, lane: _Lane) -> None:
        content, count = bytes(lane.content), lane.entries
        lane.content.clear()
        lane.entries = 0
        first_ns, last_ns, unheard = _looked_through(content)
        if unheard:
            self._lose(unheard, first_ns)
        marks = 0
        if lane.lost:
            content, marks = entries.lost(lane.lost, lane.lost_since_ns, first_ns) + content, 1
        number, tally = self.tally.chunks + 1, self.tally
        whole = chunk(number, worker, content, entries=count + marks, first_ns=first_ns, last_ns=last_ns)
        try:
            _write(self._file, whole, tally.end)
        except OSError as fault:
            self.trouble = fault.strerror or str(fault)
            os.ftruncate(self._file, tally.end)  # half a chunk would be damage
            lane.lost_since_ns = lane.lost_since_ns if lane.lost else first_ns
            lane.lost += count + unheard
            self._lose(count, first_ns)
        else:
            self.trouble = None
            lane.lost = 0
            tally.chunks, tally.entries, tally.end = number, tally.entries + count + marks, tally.end + len(whole)
        self._put_tally()

    def _lose(self, count: int, since_ns: int) -> None:
        self.tally.lost_since_ns = self.tally.lost_since_ns if self.tally.lost else since_ns
        self.tally.lost += count

    def _put_tally(self) -> None:
        """Over its older self: that takes no new room, but where the file system copies what it writes over."""
        try:
            os.pwrite(self._file, self.tally.encode(), TALLY_AT)
        except OSError as fault:
            self.trouble = fault.strerror or str(fault)


def _looked_through(content: bytes) -> tuple[int, int, int]:
    """When the first and the last of these entries were, and how many their marks say could not be heard."""
    first_ns = last_ns = HEAD.unpack_from(content)[2]
    offset = unheard = 0
    while offset < len(content):
        length, kind, last_ns, _ = HEAD.unpack_from(content, offset)
        offset += HEAD.size + length
        if kind == Kind.LOST:
            unheard += msgspec.json.decode(content[offset - length : offset], type=Lost).count
    return first_ns, last_ns, unheard


def _write(file: int, content: bytes, offset: int) -> None:
    """All of it. Raises OSError, having written any part of it."""
    done = 0
    while done < len(content):
        done += os.pwrite(file, content[done:], offset + done)
