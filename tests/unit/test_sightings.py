"""When queues were last seen: those that are missing afterwards are told once, those that never were are not."""

from gateway.sightings import Sightings


def test_a_queue_that_has_gone_is_told_once_with_when_it_was_last_seen() -> None:
    sightings = Sightings()
    assert sightings.look({"a", "b"}, {"a", "b"}, 1000) == []
    assert sightings.look({"a", "b"}, {"a", "b"}, 2000) == []
    assert sightings.look({"a", "b"}, {"b"}, 3000) == [("a", 2000)]
    assert sightings.look({"a", "b"}, {"b"}, 4000) == [], "it was told, and was not seen since"


def test_a_queue_that_goes_again_right_after_it_was_made_is_told_again() -> None:
    sightings = Sightings()
    sightings.look({"a"}, {"a"}, 1000)
    sightings.look({"a"}, (), 2000)
    sightings.saw(["a"], 2001)
    assert sightings.look({"a"}, (), 7000) == [("a", 2001)]


def test_a_queue_that_was_never_seen_is_new_and_not_missing() -> None:
    assert Sightings().look({"a"}, (), 1000) == []


def test_a_queue_that_nobody_needs_any_more_is_forgotten() -> None:
    sightings = Sightings()
    sightings.look({"a"}, {"a"}, 1000)
    assert sightings.look(set(), (), 2000) == []
    assert sightings.look({"a"}, (), 3000) == [], "it is needed anew, and so it is new"


def test_a_look_that_another_one_has_overtaken_tells_nothing() -> None:
    sightings = Sightings()
    sightings.look({"a"}, {"a"}, 1000)
    assert sightings.look({"a"}, (), 2000) == [("a", 1000)]
    sightings.saw(["a"], 2002)
    assert sightings.look({"a"}, (), 2001) == []
