"""When queues were last seen: one that is missing stays so until it is made again, one that was never seen is new."""

from collections.abc import Collection

from gateway.lanes.sightings import Sightings


def look(sightings: Sightings, needed: Collection[str], existing: Collection[str], looked_ms: int) -> set[str]:
    sightings.look(needed, existing, looked_ms)
    return sightings.missing


def test_a_queue_that_has_gone_is_missing_since_it_was_last_seen_until_it_is_made_again() -> None:
    sightings = Sightings()
    assert look(sightings, {"a", "b"}, {"a", "b"}, 1000) == set()
    assert look(sightings, {"a", "b"}, {"a", "b"}, 2000) == set()
    assert look(sightings, {"a", "b"}, {"b"}, 3000) == {"a"}
    assert look(sightings, {"a", "b"}, {"b"}, 4000) == {"a"}, "making it failed"
    assert look(sightings, {"a", "b"}, {"a", "b"}, 5000) == {"a"}, "somebody made it; nobody says that it is bound"
    assert sightings.made("a", 6000) == 2000
    assert sightings.made("a", 6001) is None
    assert sightings.made("b", 6000) is None


def test_a_queue_that_goes_again_right_after_it_was_made_is_missing_again() -> None:
    sightings = Sightings()
    look(sightings, {"a"}, {"a"}, 1000)
    look(sightings, {"a"}, (), 2000)
    sightings.made("a", 2001)
    assert look(sightings, {"a"}, (), 7000) == {"a"}
    assert sightings.made("a", 7001) == 2001


def test_a_queue_that_was_never_seen_is_new_and_not_missing() -> None:
    assert look(Sightings(), {"a"}, (), 1000) == set()


def test_what_somebody_else_has_seen_counts_where_nothing_better_is_known() -> None:
    sightings = Sightings()
    sightings.trust(["a", "b"], 500)
    look(sightings, {"a", "b"}, {"b"}, 1000)
    sightings.trust(["a", "b"], 1500)
    assert look(sightings, {"a", "b"}, (), 2000) == {"a", "b"}
    assert (sightings.made("a", 3000), sightings.made("b", 3000)) == (500, 1000)


def test_a_queue_that_nobody_needs_any_more_is_forgotten() -> None:
    sightings = Sightings()
    look(sightings, {"a", "b"}, {"a", "b"}, 1000)
    assert look(sightings, {"b"}, ("b",), 2000) == set()
    assert look(sightings, {"a", "b"}, (), 3000) == {"b"}, "a is needed anew, and so it is new"
    sightings.forget("b")
    assert look(sightings, {"a", "b"}, (), 4000) == set()


def test_a_look_that_another_one_has_overtaken_finds_nothing_missing() -> None:
    sightings = Sightings()
    look(sightings, {"a"}, {"a"}, 1000)
    look(sightings, {"a"}, (), 2000)
    sightings.made("a", 2002)
    assert look(sightings, {"a"}, (), 2001) == set()


def test_a_queue_whose_message_came_back_is_missing() -> None:
    sightings = Sightings()
    look(sightings, {"a"}, {"a"}, 1000)
    sightings.lost("a", 2000)
    sightings.lost("new", 2000)
    assert sightings.missing == {"a"}
    assert sightings.made("a", 2001) == 1000
