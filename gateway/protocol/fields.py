"""Fields: which keys a record of the exchange has, what we call them and what their values are. One literal table a channel.

A table is read in four ways: it makes the payload, says whether a record can be read at all, gives the published schema, and tells
which keys nobody knows yet. Unknown keys are kept under their name in snake_case and counted; they never cost an event. Where
that name is another field's, it is `exchange_…`.
Source of the rules for names and values: the public contract, section 3.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial

from gateway.models import BadRecord, Json, Payload
from gateway.protocol.decimals import is_decimal, unfolded
from gateway.protocol.frames import Data, short
from gateway.protocol.naming import milliseconds, snake


class Kind(Enum):
    """What a value is.

    TEXT     as it came
    AMOUNT   a decimal text as it came; a JSON number becomes the text that arrived, its exponent written out
    WHOLE    a whole number, which the exchange sends as a number or as a text of digits
    TIME     Unix milliseconds, sent as a number, a text of digits or, for deliveries, as ISO 8601
    FLAG     true or false
    LEVELS   a list of lists of decimal texts: price, size …
    TEXTS    a list of texts
    WHOLES   a list of whole numbers
    RECORDS  a list of objects with fields of their own
    BY_COIN  an object whose keys are data: they stay as they are
    """

    TEXT = auto()
    AMOUNT = auto()
    WHOLE = auto()
    TIME = auto()
    FLAG = auto()
    LEVELS = auto()
    TEXTS = auto()
    WHOLES = auto()
    RECORDS = auto()
    BY_COIN = auto()


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a record.

    key   the exchange's; "" for a field that is ours
    name  ours
    must  without a usable value the record cannot be read; of a field that is ours: it always has a value
    of    the fields of each object of a list
    """

    key: str
    name: str
    kind: Kind
    must: bool = False
    of: "Fields | None" = None


def _row(kind: Kind, key: str, name: str = "", *, must: bool = False) -> Field:
    return Field(key, name or snake(key), kind, must)


#: One row of a table: the exchange's key, and our name where it is not the key in snake_case.
text, amount, whole, time, flag, levels, wholes, by_coin = (
    partial(_row, kind)
    for kind in (Kind.TEXT, Kind.AMOUNT, Kind.WHOLE, Kind.TIME, Kind.FLAG, Kind.LEVELS, Kind.WHOLES, Kind.BY_COIN)
)


def several(row: Callable[[str], Field], *keys: str) -> tuple[Field, ...]:
    """Rows of one kind whose names follow from their keys."""
    return tuple(row(key) for key in keys)


def records(key: str, name: str, of: "Fields", *, must: bool = False) -> Field:
    return Field(key, name, Kind.RECORDS, must, of)


def ours(name: str, kind: Kind, *, must: bool = False) -> Field:
    """A named field that the exchange does not send as such."""
    return Field("", name, kind, must)


def _amount(found: Json) -> Json:
    """A frame's numbers with a fraction are texts by now, and so are those with an exponent, which no amount has."""
    if type(found) is str:
        return unfolded(found) if "e" in found or "E" in found else found
    return str(found) if type(found) is int else found


def _whole(found: Json) -> Json:
    """The exchange prints some whole numbers as texts, -1 included."""
    if isinstance(found, str) and len(found) < 19 and found.removeprefix("-").isdecimal() and found.isascii():
        return int(found)
    return found


def _flag(found: Json) -> Json:
    """One client's recordings have "1" and "0" (protocol notes, section 7.5)."""
    return {"1": True, "0": False, "true": True, "false": False}.get(found, found) if isinstance(found, str) else found


def _each(of: "Fields", found: Json, unknown: list[str]) -> Json:
    return [of.values(row, unknown) if isinstance(row, dict) else row for row in found] if isinstance(found, list) else found


_CONVERT: dict[Kind, Callable[[Json], Json]] = {
    Kind.AMOUNT: _amount,
    Kind.WHOLE: _whole,
    Kind.TIME: milliseconds,
    Kind.FLAG: _flag,
}

#: Kind → (whether a converted value will do for a field that must be there, what was expected).
_MUST: dict[Kind, tuple[Callable[[Json], bool], str]] = {
    Kind.TEXT: (lambda found: isinstance(found, str), "a text"),
    Kind.AMOUNT: (is_decimal, "a decimal number"),
    Kind.WHOLE: (lambda found: type(found) is int, "a whole number"),
    Kind.TIME: (lambda found: type(found) is int, "milliseconds"),
    Kind.LEVELS: (lambda found: isinstance(found, list), "a list"),
    Kind.RECORDS: (lambda found: isinstance(found, list), "a list"),
}

#: Keys of a frame around its records. Source: protocol notes, sections 6.1 and 7. `topic` and `data` are said elsewhere.
FRAME: tuple[Field, ...] = (
    text("type"),
    text("id"),
    time("ts", "pushed_at"),
    time("cts", "matched_at"),
    whole("cs", "cross_sequence"),
    time("creationTime"),
)
_NOT_PAYLOAD = frozenset(("topic", "data"))


class Fields:
    """All known keys of one kind of record.

    named    fields that are always present, None where the exchange gave nothing
    further  fields that are present when they came
    frame    how keys of the frame are called here, where `FRAME` says otherwise
    known    key → its row
    """

    def __init__(self, *, named: tuple[Field, ...], further: tuple[Field, ...] = (), frame: tuple[Field, ...] = ()) -> None:
        self.named = named
        self.further = further
        self.frame = tuple({row.key: row for row in (*FRAME, *frame)}.values())
        self.names = tuple(dict.fromkeys(row.name for row in named))
        self.known = {row.key: row for row in (*named, *further) if row.key}
        self._must = [(row.key, row.name, *_MUST[row.kind]) for row in (*named, *further) if row.must and row.key]
        self._of_frame = {row.key: (row.name, _CONVERT.get(row.kind)) for row in self.frame}
        self._plan = {key: (row.name, _CONVERT.get(row.kind), row.of) for key, row in self.known.items()}
        self._nothing: Payload = dict.fromkeys(self.names)
        self._taken = frozenset({"raw", *(row.name for row in (*named, *further, *self.frame))})

    def read(self, data: Data, found: Json) -> Payload | BadRecord:
        """A record as a payload: named fields first, then all else of record and frame, where the record wins. One that was decoded as
        a payload (`shapes.py`) is one.

        Keys that nobody knows are added to `data.unknown`. A record that lacks what it must have is a BadRecord.
        """
        if data.is_named:
            return found  # type: ignore[no-any-return] # it is what this returns
        if not isinstance(found, dict):
            return BadRecord(topic=data.topic, reason=f"found {type(found).__name__}; expected an object", record=found)
        payload = self._nothing.copy()
        strange: set[str] | None = None
        for key, value in data.frame.items():
            if key in self._of_frame:
                name, convert = self._of_frame[key]
                payload[name] = None if value == "" else value if convert is None else convert(value)
            elif key not in _NOT_PAYLOAD:
                strange = self._keep(payload, key, value, data.unknown, strange)
        self._fill(payload, found, data.unknown)
        lack = self.lack(payload, found)
        return payload if lack is None else BadRecord(topic=data.topic, reason=lack, record=found)

    def lack(self, payload: Payload, record: Mapping[str, Json]) -> str | None:
        """What a record must have and has not, in words; None: it can be read."""
        for key, name, fits, expected in self._must:
            if not fits(payload.get(name)):
                return f"found {key} {short(record.get(key))}; expected {expected}"
        return None

    def values(self, record: Mapping[str, Json], unknown: list[str]) -> Payload:
        """A record within a record. Whether it can be read, `lack` says."""
        payload = self._nothing.copy()
        self._fill(payload, record, unknown)
        return payload

    def name(self, key: str) -> str:
        """What we call a key, known or not."""
        return self.known[key].name if key in self.known else snake(key)

    def _fill(self, payload: Payload, record: Mapping[str, Json], unknown: list[str]) -> None:
        plan, strange = self._plan, None
        for key, value in record.items():
            known = plan.get(key)
            if known is None:
                strange = self._keep(payload, key, value, unknown, strange)
                continue
            name, convert, of = known
            if value == "":
                payload.setdefault(name, None)  # a second spelling that is blank hides nothing
            elif of is not None:
                payload[name] = _each(of, value, unknown)
            else:
                payload[name] = value if convert is None else convert(value)

    def _keep(self, payload: Payload, key: str, value: Json, unknown: list[str], strange: set[str] | None) -> set[str]:
        """A key that nobody knows; it must not pass for one of ours, nor for another one that is strange. Those of its record so far."""
        strange = strange if strange is not None else set()
        name = snake(key)
        name = free(f"exchange_{name}" if name in self._taken else name, strange)
        strange.add(name)
        payload[name] = _unknown(value)
        unknown.append(key)
        return strange


def free(name: str, used: Collection[str]) -> str:
    """A name that is not used yet: itself, else `exchange_…`, and where that is not enough with a number: how many there are."""
    if name not in used:
        return name
    second, number = f"exchange_{name}", len(used)
    while second in used:
        second, number = f"exchange_{name}_{number}", number + 1
    return second


def _unknown(found: Json) -> Json:
    """A value that no table explains: kept, an empty text is nothing, nested keys in snake_case."""
    if found == "":
        return None
    if isinstance(found, dict):
        kept: dict[str, Json] = {}
        for key, value in found.items():
            kept[free(snake(key), kept)] = _unknown(value)
        return kept
    if isinstance(found, list) and found and isinstance(found[0], dict):
        return [_unknown(row) for row in found]
    return found
