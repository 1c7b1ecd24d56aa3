"""A book that the exchange does not vouch for is not published: while its connection is away, its topic is refused or renewed."""

import json
from collections.abc import Callable

import pytest
from world import RESTORED_S, Worker, World
from worlds import QUEUE, SYMBOLS, start

from simulator.faults import Fault

TOPIC = "orderbook.50.BTCUSDT"


def away(running: World, worker: Worker, is_away: Callable[[], bool], seconds: float, key: str) -> int:
    """Let time pass in which a topic is not there, and then be there again: no book of it is published whole; turns that it was away."""
    turns = 0
    until = running.now() + seconds
    while running.now() < until:
        was_away, sent = is_away(), len(worker.bus.records)
        running.turn()
        if was_away and is_away():
            turns += 1
            whole = [json.loads(record.body) for record in worker.bus.records[sent:] if key in (record.topic, record.queue)]
            assert [event for event in whole if event["payload"]["kind"] == "snapshot" and event["payload"]["in_sync"]] == []
    return turns


@pytest.mark.parametrize(("category", "name"), [("linear", "50"), ("spot", "rpi"), ("spot", "full")])
def test_no_book_is_published_while_its_connection_is_away(category: str, name: str) -> None:
    running, worker = start(category, seed=12)
    running.run_until(worker.is_restored, RESTORED_S, what="live")
    running.run(12)
    running.exchange.do(Fault(kind="refuse", endpoint=category, seconds=20))
    running.exchange.do(Fault(kind="cut", endpoint=category))
    running.turn()
    assert away(running, worker, lambda: worker.link.status == "reconnecting", 60, QUEUE) > 20
    topic = f"orderbook.{name}.{SYMBOLS[category]}"
    sent = len(worker.bus.records)
    running.run(6)
    assert any(record.topic == topic and record.queue for record in worker.bus.records[sent:]), "and then it is again"


@pytest.mark.parametrize(
    ("fault", "least"),
    [
        (Fault(kind="refuse_topic", topic=TOPIC, seconds=20), 50),
        (Fault(kind="answer", how="delay", op="subscribe", amount=1.8, times=1), 3),
    ],
    ids=["refused", "renewed"],
)
def test_no_book_is_published_while_its_topic_is_not_held(fault: Fault, least: int) -> None:
    running, worker = start("linear", seed=13)
    running.run_until(worker.is_restored, RESTORED_S, what="live")
    running.run(6)
    running.exchange.do(fault)
    worker.link.subscriptions.renew(TOPIC)
    assert away(running, worker, lambda: not worker.link.subscriptions.is_held(TOPIC), 100, TOPIC) > least
    last = [record for record in worker.bus.records if record.topic == TOPIC and record.queue][-1]
    assert running.clock.unix_ns() - last.received_ns < 3e9, "and then it is again"
