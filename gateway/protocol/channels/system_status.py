"""`system.status`: one event an announcement of the exchange's own state. Source: protocol notes, section 6.9."""

import zlib

import msgspec

from gateway.models import BadRecord, Event, Json
from gateway.protocol.channels.channel import Memory, Outcome, record_of
from gateway.protocol.frames import Data
from gateway.protocol.naming import payload

NAMED = ("id", "title", "state", "begin", "end")


def normalise(data: Data, _category: str | None, _memory: Memory) -> list[Outcome]:
    rows = data.data if isinstance(data.data, list) else [data.data]
    return [_announcement(data, row) for row in rows]


def _announcement(data: Data, found: Json) -> Outcome:
    """Identity: the announcement's id, its state and a checksum, since texts and times are amended."""
    row = record_of(found, texts=("id", "state"))
    if isinstance(row, str):
        return BadRecord(topic=data.topic, reason=row, record=found)
    return Event(
        event_type="system_status",
        category=None,
        symbol=None,
        topic=data.topic,
        timestamp_ms=data.ts_ms,
        identity=f"system_status|{row['id']}|{row['state']}|{zlib.crc32(msgspec.json.encode(row)):x}",
        payload=payload(NAMED, row, data.frame, "system_status"),
    )
