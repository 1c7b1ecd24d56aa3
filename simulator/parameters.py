"""What REST calls are asked with: numbers, limits, pages. Pure; the bad is refused with the exchange's code."""

import re
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from simulator.signing import Refused

Query = Mapping[str, str]
#: The code of a bad parameter. Source: protocol notes, section 9.2.
BAD_PARAMETER = 10001


def refused(name: str, words: str = "invalid") -> Refused:
    return Refused(BAD_PARAMETER, f"params error: {name} {words}")


def number(query: Query, name: str) -> int | None:
    """A whole number of at most 18 digits; None where it is not given."""
    text = query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise refused(name)
    return int(text)


def limit(query: Query, *, most: int, default: int | None) -> int:
    """default: None where it has to be given."""
    given = number(query, "limit")
    given = default if given is None else given
    if given is None or not 1 <= given <= most:
        raise refused("limit", f"is from 1 to {most}")
    return given


def named(query: Query, name: str, among: Sequence[str], default: str | None = None) -> str:
    found = query.get(name, default)
    if found is None or found not in among:
        raise refused(name)
    return found


def span(query: Query, names: tuple[str, str], *, now_ms: int) -> tuple[int, int]:
    """From and until, Unix milliseconds; everything where neither is given."""
    start, end = (number(query, name) for name in names)
    start, end = start or 0, now_ms if end is None else end
    if end < start:
        raise refused(names[1], f"is before {names[0]}")
    return start, end


def page(query: Query, rows: Sequence[Any], *, most: int, default: int) -> dict[str, Any]:
    """The rows from the cursor on, and the next page's cursor, "" at the end.

    A cursor comes percent-encoded, and clients send it as it is or encoded once more: both are read (protocol notes, section 9.1).
    """
    count = limit(query, most=most, default=default)
    cursor = urllib.parse.unquote(query.get("cursor", ""))
    place = re.fullmatch(r"page_token=(\d{1,9})&", cursor) if cursor else None
    if cursor and place is None:
        raise refused("cursor")
    start = int(place[1]) if place else 0
    following = start + count
    mark = urllib.parse.quote(f"page_token={following}&") if following < len(rows) else ""
    return {"list": list(rows[start:following]), "nextPageCursor": mark}
