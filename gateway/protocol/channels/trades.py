"""`publicTrade.{symbol}`: one event a trade. Source of the fields: protocol notes, section 6.6."""

from gateway.models import BadRecord, Event, Json
from gateway.protocol.channels.channel import Memory, Outcome, record_of
from gateway.protocol.frames import Data
from gateway.protocol.naming import payload

NAMED = ("symbol", "trade_id", "price", "quantity", "side", "trade_time")


def normalise(data: Data, category: str | None, _memory: Memory) -> list[Outcome]:
    """Identity: category, symbol and trade id, which the stream and REST share. An option's topic names the base coin."""
    base_coin = data.topic.partition(".")[2] if category == "option" else "-"
    rows = data.data if isinstance(data.data, list) else [data.data]
    return [_trade(data, row, category, base_coin) for row in rows]


def _trade(data: Data, found: Json, category: str | None, base_coin: str) -> Outcome:
    row = record_of(found, texts=("s", "i", "p", "v"), numbers=("T",))
    if isinstance(row, str):
        return BadRecord(topic=data.topic, reason=row, record=found)
    return Event(
        event_type="trade",
        category=category,
        symbol=row["s"],
        topic=data.topic,
        timestamp_ms=row["T"],
        identity=f"trade|{category}|{row['s']}|{row['i']}",
        payload=payload(NAMED, row, data.frame, "trade"),
        variant=base_coin,
    )
