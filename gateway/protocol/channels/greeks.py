"""`greeks`: of the account's options, one event a base coin. Source: protocol notes, section 7.6."""

from gateway.models import BadRecord, Event, Json
from gateway.protocol.channels.channel import About, Outcome, each_placed, unnamed
from gateway.protocol.fields import Fields, amount, several, text
from gateway.protocol.frames import Data
from gateway.protocol.memory import Memory

FIELDS = Fields(named=(text("baseCoin", must=True), *several(amount, "totalDelta", "totalGamma", "totalVega", "totalTheta")))

ABOUT = About(
    what="the greeks of the account's options of one base coin",
    identity="the message's id, base coin, topic, time, the place in the frame, the record",
    so="a push that is sent twice has one id",
)


def normalise(data: Data, _category: str | None, _memory: Memory) -> list[Outcome]:
    return each_placed(data, lambda found, place: _coin(data, found, place))


def _coin(data: Data, found: Json, place: int) -> Outcome:
    payload = FIELDS.read(data, found)
    if isinstance(payload, BadRecord):
        return payload
    return Event(
        event_type="greeks",
        category=None,
        symbol=None,
        topic=data.topic,
        timestamp_ms=data.ts_ms,
        identity=f"greeks|{data.frame.get('id')}|{payload['base_coin']}|{unnamed(data, found, place)}",
        payload=payload,
        private=True,
    )
