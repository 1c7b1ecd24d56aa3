"""The wishes of services become the work of one process, topic by topic; what somebody wants anew is noticed once."""

from uuid import UUID

import pytest

from gateway.database.store import Wanted
from gateway.protocol import channels
from gateway.protocol.endpoints import ENDPOINTS
from workers.work import Resyncs, work_of

LINEAR, PRIVATE = ENDPOINTS["linear"], ENDPOINTS["private"]
BOOK = "orderbook.50.A"


def wish(
    topic: str, channel_type: str, *, queue: str = "q", snapshot_s: float | None = None, number: int = 0, resyncs: int = 0
) -> Wanted:
    """number: tells the rows of several services apart."""
    return Wanted(
        UUID(int=number),
        topic,
        channel_type,
        "A",
        "linear",
        "one",
        "requested",
        None,
        queue=queue,
        snapshot_seconds=snapshot_s,
        resyncs=resyncs,
    )


def test_no_wishes_are_no_work() -> None:
    work = work_of([], LINEAR)
    assert (work.channels, work.event_types, work.snapshots) == ({}, {}, {})


def test_every_topic_has_the_row_that_reads_it_however_many_want_it() -> None:
    rows = [wish("publicTrade.A", "trades"), wish("publicTrade.A", "trades", number=1), wish(BOOK, "orderbook", number=2)]
    assert work_of(rows, LINEAR).channels == {"publicTrade.A": channels.by_type("trades"), BOOK: channels.by_type("orderbook")}


def test_of_a_topic_that_tells_several_things_only_those_are_wanted_that_somebody_asked_for() -> None:
    ticker, funding = wish("tickers.A", "ticker"), wish("tickers.A", "funding", number=1)
    for rows, wanted in (([ticker], {"ticker"}), ([funding], {"funding"}), ([ticker, funding], {"ticker", "funding"})):
        assert work_of(rows, LINEAR).event_types == {"tickers.A": wanted}


@pytest.mark.parametrize("channel_type", ["raw", "a row of a later version"])
def test_a_topic_in_the_exchanges_own_words_is_wanted_as_of_the_channel_that_reads_it(channel_type: str) -> None:
    topics = {"tickers.A": "ticker", "publicTrade.A": "trade", "new.A": "raw"}
    work = work_of([wish(topic, channel_type) for topic in topics], LINEAR)
    assert work.event_types == {topic: {event_type} for topic, event_type in topics.items()}


def test_a_private_topic_that_nobody_knows_is_read_as_a_private_one() -> None:
    work = work_of([wish("strategy", "raw")], PRIVATE)
    assert work.channels == {"strategy": channels.RAW_PRIVATE}
    assert work.event_types == {"strategy": {"raw"}}


@pytest.mark.parametrize("pauses", [(5.0, 2.0), (2.0, 5.0), (2.0, None), (None, 2.0)])
def test_where_a_queue_wants_one_book_twice_the_shorter_pause_counts(pauses: tuple[float | None, float | None]) -> None:
    rows = [wish(BOOK, "orderbook", snapshot_s=pause, number=number) for number, pause in enumerate(pauses)]
    assert work_of(rows, LINEAR).snapshots == {BOOK: {"q": 2.0}}


def test_every_queue_and_every_book_has_a_pause_of_its_own() -> None:
    other = "orderbook.200.A"
    rows = [
        wish(BOOK, "orderbook", snapshot_s=5.0),
        wish(BOOK, "orderbook", queue="another", snapshot_s=1.0, number=1),
        wish(other, "orderbook", snapshot_s=9.0, number=2),
    ]
    assert work_of(rows, LINEAR).snapshots == {BOOK: {"q": 5.0, "another": 1.0}, other: {"q": 9.0}}


def test_a_book_that_nobody_wants_whole_is_published_whole_to_nobody() -> None:
    assert work_of([wish(BOOK, "orderbook")], LINEAR).snapshots == {}


def test_a_resync_from_before_the_start_counts_as_done() -> None:
    assert Resyncs().grown([wish(BOOK, "orderbook", resyncs=3)]) == set()


def test_each_resync_is_told_once() -> None:
    resyncs = Resyncs()
    told = [resyncs.grown([wish(BOOK, "orderbook", resyncs=number)]) for number in (0, 1, 1, 2, 2, 5, 5)]
    assert told == [set(), {BOOK}, set(), {BOOK}, set(), {BOOK}, set()]


def test_a_wish_that_comes_later_is_no_resync_and_its_own_are_told() -> None:
    resyncs = Resyncs()
    first = wish(BOOK, "orderbook", resyncs=1)
    assert resyncs.grown([first]) == set()
    assert resyncs.grown([first, wish(BOOK, "orderbook", number=1, resyncs=7)]) == set()
    assert resyncs.grown([first, wish(BOOK, "orderbook", number=1, resyncs=8)]) == {BOOK}


def test_a_resync_of_one_topic_is_none_of_another() -> None:
    resyncs = Resyncs()
    topics = ("publicTrade.A", "publicTrade.B")
    assert resyncs.grown([wish(topic, "trades", number=number) for number, topic in enumerate(topics)]) == set()
    grown = [wish(topic, "trades", number=number, resyncs=number) for number, topic in enumerate(topics)]
    assert resyncs.grown(grown) == {"publicTrade.B"}


def test_a_resync_of_a_wish_that_names_many_is_one_of_each_of_its_topics() -> None:
    resyncs = Resyncs()
    topics = {"publicTrade.A", "publicTrade.B"}
    for number, told in ((1, set()), (2, topics), (2, set())):
        assert resyncs.grown([wish(topic, "trades", resyncs=number) for topic in topics]) == told
    joined = [wish(topic, "trades", resyncs=3) for topic in (*topics, "publicTrade.C")]
    assert resyncs.grown(joined) == topics, "what it names only now begins anyway"
