"""Slots: which of an endpoint's processes a machine sees."""

from workers.slots import Slot

NAMED = {"tickers.*": [f"tickers.T{number}" for number in range(20)], "kline.1.*": []}


def test_a_machine_that_runs_all_processes_sees_all_topics_of_a_pattern() -> None:
    assert Slot("linear", 0, 3, range(3)).seen_here(NAMED) == NAMED


def test_a_machine_that_runs_some_speaks_for_the_topics_of_those() -> None:
    parts = [Slot("linear", number, 3, [number]).seen_here(NAMED) for number in range(3)]
    assert sorted(topic for part in parts for topic in part["tickers.*"]) == sorted(NAMED["tickers.*"])
    assert all(part["kline.1.*"] == [] for part in parts), "a pattern that names nothing yet is known everywhere"


def test_of_a_pattern_without_any_topic_here_nothing_is_said() -> None:
    slots = [Slot("linear", number, 3, [number]) for number in range(3)]
    one = {"tickers.*": ["tickers.T1"]}
    assert sum("tickers.*" in slot.seen_here(one) for slot in slots) == 1
