"""The records of a frame exactly as they came: every digit, every space, numbers as numbers."""

import msgspec


class _Shell(msgspec.Struct):
    data: msgspec.Raw


_shell = msgspec.json.Decoder(_Shell)
_rows = msgspec.json.Decoder(list[msgspec.Raw])


def raw_records(text: bytes, count: int) -> list[msgspec.Raw | None]:
    """One for each of the frame's outcomes: its own record for as many as there are, then the whole of `data`. None: it is no frame.

    More records than outcomes belong to none of them alone.

    The text is one that `frames.parse` has read, so that all of it is known to be JSON.
    """
    try:
        data = _shell.decode(text).data
    except (msgspec.DecodeError, msgspec.ValidationError):
        return [None] * count
    try:
        rows = _rows.decode(data)
    except msgspec.ValidationError:  # no list
        return [data] * count
    return [*rows, *[data] * (count - len(rows))] if len(rows) <= count else [data] * count
