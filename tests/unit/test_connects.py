"""The connect budget: one file, many workers, never more than the exchange allows."""

import multiprocessing
from pathlib import Path

import pytest

from workers.connects import FOR_PRIVATE, MOST, WINDOW_S, ConnectBudget

NOW = 1_800_000_000.0


def test_budget_is_the_exchanges() -> None:
    """Source: protocol notes, section 2."""
    assert (MOST, WINDOW_S) == (500, 300.0)


def test_one_too_many_waits_until_the_oldest_is_old_enough(tmp_path: Path) -> None:
    budget = ConnectBudget(tmp_path / "budget", private=True, most=3, window_s=300)
    assert [budget.wait_s(NOW + second) for second in (0, 1, 2)] == [0.0, 0.0, 0.0]
    assert budget.wait_s(NOW + 10) == 290.0
    assert budget.wait_s(NOW + 299.5) == 0.5
    assert budget.wait_s(NOW + 300.0) == 0.0
    assert budget.wait_s(NOW + 300.1) == pytest.approx(0.9)


def test_public_endpoints_leave_room_for_the_private_one(tmp_path: Path) -> None:
    public, private = (ConnectBudget(tmp_path / "budget", private=private) for private in (False, True))
    assert [public.wait_s(NOW) for _ in range(MOST - FOR_PRIVATE)] == [0.0] * (MOST - FOR_PRIVATE)
    assert public.wait_s(NOW) > 0
    assert [private.wait_s(NOW) for _ in range(FOR_PRIVATE)] == [0.0] * FOR_PRIVATE
    assert private.wait_s(NOW) > 0


def take(path: Path, counts: "multiprocessing.Queue[int]") -> None:
    budget = ConnectBudget(path, private=True, most=100)
    counts.put(sum(budget.wait_s(NOW) == 0.0 for _ in range(60)))


def test_workers_share_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    counts: multiprocessing.Queue[int] = context.Queue()
    workers = [context.Process(target=take, args=(tmp_path / "budget", counts)) for _ in range(4)]
    for worker in workers:
        worker.start()
    taken = [counts.get(timeout=30) for _ in workers]
    for worker in workers:
        worker.join(30)
    assert sum(taken) == 100


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 80, b"\0" * 4001])
def test_a_file_that_makes_no_sense_counts_for_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "budget"
    path.write_bytes(content)
    budget = ConnectBudget(path, private=True, most=2)
    assert [budget.wait_s(NOW), budget.wait_s(NOW)] == [0.0, 0.0]
    assert budget.wait_s(NOW) == WINDOW_S


def test_a_clock_that_was_set_back_does_not_lock_us_out(tmp_path: Path) -> None:
    budget = ConnectBudget(tmp_path / "budget", private=True, most=1)
    assert budget.wait_s(NOW) == 0.0
    assert budget.wait_s(NOW - 86_400) == 0.0


def test_a_place_that_cannot_be_written_keeps_nobody_from_the_exchange(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    budget = ConnectBudget(tmp_path / "file" / "budget", private=True, most=1)
    assert [budget.wait_s(NOW), budget.wait_s(NOW)] == [0.0, 0.0]
    assert "connect_budget_unknown" in caplog.text


def test_workers_that_get_the_lock_in_another_order_than_they_asked_are_all_counted(tmp_path: Path) -> None:
    budget = ConnectBudget(tmp_path / "budget", private=True, most=10)
    waits = [budget.wait_s(NOW + pair * 0.01 + late) for pair in range(50) for late in (0.005, 0.0)]
    assert waits.count(0.0) == 10
