"""Segments: the files of a spool, and how a record stands in them. Damage is passed over: the next whole record goes on."""

import logging
import os
import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

#: magic, length of the payload, number, checksum of both and of the payload.
HEADER = struct.Struct("<4sIQI")
_MAGIC = b"\xf5wG\n"
_CHECKED = struct.Struct("<IQ")


@dataclass(slots=True)
class Segment:
    """One file. It holds the records from `first` to `last`; `size` is where the next one goes."""

    path: Path
    first: int
    last: int
    size: int


@dataclass(frozen=True, slots=True)
class Scanned:
    """What is in a file that somebody left.

    segment    None: no whole record
    runs       first and last number of each unbroken run of records
    bytes_cut  that belong to no whole record
    """

    segment: Segment | None
    runs: list[tuple[int, int]]
    bytes_cut: int


def encode(number: int, payload: bytes) -> bytes:
    """A record as it stands in a file."""
    checksum = zlib.crc32(payload, zlib.crc32(_CHECKED.pack(len(payload), number)))
    return HEADER.pack(_MAGIC, len(payload), number, checksum) + payload


def scan(path: Path) -> Scanned:
    """Read a whole file, and cut off what follows its last whole record. One that cannot be read counts as empty: a spool must start."""
    try:
        content = path.read_bytes()
    except OSError as fault:
        log.warning("spool file_unreadable path=%s reason=%s", path, fault)
        return Scanned(None, [], 0)
    runs: list[tuple[int, int]] = []
    last = offset = good = 0
    while (found := _next(content, offset, above=last)) is not None:
        start, number, offset = found
        if runs and number == last + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
        last = number
        good += offset - start
    with suppress(OSError):
        if not runs:
            path.unlink()
        elif offset < len(content):
            os.truncate(path, offset)
    return Scanned(Segment(path, runs[0][0], last, offset) if runs else None, runs, len(content) - good)


def read(segment: Segment, after: int, offset: int, most_bytes: int) -> tuple[list[tuple[int, bytes]], int]:
    """Records of a file that follow a number, from an offset at or before them: at least one if there is one; and where they end."""
    found: list[tuple[int, bytes]] = []
    wanted, end = most_bytes, 0
    file = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while not found and offset < segment.size:
            content = os.pread(file, min(wanted, segment.size - offset), offset)
            end = 0
            while (record := _next(content, end, above=after)) is not None:
                start, number, end = record
                found.append((number, content[start + HEADER.size : end]))
                after = number
            if not found:
                if len(content) < wanted:
                    break  # no more of it is whole
                wanted *= 4  # a record longer than that, or records at or before `after`
        return found, offset + end
    finally:
        os.close(file)


def _next(content: bytes, offset: int, *, above: int) -> tuple[int, int, int] | None:
    """The next whole record at or behind an offset whose number is above another: its start, number and end."""
    while (start := content.find(_MAGIC, offset)) >= 0:
        if start + HEADER.size <= len(content):
            _, length, number, checksum = HEADER.unpack_from(content, start)
            end = start + HEADER.size + length
            if (
                end <= len(content)
                and zlib.crc32(content[start + HEADER.size : end], zlib.crc32(_CHECKED.pack(length, number))) == checksum
            ):
                if number > above:
                    return start, number, end
                offset = end
                continue
        offset = start + 1
    return None
