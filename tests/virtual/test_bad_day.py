"""A day of the scenario `bad-day`, in virtual time: everything that can go wrong does, and at its end the books balance."""

from random import Random

import pytest
from judge import judge
from world import make
from worlds import TOPICS

from simulator import scenarios

DAY_S = 86_400.0
#: The last stroke of bad luck may last two minutes; then everything must come back, refused topics included.
CALM_S = 15 * 60.0
#: From the last frame before a silence or a cut to the gateway's word of it: ping, pong, probe, turns; milliseconds.
SLACK_MS = 80_000

SYMBOLS = ("BTCUSDT", "BTCUSD", "BTC-25DEC26-70000-C-USDT", "SOLUSDT_SOL/USDT")


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_bad_day_ends_with_every_topic_live_and_the_ledger_balanced(seed: int) -> None:
    world = make(seed=seed, steps_per_s=0.1, trade_rate=0.1, account_every_s=60.0, status_every_s=600.0, only=SYMBOLS)
    world.exchange.ledger.keep_all()
    scenarios.follow(world.exchange, scenarios.SCENARIOS["bad-day"].timeline(seed), until_s=DAY_S - CALM_S)  # type: ignore[misc]
    for endpoint, topics in TOPICS.items():
        world.add(endpoint, dict(topics))
    dice = Random(seed)
    while world.now() < DAY_S:
        world.turn(0.25 if dice.random() < 0.5 else 0.75)
    held = {name: worker.link.subscriptions.states() for name, worker in world.workers.items() if not worker.is_restored()}
    assert held == {}
    verdicts = {name: judge(worker, world.exchange.ledger, slack_ms=SLACK_MS) for name, worker in world.workers.items()}
    assert {name: verdict.wrong[:5] for name, verdict in verdicts.items() if verdict.wrong} == {}
    assert all(verdict.arrived > 50 for verdict in verdicts.values())
    assert sum(verdict.reported for verdict in verdicts.values()) > 0, "nothing was lost: no bad day"
    assert sum(verdict.gaps for verdict in verdicts.values()) > 0, "no book broke: no bad day"
    assert all(worker.link.reconnections > 10 for worker in world.workers.values())
