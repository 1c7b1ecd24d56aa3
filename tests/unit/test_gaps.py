"""Gaps: each has one begin and one end, the next event of each of its topics names it, and a verdict says what came of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.occurrences import Cause
from workers.gaps import NOTHING_FETCHED, Gaps, verdict

BOOK, TRADES, KLINE = "orderbook.50.BTCUSDT", "publicTrade.BTCUSDT", "kline.1.BTCUSDT"


def test_what_was_received_between_two_gaps_names_the_newer_one() -> None:
    """It waited, and is told behind both."""
    gaps = Gaps()
    gaps.begin("disconnected", from_ms=1, topics=[BOOK], now_ms=10)
    newer = gaps.begin("unacknowledged", from_ms=1, topic=BOOK, now_ms=20)
    assert gaps.take_mark(BOOK, 9) is None
    assert gaps.take_mark(BOOK, 15) == newer.id
    assert gaps.take_mark(BOOK, 25) is None
    again = gaps.begin("hole", from_ms=25, topic=BOOK, now_ms=30)
    assert [gaps.take_mark(BOOK, at_ms) for at_ms in (29, 30)] == [None, again.id]


def test_the_next_event_of_every_topic_of_a_connection_names_its_gap_once() -> None:
    gaps = Gaps()
    gap = gaps.begin("disconnected", from_ms=5, topics=[BOOK, TRADES])
    assert gaps.marks == {BOOK: gap.id, TRADES: gap.id}
    assert gaps.marks.pop(BOOK) == gap.id
    assert gaps.marks == {TRADES: gap.id}


def test_a_connection_that_is_lost_again_before_it_is_whole_lasts_on_as_one_gap() -> None:
    gaps = Gaps()
    gap = gaps.begin("disconnected", from_ms=5, topics=[BOOK])
    gaps.marks.clear()
    assert gaps.extend(gap.id, [TRADES]) == gap
    assert gaps.marks == {BOOK: gap.id, TRADES: gap.id}
    assert gaps.restored({BOOK}.__contains__, lambda _: True) is None
    found = gaps.restored({BOOK, TRADES}.__contains__, lambda _: True)
    assert found is not None
    assert found.gap == gap


def test_a_gap_that_somebody_judges_waits_for_the_judge() -> None:
    gaps = Gaps(is_judged=True)
    gap = gaps.begin("restarted", from_ms=5, topics=["order"])
    assert gaps.restored(lambda _: True, lambda _: True) is None
    closed = gaps.end(gap.id, to_ms=9, recovered=True)
    assert closed is not None
    assert (closed.gap.to_ms, closed.gap.recovered) == (9, True)
    assert gaps.end(gap.id, to_ms=10, recovered=False) is None, "it ends once"


def test_a_gap_never_ends_before_it_began() -> None:
    """Two clocks date it: the exchange's frames, and the turn in which it is closed."""
    gaps = Gaps()
    closed = gaps.end(gaps.begin("hole", from_ms=50, topic=BOOK).id, to_ms=40, recovered=True)
    assert closed is not None
    assert closed.gap.to_ms == 50


def test_the_next_run_goes_on_with_the_connections_gap_and_ends_the_others() -> None:
    gaps = Gaps()
    connection = gaps.begin("disconnected", from_ms=5, topics=[BOOK])
    hole = gaps.begin("hole", from_ms=6, topic=KLINE)
    later = Gaps()
    assert [kept.gap for kept in later.adopt(gaps.open)] == [hole]
    assert later.connection is not None
    assert later.connection.gap == connection
    assert later.marks == {BOOK: connection.id, KLINE: hole.id}


def test_gaps_of_topics_that_nobody_wants_are_found() -> None:
    gaps = Gaps()
    hole = gaps.begin("hole", from_ms=1, topic=BOOK)
    gaps.begin("stalled", from_ms=1, topic=KLINE)
    gaps.begin("disconnected", from_ms=1, topics=[BOOK])
    assert gaps.unwanted({KLINE}.__contains__) == [hole.id]


@pytest.mark.parametrize(
    ("topics", "recovered", "words"),
    [
        ([BOOK, "tickers.BTCUSDT"], True, "orderbook, ticker began anew with a snapshot"),
        ([BOOK, TRADES, KLINE], False, "nothing of kline, trade was fetched of the time between"),
        (["allLiquidation.BTCUSDT"], False, "nothing of liquidation"),
        ([], False, "nobody wants it any more"),
    ],
)
def test_the_verdict_names_the_kinds_of_which_events_may_be_missing(topics: list[str], recovered: bool, words: str) -> None:
    found, detail = verdict(topics, "linear", is_private=False)
    assert (found, words in detail) == (recovered, True), detail


def test_a_gap_waits_for_whoever_promised_to_fetch_and_says_what_came_of_it() -> None:
    gaps = Gaps()
    gap = gaps.begin("disconnected", from_ms=1, topics=[BOOK, TRADES, KLINE])
    gaps.promise(gap.id, [TRADES, KLINE])
    gaps.judge(gap.id, TRADES, recovered=True, detail="12 fetched")
    assert gaps.restored(lambda _: True, lambda _: True) is None
    gaps.judge(gap.id, KLINE, recovered=False, detail="not fetched within 60 s")
    whole = gaps.restored(lambda _: True, lambda _: True)
    assert whole is not None
    recovered, detail = verdict(whole.topics, "linear", is_private=False, judged=whole.judged)
    assert (recovered, "publicTrade.BTCUSDT: 12 fetched" in detail) == (False, True)
    assert verdict([BOOK, TRADES], "linear", is_private=False, judged=whole.judged)[0] is True, (
        "of what is still wanted all is there"
    )
    gaps.judge("another", TRADES, recovered=True, detail="too late")


def test_what_was_lost_of_a_gap_that_lasts_on_stays_lost_and_what_was_fetched_is_to_be_fetched_anew() -> None:
    gaps = Gaps()
    gap = gaps.begin("disconnected", from_ms=1, topics=[TRADES, KLINE])
    gaps.promise(gap.id, [TRADES, KLINE])
    gaps.judge(gap.id, TRADES, recovered=False, detail="deeper")
    gaps.judge(gap.id, KLINE, recovered=True, detail="1 fetched")
    gaps.extend(gap.id, [BOOK])
    [kept] = gaps.open
    assert kept.judged == {TRADES: (False, "deeper")}
    gaps.judge(gap.id, TRADES, recovered=True, detail="2 fetched")
    gaps.judge(gap.id, KLINE, recovered=True, detail="3 fetched")
    assert kept.judged == {TRADES: (False, "deeper"), KLINE: (True, "3 fetched")}


def test_a_promise_dies_with_its_process() -> None:
    gaps, later = Gaps(), Gaps()
    gap = gaps.begin("disconnected", from_ms=1, topics=[TRADES])
    gaps.promise(gap.id, [TRADES])
    later.adopt(gaps.open)
    assert later.restored(lambda _: True, lambda _: True) is not None


def test_of_the_account_nothing_is_recovered_that_nobody_fetched() -> None:
    assert verdict(["order", "wallet"], "private", is_private=True) == (False, NOTHING_FETCHED)


STEPS = st.lists(
    st.tuples(st.sampled_from(["hole", "stalled", "disk_full", "disconnected", "end"]), st.sampled_from("abc")), max_size=30
)


@given(STEPS)
def test_of_one_cause_and_topic_the_open_gap_is_the_one_that_began_last_and_has_not_ended(steps: list[tuple[str, str]]) -> None:
    gaps, model, ended = Gaps(), dict[tuple[Cause, str], str](), set[str]()
    for at, (word, topic) in enumerate(steps):
        if word == "end":
            for (cause, known), gap_id in list(model.items()):
                if known == topic:
                    assert gaps.of(cause, known) == gap_id
                    gaps.end(gap_id, to_ms=at, recovered=False)
                    ended.add(model.pop((cause, known)))
        elif (word, topic) not in model:
            model[word, topic] = gaps.begin(word, from_ms=at, topic=topic).id  # type: ignore[index, arg-type] # a cause by now
        assert {kept.gap.id for kept in gaps.open} == set(model.values())
        assert all(kept.gap.to_ms is None for kept in gaps.open)
        assert {kept.gap.id for kept in gaps.ended} == ended
