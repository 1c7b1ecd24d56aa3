"""Entries: what happened on a worker's connection, one after another; the same bytes on the recorder's socket and in a file."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import msgspec

from gateway.errors import RecordingDamaged

#: length of the data, kind, when (Unix nanoseconds), connection.
HEAD = struct.Struct("<IBQI")
#: The longest data; bytes. A worker takes no longer message.
LONGEST_BYTES = 32 << 20


class Kind(IntEnum):
    """What happened, and what the data is.

    ATTACHED  the recorder began to listen to the worker: JSON of `About`
    OPENED    a connection was made
    RECEIVED  a text message of the exchange, byte by byte
    SENT      a text message of ours; of a login neither key nor signature
    CLOSED    the connection ended: why, in words
    LOST      so many entries could not be recorded since then: JSON of `Lost`
    DETACHED  the worker ended, or its socket did: why, in words
    """

    ATTACHED = 1
    OPENED = 2
    RECEIVED = 3
    SENT = 4
    CLOSED = 5
    LOST = 6
    DETACHED = 7


_KINDS = {kind.value: kind for kind in Kind}


class About(msgspec.Struct):
    """Who is recorded.

    epoch   names the run of the process
    topics  that the exchange had acknowledged by then
    """

    worker: str
    endpoint: str
    epoch: str
    topics: list[str]


class Lost(msgspec.Struct):
    """What is missing here. since_ns: of the first entry that is, Unix nanoseconds."""

    count: int
    since_ns: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened.

    at_ns       Unix nanoseconds; of a received text, when it left the socket
    connection  counts the connections of the process's run; 0: none was open
    """

    kind: Kind
    at_ns: int
    connection: int
    data: bytes


def encode(kind: Kind, at_ns: int, connection: int, data: bytes = b"") -> bytes:
    return HEAD.pack(len(data), kind, at_ns, connection) + data


def lost(count: int, since_ns: int, at_ns: int) -> bytes:
    """The mark of what could not be recorded."""
    return encode(Kind.LOST, at_ns, 0, msgspec.json.encode(Lost(count, since_ns)))


def whole_bytes(content: bytes | bytearray) -> tuple[int, int]:
    """How many of these bytes are whole entries, and how many entries that are. Raises RecordingDamaged for what is none."""
    offset = count = 0
    while offset + HEAD.size <= len(content):
        length, kind, _, _ = HEAD.unpack_from(content, offset)
        if length > LONGEST_BYTES or kind not in _KINDS:
            raise RecordingDamaged(f"found an entry of kind {kind} and {length} bytes; expected a known kind and fewer bytes")
        if offset + HEAD.size + length > len(content):
            break
        offset += HEAD.size + length
        count += 1
    return offset, count


def entries_in(content: bytes) -> Iterator[Entry]:
    """The entries of bytes that hold nothing else. Raises RecordingDamaged."""
    size, _ = whole_bytes(content)
    if size != len(content):
        raise RecordingDamaged(f"found {len(content) - size} bytes behind the last entry; expected none")
    offset = 0
    while offset < size:
        length, kind, at_ns, connection = HEAD.unpack_from(content, offset)
        offset += HEAD.size + length
        yield Entry(_KINDS[kind], at_ns, connection, content[offset - length : offset])
