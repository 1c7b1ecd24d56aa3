"""The records of a frame exactly as they came: every digit, every space, numbers as numbers."""

import msgspec

from gateway.models import Json
from gateway.protocol.frames import Data, decode


class _Shell(msgspec.Struct):
    data: msgspec.Raw


_shell = msgspec.json.Decoder(_Shell)
_rows = msgspec.json.Decoder(list[msgspec.Raw])

#: Of two values of one key `frames.parse` knows only the second; the first may go deeper than the interpreter follows.
_TOO_DEEP = RecursionError


def raw_records(text: bytes, count: int) -> list[msgspec.Raw | None]:
    """One for each of the frame's outcomes: its own record for as many as there are, then the whole of `data`. None: it is no frame.

    More records than outcomes belong to none of them alone.

    The text is one that `frames.parse` has read, so that all of it is known to be JSON.
    """
    data = raw_data(text)
    if data is None:
        return [None] * count
    try:
        rows = _rows.decode(data)
    except msgspec.ValidationError:  # no list
        return [data] * count
    except _TOO_DEEP:
        return [None] * count
    return [*rows, *[data] * (count - len(rows))] if len(rows) <= count else [data] * count


def raw_data(text: bytes) -> msgspec.Raw | None:
    """All that a frame brought; None: it is no frame."""
    try:
        return _shell.decode(text).data
    except (msgspec.DecodeError, msgspec.ValidationError, _TOO_DEEP):
        return None


def as_it_came(data: Data, record: Json, raw: msgspec.Raw | None) -> Json:
    """A record of a frame in the exchange's own digits, where `raw` is that record and not one that holds it. None: all there is."""
    if data.is_named:
        return raw
    if raw is None or record is None:
        return raw if record is None else record
    try:
        return raw if decode(raw) == record else record
    except _TOO_DEEP:
        return record


def raw_record(data: Data, place: int, count: int) -> msgspec.Raw | None:
    """Of so many outcomes of a frame the one at this place. They are looked for when the first is asked for: mostly nobody does."""
    if data.raws is None:
        data.raws = raw_records(data.text, count)
    return data.raws[place]
