"""`raw`: any topic that no other channel reads: one event a record, with the exchange's own names. Source: protocol notes, sections 5 to 7.

What the tables below say is about topics given in the exchange's own words.
"""

from gateway.models import Event, Json
from gateway.protocol.channels.channel import About, Outcome, each_placed, unnamed
from gateway.protocol.fields import Fields, free
from gateway.protocol.frames import Data
from gateway.protocol.memory import Memory

FIELDS = Fields(named=())

#: Private topics without a channel of their own. Any other topic without a category is refused: the private stream has one text
#: for all that it does not like.
PRIVATE_TOPICS = ("strategy", "rfq.open.rfqs", "rfq.open.quotes", "rfq.open.trades")
#: First words that are never asked for → why.
REFUSED = {
    "dcp": "its subscription makes the exchange cancel the account's live orders when this connection is lost",
}
#: Words of topics that live on an endpoint which the gateway does not connect to.
ELSEWHERE = {"rfq.open.public.trades": "rfq", "earn": "fp"}

ABOUT = About(
    what="a record of a topic without a class of its own, in the exchange's own names",
    identity="category, the message's id, topic, time, the place in the frame, the record",
    so="a push that is sent twice has one id",
)


def normalise_public(data: Data, category: str | None, _memory: Memory) -> list[Outcome]:
    return each_placed(data, lambda found, place: _record(data, found, place, category=category, private=False))


def normalise_private(data: Data, _category: str | None, _memory: Memory) -> list[Outcome]:
    return each_placed(data, lambda found, place: _record(data, found, place, category=None, private=True))


def _record(data: Data, found: Json, place: int, *, category: str | None, private: bool) -> Outcome:
    """Identity: the message's id, topic, time, place and record. The record's keys win over the frame's.

    Nothing is renamed but a key `raw`, which is `exchange_raw`: `payload.raw` is the whole record, where it is asked for.
    """
    around = {key: value for key, value in data.frame.items() if key not in ("topic", "data")}
    payload = {**around, **(found if isinstance(found, dict) else {"data": found})}
    if "raw" in payload:
        payload = {free("exchange_raw", payload) if key == "raw" else key: value for key, value in payload.items()}
    return Event(
        event_type="raw",
        category=category,
        symbol=None,
        topic=data.topic,
        timestamp_ms=data.ts_ms,
        identity=f"raw|{category}|{data.frame.get('id')}|{unnamed(data, found, place)}",
        payload=payload,
        variant=data.topic,
        private=private,
    )
