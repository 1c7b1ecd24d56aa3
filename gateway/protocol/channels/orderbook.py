"""`orderbook.{depth}.{symbol}`: one event a frame, told whether the frames since the last snapshot are unbroken.

Source: protocol notes, section 6.2. The book itself is the consumer's; the levels pass as they came.
"""

from gateway.models import BadRecord, Event, Json
from gateway.protocol.channels.channel import Memory, Outcome, record_of
from gateway.protocol.frames import Data
from gateway.protocol.naming import payload
from gateway.protocol.orderbook import follow

NAMED = ("symbol", "kind", "depth", "bids", "asks", "update_id", "cross_sequence", "matched_at", "in_sync")


def normalise(data: Data, category: str | None, memory: Memory) -> list[Outcome]:
    """Identity: the book, what kind of frame, `u`, `seq` and the matching time; a level-1 resend is the same fact again."""
    row = record_of(data.data, texts=("s",), numbers=("u",), lists=("b", "a"))
    depth = data.topic.split(".", 2)[1]
    if isinstance(row, str) or not depth.isdigit() or data.kind not in ("snapshot", "delta"):
        reason = row if isinstance(row, str) else f"found a book frame of type {data.kind!r} and depth {depth!r}"
        return [BadRecord(topic=data.topic, reason=reason, record=data.data)]
    in_sync = follow(memory, kind=data.kind, update_id=row["u"], sequence=_number(row.get("seq")), depth=depth)
    matched_ms = _number(data.frame.get("cts"))
    fields = payload(NAMED, row, data.frame, "orderbook")
    fields |= {"depth": int(depth), "in_sync": in_sync}
    book = f"{category}|{row['s']}|{depth}|{data.kind}"
    return [
        Event(
            event_type="orderbook",
            category=category,
            symbol=row["s"],
            topic=data.topic,
            timestamp_ms=data.ts_ms if matched_ms is None else matched_ms,
            identity=f"orderbook|{book}|{row['u']}|{row.get('seq')}|{matched_ms if matched_ms is not None else data.ts_ms}",
            payload=fields,
            variant=depth,
        )
    ]


def _number(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
