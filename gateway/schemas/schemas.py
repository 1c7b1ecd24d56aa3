"""JSON Schema of one whole event message, one per event class, from the tables that make the payloads and from the Envelope.

Dialect: JSON Schema 2020-12, and of it only what draft 7 says too, so that AsyncAPI documents can hold the same schemas.
What a schema does not name is allowed: a field that nobody knows yet is kept and delivered.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, get_args, get_type_hints

from gateway.models import Envelope, Source
from gateway.protocol.channels import CHANNELS
from gateway.protocol.channels.channel import Channel
from gateway.protocol.endpoints import CATEGORIES
from gateway.protocol.fields import Field, Fields, Kind
from gateway.schemas.meanings import DEFAULT_MEANINGS, ENVELOPE, MEANINGS, Words

Schema: TypeAlias = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_DECIMAL: Schema = {"type": "string", "format": "decimal", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
_WHOLE: Schema = {"type": "integer", "format": "int64"}

#: Kind → what a value that is not null looks like. The objects of RECORDS are put in where the field is known.
KINDS: dict[Kind, Schema] = {
    Kind.TEXT: {"type": "string"},
    Kind.AMOUNT: _DECIMAL,
    Kind.WHOLE: _WHOLE,
    Kind.TIME: _WHOLE,
    Kind.FLAG: {"type": "boolean"},
    Kind.LEVELS: {"type": "array", "items": {"type": "array", "items": _DECIMAL, "minItems": 2, "maxItems": 3}},
    Kind.TEXTS: {"type": "array", "items": {"type": "string"}},
    Kind.WHOLES: {"type": "array", "items": _WHOLE},
    Kind.RECORDS: {"type": "array"},
    Kind.BY_COIN: {"type": "object"},
}

#: Types of the Envelope's fields.
_TYPES: dict[Any, Schema] = {
    str: {"type": "string"},
    str | None: {"type": ["string", "null"]},
    int: {"type": "integer"},
    Source: {"enum": list(get_args(Source))},
}


def all_schemas() -> dict[str, Schema]:
    """Event class → its schema, in the table's order."""
    return {row.event_type: schema(row) for row in CHANNELS}


def schema(row: Channel) -> Schema:
    """Of one event message. Its `$id` is relative to where the API or the documents are found."""
    hints = get_type_hints(Envelope)
    properties = {name: _TYPES.get(hints[name], {}) | ENVELOPE[name] for name in Envelope.__struct_fields__} | {
        "event_type": {"const": row.event_type, **ENVELOPE["event_type"]},
        "category": {"enum": _categories(row), **ENVELOPE["category"]},
        "symbol": {"type": _symbol(row), **ENVELOPE["symbol"]},
        "account": {"type": _account(row), **ENVELOPE["account"]},
        "payload": _payload(row),
    }
    return {
        "$schema": DIALECT,
        "$id": f"schemas/{row.event_type}.json",
        "title": row.event_type,
        "description": f"One event message: {row.about.what}.",
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": True,
    }


def text(document: Mapping[str, Any]) -> str:
    """As files and the API have it: the same on every machine."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _categories(row: Channel) -> list[str | None]:
    """What the topics' categories are; of `raw` and of what the gateway itself tells, any."""
    if row.symbol_use == "topic" or row.endpoint == "":
        return [*CATEGORIES, None]
    return [category for category in CATEGORIES if category in row.topics] or [None]


def _symbol(row: Channel) -> str:
    return "null" if row.symbol_use in ("none", "topic") else "string"


def _account(row: Channel) -> str | list[str]:
    """`raw` is of the account or not, by its topic."""
    return ["string", "null"] if row.symbol_use == "topic" else "string" if row.private else "null"


def _payload(row: Channel) -> Schema:
    """The named fields, then all that is known besides. `raw` keeps the exchange's names, and the gateway's own words have no frame."""
    plain = row.symbol_use == "topic" or row.endpoint == ""
    found = _object(row.fields, MEANINGS.get(row.event_type, {}), frame=() if plain else row.fields.frame)
    found["properties"]["raw"] = ENVELOPE["raw"]
    return found | ENVELOPE["payload"]


def _object(fields: Fields, meanings: Mapping[str, Words], *, frame: Iterable[Field] = ()) -> Schema:
    """Where two keys have one name, the first row says what it is: named fields win over further ones, and those over the frame's."""
    rows: dict[str, Field] = {}
    for field in (*fields.named, *fields.further, *frame):
        rows.setdefault(field.name, field)
    return {
        "type": "object",
        "properties": {name: _value(field, meanings.get(name, {})) for name, field in rows.items()},
        "required": list(dict.fromkeys((*fields.names, *(name for name, field in rows.items() if field.must)))),
        "additionalProperties": True,
    }


def _value(field: Field, words: Words) -> Schema:
    """One field: its kind, null unless it must be there, and what its name does not say."""
    found = dict(KINDS[field.kind])
    if field.of is not None:
        found |= {"items": _object(field.of, MEANINGS.get(field.name, {}))}
    if not field.must:
        found["type"] = [found["type"], "null"]
    return found | DEFAULT_MEANINGS.get(field.kind, {}) | words
