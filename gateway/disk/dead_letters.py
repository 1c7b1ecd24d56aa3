"""Dead letters: what could not be read, kept as it came, in a file that stays small. One file a process, one JSON line a letter.

var/dead_letters/NAME.jsonl, and NAME.1.jsonl with older ones: when the first is full, the second is replaced by it.

What PostgreSQL could not take is a row of its table `dead_letters` besides, unless it refuses that too.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec

from gateway.database.db import Connection, execute_values, transaction
from gateway.database.statements import query
from gateway.models import Json
from gateway.wire import event_id, iso_us

log = logging.getLogger(__name__)

#: Of one file; there are two.
MOST_BYTES = 8 << 20
#: Of one letter's record; what is longer is cut, as text.
LONGEST_BYTES = 64 << 10


#: Takes what cannot be stored: the reason, what it is of, and its trace id.
Reject: TypeAlias = Callable[[str, Json, str], None]


@dataclass(frozen=True, slots=True)
class Letter:
    """What could not be stored, and why."""

    topic: str
    reason: str
    record: Json
    trace_id: str


class DeadLetters:
    """For one thread.

    kept    letters written since the start
    lost    letters that found no room on the disk
    """

    def __init__(self, var_dir: Path, name: str, *, most_bytes: int = MOST_BYTES) -> None:
        self._path = var_dir / "dead_letters" / f"{name}.jsonl"
        self._older = self._path.with_suffix(".1.jsonl")
        self._most_bytes = most_bytes
        self._trouble = False
        self.kept = 0
        self.lost = 0

    def add(self, *, topic: str, reason: str, record: Json, trace_id: str, received_ns: int) -> None:
        """Keep one. Never raises: a full disk costs the letter, which is counted, and one line in the log."""
        written = line(topic, reason, record, trace_id, received_ns)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.exists() and self._path.stat().st_size + len(written) > self._most_bytes:
                self._path.replace(self._older)
            with self._path.open("ab", buffering=0) as file:
                file.write(written)
        except OSError as fault:
            self.lost += 1
            if not self._trouble:
                self._trouble = True
                log.warning("dead_letters not_kept path=%s reason=%s", self._path, fault)
            return
        self._trouble = False
        self.kept += 1


def line(topic: str, reason: str, record: Json, trace_id: str, received_ns: int) -> bytes:
    """One letter as it stands in the file."""
    letter = {"received_at": iso_us(received_ns), "topic": topic, "reason": reason, "trace_id": trace_id or None}
    encoded = msgspec.json.encode(record)
    if b"\n" in encoded or b"\r" in encoded:  # between its words: a letter is one line
        encoded = encoded.replace(b"\r", b" ").replace(b"\n", b" ")
    kept = msgspec.Raw(encoded) if len(encoded) <= LONGEST_BYTES else _cut(encoded)
    return msgspec.json.encode({**letter, "record": kept}) + b"\n"


def insert(connection: Connection, process: str, letters: Sequence[Letter], now_ns: int) -> None:
    """Store them as rows; the same letter again changes nothing. Raises StoreAway, StoreRefused."""
    at = iso_us(now_ns)
    with transaction(connection) as cursor:
        execute_values(cursor, query("insert_dead_letters"), [_row(process, letter, at) for letter in letters])


def _row(process: str, letter: Letter, at: str) -> tuple[str | None, ...]:
    """JSON text escapes NUL; a reason may repeat one."""
    record = _cut(msgspec.json.encode(letter.record))
    reason = letter.reason.replace("\0", "")
    identity = event_id(f"dead_letter|{letter.topic}|{letter.trace_id}|{reason}|{record}")
    return (identity, at, process, letter.topic, reason, record, letter.trace_id or None)


def _cut(encoded: bytes) -> str:
    return encoded[:LONGEST_BYTES].decode(errors="replace")
