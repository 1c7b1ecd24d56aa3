"""What a person sees: tables that fit, spans of time in two units."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from cli import screen


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 s"), (59.9, "59 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"), (3600, "1 h 0 min"), (90_000, "1 d 1 h")],
)
def test_a_span_is_told_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert screen.lasted(seconds) == words


def test_a_moment_of_the_api_is_so_long_ago() -> None:
    now = datetime(2026, 1, 1, 0, 1, 0, tzinfo=UTC)
    assert screen.ago_s("2026-01-01T00:00:00.000Z", now) == 60.0
    assert screen.ago_s(None, now) is None


def shown(width: int) -> list[str]:
    out = io.StringIO()
    rows = [("linear_00", "connected", "a long sentence of why it was lost, with more words than there is room for on a line")]
    Console(file=out, width=width).print(screen.table(("connection", "status", "last error"), rows, elastic=("last error",)))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_table_cuts_its_elastic_columns_and_no_other() -> None:
    head, row = shown(60)
    assert head.split() == ["connection", "status", "last", "error"]
    assert row.startswith("linear_00   connected  a long sentence")
    assert row.endswith("…")
    assert len(row) <= 60


def test_a_table_that_has_room_is_whole() -> None:
    assert shown(200)[1].endswith("on a line")
