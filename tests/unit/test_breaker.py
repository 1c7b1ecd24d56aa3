"""An exchange that stays away is a state."""

from gateway.breaker import FAILURES, Breaker, State


def test_it_opens_after_some_failures_in_a_row() -> None:
    breaker = Breaker()
    for _ in range(FAILURES - 1):
        breaker.tried()
        breaker.failed()
        assert breaker.state is State.CLOSED
    breaker.tried()
    breaker.failed()
    assert breaker.state is State.OPEN


def test_a_success_between_failures_begins_the_count_anew() -> None:
    breaker = Breaker()
    for _ in range(3 * FAILURES):
        breaker.failed()
        breaker.succeeded()
    assert breaker.state is State.CLOSED


def test_a_probe_decides() -> None:
    breaker = Breaker(State.OPEN, FAILURES)
    breaker.tried()
    assert breaker.state is State.HALF_OPEN
    breaker.failed()
    assert breaker.state is State.OPEN
    breaker.tried()
    breaker.succeeded()
    assert (breaker.state, breaker.failures) == (State.CLOSED, 0)
