"""Failed attempts by address: so many at once, then one by one; one file of fixed size for all processes."""

import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.disk.attempts import EVERY_S, SLOTS, TRIES, Attempts

NOW = 1_800_000_000.0


@pytest.fixture
def attempts(tmp_path: Path) -> Attempts:
    return Attempts(tmp_path / "var" / "attempts")


def waits(attempts: Attempts, *, count: int, address: str = "192.0.2.1", at: float = NOW) -> Sequence[float]:
    return [attempts.wait_s(address, at) for _ in range(count)]


def test_an_address_has_so_many_tries_and_then_one_every_so_often(attempts: Attempts) -> None:
    assert waits(attempts, count=TRIES + 2) == [0.0] * TRIES + [EVERY_S] * 2
    assert waits(attempts, count=1, at=NOW + EVERY_S / 2) == [EVERY_S / 2]
    assert waits(attempts, count=2, at=NOW + EVERY_S) == [0.0, EVERY_S]


def test_an_address_that_kept_quiet_has_all_its_tries_again_and_no_more(attempts: Attempts) -> None:
    waits(attempts, count=TRIES)
    assert waits(attempts, count=TRIES + 1, at=NOW + 10 * TRIES * EVERY_S) == [0.0] * TRIES + [EVERY_S]


@pytest.mark.parametrize(
    ("other", "is_the_same"),
    [("2001:db8::2", True), ("2001:db8:0:1::1", False), ("192.0.2.1", False), ("::ffff:192.0.2.1", False), ("a name", False)],
)
def test_of_ipv6_the_whole_network_of_a_holder_counts(attempts: Attempts, other: str, is_the_same: bool) -> None:
    waits(attempts, count=TRIES, address="2001:db8::1")
    assert bool(attempts.wait_s(other, NOW)) == is_the_same


def test_an_ipv4_address_is_the_same_in_the_clothes_of_ipv6(attempts: Attempts) -> None:
    waits(attempts, count=TRIES)
    assert attempts.wait_s("::ffff:192.0.2.1", NOW) == EVERY_S
    assert attempts.wait_s("::ffff:192.0.2.2", NOW) == 0.0


def test_all_who_share_the_file_count_together(tmp_path: Path) -> None:
    def fail(_: int) -> float:
        return Attempts(tmp_path / "attempts").wait_s("192.0.2.1", NOW)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(fail, range(2 * TRIES))).count(0.0) == TRIES


def test_a_flood_of_addresses_costs_no_room(tmp_path: Path, attempts: Attempts) -> None:
    for number in range(3 * SLOTS):
        attempts.wait_s(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", NOW)
    file = tmp_path / "var" / "attempts"
    assert file.stat().st_size <= 8 * SLOTS
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("found", [NOW + 1e6, float("inf"), float("nan"), -1.0], ids=str)
def test_a_clock_that_was_set_back_and_a_damaged_file_lock_nobody_out(tmp_path: Path, found: float) -> None:
    (tmp_path / "attempts").write_bytes(struct.pack("<d", found) * SLOTS)
    assert waits(Attempts(tmp_path / "attempts"), count=TRIES + 1) == [0.0] * TRIES + [EVERY_S]


def test_a_file_that_cannot_be_written_costs_the_limit_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "attempts").mkdir()
    assert set(waits(Attempts(tmp_path / "attempts"), count=2 * TRIES)) == {0.0}
