"""Segments: the files of a spool, and how a record stands in them. Damage is passed over: the next whole record goes on."""

import logging
import os
import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

#: At the end of the name of a file that cannot be read. It is kept for a person to look at.
ASIDE = ".unreadable"

#: magic, length of the payload, number, checksum of both and of the payload.
HEADER = struct.Struct("<4sIQI")
_MAGIC = b"\xf5wG\n"
_CHECKED = struct.Struct("<IQ")
#: The longest record; bytes.
LONGEST_BYTES = 64 << 20


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
    bytes_cut  that belong to no whole record; bytes_behind: those of them behind the last one
    """

    segment: Segment | None
    runs: list[tuple[int, int]]
    bytes_cut: int
    bytes_behind: int


def name(number: int) -> str:
    """Of a file, by the first record that it is made for."""
    return f"{number:020d}.log"


def paths(folder: Path) -> list[Path]:
    """All files, oldest first."""
    return sorted(folder.glob(f"{'[0-9]' * 20}.log"))


def first_of(path: Path) -> int:
    """The number of the record that a file was made for. All older ones had been given to others."""
    return int(path.stem)


def most_in(path: Path) -> int:
    """How many records a file can hold at most, which cannot be read; so many numbers are not given again."""
    try:
        return path.stat().st_size // HEADER.size + 1
    except OSError:
        return LONGEST_BYTES // HEADER.size


def set_aside(path: Path, reason: object) -> None:
    """Keep a file that cannot be read out of the way, for a person to look at."""
    log.error("spool file_unreadable path=%s reason=%s: it is kept as *%s", path, reason, ASIDE)
    with suppress(OSError):
        path.rename(path.with_suffix(ASIDE))


def encode(number: int, payload: bytes) -> bytes:
    """A record as it stands in a file."""
    checksum = zlib.crc32(payload, zlib.crc32(_CHECKED.pack(len(payload), number)))
    return HEADER.pack(_MAGIC, len(payload), number, checksum) + payload


def scan(path: Path) -> Scanned:
    """Read a whole file, and cut off what follows its last whole record. Raises OSError where it cannot be read."""
    content = path.read_bytes()
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
    return Scanned(Segment(path, runs[0][0], last, offset) if runs else None, runs, len(content) - good, len(content) - offset)


def read(segment: Segment, after: int, offset: int, most_bytes: int) -> tuple[list[tuple[int, bytes]], int]:
    """Records of a file that follow a number, from an offset at or before them: at least one if there is one; and where they end.

    Raises OSError.
    """
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
