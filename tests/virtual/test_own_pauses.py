"""Pauses that are ours: the exchange answered in time, and what it said waits unread. No healthy connection is given up for them."""

from world import RESTORED_S
from worlds import world_with

from workers.intake import FRAMES_PER_TURN

TRADE = b'{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1,"data":[]}'
SECOND_NS = 10**9


def test_a_pong_that_waits_behind_other_frames_is_found() -> None:
    """The process stood still for 6 s, just when it had sent a ping, in a busy market."""
    world, worker = world_with("linear")
    world.run_until(worker.is_restored, RESTORED_S, what="live")
    pings: list[float] = []
    world.traps["ping"] = lambda: pings.append(world.now())
    while not pings:
        world.clock.elapsed_ns += SECOND_NS // 4
        world.exchange.tick()
        worker.link.turn()
    assert worker.line is not None
    worker.line._inbox.extendleft([TRADE] * 3 * FRAMES_PER_TURN)
    world.clock.elapsed_ns += 6 * SECOND_NS
    world.run(10)
    assert (world.dials, worker.link.last_error) == (1, None)


def test_a_private_link_that_may_not_read_keeps_its_connection() -> None:
    """The router is away and 64 MiB wait for it; what the exchange sends meanwhile waits in the socket, and nothing replays it."""
    world, worker = world_with("private")
    world.run_until(worker.is_restored, RESTORED_S, what="live")
    worker.bus.outbox.bytes = 1 << 30
    for _ in range(400):
        world.clock.elapsed_ns += SECOND_NS // 4
        world.exchange.tick()
        worker.link.turn()
    worker.bus.outbox.bytes = 0
    world.run(10)
    assert (world.dials, worker.link.last_error) == (1, None)
    assert worker.is_restored()


def test_a_pause_of_ours_makes_no_topic_a_slow_one() -> None:
    """The process stood still for 30 s in a busy market: whoever is silent afterwards is found as soon as before."""
    world, worker = world_with("linear")
    world.run_until(worker.is_restored, RESTORED_S, what="live")
    world.run(20)
    before = {topic: cadence.limit_s for topic, cadence in worker.delivery.readers.cadences}
    assert worker.line is not None
    world.clock.elapsed_ns += 30 * SECOND_NS
    for _ in range(4):
        world.exchange.tick()
    world.run(10)
    after = {topic: cadence.limit_s for topic, cadence in worker.delivery.readers.cadences}
    assert {topic: limit_s for topic, limit_s in after.items() if limit_s > before[topic] + 30} == {}
    assert (world.dials, worker.link.last_error) == (1, None)
