"""A topic's cadence: what is a stall for one is a quiet market for another."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol import channels
from gateway.protocol.cadence import LATELY_S, PATIENCE, Cadence, cadence_of


def floor_of(topic: str, endpoint: str) -> float | None:
    cadence = cadence_of(channels.for_topic(topic, endpoint), topic, endpoint)
    return cadence.floor_s if cadence is not None else None


def test_floors_are_those_of_the_table_and_quiet_topics_have_none() -> None:
    floors = {
        topic: floor_of(topic, "linear")
        for topic in (
            "orderbook.1.A",
            "orderbook.50.A",
            "orderbook.rpi.A",
            "tickers.A",
            "kline.1.A",
            "publicTrade.A",
            "priceLimit.A",
        )
    }
    assert floors == {
        "orderbook.1.A": 10.0, "orderbook.50.A": 30.0, "orderbook.rpi.A": 30.0, "tickers.A": 30.0, "kline.1.A": 130.0,
        "publicTrade.A": None, "priceLimit.A": None,
    }  # fmt: skip
    assert [floor_of(topic, "option") for topic in ("orderbook.25.X", "tickers.X")] == [None, None]
    assert floor_of("tickers.X", "spread") is None
    assert floor_of("order", "private") is None


def test_the_longest_interval_lately_sets_the_limit_and_is_forgotten() -> None:
    cadence = Cadence(30.0, learns=True)
    for now in (0.0, 1.0, 21.0, 22.0):
        cadence.heard(now)
    assert cadence.limit_s == PATIENCE * 20.0
    for now in range(23, int(2 * LATELY_S) + 40):
        cadence.heard(float(now))
    assert cadence.limit_s == 30.0


def test_what_is_resent_by_itself_does_not_learn_from_its_own_stalls_and_the_others_do() -> None:
    for learns, limit_s in ((True, PATIENCE * 40.0), (False, 30.0)):
        cadence = Cadence(30.0, learns=learns)
        cadence.heard(0.0)
        assert cadence.is_due(30.0)
        cadence.ask(30.0)
        assert cadence.heard(40.0), "it was stalled"
        assert cadence.limit_s == limit_s
        assert not cadence.is_stalled


def test_before_its_first_frame_on_a_connection_nothing_is_due_unless_it_was_stalled_before() -> None:
    cadence = Cadence(30.0, learns=True)
    assert not cadence.is_due(1000.0)
    cadence.heard(1000.0)
    cadence.begin_anew(1010.0)
    assert not cadence.is_due(5000.0)
    cadence.ask(5000.0)
    cadence.begin_anew(5010.0)
    assert (cadence.is_due(5039.0), cadence.is_due(5040.0)) == (False, True)


@given(st.lists(st.integers(0, 29), min_size=1, max_size=50), st.integers(30, 500))
def test_a_topic_is_due_exactly_when_it_was_silent_for_its_limit(intervals: list[int], silence: int) -> None:
    cadence, now = Cadence(30.0, learns=True), 0.0
    cadence.heard(now)
    for interval in intervals:
        now += interval
        assert not cadence.is_due(now)
        cadence.heard(now)
    limit_s = max(30.0, PATIENCE * max(intervals))
    assert cadence.limit_s == limit_s
    assert cadence.is_due(now + silence) == (silence >= limit_s)
