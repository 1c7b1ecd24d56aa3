"""The layout of a recording's file, version 1: a page with a tally, then chunks. docs/RECORDING.md describes it for others.

page    magic, version, … tally at byte 64, … up to byte 512
chunk   head with a checksum over itself and what follows, then entries of one worker, compressed with zlib
"""

import struct
import zlib
from dataclasses import dataclass

VERSION = 1
MAGIC = b"WSGREC\r\n"
PAGE_BYTES = 512
#: magic, version.
START = struct.Struct("<8sH")
TALLY_AT = 64
#: is finished, chunks, entries, entries lost, when the first of them was lost (Unix ns), end of the last chunk, checksum.
_TALLY = struct.Struct("<BIQQQQI")
CHUNK_MAGIC = b"\xf5CHK"
#: magic, number from 1, worker, entries, when the first and the last were (Unix ns), bytes of them, bytes compressed, checksum.
CHUNK = struct.Struct("<4sI32sIQQIII")
#: A chunk holds fewer bytes of entries than this and the longest one of them.
CHUNK_BYTES = 256 << 10
#: Of zlib: frames shrink to a fifth at the least cost.
LEVEL = 1


@dataclass(slots=True)
class Tally:
    """What is in a file, by whoever wrote it. It is in a place of its own, which a full disk cannot take away.

    finished  the recorder ended in an orderly way
    lost      entries that could not be recorded, whether the file has room for marks of them or not
    end       where the last chunk ends; bytes
    """

    finished: bool = False
    chunks: int = 0
    entries: int = 0
    lost: int = 0
    lost_since_ns: int = 0
    end: int = PAGE_BYTES

    def encode(self) -> bytes:
        fields = (self.finished, self.chunks, self.entries, self.lost, self.lost_since_ns, self.end)
        return _TALLY.pack(*fields, zlib.crc32(_TALLY.pack(*fields, 0)))


def tally_in(page: bytes) -> Tally | None:
    """None: it is damaged, as a power cut may leave it."""
    finished, chunks, entries, lost, since_ns, end, checksum = _TALLY.unpack_from(page, TALLY_AT)
    found = Tally(bool(finished), chunks, entries, lost, since_ns, end)
    return found if found.encode()[-4:] == checksum.to_bytes(4, "little") else None


def first_page(tally: Tally) -> bytes:
    page = bytearray(PAGE_BYTES)
    START.pack_into(page, 0, MAGIC, VERSION)
    encoded = tally.encode()
    page[TALLY_AT : TALLY_AT + len(encoded)] = encoded
    return bytes(page)


@dataclass(frozen=True, slots=True)
class ChunkHead:
    """What a chunk says of itself."""

    number: int
    worker: str
    entries: int
    first_ns: int
    last_ns: int
    plain_bytes: int
    stored_bytes: int
    checksum: int

    def packed(self, checksum: int) -> bytes:
        """As it stands in a file; the checksum is taken over one of 0."""
        name = self.worker.encode()[:32]
        times = self.first_ns, self.last_ns
        return CHUNK.pack(CHUNK_MAGIC, self.number, name, self.entries, *times, self.plain_bytes, self.stored_bytes, checksum)

    def fits(self, stored: bytes) -> bool:
        """Whether these are the bytes that it was written with."""
        return self.checksum == zlib.crc32(stored, zlib.crc32(self.packed(0)))


def chunk(number: int, worker: str, content: bytes, *, entries: int, first_ns: int, last_ns: int) -> bytes:
    """A chunk as it stands in a file."""
    stored = zlib.compress(content, LEVEL)
    bare = ChunkHead(number, worker, entries, first_ns, last_ns, len(content), len(stored), 0)
    checksum = zlib.crc32(stored, zlib.crc32(bare.packed(0)))
    return bare.packed(checksum) + stored


def head_in(content: bytes) -> ChunkHead | None:
    """The head that these bytes begin with; None: they do not begin with one."""
    magic, number, name, entries, first_ns, last_ns, plain, stored, checksum = CHUNK.unpack_from(content)
    if magic != CHUNK_MAGIC:
        return None
    return ChunkHead(number, name.rstrip(b"\0").decode(errors="replace"), entries, first_ns, last_ns, plain, stored, checksum)
