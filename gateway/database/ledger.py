"""The ledger: what happened, and what may be missing, as rows of PostgreSQL. Written from `system` events, read by the API.

Rows may come late, twice, and in any order: whatever comes, the same rows stand in the end.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from gateway.database.db import Connection, Cursor, Row, execute_values, transaction
from gateway.database.pages import Span, page
from gateway.database.statements import query
from gateway.disk.dead_letters import Reject
from gateway.occurrences import Kind
from gateway.protocol import channels
from gateway.protocol.channels import RAW, RAW_PRIVATE
from gateway.protocol.endpoints import ENDPOINTS

_OCCURRENCE = "(%s::uuid, %s::timestamptz, %s, %s, %s, %s::text, %s::uuid, %s::text, %s::bigint)"
_GAP = "(%s::uuid, %s, %s, %s::text, %s, %s::bigint, %s::bigint, %s::boolean, %s::text, %s::timestamptz, %s::bigint, %s::uuid)"
_DATE = "(%s::uuid, %s::timestamptz)"


class _Payload(msgspec.Struct):
    """Of a `system` event: what `gateway/occurrences.py` makes. Times are Unix milliseconds."""

    kind: str
    endpoint: str
    worker: str
    topic: str | None = None
    gap_id: str | None = None
    detail: str | None = None
    cause: str | None = None
    from_ms: int | None = msgspec.field(name="from", default=None)
    to_ms: int | None = msgspec.field(name="to", default=None)
    recovered: bool | None = None


class _Told(msgspec.Struct):
    """The fields of an envelope that make a row."""

    event_id: str
    timestamp: str
    sequence: int
    payload: _Payload


_told = msgspec.json.Decoder(_Told)


def insert_occurrences(connection: Connection, bodies: Sequence[bytes], reject: Reject) -> None:
    """Store `system` envelopes, and what they tell of gaps. Raises StoreAway, StoreRefused."""
    told = []
    for body in bodies:
        try:
            told.append(_read(body))
        except (msgspec.DecodeError, msgspec.ValidationError) as fault:
            reject(str(fault), body.decode(errors="backslashreplace"), "")
    tellings = [one for one in told if one.payload.gap_id is not None and one.payload.cause is not None]
    with transaction(connection) as cursor:
        if told:
            execute_values(cursor, query("insert_occurrences"), [_occurrence(one) for one in told], template=_OCCURRENCE)
        if tellings:
            execute_values(cursor, query("tell_gaps"), [_gap(one) for one in tellings], template=_GAP)
            dates = [(one.payload.gap_id, one.timestamp) for one in tellings]
            execute_values(cursor, query("date_gaps"), dates, template=_DATE)


def note_occurrence(
    cursor: Cursor, *, event_id: str, at: datetime, kind: Kind, endpoint: str, worker: str, topic: str | None, detail: str
) -> None:
    """The row of a `system` event within the transaction of what it tells; the event itself adds none."""
    row = _storable(event_id, at, kind, endpoint, worker, topic, None, detail, 0)
    execute_values(cursor, query("insert_occurrences"), [row], template=_OCCURRENCE)


def find_gaps(connection: Connection, *, topic: str | None, span: Span, limit: int, offset: int) -> tuple[list[Row], int]:
    """Gaps that overlap the span, newest first, and how many match in all.

    topic  only gaps of this topic, and those of whole connections on which it could come
    """
    elsewhere = [] if topic is None else sorted(ENDPOINTS.keys() - carriers(topic))
    return page(connection, "gaps", {"topic": topic, "elsewhere": elsewhere}, span, limit=limit, offset=offset)


def find_occurrences(connection: Connection, *, kind: str | None, span: Span, limit: int, offset: int) -> tuple[list[Row], int]:
    """What happened within the span, newest first, and how many match in all."""
    return page(connection, "occurrences", {"kind": kind}, span, limit=limit, offset=offset)


def carriers(topic: str) -> set[str]:
    """The endpoints of the exchange on which a topic could come: all of them for one that no row but `raw` reads."""
    found = {name for name in ENDPOINTS if channels.for_topic(topic, name) not in (RAW, RAW_PRIVATE)}
    return found or set(ENDPOINTS)


def _read(body: bytes) -> _Told:
    told = _told.decode(body)
    if told.payload.cause is not None and told.payload.gap_id is not None and told.payload.from_ms is None:
        raise msgspec.ValidationError(f"found the gap {told.payload.gap_id} without `from`; expected Unix milliseconds")
    return told


def _occurrence(told: _Told) -> tuple[Any, ...]:
    said = told.payload
    return _storable(
        told.event_id, told.timestamp, said.kind, said.endpoint, said.worker, said.topic, said.gap_id, said.detail, told.sequence
    )


def _gap(told: _Told) -> tuple[Any, ...]:
    said = told.payload
    return _storable(
        said.gap_id, said.endpoint, said.worker, said.topic, said.cause, said.from_ms, said.to_ms, said.recovered, said.detail,
        told.timestamp, told.sequence, told.event_id,
    )  # fmt: skip


def _storable(*values: Any) -> tuple[Any, ...]:
    """Without NUL, which PostgreSQL cannot hold: it may stand in the exchange's words, and must not cost what they are about."""
    return tuple(value.replace("\0", "") if isinstance(value, str) else value for value in values)
