"""`execution`: one event a fill. Source: protocol notes, section 7.2."""

from gateway.models import BadRecord, Event, Json
from gateway.protocol.channels.channel import Memory, Outcome, record_of
from gateway.protocol.frames import Data
from gateway.protocol.naming import milliseconds, payload

NAMED = ("execution_id", "execution_type", "order_id", "symbol", "side", "price", "quantity", "fee", "is_maker")


def normalise(data: Data, _category: str | None, _memory: Memory) -> list[Outcome]:
    rows = data.data if isinstance(data.data, list) else [data.data]
    return [_fill(data, row) for row in rows]


def _fill(data: Data, found: Json) -> Outcome:
    """Identity: category, symbol and execution id, the exchange's own key, on the stream and in REST."""
    row = record_of(found, texts=("category", "symbol", "execId"))
    executed_ms = milliseconds(row.get("execTime")) if not isinstance(row, str) else None
    if isinstance(row, str) or not isinstance(executed_ms, int):
        reason = row if isinstance(row, str) else f"found execTime {row.get('execTime')!r}; expected milliseconds"
        return BadRecord(topic=data.topic, reason=reason, record=found)
    return Event(
        event_type="execution",
        category=row["category"],
        symbol=row["symbol"],
        topic=data.topic,
        timestamp_ms=executed_ms,
        identity=f"execution|{row['category']}|{row['symbol']}|{row['execId']}",
        payload=payload(NAMED, row, data.frame, "execution"),
        private=True,
    )
