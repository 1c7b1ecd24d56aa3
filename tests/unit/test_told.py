"""What PostgreSQL is told of topics: each change once, repeats where a row differs, and one state for a wish that names many."""

from uuid import UUID

import msgspec
import pytest

from gateway.database.store import Wanted
from gateway.health.words import TopicState
from gateway.wire import TopicReport
from workers.told import LAST_EVENT_EVERY_S, NONE_MATCHES, REPEAT_AFTER_S, Told, of_patterns, together


def row(topic: str, state: str, last_error: str | None = None) -> Wanted:
    return Wanted(
        UUID(int=0), topic, "trades", "A", "linear", "one", state, last_error, queue="q", snapshot_seconds=None, resyncs=0
    )


def test_a_change_is_told_once_and_says_whether_it_settles() -> None:
    told = Told()

    def news(state: str, at: float, error: str | None = None) -> list[tuple[TopicReport, bool]]:
        return list(told.news({"t": TopicState(state, error)}, [row("t", state, error)], at))

    assert news("requested", 0.0) == [(TopicReport("t", "requested"), False)]
    assert news("requested", 0.1) == []
    assert news("acknowledged", 0.2) == [(TopicReport("t", "acknowledged"), True)]
    assert news("live", 0.3) == [(TopicReport("t", "live"), False)]
    assert news("refused", 0.4, "no") == [(TopicReport("t", "refused", "no"), True)]
    assert news("live", 0.5) == [(TopicReport("t", "live"), True)]


def test_a_row_that_says_something_else_is_told_again_after_a_while() -> None:
    told = Told()
    states, rows = {"t": TopicState("live")}, [row("t", "requested")]
    assert len(list(told.news(states, rows, 0.0))) == 1
    assert list(told.news(states, rows, REPEAT_AFTER_S - 0.1)) == []
    assert list(told.news(states, rows, REPEAT_AFTER_S)) == [(TopicReport("t", "live"), False)]


def test_a_new_row_for_a_topic_that_is_told_already_is_told_at_once() -> None:
    told, states = Told(), {"t": TopicState("live")}
    assert len(list(told.news(states, [row("t", "live")], 0.0))) == 1
    another = msgspec.structs.replace(row("t", "requested"), id=UUID(int=1))
    assert list(told.news(states, [row("t", "live"), another], 0.1)) == [(TopicReport("t", "live"), False)]
    assert list(told.news(states, [row("t", "live"), another], 0.2)) == []


def test_newest_events_are_told_now_and_then_and_what_is_gone_is_forgotten() -> None:
    told = Told()
    assert len(list(told.news({"t": TopicState("live")}, [], 0.0))) == 1
    states = {"t": TopicState("live", None, 7)}
    assert list(told.news(states, [], LAST_EVENT_EVERY_S - 0.1)) == []
    assert list(told.news(states, [], LAST_EVENT_EVERY_S)) == [(TopicReport("t", "live", None, 7), False)]
    assert list(told.news({}, [], 10.0)) == []
    assert len(list(told.news(states, [], 10.1))) == 1


def test_a_pattern_is_told_as_its_topics_are_together() -> None:
    topics = {"a": TopicState("live", None, 5), "b": TopicState("live", None, 9), "c": TopicState("refused", "no such")}
    found = of_patterns({"*": ["a", "b"], "a*": ["a", "c"], "d*": ["a", "unknown"], "none*": []}, topics)
    assert found == {
        "*": TopicState("live", None, 9),
        "a*": TopicState("live", "1 of 2 refused, such as c: no such", 5),
        "d*": TopicState("requested", None, 5),
        "none*": TopicState("requested", NONE_MATCHES, None),
    }


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], ("requested", NONE_MATCHES)),
        ([("live", None), ("live", None)], ("live", None)),
        ([("live", None), ("acknowledged", None)], ("acknowledged", None)),
        ([("acknowledged", None), ("requested", None)], ("requested", None)),
        ([("live", None), ("refused", "no")], ("live", "1 of 2 refused, such as t1: no")),
        ([("refused", None), ("refused", "no")], ("refused", "2 of 2 refused, such as t0: without words")),
        ([("refused", "no"), ("requested", None)], ("requested", "1 of 2 refused, such as t0: no")),
        ([("live", None), ("stalled", None)], ("live", "1 of 2 stalled, such as t1: without words")),
        ([("live", None), ("acknowledged", "hollow")], ("acknowledged", "hollow")),
    ],
)
def test_a_selector_is_what_its_topics_are_together(states: list[tuple[str, str | None]], expected: tuple[str, str | None]) -> None:
    assert together((f"t{number}", *said) for number, said in enumerate(states)) == expected
