"""`allLiquidation.{symbol}`: one event a liquidation. Source: protocol notes, section 6.8.

`side` is that of the position: Buy, a long was liquidated. `price` is the bankruptcy price.
"""

from gateway.models import BadRecord, Event, Json
from gateway.protocol.channels.channel import About, Outcome, each_placed, unnamed
from gateway.protocol.fields import Fields, amount, text, time
from gateway.protocol.frames import Data
from gateway.protocol.memory import Memory

FIELDS = Fields(
    named=(
        text("s", "symbol", must=True),
        text("S", "side", must=True),
        amount("v", "quantity", must=True),
        amount("p", "price", must=True),
        time("T", "time", must=True),
    )
)

ABOUT = About(
    what="a liquidated position",
    identity="category, topic, the frame's time, the place in the frame, the record",
    so="two equal liquidations in one frame are two events",
)


def normalise(data: Data, category: str | None, _memory: Memory) -> list[Outcome]:
    return each_placed(data, lambda found, place: _liquidation(data, found, place, category))


def _liquidation(data: Data, found: Json, place: int, category: str | None) -> Outcome:
    payload = FIELDS.read(data, found)
    if isinstance(payload, BadRecord):
        return payload
    return Event(
        event_type="liquidation",
        category=category,
        symbol=payload["symbol"],
        topic=data.topic,
        timestamp_ms=payload["time"],
        identity=f"liquidation|{category}|{unnamed(data, found, place)}",
        payload=payload,
    )
