"""`order`: one event an order. Source: protocol notes, section 7.4."""

from gateway.models import BadRecord, Event, Json
from gateway.protocol.channels.channel import Memory, Outcome, record_of
from gateway.protocol.frames import Data
from gateway.protocol.naming import milliseconds, payload

NAMED = (
    "order_id", "order_link_id", "symbol", "side", "order_type", "price", "quantity", "status", "executed_quantity",
    "average_price",
)  # fmt: skip

#: What distinguishes one state of an order from the next; the stream and REST have all of them. The last two tell the two
#: `Filled` messages apart that come when a cancel loses the race.
_STATE = ("updatedTime", "orderStatus", "cumExecQty", "price", "qty", "cancelType", "rejectReason")


def normalise(data: Data, _category: str | None, _memory: Memory) -> list[Outcome]:
    rows = data.data if isinstance(data.data, list) else [data.data]
    return [_order(data, row) for row in rows]


def _order(data: Data, found: Json) -> Outcome:
    """Identity: category, order id and the state above."""
    row = record_of(found, texts=("category", "symbol", "orderId", "orderStatus"))
    updated_ms = milliseconds(row.get("updatedTime")) if not isinstance(row, str) else None
    if isinstance(row, str) or not isinstance(updated_ms, int):
        reason = row if isinstance(row, str) else f"found updatedTime {row.get('updatedTime')!r}; expected milliseconds"
        return BadRecord(topic=data.topic, reason=reason, record=found)
    return Event(
        event_type="order",
        category=row["category"],
        symbol=row["symbol"],
        topic=data.topic,
        timestamp_ms=updated_ms,
        identity=f"order|{row['category']}|{row['orderId']}|" + "|".join(str(row.get(key)) for key in _STATE),
        payload=payload(NAMED, row, data.frame, "order"),
        private=True,
    )
