"""docs/OPERATIONS.md explains every sentence that the gateway says of itself, and none that it does not say any more."""

import re
from itertools import chain
from typing import get_args

import pytest

from gateway.occurrences import Cause, Kind
from tests import sentences
from tests.pages import first_cells, read, section

PAGE = "docs/OPERATIONS.md"
#: What SQL says; no source of Python holds it.
BY_SQL = {"its lease of … s ran out"}

EXPLAINED = {
    "Health": sentences.REASONS,
    "Alarms of queues": sentences.ALARMS,
    "Connections": sentences.CONNECTIONS,
    "Topics and subscriptions": sentences.TOPICS | BY_SQL,
    "RabbitMQ, PostgreSQL, disk": sentences.SINKS,
    "Log lines to act on": sentences.CALLS,
}


def rows(heading: str) -> list[list[str]]:
    """The code spans in the first cells of a section's first table, without its head."""
    text = re.search(r"^\|.*?(?=^$|\Z)", section(PAGE, heading), re.MULTILINE | re.DOTALL)
    return [
        row for row in first_cells(text[0] if text else "") if row[0] not in ("reasons", "alarms", "last_error", "kind", "cause")
    ]


@pytest.mark.parametrize("heading", EXPLAINED)
def test_every_sentence_has_a_row_and_every_row_a_sentence(heading: str) -> None:
    written = list(chain.from_iterable(rows(heading)))
    assert sentences.missing(EXPLAINED[heading], written) == set()
    assert sentences.unsaid(EXPLAINED[heading], written) == []


def test_every_other_log_line_that_is_explained_is_still_written() -> None:
    _, others = section(PAGE, "Log lines to act on").split("Others that are asked about")
    written = [row[0] for row in first_cells(others)]
    assert len(written) >= 7
    assert sentences.unsaid(sentences.LINES, written) == []


def test_every_row_says_what_it_means_and_what_to_do() -> None:
    lines = [line for line in read(PAGE).splitlines() if line.startswith("| `") and line.count(" | ") >= 2]
    assert len(lines) > 80
    assert [line for line in lines if not all(cell.strip(" |") for cell in line.split(" | "))] == []


@pytest.mark.parametrize(("page", "heading"), [(PAGE, "What the gateway tells"), ("docs/EVENTS.md", "Payload")])
def test_every_kind_of_occurrence_is_explained(page: str, heading: str) -> None:
    found = set(chain.from_iterable(first_cells(section(page, heading).replace("\n  |", "\n|"))))
    assert set(get_args(Kind)) <= found


def test_every_cause_of_a_gap_is_explained_here_and_its_begin_and_end_in_the_architecture() -> None:
    causes = set(get_args(Cause))
    here = section(PAGE, "What the gateway tells").split("| `cause` |")[1]
    assert {row[0] for row in first_cells(here)} == causes
    assert {row[0] for row in first_cells(section("docs/ARCHITECTURE.md", "Gaps"))} == causes


def test_the_sql_says_what_the_page_explains() -> None:
    text = read("gateway/database/queries.sql")
    assert [words for words in BY_SQL if not all(part in text for part in words.split("…"))] == []


def test_a_sentence_without_a_row_is_found() -> None:
    written = ["linear_00 has been silent for … s"]
    said = {"… has been silent for … s", "… has been silent for … s with … topics wanted"}
    assert sentences.missing(said, written) == {"… has been silent for … s with … topics wanted"}
    assert sentences.unsaid(said, ["linear_00 has been merry for … s"]) == ["linear_00 has been merry for … s"]
