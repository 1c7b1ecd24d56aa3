"""`from` and `to` of a request: every form of one moment, and one clear sentence for what is none."""

import pytest

from api.spans import span_of
from gateway.errors import RequestError
from gateway.pages import Span

#: Form → the moment, in UTC.
FORMS = {
    "2026-01-31T12:00:00Z": "2026-01-31T12:00:00", "2026-01-31t12:00:00z": "2026-01-31T12:00:00", "2026-01-31T12": "2026-01-31T12:00:00",
    "2026-01-31 12:00": "2026-01-31T12:00:00", "20260131T120000Z": "2026-01-31T12:00:00", "2026-W05-6T12:00Z": "2026-01-31T12:00:00",
    "2026-01-31T12:00:00+02:00": "2026-01-31T10:00:00", "2026-01-31T12:00:00 02:00": "2026-01-31T10:00:00",
    "2026-01-31T12:00:00 0200": "2026-01-31T10:00:00", "2026-01-31 12:00 02": "2026-01-31T10:00:00",
    "2026-01-31T23:00:00-0230": "2026-02-01T01:30:00", "2026-01-31T12:00:00.5Z": "2026-01-31T12:00:00.500000",
    "20260131T120000,25+05": "2026-01-31T07:00:00.250000", "2026-01-31T12:00:00.123456789Z": "2026-01-31T12:00:00.123456",
}  # fmt: skip


@pytest.mark.parametrize("text", FORMS)
def test_each_form_of_a_moment_is_that_moment_at_both_ends(text: str) -> None:
    span = span_of(text, text)
    assert span.start is not None
    assert span.start == span.end
    assert span.start.isoformat() == f"{FORMS[text]}+00:00"


@pytest.mark.parametrize("text", ["2026-01-31", "20260131", "2026-W05-6", "2026W056"])
def test_a_date_alone_begins_with_the_day_and_ends_with_it(text: str) -> None:
    span = span_of(text, text)
    assert span.start is not None
    assert span.end is not None
    assert (span.start.isoformat(), span.end.isoformat()) == ("2026-01-31T00:00:00+00:00", "2026-01-31T23:59:59.999999+00:00")


def test_an_end_that_is_not_given_is_open() -> None:
    assert span_of(None, None) == Span(None, None)
    assert span_of("2026-01-31", None).end is None
    assert span_of(None, "2026-01-31").start is None


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "yesterday", "1767225600", "1767225600000", "2026", "2026-13-01", "2026-02-30", "2026-01-31T", "2026-01-31T25:00", "2026-01-31X12:00",
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
