"""What was told last of a topic, and so what REST tells behind it."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.models import Event
from gateway.protocol.tape import DISORDER_MS, REMEMBERED, Tape, newest, oldest


def trade(number: int, at_ms: int) -> Event:
    return event("trade", f"trade|linear|A|{number}", at_ms, {})


def event(event_type: str, identity: str, at_ms: int, payload: dict[str, Any]) -> Event:
    return Event(
        event_type=event_type, category="linear", symbol="A", topic="t", timestamp_ms=at_ms, identity=identity, payload=payload
    )


def test_what_was_told_is_not_missed_and_what_came_after_it_is() -> None:
    tape = Tape()
    for number in range(10):
        tape.note(trade(number, 1_000 + number))
    edge = tape.edge(0)
    assert [number for number in range(20) if edge.misses(trade(number, 1_000 + number))] == list(range(10, 20))
    assert edge.newest_ms == 1_009


def test_trades_of_one_moment_are_told_apart_by_their_ids() -> None:
    tape = Tape()
    tape.note(trade(1, 5))
    tape.note(trade(2, 5))
    edge = tape.edge(0)
    assert [edge.misses(trade(number, 5)) for number in (1, 2, 3)] == [False, False, True]


def test_what_is_older_than_the_first_that_was_told_is_nobodys() -> None:
    tape = Tape()
    tape.note(trade(5, 1_000))
    assert not tape.edge(0).misses(trade(4, 999))


def test_a_topic_of_which_nothing_was_told_misses_what_came_since_the_gap_began() -> None:
    edge = Tape().edge(100_000)
    assert edge.newest_ms == 0
    assert [edge.misses(trade(1, at)) for at in (99_999 - DISORDER_MS, 100_000 - DISORDER_MS, 100_001)] == [False, True, True]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 40), max_size=4 * REMEMBERED), st.integers(0, 4 * REMEMBERED), st.integers(0, 4 * REMEMBERED))
def test_the_exchanges_tape_minus_what_was_told_is_what_is_missed(steps: list[int], told: int, since: int) -> None:
    """Some are told, then REST tells all. Nothing that came behind the edge is left out; of what was told nothing comes again."""
    at_ms, all_of_them = 1_000_000, []
    for number, step in enumerate(steps):
        at_ms += step // 8  # often in the same moment
        all_of_them.append(trade(number, at_ms))
    tape = Tape()
    for found in all_of_them[:told]:
        tape.note(found)
    edge = tape.edge(0)
    for found in all_of_them[told : told + since]:
        tape.note(found)
    missed = [found.identity for found in all_of_them if edge.misses(found) and not tape.is_told(found)]
    assert missed == [found.identity for found in all_of_them[told + since :] if edge.newest_ms == 0 or edge.misses(found)]
    later = [found.identity for found in all_of_them[told + since :] if found.timestamp_ms > edge.newest_ms]
    assert set(later) <= set(missed)


def test_candles_are_placed_by_their_start() -> None:
    tape = Tape()
    candle = event("kline", "kline|1", 99_000, {"start": 60_000})
    tape.note(candle)
    assert tape.edge(0).newest_ms == 60_000
    assert oldest([candle]) == 60_000
    assert (oldest([]), newest([]), newest([candle])) == (None, None, 60_000)


def test_what_is_told_after_the_gap_is_looked_for_until_it_is_closed() -> None:
    tape = Tape()
    tape.note(trade(1, 1))
    assert not tape.is_told(trade(1, 1))
    tape.edge(0)
    tape.note(trade(2, 2))
    assert [tape.is_told(trade(number, number)) for number in (1, 2)] == [False, True]
    tape.close()
    assert not tape.is_told(trade(2, 2))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=3 * REMEMBERED), st.integers(1, 3 * REMEMBERED))
def test_another_process_that_goes_on_with_the_tape_misses_what_the_first_would_have_missed(steps: list[int], told: int) -> None:
    at_ms, all_of_them = 1_000_000, []
    for number, step in enumerate(steps):
        at_ms += step * 8
        all_of_them.append(trade(number, at_ms))
    first, second = Tape(), Tape()
    for found in all_of_them[:told]:
        first.note(found)
    second.goes_on(first.last)
    missed = [[event.identity for event in all_of_them if tape.edge(0).misses(event)] for tape in (first, second)]
    assert missed[0] == missed[1] == [event.identity for event in all_of_them[told:]]
