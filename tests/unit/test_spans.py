"""`from` and `to` of a request: every form of one moment, and one clear sentence for what is none."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given, strategies

from api.spans import span_of
from gateway.database.pages import Span
from gateway.errors import RequestError

#: Form → the moment, in UTC.
FORMS = {
    "2026-01-31T12:00:00Z": "2026-01-31T12:00:00", "2026-01-31t12:00:00z": "2026-01-31T12:00:00", "2026-01-31T12": "2026-01-31T12:00:00",
    "2026-01-31 12:00": "2026-01-31T12:00:00", "20260131T120000Z": "2026-01-31T12:00:00", "2026-W05-6T12:00Z": "2026-01-31T12:00:00",
    "2026-01-31T12:00:00+02:00": "2026-01-31T10:00:00", "2026-01-31T12:00:00 02:00": "2026-01-31T10:00:00",
    "2026-01-31T12:00:00 0200": "2026-01-31T10:00:00", "2026-01-31 12:00 02": "2026-01-31T10:00:00",
    "2026-01-31T23:00:00-0230": "2026-02-01T01:30:00", "2026-01-31T12:00:00.5Z": "2026-01-31T12:00:00.500000",
    "20260131T120000,25+05": "2026-01-31T07:00:00.250000", "2026-01-31T12:00:00.123456789Z": "2026-01-31T12:00:00.123456",
    "2026-01-31T24:00": "2026-02-01T00:00:00", "2026-01-31T24:00:00Z": "2026-02-01T00:00:00", "20260131T24": "2026-02-01T00:00:00",
    "2026-01-31T24:00:00.000+02:00": "2026-01-31T22:00:00", "9999-12-31T24:00+01:00": "9999-12-31T23:00:00",
    "2026-031T12": "2026-01-31T12:00:00", "2026031T1200Z": "2026-01-31T12:00:00", "2024-366T00": "2024-12-31T00:00:00",
    "2016-12-31T23:59:60Z": "2017-01-01T00:00:00", "2016-12-31T23:59:60.75Z": "2017-01-01T00:00:00", "20170101T052960+0530": "2017-01-01T00:00:00",
    "2026-01-31T12:30.5": "2026-01-31T12:30:30", "2026-01-31T12:30,5Z": "2026-01-31T12:30:30", "20260131T1230.25": "2026-01-31T12:30:15",
    "2026-01-31T12.5": "2026-01-31T12:30:00", "2026-01-31T12,75-01": "2026-01-31T13:45:00", "2026-01-31T23.999": "2026-01-31T23:59:56.400000",
    "2026-01-31T12:00\N{MINUS SIGN}02:00": "2026-01-31T14:00:00", "2026-01-31T12:00-00:00": "2026-01-31T12:00:00",
    "2026-01-31T12:00:00+01:02:03": "2026-01-31T10:57:57", "2026-01-31T12:00 0102": "2026-01-31T10:58:00",
}  # fmt: skip


@pytest.mark.parametrize("text", FORMS)
def test_each_form_of_a_moment_is_that_moment_at_both_ends(text: str) -> None:
    span = span_of(text, text)
    assert span.start is not None
    assert span.start == span.end
    assert span.start.isoformat() == f"{FORMS[text]}+00:00"


#: A date alone → its first and its last day.
DATES = {
    **dict.fromkeys(("2026-01-31", "20260131", "2026-W05-6", "2026W056", "2026-031", "2026031"), ("2026-01-31", "2026-01-31")),
    "2026-W48": ("2026-11-23", "2026-11-29"), "2026W48": ("2026-11-23", "2026-11-29"), "2026-W01": ("2025-12-29", "2026-01-04"),
    "2020-W53": ("2020-12-28", "2021-01-03"), "2026-01": ("2026-01-01", "2026-01-31"), "2024-02": ("2024-02-01", "2024-02-29"),
    "2026": ("2026-01-01", "2026-12-31"), "2024": ("2024-01-01", "2024-12-31"), "9999": ("9999-01-01", "9999-12-31"),
}  # fmt: skip


@pytest.mark.parametrize("text", DATES)
def test_a_date_alone_is_all_of_its_day_week_month_or_year(text: str) -> None:
    span, (first, last) = span_of(text, text), DATES[text]
    assert span.start is not None
    assert span.end is not None
    assert (span.start.isoformat(), span.end.isoformat()) == (f"{first}T00:00:00+00:00", f"{last}T23:59:59.999999+00:00")


#: Whole seconds, as `isoformat` writes them; ISO 8601 itself knows minutes.
OFFSETS = strategies.integers(-86_399, 86_399).map(lambda seconds: timezone(timedelta(seconds=seconds)))
#: Far enough from both ends of the calendar for any offset.
MOMENTS = {"min_value": datetime(1, 1, 3), "max_value": datetime(9999, 12, 29)}  # noqa: DTZ001 # their zone comes besides


@given(
    strategies.datetimes(**MOMENTS, timezones=OFFSETS | strategies.just(UTC)),
    strategies.sampled_from(["T", " ", "t"]),
    strategies.sampled_from(["auto", "hours", "minutes", "seconds", "milliseconds", "microseconds"]),
)
def test_what_python_writes_as_iso_8601_is_read_as_python_reads_it(moment: datetime, between: str, exactly: str) -> None:
    text = moment.isoformat(timespec=exactly).replace("T", between)
    assert span_of(text, text) == Span(datetime.fromisoformat(text), datetime.fromisoformat(text))


@given(strategies.datetimes(**MOMENTS), strategies.sampled_from(["%Y-%m-%d", "%Y%m%d", "%G-W%V-%u", "%GW%V%u", "%Y-%j", "%Y%j"]))
def test_each_form_of_a_date_is_that_date(moment: datetime, form: str) -> None:
    assume(moment.year >= 1000)  # `strftime` writes fewer digits of earlier ones
    for of_day in ("T%H:%M:%S.%fZ", "T%H%M%S,%f"):
        text = moment.strftime(form + of_day)
        assert span_of(text, None).start == moment.replace(tzinfo=UTC)


@given(strategies.text(alphabet="0123456789TZW:.,+- ", max_size=45))
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    try:
        span_of(text, text)
    except RequestError as fault:
        assert fault.code == "INVALID_TIME_RANGE"  # noqa: PT017 # both are right


def test_an_end_that_is_not_given_is_open() -> None:
    assert span_of(None, None) == Span(None, None)
    assert span_of("2026-01-31", None).end is None
    assert span_of(None, "2026-01-31").start is None


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "yesterday", "1767225600", "1767225600000", "20", "202601", "2026-13", "2026-W54", "2025-W53-1", "2026-W05-8", "2026-366", "2026-000", "2026-13-01",
        "0000", "2026-0131", "202601-31", "2026-W056", "2026-01T12:00", "2026-W05T12:00", "2026T12", "2026-01-31T24:01", "2026-01-31T24:00:00.1",
        "2026-01-31T24.5", "2026-01-31T12:60", "2026-01-31T12:00:61", "2026-01-31T12:0000", "2026-01-31T1200:00", "2026-01-31T12:30.", "2026-01-31T12:00+1",
        "2026-01-31T12:00:00+02:60", "2026-01-31T12:00:00+2:00", "2026-01-31+02:00", "2026-01-31T12:00ZZ", "2026-01-31T12:00:00." + "0" * 40, "2026-02-30", "2026-01-31T", "2026-01-31T25:00", "2026-01-31X12:00",
        "2026-01-31T12:00:00+25:00", "2026-01-31T12:00:00Z[UTC]", "٢٠٢٦-01-31", "0001-01-01T00:00+14:00", "9999-12-31T23:59:59-12:00", "x" * 10_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ["from", "to"])
def test_what_is_no_moment_is_refused_in_one_sentence(field: str, text: str) -> None:
    with pytest.raises(RequestError) as caught:
        span_of(*((text, None) if field == "from" else (None, text)))
    assert (caught.value.code, caught.value.status) == ("INVALID_TIME_RANGE", 400)
    assert str(caught.value) == (
        f"found {field} {text[:100]!r}; expected ISO 8601, such as 2026-01-31, 2026-01-31T12:00:00Z or 2026-01-31T12:00:00.5+02:00"
    )


@pytest.mark.parametrize(
    ("start", "end", "is_right"),
    [
        ("2026-01-31", "2026-01-31", True), ("2026-01-31T12:00Z", "2026-01-31", True), ("2026-02-01", "2026-01-31", False),
        ("2026-01-31T12:00Z", "2026-01-31T12:00Z", True), ("2026-01-31T12:00Z", "2026-01-31T13:00+02:00", False),
        ("2026-01-31T12:00+02:00", "2026-01-31T11:00Z", True),
    ],
)  # fmt: skip
def test_the_beginning_is_at_or_before_the_end_wherever_on_earth(start: str, end: str, is_right: bool) -> None:
    if is_right:
        assert span_of(start, end) != Span()
        return
    with pytest.raises(RequestError, match="expected from at or before to") as caught:
        span_of(start, end)
    assert caught.value.code == "INVALID_TIME_RANGE"
