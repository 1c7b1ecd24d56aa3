from gateway.backoff import Backoff, cap_for


def test_the_first_wait_is_at_most_one_second() -> None:
    assert Backoff(30.0, dice=lambda: 1.0).next_s() == 1.0


def test_the_bound_doubles_up_to_the_cap_and_stays_there_for_ever() -> None:
    backoff = Backoff(5.0, dice=lambda: 1.0)
    assert [backoff.next_s() for _ in range(6)] == [1.0, 2.0, 4.0, 5.0, 5.0, 5.0]
    for _ in range(10_000):
        assert backoff.next_s() == 5.0


def test_a_wait_is_a_share_of_its_bound() -> None:
    assert Backoff(5.0, dice=lambda: 0.25).next_s() == 0.25


def test_success_begins_anew() -> None:
    backoff = Backoff(30.0, dice=lambda: 1.0)
    backoff.next_s()
    backoff.next_s()
    backoff.succeeded()
    assert backoff.next_s() == 1.0


def test_the_cap_grows_with_the_workers_between_five_and_thirty_seconds() -> None:
    assert [cap_for(workers) for workers in (1, 4, 7, 10, 25, 400)] == [5.0, 5.0, 8.4, 12.0, 30.0, 30.0]
