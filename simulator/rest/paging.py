"""The parameters that REST lists share: category, times, page size and cursor. Source: protocol notes, section 9.3."""

import re
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from simulator.rest.signing import Refused, is_number

Query = Mapping[str, str]
#: One row of a list: Unix milliseconds it is sorted by, its id, and the row.
Listed = tuple[int, str, dict[str, Any]]

CATEGORIES = ("spot", "linear", "inverse", "option")
DAY_MS = 86_400_000
#: The longest span between startTime and endTime, and what is answered where neither is named; milliseconds.
WEEK_MS = 7 * DAY_MS


def category_of(query: Query, among: Sequence[str] = CATEGORIES) -> str:
    category = query.get("category", "")
    if category not in among:
        raise Refused(10001, "params error: category invalid")
    return category


def number(query: Query, name: str) -> int | None:
    text = query.get(name)
    if text is None or text == "":
        return None
    if not is_number(text):
        raise Refused(10001, f"params error: {name} invalid")
    return int(text)


def span(query: Query, now_ms: int) -> tuple[int, int]:
    """startTime and endTime, milliseconds. A missing one is a week from the other; without both, the last week."""
    start, end = number(query, "startTime"), number(query, "endTime")
    if start is None and end is None:
        # Until a week ahead: an account's clock may run before ours, when much happens in one millisecond.
        return now_ms - WEEK_MS, now_ms + WEEK_MS
    if start is None:
        start = (end or 0) - WEEK_MS
    end = start + WEEK_MS if end is None else end
    if not 0 <= end - start <= WEEK_MS:
        raise Refused(10001, "params error: the time span is at most 7 days")
    return start, end


def page(query: Query, rows: Sequence[Listed], *, most: int, default: int) -> dict[str, Any]:
    """The rows behind the cursor's, and the next page's cursor, "" at the end. rows: newest first.

    A cursor names the last row that was given, so that rows which come in between shift nothing. It comes percent-encoded, and
    clients send it as it is or encoded once more: both are read (protocol notes, section 9.1).
    """
    limit = number(query, "limit")
    limit = default if limit is None else limit
    if not 1 <= limit <= most:
        raise Refused(10001, f"params error: limit is from 1 to {most}")
    begin = _behind(query.get("cursor", ""), rows)
    shown = rows[begin : begin + limit]
    mark = _cursor(*shown[-1][:2]) if begin + limit < len(rows) else ""
    return {"list": [row for _, _, row in shown], "nextPageCursor": mark}


def _cursor(time_ms: int, identity: str) -> str:
    return urllib.parse.quote(f"page_token={identity}:{time_ms}&", safe="")


def _behind(cursor: str, rows: Sequence[Listed]) -> int:
    """Where a cursor's page begins. A row that has gone since is looked for by its time."""
    if not cursor:
        return 0
    found = re.fullmatch(r"page_token=(.+):(\d{1,18})&", urllib.parse.unquote(cursor))
    if found is None:
        raise Refused(10001, "params error: cursor invalid")
    identity, time_ms = found[1], int(found[2])
    for index, (_, known, _) in enumerate(rows):
        if known == identity:
            return index + 1
    return next((index for index, row in enumerate(rows) if row[0] < time_ms), len(rows))
