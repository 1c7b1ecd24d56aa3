"""Topics that fall silent while all else is well, in virtual time: found, told once, asked for anew, and healed."""

import json
from typing import Any

import pytest
from world import BACK_S, RESTORED_S, Worker, World, make

from simulator.faults import Fault

BEST, BOOK, TICKER, KLINE, TRADES = (
    "orderbook.1.BTCUSDT",
    "orderbook.50.BTCUSDT",
    "tickers.BTCUSDT",
    "kline.1.BTCUSDT",
    "publicTrade.BTCUSDT",
)
TOPICS = {BEST: True, BOOK: True, TICKER: True, KLINE: True, TRADES: False}


@pytest.fixture
def world() -> World:
    return make(steps_per_s=2.0, trade_rate=1.0, only=("BTCUSDT", "ETHUSDT"))


def stalls(worker: Worker) -> list[dict[str, Any]]:
    return [row for row in worker.occurrences() if row["cause"] == "stalled"]


def requests(world: World, op: str, topic: str) -> int:
    entries = world.exchange.ledger.read(endpoint="linear", direction="received")
    return sum((message := json.loads(entry.text))["op"] == op and topic in message["args"] for entry in entries)


def live(world: World) -> Worker:
    worker = world.add("linear", dict(TOPICS))
    world.run_until(worker.is_restored, 70.0, what="live")
    world.run(20)
    return worker


@pytest.mark.parametrize(("topic", "floor_s"), [(BEST, 10.0), (BOOK, 30.0), (TICKER, 30.0), (KLINE, 130.0)])
def test_a_topic_that_was_forgotten_is_found_by_its_own_cadence_and_asked_for_anew(
    world: World, topic: str, floor_s: float
) -> None:
    worker = live(world)
    since = world.now()
    world.exchange.do(Fault(kind="silence", how="topic", topic=topic, seconds=400))
    world.run_until(lambda: stalls(worker), 310, what="found")
    assert floor_s <= world.now() - since <= max(floor_s, 300.0) + 2.0
    [told] = stalls(worker)
    assert (told["kind"], told["topic"], told["recovered"]) == ("stalled", topic, None)
    world.exchange.faults.lift()
    world.run_until(lambda: len(stalls(worker)) == 2, 70, what="recovered")
    closed = stalls(worker)[1]
    assert (closed["kind"], closed["gap_id"]) == ("recovered", told["gap_id"])
    assert closed["recovered"] is (topic != KLINE), "a candle that was missed is not in the next one"
    ours = {row["gap_id"] for row in worker.occurrences() if row["topic"] == topic}
    marks = [json.loads(record.body)["gap_id"] for record in worker.bus.records if record.topic == topic]
    [mark] = [mark for mark in marks if mark]
    assert mark in ours, "of the silence, or of the hole that its end may show"
    assert worker.link.reconnections == 0
    assert requests(world, "unsubscribe", topic) >= 1
    assert requests(world, "unsubscribe", TRADES) == 0


def test_a_topic_that_stays_dead_has_its_connection_replaced_once_and_its_neighbours_left_alone_after_that(world: World) -> None:
    worker = live(world)
    world.exchange.do(Fault(kind="silence", how="topic", topic=BEST))
    world.run_until(lambda: worker.link.reconnections == 1, 60, what="replaced")
    assert str(worker.link.last_error).startswith(f"{BEST} stayed silent")
    assert requests(world, "subscribe", BEST) >= 3, "asked for twice before that"
    world.run(600)
    assert worker.link.reconnections == 1
    assert [row["kind"] for row in stalls(worker)] == ["stalled"]
    world.exchange.faults.lift()
    world.run_until(lambda: stalls(worker)[-1]["kind"] == "recovered", 60, what="recovered")


def test_a_connection_with_pongs_and_without_data_is_found_by_its_topics_before_the_probe_of_the_whole(world: World) -> None:
    worker = live(world)
    since = world.now()
    world.exchange.do(Fault(kind="silence", how="all_but_pongs", seconds=40))
    world.run_until(lambda: worker.link.reconnections >= 1, 40, what="given up")
    assert world.now() - since <= 35.0
    world.run_until(lambda: worker.is_restored() and worker.delivery.gaps.open == [], 40 + BACK_S + 70, what="all closed")


def test_a_quiet_market_is_learnt_and_no_connection_is_lost_for_it() -> None:
    world = make(timed=False, only=("BTCUSDT",))
    worker = world.add("linear", {BOOK: True, TICKER: True, TRADES: False})
    world.run_until(worker.is_restored, RESTORED_S, what="live")
    world.run(3600)
    assert worker.link.reconnections == 0
    assert len(stalls(worker)) <= 12
    assert all(row["recovered"] in (None, True) for row in stalls(worker))


def test_the_exchanges_maintenance_is_a_label_of_what_it_explains() -> None:
    world = make(steps_per_s=2.0, trade_rate=1.0, only=("BTCUSDT",))
    status = world.add("status", {"system.status": False})
    worker = world.add("linear", {BEST: True, TRADES: False}, maintenance=lambda: status.delivery.maintenance.title)
    world.run_until(lambda: worker.is_restored() and status.is_restored(), RESTORED_S, what="live")
    row = {"id": "1", "title": "Upgrade of the matching engine", "begin": "1", "end": "2"}

    def announce(state: str) -> None:
        text = json.dumps({"topic": "system.status", "ts": 1, "data": [{**row, "state": state}]})
        assert status.line is not None
        status.line.write("system.status", text)
        world.turn()

    announce("scheduled")
    assert status.delivery.maintenance.title is None
    announce("ongoing")
    world.exchange.do(Fault(kind="cut", endpoint="linear"))
    world.run(1)
    lost = next(entry for entry in worker.occurrences() if entry["kind"] == "disconnected")
    assert lost["detail"].endswith("[maintenance: Upgrade of the matching engine]")
    announce("completed")
    world.run_until(worker.is_restored, BACK_S, what="live again")
    world.exchange.do(Fault(kind="cut", endpoint="linear"))
    world.run(1)
    again = [entry for entry in worker.occurrences() if entry["kind"] == "disconnected"][-1]
    assert "maintenance" not in again["detail"]
