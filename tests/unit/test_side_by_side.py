"""Several calls at a time: their results in order, and a fault that is not swallowed."""

import threading

import pytest

from workers.side_by_side import side_by_side


def test_results_come_in_the_order_of_the_items() -> None:
    assert side_by_side(lambda item: item * 2, range(100), threads=4) == list(range(0, 200, 2))
    assert side_by_side(lambda item: item, [], threads=4) == []


def test_as_many_run_at_a_time_as_are_allowed() -> None:
    together = threading.Barrier(4)
    assert side_by_side(lambda _: together.wait(10.0) >= 0, range(8), threads=4) == [True] * 8


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_in_one_is_a_fault_of_all() -> None:
    with pytest.raises(LookupError, match="1 of 3 calls ended without a result"):
        side_by_side(lambda item: 1 // item, [1, 0, 2], threads=3)
