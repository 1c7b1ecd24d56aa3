"""Probes of a quiet market: only a snapshot that should come and does not ends the connection."""

import pytest
from world import RESTORED_S, Worker, World, make

from simulator.faults import Fault

BOOK, TRADES = "orderbook.50.BTCUSDT", "publicTrade.BTCUSDT"


def probed(world: World, worker: Worker, what: str) -> None:
    def strike() -> None:
        strikes.append(world.now())
        if what == "cancelled":
            worker.link.want({TRADES: False})
        else:
            world.exchange.do(Fault(kind="refuse_topic", topic=BOOK, seconds=30.0))

    strikes: list[float] = []
    world.traps["unsubscribe"] = strike
    world.run_until(lambda: strikes, 70.0, what="a probe")


@pytest.mark.parametrize("what", ["cancelled", "refused"])
def test_a_probed_topic_that_is_gone_ends_no_connection(what: str) -> None:
    world = make(timed=False, only=("BTCUSDT",))
    worker = world.add("linear", {BOOK: True, TRADES: False})
    world.run_until(worker.is_restored, RESTORED_S, what="live")
    probed(world, worker, what)
    world.run(30)
    assert (world.dials, worker.link.last_error) == (1, None)
