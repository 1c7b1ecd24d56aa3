"""Inheritance: what an older layout missed goes to who has its topics now, to each topic what is its own, and no gap stays open for nobody."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.health.words import Absence
from gateway.occurrences import Gap
from gateway.protocol.room import owner
from workers.gaps import OpenGap
from workers.inheritance import MOVED, Left, share_gaps, share_wishes
from workers.wanted import Wishes

TOPICS = [f"publicTrade.T{number}" for number in range(40)]
NOW_MS = 1_000_000


def lost(identity: str, topics: list[str], from_ms: int) -> OpenGap:
    return OpenGap(Gap(identity, "restarted", from_ms), topics=set(topics))


def of(topics: list[str], number: int, processes: int) -> list[str]:
    return [topic for topic in topics if owner(topic, processes) == number]


def since(kept: OpenGap) -> dict[str, int]:
    return {topic: kept.since_ms.get(topic, kept.gap.from_ms) for topic in kept.topics}


@given(
    st.integers(1, 5),
    st.integers(1, 5),
    st.lists(st.integers(1, NOW_MS), min_size=5, max_size=5),
    st.lists(st.sampled_from(["ended", "killed", "idle"]), min_size=5, max_size=5),
)
def test_every_topic_that_was_held_is_missed_by_its_new_process_since_it_was_last_heard(
    before: int, after: int, from_ms: list[int], how: list[str]
) -> None:
    left, expected = {}, {}
    for number in range(before):
        topics = of(TOPICS, number, before)
        if how[number] == "ended":
            left[number] = Left([lost(f"g{number}", topics, from_ms[number])])
        elif how[number] == "killed":
            left[number] = Left((), Absence(from_ms[number], topics))
        else:
            left[number] = Left()
            continue
        expected |= dict.fromkeys(topics, from_ms[number])
    shares = share_gaps(left, range(after), lambda topic: owner(topic, after), executor=0, now_ms=NOW_MS)
    open_gaps = {number: [kept for kept in share if kept.gap.to_ms is None] for number, share in shares.items()}
    assert all(len(kept) <= 1 for kept in open_gaps.values()), "a connection has one gap"
    found = {topic: at_ms for kept in open_gaps.values() for gap in kept for topic, at_ms in since(gap).items()}
    assert found == expected
    for number, kept in open_gaps.items():
        assert all(owner(topic, after) == number for gap in kept for topic in gap.topics)
    every = [kept for share in shares.values() for kept in share]
    told = [kept.gap.id for kept in every]
    assert len(told) == len(set(told))
    assert {f"g{number}" for number in range(before) if how[number] == "ended"} <= set(told), "each that was opened goes on or ends"
    assert all((kept.gap.recovered, kept.detail) == (True, MOVED) for kept in every if kept.gap.to_ms is not None)


def test_the_gap_goes_on_in_the_process_of_the_same_number_and_begins_anew_in_the_others() -> None:
    shares = share_gaps({0: Left([lost("g", TOPICS, 7)])}, range(3), lambda topic: owner(topic, 3), executor=1, now_ms=9)
    assert [kept.gap.id for kept in shares[0]] == ["g"]
    assert all(kept.gap.id != "g" for number in (1, 2) for kept in shares[number])
    assert all((kept.gap.cause, kept.gap.from_ms) == ("restarted", 7) for number in (1, 2) for kept in shares[number])


def test_what_another_host_has_now_is_not_taken_up_here_and_its_gap_ends() -> None:
    shares = share_gaps({2: Left([lost("g", TOPICS, 7)])}, [0], lambda _topic: 1, executor=0, now_ms=9)
    [ended] = shares[0]
    assert (ended.gap.id, ended.gap.to_ms, ended.gap.recovered) == ("g", 9, True)


def test_gaps_of_single_topics_and_those_that_ended_untold_go_to_somebody() -> None:
    hole = OpenGap(Gap("hole", "hole", 3), topic=TOPICS[0])
    untold = OpenGap(Gap("old", "restarted", 1, 2, True), topics={TOPICS[1]})
    shares = share_gaps({4: Left([hole, untold])}, range(2), lambda topic: owner(topic, 2), executor=1, now_ms=9)
    assert shares == {0: [], 1: [hole, untold]}


def test_what_is_known_to_be_lost_of_a_topic_stays_lost_with_its_new_process() -> None:
    kept = lost("g", TOPICS[:2], 7)
    kept.judged = {TOPICS[0]: (False, "deeper"), TOPICS[1]: (True, "3 fetched")}
    shares = share_gaps({0: Left([kept])}, [1], lambda _topic: 1, executor=1, now_ms=9)
    assert [gap.judged for gap in shares[1] if gap.gap.to_ms is None] == [{TOPICS[0]: (False, "deeper")}]


def test_wishes_are_remembered_by_who_has_them_now() -> None:
    named = {"tickers.*": ["tickers.A"]}
    shares = share_wishes([Wishes(named=named)], range(3), lambda topic: owner(topic, 3))
    assert [number for number, wishes in shares.items() if wishes.named] == [owner("tickers.*", 3)]
