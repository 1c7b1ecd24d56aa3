"""Room: topics are dealt so that each has one process, and as many processes are asked for as the limits of a connection call for."""

from dataclasses import replace

import pytest

from gateway.protocol.endpoints import ENDPOINTS, PUBLIC_CHARACTERS
from gateway.protocol.room import owner, processes_needed

OPTION = ENDPOINTS["option"]


def test_a_topic_belongs_to_exactly_one_process() -> None:
    topics = [f"publicTrade.T{number}" for number in range(1000)]
    for processes in (1, 2, 5):
        counts = [sum(owner(topic, processes) == number for topic in topics) for number in range(processes)]
        assert sum(counts) == 1000
        assert min(counts) > 1000 / processes * 0.7
    assert owner("publicTrade.BTCUSDT", 7) == owner("publicTrade.BTCUSDT", 7)


@pytest.mark.parametrize("count", [1_999, 2_000, 2_001, 4_500])
def test_option_topics_beyond_two_thousand_a_connection_need_more_processes(count: int) -> None:
    """Names so short that their characters are no limit."""
    topics = [f"{number}" for number in range(count)]
    needed = processes_needed(OPTION, topics)
    assert (needed == 1) == (count <= 2_000)
    held = [sum(owner(topic, needed) == number for topic in topics) for number in range(needed)]
    assert max(held) <= 2_000
    fewer = [[sum(owner(topic, less) == number for topic in topics) for number in range(less)] for less in range(1, needed)]
    assert all(max(counts) > 2_000 for counts in fewer), "not one process too many"


def test_characters_count_of_every_process_and_not_on_the_average() -> None:
    topics = [f"tickers.SYMBOL{number:05d}" for number in range(1_500)]
    needed = processes_needed(ENDPOINTS["linear"], topics)
    held = [sum(len(topic) for topic in topics if owner(topic, needed) == number) for number in range(needed)]
    assert max(held) <= PUBLIC_CHARACTERS
    assert needed == 2


def test_without_topics_or_without_limits_one_is_enough() -> None:
    assert processes_needed(OPTION, []) == 1
    assert processes_needed(ENDPOINTS["private"], [f"t{number}" for number in range(5_000)]) == 1
    assert processes_needed(replace(OPTION, characters=3, topics_per_connection=None), ["four"]) == 1, "more would not help it"
