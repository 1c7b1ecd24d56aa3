"""`tickers.{symbol}`: one event a frame, with the full merged state. Source: protocol notes, section 6.5.

Linear and inverse send a snapshot and then only what changed; spot, option and spread send all of it every time.
"""

import zlib

import msgspec

from gateway.models import BadRecord, Event
from gateway.protocol.channels.channel import Memory, Outcome, record_of
from gateway.protocol.frames import Data
from gateway.protocol.naming import name, payload

NAMED = ("symbol", "last_price", "volume_24h", "turnover_24h", "changed")


def normalise(data: Data, category: str | None, memory: Memory) -> list[Outcome]:
    """Identity: category, symbol, both clocks of the frame, and a checksum, since frames within one millisecond may differ."""
    row = record_of(data.data, texts=("symbol",))
    if isinstance(row, str):
        return [BadRecord(topic=data.topic, reason=row, record=data.data)]
    if data.kind == "delta":
        if not memory.state:
            reason = "a ticker delta before any snapshot; expected a snapshot first"
            memory.hole = reason
            return [BadRecord(topic=data.topic, reason=reason, record=data.data)]
        changed = [name(key, "ticker") for key, value in row.items() if memory.state.get(key) != value]
        memory.state = {**memory.state, **row}
    else:
        changed = [name(key, "ticker") for key in row if memory.state.get(key, memory) != row[key]]
        memory.state, memory.hole = dict(row), None
    fields = payload(NAMED, memory.state, data.frame, "ticker")
    fields["changed"] = changed
    checksum = zlib.crc32(msgspec.json.encode(data.data))
    return [
        Event(
            event_type="ticker",
            category=category,
            symbol=row["symbol"],
            topic=data.topic,
            timestamp_ms=data.ts_ms,
            identity=f"ticker|{category}|{row['symbol']}|{data.ts_ms}|{data.frame.get('cs')}|{checksum:x}",
            payload=fields,
        )
    ]
