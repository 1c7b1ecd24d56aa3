"""`system.status`: one event an announcement of the exchange's own state. Source: protocol notes, section 6.9."""

from gateway.models import BadRecord, Event, Json
from gateway.protocol.channels.channel import About, Outcome, each, fingerprint
from gateway.protocol.fields import Fields, several, text, time, whole, wholes
from gateway.protocol.frames import Data
from gateway.protocol.memory import Memory

FIELDS = Fields(
    named=(text("id", must=True), text("title"), text("state", must=True), time("begin"), time("end")),
    further=(text("href"), *several(wholes, "serviceTypes", "product", "uidSuffix"), *several(whole, "maintainType", "env")),
)

ABOUT = About(
    what="an announcement of the exchange about its own state",
    identity="the announcement's id, its state, the record",
    so="an amended announcement is a new event",
)


def normalise(data: Data, _category: str | None, _memory: Memory) -> list[Outcome]:
    return each(data, lambda found: _announcement(data, found))


def _announcement(data: Data, found: Json) -> Outcome:
    payload = FIELDS.read(data, found)
    if isinstance(payload, BadRecord):
        return payload
    return Event(
        event_type="system_status",
        category=None,
        symbol=None,
        topic=data.topic,
        timestamp_ms=data.ts_ms,
        identity=f"system_status|{payload['id']}|{payload['state']}|{fingerprint(found)}",
        payload=payload,
    )
