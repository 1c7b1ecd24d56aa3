"""SHAPE: what frames look like that have the same keys and types, learnt from one of them; the next are decoded straight into payloads.

    a frame ─ Fields ─▶ payload, and its shape ─▶ next frames: decoded as the types say, keys named, nothing looked up

A frame of another shape, or with a value that needs more than naming (a blank, an exponent, a number as text), is read as ever by
`frames.parse` and `Fields`, which decide what it means; what is read either way is the same.
"""

from operator import attrgetter
from typing import Annotated, Any

import msgspec
from msgspec.structs import asdict

from gateway.models import Payload
from gateway.protocol.decimals import NUMBER
from gateway.protocol.fields import Field, Fields, Kind
from gateway.protocol.frames import Data

_TEXT = Annotated[str, msgspec.Meta(min_length=1)]
#: Kind → what its values are where they pass as they came. Records with others, or with records within, have no shape.
_TYPES: dict[Kind, Any] = {
    Kind.TEXT: _TEXT, Kind.AMOUNT: _TEXT, Kind.WHOLE: int, Kind.TIME: int, Kind.FLAG: bool, Kind.LEVELS: msgspec.Raw,
}  # fmt: skip
_DIGITS = b"0123456789."
#: A level without its digits, and the comma after it.
_LEVEL = (b'["",""],', b'["","",""],')
#: What no value is.
_NOTHING = Annotated[int, msgspec.Meta(gt=0, lt=0)]
#: Attributes of a decoded frame that are no field of a payload.
_TOPIC, _DATA = "_topic", "_data"
_NO_FRAME: dict[str, Any] = {}
_is_number = NUMBER.fullmatch


class Shape:
    """Of frames with the same keys around records with the same keys, all of them known, each with a value of its own."""

    def __init__(self, around: dict[str, Field], record: dict[str, Field], names: tuple[str, ...], *, is_list: bool) -> None:
        """around, record: key → its row, in their order; names: of the fields that are always there."""
        of_frame = [row.name for row in around.values()]
        keys = {row.name: key for key, row in record.items()}
        types: dict[str, Any] = {row.name: _TYPES[row.kind] for row in record.values()}
        # What the record does not bring has its place all the same, under a key with a value that no record has.
        places = dict.fromkeys((*names, *of_frame, *keys))
        row = msgspec.defstruct(
            "Row",
            [(name, types[name]) if name in types else (name, _NOTHING, None) for name in places],
            rename={name: keys.get(name, f" {name}") for name in places},
            kw_only=True, forbid_unknown_fields=True, gc=False,
        )  # fmt: skip
        frame = msgspec.defstruct(
            "Frame",
            [*((row.name, _TYPES[row.kind]) for row in around.values()), (_TOPIC, _TEXT), (_DATA, list[row] if is_list else row)],  # type: ignore[valid-type] # made above
            rename={**{row.name: key for key, row in around.items()}, _TOPIC: "topic", _DATA: "data"},
            forbid_unknown_fields=True, gc=False,
        )  # fmt: skip
        self._decode = msgspec.json.Decoder(frame).decode
        self._is_list = is_list
        self._parts = attrgetter(_TOPIC, _DATA, *of_frame)
        self._around = tuple(of_frame)
        self._kind = of_frame.index(around["type"].name) if "type" in around else None
        self._ts = of_frame.index(around["ts"].name)
        amounts = [row for row in record.values() if row.kind is Kind.AMOUNT]
        self._decimals = tuple(row.name for row in amounts if row.must)
        self._amounts = tuple(row.name for row in amounts if not row.must)
        self._levels = tuple(row.name for row in record.values() if row.kind is Kind.LEVELS)

    def read(self, text: bytes) -> Data | None:
        """A frame whose records are payloads; None where it has another shape, or wants more than naming."""
        try:
            frame = self._decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        topic, data, *around = self._parts(frame)
        payloads = []
        for row in data if self._is_list else (data,):
            payload = asdict(row)
            for name, value in zip(self._around, around):  # noqa: B905 # a check of their lengths costs as much as all of it
                payload[name] = value
            for name in self._decimals:
                if _is_number(payload[name]) is None:
                    return None
            for name in self._amounts:
                if "e" in payload[name] or "E" in payload[name]:
                    return None
            for name in self._levels:
                if not are_levels(bytes(payload[name])):
                    return None
            payloads.append(payload)
        kind = around[self._kind] if self._kind is not None else None
        return Data(topic, kind, around[self._ts], payloads if self._is_list else payloads[0], _NO_FRAME, text, [], True)


def are_levels(text: bytes) -> bool:
    """Whether a JSON text is a list of levels, each of two or of three texts of digits, as they are passed on without being read."""
    frame = text.translate(None, _DIGITS)
    for level in _LEVEL:
        count, rest = divmod(len(frame) - 1, len(level))
        if not rest and frame == b"[" + (level * count)[:-1] + b"]":
            return True
    return text == b"[]"


def shape_of(fields: Fields, data: Data) -> Shape | None:
    """Of a frame that was parsed; None where the like of it is to be read row by row."""
    is_list = isinstance(data.data, list)
    records = data.data if is_list else [data.data]
    if not records or not isinstance(records[0], dict) or {"ts", "creationTime"} & data.frame.keys() != {"ts"}:
        return None
    of_frame = {row.key: row for row in fields.frame}
    around = _rows({key: value for key, value in data.frame.items() if key not in ("topic", "data")}, of_frame)
    record = _rows(records[0], fields.known)
    if around is None or record is None:
        return None
    found = [row.name for row in (*around.values(), *record.values())]
    lacks = any(row.must and row.key and row.key not in record for row in (*fields.named, *fields.further))
    return None if lacks or len(set(found)) < len(found) else Shape(around, record, fields.names, is_list=is_list)


def _rows(found: Payload, known: dict[str, Field]) -> dict[str, Field] | None:
    """Key → its row; None where one is unknown, or cannot be taken as it is."""
    rows = {}
    for key in found:
        row = known.get(key)
        if row is None or row.kind not in _TYPES:
            return None
        rows[key] = row
    return rows
