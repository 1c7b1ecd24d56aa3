"""Frames that wait: in their order, and never for long."""

from collections.abc import Callable
from operator import le, lt
from typing import Any

import pytest

from gateway.models import Event
from gateway.protocol.answers import Fact, at_ms
from workers.held import Held

Before = Callable[[int, int], bool]


def test_nothing_waits_where_nothing_is_expected() -> None:
    held = Held[int]()
    assert not held.put("a", 1, 0.0)
    assert (held.due(100.0), len(held)) == ([], 0)


def test_frames_wait_until_they_are_released_in_their_order() -> None:
    held = Held[int]()
    held.expect("a")
    assert [held.put("a", number, number / 10) for number in range(5)] == [True] * 5
    assert held.due(1.0) == []
    held.release("a")
    assert held.due(1.0) == [0, 1, 2, 3, 4]
    assert not held.put("a", 5, 1.0)


def test_the_first_frame_waits_two_seconds_at_most_and_takes_the_others_with_it() -> None:
    held = Held[int]()
    held.expect("a")
    held.put("a", 1, 10.0)
    held.put("a", 2, 11.9)
    assert held.due(11.99) == []
    assert held.due(12.0) == [1, 2]
    assert not held.put("a", 3, 12.0)


def test_the_wait_begins_with_a_frame_and_not_with_the_expectation() -> None:
    held = Held[int]()
    held.expect("a")
    assert held.due(1_000.0) == []
    assert held.put("a", 1, 1_000.0)


def test_keys_do_not_wait_for_each_other() -> None:
    held = Held[str]()
    held.expect("a")
    held.expect("b")
    held.put("a", "a1", 0.0)
    held.put("b", "b1", 0.5)
    held.release("b")
    assert held.due(1.0) == ["b1"]
    assert len(held) == 1
    held.release_all()
    assert (held.due(1.0), len(held)) == (["a1"], 0)


def test_frames_of_a_new_connection_wait_their_own_two_seconds() -> None:
    held = Held[str]()
    held.expect("a")
    held.put("a", "old 1", 0.0)
    held.put("a", "old 2", 1.0)
    held.expect("a")
    held.put("a", "new", 1.9)
    assert held.due(2.5) == ["old 1"]
    assert held.put("a", "newer", 2.6)
    assert held.due(3.8) == ["old 2"]
    assert held.due(3.9) == ["new", "newer"]
    assert not held.put("a", "last", 3.9)


@pytest.mark.parametrize(
    ("is_before", "told"),
    [(lt, [[], "f10", [10, 15], "f20", [20]]), (le, [[10], "f10", [15, 20], None])],
    ids=["frames first", "facts first"],
)
def test_facts_are_told_between_the_frames_and_what_is_behind_them_waits_on(is_before: Before, told: list[Any]) -> None:
    """Each fact is its moment, and so is each frame's name."""
    held = Held[str]()
    held.expect("a")
    for frame in ("f10", "f20", "f30"):
        held.put("a", frame, 0.0)
    facts = [Fact(event(at_ms), None) for at_ms in (10, 15, 20)]
    steps = held.between("a", facts, lambda frame: int(frame[1:]), is_before)
    flat = [entry for before, frame in steps for entry in ([at_ms(fact) for fact in before], frame)]
    assert flat[: len(told)] == told
    assert held.take_all("a") == (["f30"] if is_before is lt else ["f20", "f30"])


def event(at_ms: int) -> Event:
    return Event(
        event_type="trade",
        category="linear",
        symbol="A",
        topic="publicTrade.A",
        timestamp_ms=at_ms,
        identity=str(at_ms),
        payload={},
    )
