"""The reader: a recording's file, checked from its first byte to its last before anything of it is told."""

import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from gateway.errors import RecordingDamaged
from gateway.recording.entries import LONGEST_BYTES, Entry, entries_in
from gateway.recording.layout import CHUNK, CHUNK_BYTES, MAGIC, PAGE_BYTES, START, VERSION, ChunkHead, Tally, head_in, tally_in

#: More than any chunk holds; bytes.
_MOST_BYTES = CHUNK_BYTES + 2 * LONGEST_BYTES


@dataclass(slots=True)
class Recording:
    """A file that was checked.

    lanes   worker → its chunks, each with where its compressed entries begin
    tally   what its writer said is in it; None: that is damaged
    damage  what is wrong with it and where, one sentence; None: it is whole
    """

    path: Path
    lanes: dict[str, list[tuple[int, ChunkHead]]] = field(default_factory=dict)
    tally: Tally | None = None
    damage: str | None = None
    entries: int = 0

    def of(self, worker: str) -> Iterator[Entry]:
        """Its entries, in their order. Raises RecordingDamaged where the file has changed since it was checked."""
        file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            for offset, head in self.lanes[worker]:
                yield from entries_in(_content(self.path, os.pread(file, head.stored_bytes, offset), offset, head))
        finally:
            os.close(file)


def opened(path: Path, *, lenient: bool = False, progress: Callable[[int, int], None] = lambda _done, _all: None) -> Recording:
    """Check all of a file. Raises RecordingDamaged in one sentence that says where; lenient: what is before the place is kept.

    progress  told how many bytes of how many are checked
    """
    recording = Recording(path)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        page = file.read(PAGE_BYTES)
        if len(page) < PAGE_BYTES or START.unpack_from(page)[0] != MAGIC:
            raise RecordingDamaged(f"{path}: found {page[: len(MAGIC)]!r} at byte 0; expected a recording")
        version = START.unpack_from(page)[1]
        if version != VERSION:
            raise RecordingDamaged(f"{path}: found format version {version} at byte 8; expected {VERSION}")
        recording.tally = tally_in(page)
        try:
            end = _take_chunks(recording, file, size, progress)
            _expect_whole(path, recording.tally, end)
        except RecordingDamaged as fault:
            recording.damage = str(fault)
    if recording.damage is not None and not lenient:
        raise RecordingDamaged(f"{recording.damage}; --lenient takes the {recording.entries} entries before that")
    return recording


def _take_chunks(recording: Recording, file: BinaryIO, size: int, progress: Callable[[int, int], None]) -> int:
    """All that are whole; where the last one ends. Raises RecordingDamaged at the first that is not."""
    at, number = PAGE_BYTES, 0
    while at < size:
        head = _head(recording.path, file.read(CHUNK.size), at, number + 1)
        begin = at + CHUNK.size
        stored = file.read(head.stored_bytes)
        if len(stored) < head.stored_bytes:
            raise RecordingDamaged(f"{recording.path} is cut off at byte {begin + len(stored)}, within chunk {head.number}")
        if not head.fits(stored):
            raise RecordingDamaged(f"{recording.path} is damaged at byte {at}: the checksum of chunk {head.number} does not fit")
        recording.lanes.setdefault(head.worker, []).append((begin, head))
        recording.entries += head.entries
        number, at = head.number, begin + head.stored_bytes
        progress(at, size)
    return at


def _head(path: Path, content: bytes, at: int, number: int) -> ChunkHead:
    if len(content) < CHUNK.size:
        raise RecordingDamaged(f"{path} is cut off at byte {at + len(content)}, within chunk {number}")
    head = head_in(content)
    if head is None or head.number != number or max(head.stored_bytes, head.plain_bytes) > _MOST_BYTES:
        raise RecordingDamaged(f"{path} is damaged at byte {at}: expected chunk {number} there")
    return head


def _expect_whole(path: Path, tally: Tally | None, end: int) -> None:
    """Of a file whose chunks are whole. Raises RecordingDamaged."""
    if tally is None:
        raise RecordingDamaged(f"{path} is damaged at byte 64: the checksum of its tally does not fit")
    if not tally.finished:
        raise RecordingDamaged(f"{path} ends at byte {end} without its recorder's last word: that was killed, or still writes")
    if tally.end != end:
        raise RecordingDamaged(f"{path} is cut off at byte {end}, between two chunks: its tally says {tally.end} bytes")


def _content(path: Path, stored: bytes, offset: int, head: ChunkHead) -> bytes:
    if len(stored) < head.stored_bytes or not head.fits(stored):
        raise RecordingDamaged(f"{path} was changed at byte {offset} while it was read")
    try:
        return zlib.decompress(stored)
    except zlib.error as fault:
        raise RecordingDamaged(f"{path} is damaged at byte {offset}: {fault}") from fault
