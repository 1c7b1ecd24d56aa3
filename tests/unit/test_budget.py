"""The REST budget: one for all processes of a host, the private ones first, and a ban that all of them respect."""

import multiprocessing
from pathlib import Path

import pytest

from gateway.errors import NotAsked
from gateway.exchange.budget import BAN_S, FOR_PRIVATE, MOST, WINDOW_S, RestBudget, folder_of

NOW = 1_800_000_000.0


class Clock:
    """Moves when somebody waits, or when told."""

    def __init__(self) -> None:
        self.unix_s = NOW
        self.waits: list[float] = []

    def now(self) -> float:
        return self.unix_s

    def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.unix_s += seconds


def budget(folder: Path, clock: Clock, *, private: bool = True, most: int = MOST) -> RestBudget:
    return RestBudget(folder, private=private, most=most, unix_s=clock.now, pause=clock.pause)


def test_budget_is_half_of_the_exchanges() -> None:
    """Source: protocol notes, section 9.2."""
    assert (MOST, WINDOW_S, BAN_S) == (300, 5.0, 600.0)


def test_one_too_many_waits_for_its_turn(tmp_path: Path) -> None:
    clock = Clock()
    asking = budget(tmp_path, clock, most=3)
    for _ in range(3):
        asking.take(0.0)
        clock.unix_s += 1.0
    assert clock.waits == []
    asking.take(20.0)
    assert clock.waits == [2.0]


def test_whoever_cannot_wait_so_long_does_not_ask(tmp_path: Path) -> None:
    clock = Clock()
    asking = budget(tmp_path, clock, most=1)
    asking.take(0.0)
    with pytest.raises(NotAsked, match=r"used up; the next may be asked in 5\.0 s"):
        asking.take(4.9)
    assert clock.waits == []
    asking.take(5.0)


def test_public_callers_leave_room_for_the_private_ones(tmp_path: Path) -> None:
    clock = Clock()
    public, private = (budget(tmp_path, clock, private=private) for private in (False, True))
    for _ in range(MOST - FOR_PRIVATE):
        public.take(0.0)
    with pytest.raises(NotAsked):
        public.take(0.0)
    for _ in range(FOR_PRIVATE):
        private.take(0.0)
    with pytest.raises(NotAsked):
        private.take(0.0)


def test_a_ban_holds_for_all_processes_and_ends(tmp_path: Path) -> None:
    clock = Clock()
    budget(tmp_path, clock).banned()
    another = budget(tmp_path, clock, private=False)
    clock.unix_s += BAN_S - 1.0
    with pytest.raises(NotAsked, match="banned this address; nothing is asked for another 1 s"):
        another.take(100.0)
    clock.unix_s += 1.0
    another.take(0.0)


def test_a_ban_of_a_clock_that_was_set_back_is_not_believed(tmp_path: Path) -> None:
    clock = Clock()
    asking = budget(tmp_path, clock)
    asking.banned()
    clock.unix_s -= 86_400.0
    asking.take(0.0)


def test_a_place_that_cannot_be_written_keeps_nobody_from_asking(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    asking = budget(tmp_path / "file", Clock(), most=1)
    asking.take(0.0)
    asking.take(0.0)
    asking.banned()
    assert {"rest_budget_unknown", "rest_ban_unknown", "rest_ban_unwritten"} <= set(caplog.text.split())


def test_each_exchange_has_a_folder_of_its_own(tmp_path: Path) -> None:
    found = {
        folder_of(tmp_path, base) for base in ("https://api.bybit.com", "https://api-testnet.bybit.com", "http://127.0.0.1:9701")
    }
    assert len(found) == 3
    assert folder_of(tmp_path, "http://127.0.0.1:1") in found


def take(folder: Path, counts: "multiprocessing.Queue[int]") -> None:
    asking, taken = budget(folder, Clock(), most=100), 0
    while True:
        try:
            asking.take(0.0)
        except NotAsked:
            break
        taken += 1
    counts.put(taken)


def test_processes_share_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    counts: multiprocessing.Queue[int] = context.Queue()
    processes = [context.Process(target=take, args=(tmp_path, counts)) for _ in range(4)]
    for process in processes:
        process.start()
    taken = [counts.get(timeout=30) for _ in processes]
    for process in processes:
        process.join(30)
    assert sum(taken) == 100
