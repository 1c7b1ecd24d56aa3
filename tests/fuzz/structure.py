"""Mutations of a frame's structure: read, changed at some place in its tree, written again. Dearer than those of its bytes."""

from collections.abc import Callable
from random import Random
from typing import Any

import msgspec

from tests.fuzz.bytewise import VALUES, Mutate, at
from tests.fuzz.corpus import Base, corpus

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

_RAWS = tuple(map(msgspec.Raw, VALUES))
#: The most trades that one frame of the exchange holds. Source: protocol notes, section 6.6.
MOST_ROWS = 1024


def _raw(dice: Random) -> msgspec.Raw:
    return _RAWS[at(dice, len(_RAWS))]


def _replace(dice: Random, holder: Any, place: Any) -> None:
    holder[place] = _raw(dice)


def _remove(_dice: Random, holder: Any, place: Any) -> None:
    del holder[place]


def _again(dice: Random, holder: Any, place: Any) -> None:
    """A row twice; of an object, another key with the same value."""
    if isinstance(holder, list):
        holder.insert(at(dice, len(holder) + 1), holder[place])
    else:
        holder[_name(dice)] = holder[place]


def _wrap(_dice: Random, holder: Any, place: Any) -> None:
    holder[place] = [holder[place]]


def _inside(dice: Random, holder: Any, place: Any) -> None:
    holder[place] = {_name(dice): holder[place]}


def _unwrap(dice: Random, holder: Any, place: Any) -> None:
    found = holder[place]
    parts = list(found.values()) if isinstance(found, dict) else found if isinstance(found, list) else [str(found)]
    holder[place] = parts[at(dice, len(parts))] if parts else None


def _shuffle(dice: Random, holder: Any, _place: Any) -> None:
    if isinstance(holder, list):
        dice.shuffle(holder)
    else:
        items = list(holder.items())
        dice.shuffle(items)
        holder.clear()
        holder.update(items)


def _extra(dice: Random, holder: Any, place: Any) -> None:
    """A key that the exchange has elsewhere, or one of our own names; of a list, a stranger among its rows."""
    if isinstance(holder, dict):
        holder[_name(dice)] = _raw(dice)
    else:
        holder.insert(place, _raw(dice))


_CHANGES: tuple[Callable[[Random, Any, Any], None], ...] = (
    _replace, _replace, _remove, _remove, _again, _wrap, _inside, _unwrap, _shuffle, _extra, _extra,
)  # fmt: skip


def _name(dice: Random) -> str:
    keys = corpus().keys
    return keys[at(dice, len(keys))]


def changed(dice: Random, found: Any) -> None:
    """Change a list or an object at one place, somewhere below."""
    holder = found
    while True:
        places = list(holder) if isinstance(holder, dict) else range(len(holder))
        if not places:
            return
        place = places[at(dice, len(places))]
        inner = holder[place]
        if not isinstance(inner, (dict, list)) or not inner or dice.random() < 0.2:
            _CHANGES[at(dice, len(_CHANGES))](dice, holder, place)
            return
        holder = inner


def tree(dice: Random, base: Base, _other: Base) -> bytes:
    """One to three changes anywhere."""
    frame = _decode(base.text)
    for _ in range(1 + at(dice, 3)):
        changed(dice, frame)
    return _encode(frame)


def frame(dice: Random, base: Base, _other: Base) -> bytes:
    """The frame's own keys: another type, time or count, or none of it."""
    found = _decode(base.text)
    name = ("topic", "type", "ts", "cts", "cs", "id", "creationTime", "data", "op", "success", "ret_msg", "args", "req_id")[
        at(dice, 13)
    ]
    if dice.random() < 0.3:
        found.pop(name, None)
    else:
        found[name] = _raw(dice)
    return _encode(found)


def rows(dice: Random, base: Base, other: Base) -> bytes:
    """Many rows, some of them of another family; rarely as many as a frame of the exchange may hold."""
    found, stranger = _decode(base.text), _decode(other.text)
    data = found.get("data")
    if isinstance(data, list) and data:
        count = MOST_ROWS if dice.random() < 0.02 else 2 + at(dice, 20)
        strange = stranger.get("data")
        odd = strange if isinstance(strange, list) and strange else [strange, 7, None, [], {}, "x"]
        found["data"] = [(odd if dice.random() < 0.1 else data)[0] for _ in range(count)]
    else:
        found["data"] = [data] * (1 + at(dice, 3))
    return _encode(found)


#: Mutation → its weight among all, those of the bytes included.
STRUCTURE: dict[Mutate, int] = {tree: 60, frame: 20, rows: 3}


def with_rows(base: Base, count: int) -> bytes | None:
    """A frame that repeats the rows of this one until there are so many; None where it has no rows."""
    found = _decode(base.text)
    data = found.get("data")
    if not base.topic or not isinstance(data, list) or not data or not all(isinstance(row, dict) for row in data):
        return None
    found["data"] = [data[place % len(data)] for place in range(count)]
    return _encode(found)


def with_one_changed(dice: Random, text: bytes, place: int) -> bytes:
    """The same frame where only the row at this place is another."""
    found = _decode(text)
    if dice.random() < 0.3:
        found["data"][place] = _raw(dice)
    else:
        changed(dice, found["data"][place])
    return _encode(found)
