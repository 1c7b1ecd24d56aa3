"""`from` and `to` of a request: any ISO 8601 form → moments. Pure. What cannot be used is RequestError INVALID_TIME_RANGE.

    2026-01-31 T 12:30:00.5 +02:00
    DATES        TIMES      _OFFSET

Own, since aniso8601 reads 2026-01-31T24:00 as the begin of that day, isodate refuses it, and neither knows how long a date lasts.
"""

import calendar
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from gateway.database.pages import Span
from gateway.errors import RequestError

#: Characters; more than any form needs.
LONGEST = 40
EXPECTED = "ISO 8601, such as 2026-01-31, 2026-01-31T12:00:00Z or 2026-01-31T12:00:00.5+02:00"

_DAY = timedelta(days=1)
_SECOND_US = 1_000_000


def _ordinal(year: int, day: int) -> date:
    if not 1 <= day <= _days_of(year):
        raise ValueError(f"{year} has no day {day}")
    return date.fromordinal(date(year, 1, 1).toordinal() + day - 1)


def _days_of(year: int, *_: int) -> int:
    return 366 if calendar.isleap(year) else 365


#: Form of a date → its first day, and how many it has; both from its numbers.
DATES: tuple[tuple[str, Callable[..., date], Callable[..., int]], ...] = (
    (r"(\d{4})(?:-(\d\d)-|(\d\d))(\d\d)", date, lambda *_: 1),  # 2026-01-31, 20260131
    (r"(\d{4})-?(\d{3})", _ordinal, lambda *_: 1),  # 2026-031, 2026031
    (r"(\d{4})(?:-W(\d\d)-|W(\d\d))(\d)", date.fromisocalendar, lambda *_: 1),  # 2026-W05-6, 2026W056
    (r"(\d{4})-?W(\d\d)", lambda year, week: date.fromisocalendar(year, week, 1), lambda *_: 7),  # 2026-W05, 2026W05
    (
        r"(\d{4})-(\d\d)",
        lambda year, month: date(year, month, 1),
        lambda year, month: calendar.monthrange(year, month)[1],
    ),  # 2026-01
    (r"(\d{4})", lambda year: date(year, 1, 1), _days_of),  # 2026
)
#: Form of a time of day → what a fraction at its end is a part of, in microseconds.
TIMES: tuple[tuple[str, int], ...] = (
    (r"(\d\d)", 3600 * _SECOND_US),
    (r"(\d\d):?(\d\d)", 60 * _SECOND_US),
    (r"(\d\d)(?::(\d\d):|(\d\d))(\d\d)", _SECOND_US),
)
_FRACTION = r"(?:[.,](?P<fraction>\d+))?"
#: A date, and a time with or without its distance from UTC. A `+` that was not encoded arrives as a space.
_SHAPE = re.compile(r"(?P<date>[\dW-]+?)(?:[T ](?P<time>[\d:.,]+)(?P<offset>Z|[+ -][\d:]+)?)?", re.ASCII)
_OFFSET = re.compile(r"([+ -])(\d\d)(?::?(\d\d)(?::?(\d\d))?)?", re.ASCII)


def span_of(start: str | None, end: str | None) -> Span:
    """Both ends belong to it: a `to` that is a day, a week, a month or a year alone is all of it. Without an offset a time is in UTC."""
    span = Span(_moment("from", start, is_end=False), _moment("to", end, is_end=True))
    if span.start is not None and span.end is not None and span.start > span.end:
        raise _invalid(f"found from {start!r} after to {end!r}; expected from at or before to")
    return span


def _moment(field: str, text: str | None, *, is_end: bool) -> datetime | None:
    if text is None:
        return None
    try:
        return _read(text.strip().upper().replace("\N{MINUS SIGN}", "-"), is_end=is_end)
    except (ValueError, OverflowError):
        raise _invalid(f"found {field} {text[:100]!r}; expected {EXPECTED}") from None


def _read(text: str, *, is_end: bool) -> datetime:
    """Raises ValueError and OverflowError."""
    shape = _SHAPE.fullmatch(text) if len(text) <= LONGEST else None
    if shape is None:
        raise ValueError("no form of a moment")
    first, days = _date(shape["date"])
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    if shape["time"] is None:
        return begin + (days * _DAY - timedelta(microseconds=1)) if is_end else begin
    if days != 1:
        raise ValueError("a time is of one day")
    return begin + (_time_of_day(shape["time"]) - _offset(shape["offset"] or "Z"))


def _date(text: str) -> tuple[date, int]:
    for form, first, days in DATES:
        found = re.fullmatch(form, text, re.ASCII)
        if found:
            numbers = _numbers(found)
            return first(*numbers), days(*numbers)
    raise ValueError("no form of a date")


def _time_of_day(text: str) -> timedelta:
    """Since midnight. 24:00 is the next one, and a leap second the begin of the next minute, which is what clocks show."""
    for form, unit_us in TIMES:
        found = re.fullmatch(form + _FRACTION, text, re.ASCII)
        if found:
            digits = found["fraction"] or "0"
            hours, minutes, seconds = [*_numbers(found)[: found.re.groups - 1], 0, 0][:3]
            part_us = int(digits) * unit_us // 10 ** len(digits)
            break
    else:
        raise ValueError("no form of a time of day")
    since = timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=0 if seconds == 60 else part_us)
    if minutes > 59 or seconds > 60 or hours > 24 or (hours == 24 and (since > _DAY or int(digits))):
        raise ValueError("no time of a day")
    return since


def _offset(text: str) -> timedelta:
    """Of local time from UTC."""
    if text == "Z":
        return timedelta()
    found = _OFFSET.fullmatch(text)
    if found is None:
        raise ValueError("no form of an offset")
    hours, minutes, seconds = (int(number or 0) for number in found.groups()[1:])
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError("no offset")
    distance = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return -distance if found[1] == "-" else distance


def _numbers(found: re.Match[str]) -> list[int]:
    return [int(number) for number in found.groups() if number is not None]


def _invalid(message: str) -> RequestError:
    return RequestError(message, code="INVALID_TIME_RANGE")
