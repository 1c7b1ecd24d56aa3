"""Frames that come fast are left to gather for longer than those that do not; nobody waits for what is not there."""

import pytest
from world import RESTORED_S
from worlds import world_with

from workers.intake import FAST_PER_S, GATHER_FAST_S, GATHER_S

TRADE = b'{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1,"data":[]}'


@pytest.mark.parametrize(
    ("frames", "gather_s"), [(1, GATHER_S), (round(FAST_PER_S * 0.004), GATHER_S), (round(FAST_PER_S * 0.006), GATHER_FAST_S)]
)
def test_how_long_frames_gather_follows_from_how_fast_they_come(frames: int, gather_s: float) -> None:
    world, worker = world_with("linear")
    world.run_until(worker.is_restored, RESTORED_S, what="live")
    assert worker.line is not None
    for count in (1, frames):  # of this turn, and of the next one 5 ms later
        worker.line._inbox.clear()
        worker.line._inbox.extend([TRADE] * count)
        world.clock.elapsed_ns += 5_000_000
        worker.link.turn()
    assert worker.link.intake.gathers_until == pytest.approx(world.now() + gather_s)
    world.clock.elapsed_ns += 5_000_000
    worker.link.turn()
    assert worker.link.intake.gathers_until <= world.now() - 0.005 + gather_s, "a turn without frames begins no wait"
