"""A worker: what it counts of the time in which it was away."""

import pytest

from gateway.health.words import WorkerState
from gateway.metrics.tally import NS, Tally
from tests.scraping import NOW_MS, worker
from workers.exchange import tally_of

DIED_MS = NOW_MS - 60_000


def away_s(*stand_ins: WorkerState, has_ended: bool = False) -> float:
    """What a process that is started now adds to its time with work, after it was last heard a minute ago."""
    before = worker(
        "private_00", wanted=1, connection_status="connected", last_frame_ms=DIED_MS, written_ms=DIED_MS, has_ended=has_ended
    )
    counter = "ws_gateway_work_seconds_total"
    tally = Tally()
    tally.counter(counter)[""] = 5 * NS
    before.counted = tally.counted
    return tally_of(before, stand_ins, NOW_MS).counter(counter)[""] / NS - 5


def test_a_process_that_died_with_work_was_offline_until_it_is_back() -> None:
    assert away_s() == 60
    assert away_s(has_ended=True) == 0


@pytest.mark.parametrize(
    ("status", "started_ms", "written_ms", "expected_s"),
    [
        ("connected", DIED_MS - 1000, NOW_MS, 0),  # it stood by, and took over
        ("reconnecting", DIED_MS + 20_000, NOW_MS, 20),  # it was started later
        ("connected", DIED_MS - 1000, NOW_MS - 30_000, 0),  # it has died too; what follows is its own time
        ("standby", DIED_MS - 1000, NOW_MS, 60),
        ("connected", DIED_MS - 90_000, DIED_MS - 80_000, 60),  # it was gone before
    ],
)
def test_who_was_stood_in_for_was_offline_no_longer_than_that(
    status: str, started_ms: int, written_ms: int, expected_s: int
) -> None:
    other = worker("private_01", connection_status=status, started_ms=started_ms, written_ms=written_ms, wanted=1)
    assert away_s(other) == expected_s
