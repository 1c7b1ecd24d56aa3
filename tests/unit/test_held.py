"""Frames that wait: in their order, and never for long."""

from workers.held import Held


def test_nothing_waits_where_nothing_is_expected() -> None:
    held = Held[int]()
    assert not held.put("a", 1, 0.0)
    assert (held.due(100.0), len(held), held.next_at) == ([], 0, None)


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
    assert held.next_at == 12.0
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
    assert (held.next_at, held.due(1.0), len(held)) == (0.0, ["a1"], 0)
