"""`from` and `to` of a request: any ISO 8601 form → moments. Pure. What cannot be used is RequestError INVALID_TIME_RANGE."""

import re
from datetime import UTC, datetime, timedelta

from gateway.errors import RequestError
from gateway.pages import Span

#: A date, and a time with or without its distance from UTC. What is between them is looked at by `datetime`.
_SHAPE = re.compile(r"(?P<date>[0-9]{4}[0-9W-]{3,6})(?P<time>[T ][0-9:.,]+(Z|[+-][0-9:]{2,6})?)?", re.ASCII)
#: A `+` that was not encoded arrives as a space.
_LOST_PLUS = re.compile(r"(?P<moment>.+[T ].+) (?P<offset>[0-9:]{2,5})", re.ASCII)

EXPECTED = "ISO 8601, such as 2026-01-31, 2026-01-31T12:00:00Z or 2026-01-31T12:00:00.5+02:00"


def span_of(start: str | None, end: str | None) -> Span:
    """Both ends belong to it: a `to` that is a date alone is the whole day. Without an offset a time is in UTC."""
    span = Span(_moment("from", start, is_end=False), _moment("to", end, is_end=True))
    if span.start is not None and span.end is not None and span.start > span.end:
        raise _invalid(f"found from {start!r} after to {end!r}; expected from at or before to")
    return span


def _moment(field: str, text: str | None, *, is_end: bool) -> datetime | None:
    if text is None:
        return None
    shape = _SHAPE.fullmatch(_LOST_PLUS.sub(r"\g<moment>+\g<offset>", text.strip().upper()))
    refusal = _invalid(f"found {field} {text[:100]!r}; expected {EXPECTED}")
    if shape is None:
        raise refusal
    try:
        moment = datetime.fromisoformat(shape[0])
        if is_end and shape["time"] is None:
            moment += timedelta(days=1, microseconds=-1)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise refusal from None


def _invalid(message: str) -> RequestError:
    return RequestError(message, code="INVALID_TIME_RANGE")
