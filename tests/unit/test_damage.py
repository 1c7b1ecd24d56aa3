"""Holes in the numbers of a spool, found as it is read in order."""

from gateway.lanes.damage import Damage, Hole, Whole


def test_what_is_read_without_a_hole_is_no_damage() -> None:
    damage = Damage()
    damage.begin(Whole(4, 10))
    damage.read(Whole(5, 13), 3)
    damage.read(Whole(6, 14), 1)
    damage.ended(6, 14)
    assert damage.taken() == []


def test_a_hole_has_the_numbers_the_records_and_the_times_between_its_neighbours_and_is_told_once() -> None:
    damage = Damage()
    for _ in range(2):  # the sink was lost, and all is read again
        damage.begin(Whole(4, 10, 1000))
        damage.read(Whole(5, 13, 2000), 3)
        damage.read(Whole(8, 30, 5000), 2)
        damage.ended(8, 30)
    assert damage.taken() == [Hole(6, 7, 15, from_ns=2000, to_ns=5000)]
    assert damage.taken() == []


def test_what_is_missing_at_the_end_is_a_hole_and_newer_parts_go_on_behind_it() -> None:
    damage = Damage()
    damage.begin(Whole(4, 10, 1000))
    damage.ended(6, 18)
    damage.read(Whole(7, 20, 5000), 2)
    assert damage.taken() == [Hole(5, 6, 8, from_ns=1000)]


def test_how_many_records_are_missing_is_said_only_where_it_is_known() -> None:
    damage = Damage()
    damage.begin(Whole(4))
    damage.read(Whole(6, 30), 2)
    damage.read(Whole(8, 20), 2)  # the count began anew
    assert [hole.records for hole in damage.taken()] == [None, None]


def test_damage_is_told_in_words() -> None:
    assert Hole(6, 7, 15).words("broker") == "2 parts in the spool of broker, 6 to 7, are damaged or missing: 15 records"
    assert Hole(6, 6).words("broker") == "1 parts in the spool of broker, 6 to 6, are damaged or missing"
    damage = Damage()
    damage.cut(Whole(5, 9, 1000), 120)
    [cut] = damage.taken()
    assert cut.words("broker") == "120 bytes behind part 5 in the spool of broker are no whole part: what they held may be lost"


def test_the_same_damage_has_one_identity_and_other_damage_another() -> None:
    assert Hole(6, 7, 15, from_ns=1, to_ns=5).identity == Hole(6, 7, None, from_ns=None, to_ns=5).identity
    holes = [Hole(6, 7, to_ns=5), Hole(6, 8, to_ns=5), Hole(6, 7, to_ns=6), Hole(6, None, bytes_cut=1), Hole(6, None, bytes_cut=2)]
    assert len({hole.identity for hole in holes}) == len(holes)
