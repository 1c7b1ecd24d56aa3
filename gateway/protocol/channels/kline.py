"""`kline.{interval}.{symbol}`: one event a candle. Source: protocol notes, section 6.7."""

from gateway.models import BadRecord, Event, Json
from gateway.protocol.channels.channel import Memory, Outcome, record_of
from gateway.protocol.frames import Data
from gateway.protocol.naming import payload

NAMED = ("symbol", "interval", "start", "end", "open", "high", "low", "close", "volume", "turnover", "confirm")


def normalise(data: Data, category: str | None, _memory: Memory) -> list[Outcome]:
    rows = data.data if isinstance(data.data, list) else [data.data]
    return [_candle(data, row, category) for row in rows]


def _candle(data: Data, found: Json, category: str | None) -> Outcome:
    """Identity: of a closed candle its start; of a running one its figures too, since each push is another fact."""
    parts = data.topic.split(".", 2)
    row = record_of(found, texts=("interval", "open", "high", "low", "close", "volume"), numbers=("start",))
    if isinstance(row, str) or len(parts) != 3:
        reason = row if isinstance(row, str) else f"found the topic {data.topic!r}; expected kline.interval.symbol"
        return BadRecord(topic=data.topic, reason=reason, record=found)
    _, interval, symbol = parts
    figures = "|".join(row[key] for key in ("open", "high", "low", "close", "volume"))
    fields = payload(NAMED, row, data.frame, "kline")
    fields["symbol"] = symbol
    return Event(
        event_type="kline",
        category=category,
        symbol=symbol,
        topic=data.topic,
        timestamp_ms=data.ts_ms,
        identity=f"kline|{category}|{symbol}|{interval}|{row['start']}|{'closed' if row.get('confirm') is True else figures}",
        payload=fields,
        variant=interval,
    )
