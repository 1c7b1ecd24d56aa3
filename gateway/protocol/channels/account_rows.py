"""Rows of the account's topics: what orders, executions and positions have in common."""

from gateway.models import BadRecord, Json, Payload
from gateway.protocol.fields import Fields
from gateway.protocol.forms import family
from gateway.protocol.frames import Data


def read_row(fields: Fields, data: Data, found: Json) -> Payload | BadRecord:
    """A row of the account. One that does not name its category has that of its topic's narrower form, such as `order.linear`."""
    _, narrower = family(data.topic)
    if narrower is None or not isinstance(found, dict) or found.get("category"):
        return fields.read(data, found)
    payload = fields.read(data, {**found, "category": narrower})
    if isinstance(payload, BadRecord):
        payload.record = found
    return payload


def row_category(data: Data, found: str) -> str:
    """Rows of `spread.order` and `spread.execution` say combination, spot_leg or future_leg: all are the spread's."""
    return "spread" if data.topic.startswith("spread.") else found
