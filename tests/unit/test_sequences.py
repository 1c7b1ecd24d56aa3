"""What a consumer remembers: repeats by id, holes by number, and a number that a repeat has of its own."""

from gateway.consumer import Sequences


def told(*came: tuple[int, str], seen: Sequences | None = None, epoch: str = "e") -> list[int | None]:
    seen = seen or Sequences()
    envelopes = [{"event_type": "position", "event_id": event_id, "sequence": number, "epoch": epoch} for number, event_id in came]
    return [seen.missing("position.inverse.BTCUSD", envelope) for envelope in envelopes]


def test_the_next_number_is_no_hole_and_a_higher_one_is() -> None:
    assert told((7, "a"), (8, "b"), (11, "c"), (12, "d")) == [0, 0, 2, 0]


def test_a_fact_that_the_exchange_says_again_under_a_number_of_its_own_leaves_no_hole() -> None:
    assert told((24, "a"), (25, "a"), (26, "a"), (27, "a"), (28, "b")) == [0, None, None, None, 0]


def test_what_is_missing_before_a_repeat_is_told_with_the_next_of_its_key() -> None:
    seen = Sequences()
    assert told((1, "a"), (4, "a"), (6, "a"), seen=seen) == [0, None, None]
    assert seen.missing("position.linear.BTCUSDT", {"event_type": "position", "event_id": "x", "sequence": 1, "epoch": "e"}) == 0
    assert told((8, "b"), (9, "c"), seen=seen) == [4, 0]


def test_what_is_sent_again_is_a_repeat_and_no_hole() -> None:
    assert told((1, "a"), (2, "b"), (3, "c"), (2, "b"), (3, "c"), (4, "d")) == [0, 0, 0, None, None, 0]


def test_one_that_comes_late_is_taken() -> None:
    assert told((1, "a"), (3, "c"), (2, "b"), (4, "d")) == [0, 1, 0, 0]


def test_another_epoch_counts_for_itself() -> None:
    seen = Sequences()
    assert told((9, "a"), seen=seen) == told((1, "b"), seen=seen, epoch="f") == [0]


def test_only_so_many_ids_are_remembered() -> None:
    assert told((1, "a"), (2, "b"), (3, "c"), (4, "a"), seen=Sequences(remembered=2)) == [0, 0, 0, 0]
