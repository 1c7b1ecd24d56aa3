"""Lines of the log: JSON, one a line, and of a flood of warnings only as many as a day of it can be kept."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from gateway.log import MOST, MOST_KINDS, WITHIN_S, Flood, JsonLines


class Clock:
    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(clock: Clock, request: pytest.FixtureRequest) -> Iterator[tuple[logging.Logger, io.StringIO]]:
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(JsonLines("test_00"))
    handler.addFilter(Flood(clock))
    logger = logging.getLogger(f"tests.{request.node.name}")
    logger.propagate, logger.handlers[:] = False, [handler]
    logger.setLevel(logging.DEBUG)
    yield logger, text
    logger.handlers.clear()


def lines(text: io.StringIO) -> list[dict[str, str]]:
    return [json.loads(line) for line in text.getvalue().splitlines()]


def test_a_line_has_what_there_is_and_no_more(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, text = log
    logger.info("one two=%d", 2)
    logger.info("line\nbreak", extra={"trace_id": "abc"})
    one, two = lines(text)
    assert (one["level"], one["process"], one["message"], "trace_id" in one) == ("INFO", "test_00", "one two=2", False)
    assert (two["message"], two["trace_id"]) == ("line\nbreak", "abc")


def test_of_a_flood_of_one_kind_a_few_are_said_and_how_many_were_not(log: tuple[logging.Logger, io.StringIO], clock: Clock) -> None:
    logger, text = log
    for number in range(1000):
        logger.warning("away reason=%s", number)
        clock.seconds += WITHIN_S / 2000
    logger.warning("another kind")
    assert [line["message"] for line in lines(text)] == [*(f"away reason={number}" for number in range(MOST)), "another kind"]
    clock.seconds += WITHIN_S
    logger.warning("away reason=%s", "again")
    last = lines(text)[-1]
    assert (last["message"], last["left_out"]) == ("away reason=again", str(1000 - MOST))


def test_what_is_no_warning_is_always_said(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, text = log
    for _ in range(10 * MOST):
        logger.info("subscribed")
        logger.debug("frame")
    assert len(lines(text)) == 20 * MOST


def test_words_without_end_are_no_kinds(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, text = log
    for number in range(3 * MOST_KINDS):
        logger.warning(f"made up here {number}")
    assert len(lines(text)) == 3 * MOST_KINDS
