"""Order books that can be trusted: whatever is done to their streams, no event that says `in_sync` differs from the exchange's own book.

The truth is the simulated exchange's book at each (topic, `u`, `seq`), noted after every step; the consumer is a dict of its own.
"""

import json
from collections import defaultdict
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from judge import milliseconds
from world import RESTORED_S, Worker, World
from worlds import BYSTANDERS, QUEUE, SYMBOLS, book_topics, feed_of, start

from gateway.protocol import channels
from simulator.faults import Fault

Levels = dict[str, list[str]]
Truth = dict[tuple[str, int, int], tuple[Levels, Levels]]

SPOILING = ("skip", "repeat", "reorder", "cross")
#: What is noticed, or does no harm, where a change need not bring the next `u`.
WITHOUT_CONTINUITY = ("repeat", "cross")


def by_price(levels: list[list[str]]) -> Levels:
    return {price: list(sizes) for price, *sizes in levels}


def note(running: World, category: str, symbol: str, truth: Truth) -> None:
    """What every stream's book is now."""
    for name, view in feed_of(running, category, symbol).views.items():
        if name == "1000":
            continue
        bids, asks = view.snapshot()
        truth[f"orderbook.{name}.{symbol}", view.update_id, view.sequence] = by_price(bids), by_price(asks)


class Consumer:
    """Builds books from events alone, trusts them while they say `in_sync`, and compares each with the truth.

    What it has seen before it leaves out, as the contract tells consumers to: by `event_type` and `event_id`.

    whole  topic → whether its newest event says `in_sync`
    """

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._books: dict[str, tuple[Levels, Levels]] = {}
        self._seen: set[tuple[str, str]] = set()
        self.compared = 0
        self.snapshots: dict[str, int] = defaultdict(int)
        self.whole: dict[str, bool] = {}

    def read(self, event: dict[str, Any]) -> None:
        payload, topic, fact = event["payload"], event["topic"], (event["event_type"], event["event_id"])
        self.whole[topic] = payload["in_sync"]
        if fact in self._seen:
            return
        self._seen.add(fact)
        if not payload["in_sync"]:
            self._books.pop(topic, None)
            return
        if payload["kind"] == "snapshot":
            self._books[topic] = by_price(payload["bids"]), by_price(payload["asks"])
            self.snapshots[event["source"]] += 1
        else:
            assert topic in self._books, (
                f"{topic}: a change at u {payload['update_id']} says in_sync, and no snapshot came before it"
            )
            for side, levels in zip(self._books[topic], (payload["bids"], payload["asks"]), strict=True):
                for price, *sizes in levels:
                    if any(size.strip("0.") for size in sizes):
                        side[price] = list(sizes)
                    else:
                        side.pop(price, None)
        place = (topic, payload["update_id"], payload["cross_sequence"])
        assert self._books[topic] == self._truth[place], f"{place} differs from the exchange's book"
        self.compared += 1


def books_of(worker: Worker, symbol: str) -> list[dict[str, Any]]:
    return [
        json.loads(record.body) for record in worker.bus.records if record.symbol == symbol and "orderbook" in record.event_type
    ]


@pytest.mark.parametrize(
    ("category", "spoiling"),
    [*((category, SPOILING) for category in SYMBOLS), ("option", WITHOUT_CONTINUITY)],
    ids=[*SYMBOLS, "option, continuity off"],
)
def test_no_event_in_sync_differs_from_the_exchanges_book(category: str, spoiling: tuple[str, ...]) -> None:
    running, worker = start(category, continuity=spoiling is SPOILING, seed=5)
    symbol, other = SYMBOLS[category], BYSTANDERS[category]
    truth: Truth = {}

    def turn() -> None:
        running.turn()
        for name in (symbol, other):
            note(running, category, name, truth)

    dice = Random(f"books|{category}")
    for name in (symbol, other):
        note(running, category, name, truth)
    topics = book_topics(running, category, symbol)
    for _ in range(20):
        turn()
    for _ in range(40):
        stroke = dice.random()
        if stroke < 0.1:
            running.exchange.do(Fault(kind="restart", topic=symbol))
            note(running, category, symbol, truth)
        elif stroke < 0.15:
            running.exchange.do(Fault(kind="cut", endpoint=category))
        else:
            running.exchange.do(Fault(kind="book", how=dice.choice(spoiling), topic=dice.choice(topics), times=1))
        for _ in range(dice.randrange(1, 20)):
            turn()
    for _ in range(60):
        turn()
    consumer = Consumer(truth)
    for name in (symbol, other):
        for event in books_of(worker, name):
            consumer.read(event)
    assert consumer.compared > 600
    assert consumer.snapshots["stream"] > 10
    assert consumer.snapshots["derived"] > 10
    assert (consumer.snapshots["rest"] > 3) == (category == "spot")
    assert {*topics, *book_topics(running, category, other)} == set(consumer.whole)
    assert all(consumer.whole.values()), f"each is whole at the end, found {consumer.whole}"
    told = [event for event in worker.occurrences() if event["cause"] == "hole"]
    assert len(told) > 10
    assert {event["topic"] for event in told} <= set(topics), "nothing is said of books that nobody spoiled"


@pytest.mark.parametrize("category", SYMBOLS)
def test_other_symbols_have_no_hole_in_their_sequences(category: str) -> None:
    running, worker = start(category, seed=6)
    running.run_until(worker.is_restored, RESTORED_S, what="live")
    for how in SPOILING * 5:
        running.exchange.do(Fault(kind="book", how=how, topic=f"orderbook.*.{SYMBOLS[category]}", times=2))
        running.run(3)
    sent = [
        entry
        for entry in running.exchange.ledger.read(endpoint=category, direction="sent")
        if entry.topic.endswith(f".{BYSTANDERS[category]}")
    ]
    read = [event for event in books_of(worker, BYSTANDERS[category]) if event["source"] == "stream"]
    assert len(read) == len(sent) > 200
    assert all(event["payload"]["in_sync"] for event in read if event["event_type"] != "full_orderbook")
    by_key: dict[tuple[str, str], list[int]] = defaultdict(list)
    for record in worker.bus.records:
        event = json.loads(record.body)
        by_key[record.routing_key, event["epoch"]].append(event["sequence"])
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in by_key.values())


@pytest.mark.parametrize("how", SPOILING)
@pytest.mark.parametrize(
    ("category", "name"),
    [("linear", "50"), ("linear", "200"), ("spot", "rpi"), ("option", "25"), ("spread", "25"), ("spot", "full")],
)
def test_a_spoiled_book_is_whole_again_within_a_second(category: str, name: str, how: str) -> None:
    running, worker = start(category, seed=7)
    topic = f"orderbook.{name}.{SYMBOLS[category]}"
    running.run_until(worker.is_restored, RESTORED_S, what="live")
    running.run(12)
    running.exchange.do(Fault(kind="book", how=how, topic=topic, times=1))
    running.run(8)
    told = [(event["kind"], milliseconds(event["timestamp"])) for event in worker.occurrences() if event["topic"] == topic]
    if (name, how) == ("full", "repeat"):
        assert told == [], "a frame of the whole book that is in it already is ignored (protocol notes, section 6.4)"
        return
    assert [kind for kind, _ in told] == ["gap", "recovered"]
    assert told[1][1] - told[0][1] < 1_000


def test_a_crossed_book_that_nobody_materialises_passes_for_whole_and_one_that_somebody_does_is_told() -> None:
    for wishes, kinds in ((False, []), (True, ["gap", "recovered"])):
        running, worker = start("linear", wishes=wishes, seed=8)
        running.run_until(worker.is_restored, RESTORED_S, what="live")
        running.run(1)
        running.exchange.do(Fault(kind="book", how="cross", topic="orderbook.50.BTCUSDT", times=1))
        running.run(5)
        told = [event for event in worker.occurrences() if event["topic"] == "orderbook.50.BTCUSDT"]
        assert [event["kind"] for event in told] == kinds
        assert not told or "crossed" in told[0]["detail"]


def test_a_service_gets_its_whole_book_every_so_often_and_nobody_else_does() -> None:
    running, worker = start("linear", seed=9)
    running.run_until(worker.is_restored, RESTORED_S, what="live")
    running.run(21)
    topic = "orderbook.50.BTCUSDT"
    given = [json.loads(record.body) for record in worker.bus.records if record.topic == topic and record.queue]
    assert {record.routing_key for record in worker.bus.records if record.queue} == {QUEUE}
    assert 10 <= len(given) <= 12
    assert {(event["payload"]["kind"], event["payload"]["in_sync"], event["source"]) for event in given} == {
        ("snapshot", True, "derived")
    }
    assert all(len(event["payload"]["bids"]) == len(event["payload"]["asks"]) == 50 for event in given)
    stamps = [milliseconds(event["received_at"]) for event in given]
    assert all(1_900 <= later - earlier <= 2_600 for earlier, later in pairwise(stamps))


def test_a_wish_for_whole_books_of_a_live_topic_has_it_subscribed_anew() -> None:
    running, worker = start("linear", wishes=False, seed=10)
    running.run_until(worker.is_restored, RESTORED_S, what="live")
    rows = {topic: channels.for_topic(topic, "linear") for topic in worker.topics}
    topic = "orderbook.200.BTCUSDT"
    sent = len(running.exchange.ledger.read(endpoint="linear", direction="received"))
    worker.delivery.books.want(rows, {topic: {QUEUE: 1.0}})
    running.run(3)
    assert len([record for record in worker.bus.records if record.queue]) >= 2
    asked = len(running.exchange.ledger.read(endpoint="linear", direction="received"))
    assert asked >= sent + 2, "left, and asked for anew"
    worker.delivery.books.want(rows, {topic: {QUEUE: 5.0}})
    running.run(3)
    assert len(running.exchange.ledger.read(endpoint="linear", direction="received")) == asked, "it is kept already"


def test_a_whole_book_is_fetched_again_when_it_is_asked_for() -> None:
    running, worker = start("spot", wishes=False, seed=11)
    topic = "orderbook.full.BTCUSDT"
    running.run(15)
    assert worker.delivery.books.distrust(topic, running.now())
    running.run(5)
    events = [event for event in books_of(worker, "BTCUSDT") if event["topic"] == topic]
    assert [event["source"] for event in events if event["payload"]["kind"] == "snapshot"] == ["rest", "rest"]
    assert events[-1]["payload"]["in_sync"]
    assert [event["kind"] for event in worker.occurrences() if event["topic"] == topic] == ["gap", "recovered"]
    assert not worker.delivery.books.distrust("orderbook.50.BTCUSDT", running.now()), "that one is subscribed anew instead"
