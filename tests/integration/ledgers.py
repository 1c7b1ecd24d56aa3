"""What tests tell the ledger, and what stands in it.

GAP                  a gap's id
told                 a `system` envelope as it comes to PostgreSQL
opens, closes        that a gap is open, or over
store_all            into the ledger, where nothing may be refused
gap_rows, happened   all rows of it
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from gateway.database import db, ledger
from gateway.models import Record
from gateway.occurrences import Gap, occurrence
from gateway.wire import Stamp

GAP = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
#: 2026-01-01T00:00:00Z.
T0_MS = 1_767_225_600_000

_STAMP = Stamp(worker="linear_00", account="main", include_raw="off", started_ms=T0_MS)


def told(
    kind: str, identity: str, *, second: float = 0, endpoint: str = "linear", topic: str | None = None, detail: str | None = None,
    gap: Gap | None = None,
) -> Record:  # fmt: skip
    """The same identity is the same event."""
    now_ms = T0_MS + round(second * 1000)
    event = occurrence(
        kind, identity=identity, endpoint=endpoint, worker=f"{endpoint}_00", now_ms=now_ms, topic=topic, detail=detail, gap=gap
    )
    return _STAMP.record(event, received_ns=now_ms * 1_000_000, trace_id=f"t-{identity}")


def opens(identity: str = "opens", *, gap_id: str = GAP, begins: float = 0, second: float = 0, **given: Any) -> Record:
    """Seconds after T0_MS: when it begins, and when that is told."""
    gap = Gap(gap_id, "disconnected", T0_MS + round(begins * 1000))
    return told("disconnected", identity, second=second, gap=gap, **given)


def closes(
    identity: str = "closes", *, gap_id: str = GAP, begins: float = 0, ends: float = 10, recovered: bool = True, second: float = 10,
    **given: Any,
) -> Record:  # fmt: skip
    gap = Gap(gap_id, "disconnected", T0_MS + round(begins * 1000), T0_MS + round(ends * 1000), recovered)
    return told("reconnected", identity, second=second, gap=gap, **given)


def store_all(connection: db.Connection, records: Sequence[Record]) -> None:
    ledger.insert_occurrences(connection, [record.body for record in records], pytest.fail)


def gap_rows(connection: db.Connection) -> list[db.Row]:
    with db.transaction(connection) as cursor:
        cursor.execute("select * from gaps order by from_at, id")
        return db.rows(cursor)


def happened(connection: db.Connection) -> list[tuple[str, str | None, UUID | None]]:
    """Kind, detail and gap of each occurrence, the oldest first."""
    with db.transaction(connection) as cursor:
        cursor.execute("select kind, detail, gap_id from occurrences order by at, sequence")
        return cursor.fetchall()
