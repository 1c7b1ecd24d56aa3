"""The breaker: open after failures in a row, half-open while it is tried, closed by what works."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.breaker import FAILURES, Breaker


def test_one_failure_is_an_accident_and_three_are_a_state() -> None:
    breaker = Breaker()
    words = []
    for _ in range(FAILURES + 1):
        breaker.tried()
        words.append(breaker.word)
        breaker.failed()
        words.append(breaker.word)
    assert words == ["closed"] * 5 + ["open", "half-open", "open"]
    breaker.tried()
    breaker.succeeded()
    assert (breaker.word, breaker.failures) == ("closed", 0)


@given(st.lists(st.sampled_from(["tried", "failed", "succeeded", "rested"])))
def test_it_is_open_or_half_open_exactly_after_failures_in_a_row(calls: list[str]) -> None:
    """A success comes only of a try, as a link's does."""
    breaker, failures, is_trying = Breaker(), 0, True
    for call in calls:
        if call == "succeeded" and not is_trying:
            continue
        getattr(breaker, call)()
        failures = failures + 1 if call == "failed" else failures if call == "tried" else 0
        is_trying = call != "failed" or failures < FAILURES if call != "tried" else True
        assert (breaker.word != "closed") == (failures >= FAILURES)
