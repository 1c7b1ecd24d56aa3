"""`priceLimit.{symbol}`: the highest bid and the lowest ask that are accepted, one event a frame. Source: protocol notes, section 6.9."""

from gateway.models import BadRecord, Event, Json
from gateway.protocol.channels.channel import About, Outcome, each_placed, unnamed
from gateway.protocol.fields import Fields, amount, text
from gateway.protocol.frames import Data
from gateway.protocol.memory import Memory

FIELDS = Fields(named=(text("symbol", must=True), amount("buyLmt"), amount("sellLmt")))

ABOUT = About(
    what="the highest bid and the lowest ask that are accepted",
    identity="category, topic, the frame's time, the place in the frame, the record",
    so="each push is an event",
)


def normalise(data: Data, category: str | None, _memory: Memory) -> list[Outcome]:
    return each_placed(data, lambda found, place: _limit(data, found, place, category))


def _limit(data: Data, found: Json, place: int, category: str | None) -> Outcome:
    payload = FIELDS.read(data, found)
    if isinstance(payload, BadRecord):
        return payload
    return Event(
        event_type="price_limit",
        category=category,
        symbol=payload["symbol"],
        topic=data.topic,
        timestamp_ms=data.ts_ms,
        identity=f"price_limit|{category}|{unnamed(data, found, place)}",
        payload=payload,
    )
