"""An exchange that answers late, always: it is waited for, not left again and again."""

import pytest
from worlds import world_with

from simulator.faults import Fault


@pytest.mark.parametrize("endpoint", ["spot", "option", "private"])
@pytest.mark.parametrize("late_s", [2.5, 4.0])
def test_answers_that_are_always_late_are_waited_for(endpoint: str, late_s: float) -> None:
    world, worker = world_with(endpoint)
    for op in ("subscribe", "unsubscribe"):
        world.exchange.do(Fault(kind="answer", how="delay", op=op, amount=late_s))
    world.run_until(worker.is_restored, 30.0, what="topics live")
    assert world.dials == 1
