"""Every gap of a connection is told once, named by the first events after it, and closed with a verdict, in virtual time."""

import json
from typing import Any

import pytest
from world import BACK_S, RESTORED_S, Worker, make
from worlds import world_with

from simulator.faults import Fault

BOOK, TICKER, TRADES = "orderbook.50.BTCUSDT", "tickers.BTCUSDT", "publicTrade.BTCUSDT"


def gaps_of(worker: Worker, *causes: str) -> list[dict[str, Any]]:
    """What was told of gaps with these causes, in order."""
    return [row for row in worker.occurrences() if row["cause"] in causes]


def marked(worker: Worker) -> dict[str, list[tuple[int, str]]]:
    """Topic → (place among the topic's events, gap) of each event that names one."""
    found: dict[str, list[tuple[int, str]]] = {}
    places: dict[str, int] = {}
    for record in worker.bus.records:
        if record.event_type == "system":
            continue
        places[record.topic] = places.get(record.topic, -1) + 1
        gap_id = json.loads(record.body)["gap_id"]
        if gap_id is not None:
            found.setdefault(record.topic, []).append((places[record.topic], gap_id))
    return found


def counts(worker: Worker) -> dict[str, int]:
    """Topic → its events so far."""
    found: dict[str, int] = {}
    for record in worker.bus.records:
        if record.event_type != "system":
            found[record.topic] = found.get(record.topic, 0) + 1
    return found


def is_closed(worker: Worker) -> bool:
    return worker.delivery.gaps.connection is None


@pytest.mark.parametrize(
    ("topics", "recovered"),
    [({BOOK: True, TICKER: True}, True), ({BOOK: True, TICKER: True, TRADES: False}, False), ({TRADES: False}, False)],
)
def test_a_cut_is_one_gap_whose_verdict_depends_on_what_a_snapshot_makes_good(topics: dict[str, bool], recovered: bool) -> None:
    world = make(steps_per_s=4.0, trade_rate=2.0, only=("BTCUSDT",))
    worker = world.add("linear", topics)
    world.run_until(worker.is_restored, RESTORED_S, what="live")
    world.run(5)
    before, cut_at = counts(worker), world.clock.unix_ns() // 1_000_000
    assert marked(worker) == {}, "nothing was missing before"
    world.exchange.do(Fault(kind="cut"))
    world.run_until(lambda: worker.link.reconnections == 1 and is_closed(worker), BACK_S, what="whole again")
    world.run(10)
    told = gaps_of(worker, "disconnected")
    assert [row["kind"] for row in told] == ["disconnected", "recovered"]
    assert [row["recovered"] for row in told] == [None, recovered], told[-1]["detail"]
    assert told[0]["gap_id"] == told[1]["gap_id"]
    assert cut_at - 5_000 <= told[0]["from"] == told[1]["from"] <= cut_at + 1_000
    assert told[0]["to"] is None
    assert told[1]["to"] >= cut_at
    assert marked(worker) == {topic: [(before[topic], told[0]["gap_id"])] for topic in topics}


def test_an_exchange_that_stays_away_is_one_gap_and_an_open_breaker_that_tries_within_30_seconds() -> None:
    world, worker = world_with("linear")
    world.run_until(worker.is_restored, RESTORED_S, what="live")
    world.exchange.do(Fault(kind="refuse", seconds=60))
    world.exchange.do(Fault(kind="cut"))
    words, dials, longest, last = set[str](), world.dials, 0.0, world.now()
    while world.now() < 62.0:
        world.turn()
        words.add(worker.link.breaker.word)
        if world.dials > dials:
            longest, last, dials = max(longest, world.now() - last), world.now(), world.dials
    assert words >= {"closed", "open"}
    assert longest <= 30.0
    world.run_until(lambda: worker.is_restored() and is_closed(worker), BACK_S, what="whole again")
    assert worker.link.breaker.word == "closed"
    told = gaps_of(worker, "disconnected")
    assert [row["kind"] for row in told] == ["disconnected", "recovered"]
    assert told[1]["to"] - told[0]["from"] >= 60_000


def test_a_connection_that_breaks_again_before_it_is_whole_lasts_on_as_the_same_gap() -> None:
    world, worker = world_with("linear")
    world.run_until(worker.is_restored, RESTORED_S, what="live")
    world.exchange.do(Fault(kind="refuse_topic", topic=TRADES, times=1))  # the wait for it keeps the connection from being whole
    world.exchange.do(Fault(kind="answer", how="drop", op="subscribe", seconds=12))
    world.exchange.do(Fault(kind="cut"))
    world.run_until(lambda: worker.link.status == "subscribing", BACK_S, what="online, not whole")
    world.exchange.do(Fault(kind="cut"))
    world.run_until(lambda: worker.is_restored(but=[TRADES]) and is_closed(worker), 60, what="whole again")
    told = gaps_of(worker, "disconnected")
    assert [row["kind"] for row in told] == ["disconnected", "disconnected", "recovered"]
    assert len({row["gap_id"] for row in told}) == 1


def test_of_the_account_a_judge_decides_and_without_one_nothing_is_recovered() -> None:
    for is_judged in (False, True):
        world, worker = world_with("private")
        worker.delivery.gaps.is_judged = is_judged
        world.run_until(worker.is_restored, RESTORED_S, what="live")
        world.exchange.do(Fault(kind="cut"))
        world.run_until(lambda worker=worker: worker.link.reconnections == 1 and worker.is_restored(), BACK_S, what="back")  # type: ignore[misc]
        world.run(5)
        told = gaps_of(worker, "disconnected")
        if not is_judged:
            assert [row["recovered"] for row in told] == [None, False]
            assert "nothing was fetched" in told[-1]["detail"]
            continue
        assert [row["kind"] for row in told] == ["disconnected"]
        worker.delivery.ledger.end(told[0]["gap_id"], now_ns=world.clock.unix_ns(), recovered=True, detail="3 events were fetched")
        world.turn()
        assert [row["recovered"] for row in gaps_of(worker, "disconnected")] == [None, True]


def test_a_gap_of_topics_that_nobody_wants_any_more_is_closed() -> None:
    world, worker = world_with("linear")
    world.run_until(worker.is_restored, RESTORED_S, what="live")
    world.exchange.do(Fault(kind="refuse", seconds=20))
    world.exchange.do(Fault(kind="cut"))
    world.run(5)
    worker.link.want({})
    world.run(1)
    told = gaps_of(worker, "disconnected")
    assert (told[-1]["kind"], told[-1]["recovered"], told[-1]["detail"]) == ("recovered", False, "nobody wants it any more")


def test_a_book_with_a_hole_names_its_gap_in_the_event_that_shows_it() -> None:
    world, worker = world_with("linear")
    world.run_until(worker.is_restored, RESTORED_S, what="live")
    world.exchange.do(Fault(kind="book", how="skip", topic=BOOK, times=1))
    world.run(8)
    told = gaps_of(worker, "hole")
    assert [(row["kind"], row["topic"], row["recovered"]) for row in told] == [("gap", BOOK, None), ("recovered", BOOK, True)]
    [(place, gap_id)] = marked(worker)[BOOK]
    events = [json.loads(record.body) for record in worker.bus.records if record.topic == BOOK]
    assert gap_id == told[0]["gap_id"]
    assert (events[place - 1]["payload"]["in_sync"], events[place]["payload"]["in_sync"]) == (True, False)


def test_an_acknowledgement_that_is_lost_is_a_gap_of_its_topic() -> None:
    world, worker = world_with("linear")
    world.exchange.do(Fault(kind="answer", how="drop", op="subscribe", times=1))
    world.run_until(lambda: gaps_of(worker, "unacknowledged") and worker.is_restored(), 15, what="asked for anew")
    told = gaps_of(worker, "unacknowledged")
    assert [(row["kind"], row["topic"], row["recovered"]) for row in told] == [("gap", TRADES, None), ("recovered", TRADES, False)]


def test_a_first_connection_is_no_gap() -> None:
    world, worker = world_with("linear")
    world.exchange.do(Fault(kind="refuse", seconds=10))
    world.run_until(worker.is_restored, 10 + BACK_S, what="live")
    assert [row for row in worker.occurrences() if row["gap_id"]] == []
    assert marked(worker) == {}
