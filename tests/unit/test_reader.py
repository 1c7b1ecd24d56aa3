"""Readers come with their topics and go with them: a process that lives long reads every topic that is wanted."""

from workers.reader import LATELY_S, MOST_UNWANTED, Readers


def test_readers_of_what_nobody_wants_or_hears_are_let_go_of() -> None:
    readers = Readers("linear")
    for day in range(100):
        now = day * 10 * LATELY_S
        topics = [f"publicTrade.D{day}N{number}" for number in range(20)]
        readers.want(dict.fromkeys(topics, frozenset({"trade"})), now)
        for topic in topics:
            reader = readers.of(topic)
            assert reader is not None
            reader.heard_at = now
    assert len(readers) <= 40
    assert readers.last_event_ms("publicTrade.D0N0") is None


def test_what_was_heard_lately_is_read_as_it_was_though_nobody_wants_it_any_more() -> None:
    readers = Readers("linear")
    readers.want({"tickers.A": frozenset({"ticker"})}, 0.0)
    reader = readers.of("tickers.A")
    assert reader is not None
    reader.heard_at = 100.0
    readers.want({}, 100.0 + LATELY_S / 2)
    assert readers.of("tickers.A") is reader
    readers.want({}, 100.0 + LATELY_S)
    assert readers.of("tickers.A") is not reader


def test_a_wanted_topic_is_read_however_many_others_there_were() -> None:
    readers = Readers("private")
    for number in range(MOST_UNWANTED + 5):
        readers.of(f"strange{number}")
    assert len(readers) == MOST_UNWANTED
    assert readers.of("one more") is None
    readers.want({"order": frozenset({"order"})}, 1.0)
    assert readers.of("order") is not None
