"""What one turn costs does not grow with the number of books that are kept: those that are whole and of which nothing is due are left alone."""

import json
import time
from itertools import cycle, islice

import pytest
from conversation import yes
from growing import APART_S, assert_grows_not

from gateway.protocol import channels
from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.frames import Data, parse
from gateway.protocol.subscriptions import Subscriptions
from gateway.wire import Stamp
from tests.standins import KeepingBus, KeepingFetcher, KeepingLetters
from workers.books import Books
from workers.delivery import Delivery

#: One connection of this endpoint has room for the names of so many.
FEW, MANY = 15, 1_000
TURNS = 3_000
#: Between two whole books for a service; seconds. No turn that is measured comes so late.
EVERY_S = 10.0


class Keeper:
    """A worker's delivery, and a service that wants all its books whole and was given them a moment ago."""

    def __init__(self, count: int) -> None:
        self.topics = [f"orderbook.50.N{number}" for number in range(count)]
        self.standing = Subscriptions(ENDPOINTS["linear"])
        self.standing.want(dict.fromkeys(self.topics, True))
        while requests := self.standing.to_send(0.0):
            for request in requests:
                self.standing.heard(yes(request), 0.0)
        self.bus = KeepingBus()
        stamp = Stamp(worker="w", account="main", include_raw="off", started_ms=1)
        books = Books("linear", KeepingFetcher())
        self.out = Delivery("w", ENDPOINTS["linear"], stamp, self.bus, KeepingLetters(), books)  # type: ignore[arg-type] # they stand in
        self.out.want({topic: frozenset(["orderbook"]) for topic in self.topics})
        books.want(
            {topic: channels.for_topic(topic, "linear") for topic in self.topics}, {topic: {"q": EVERY_S} for topic in self.topics}
        )
        for topic in self.topics:
            self.standing.frame(topic, 0.0)
            self.out.take(frame(topic, "snapshot", 1), 1, 0.0)

    def given(self, now: float) -> int:
        """How many whole books leave in a turn."""
        assert self.out.tend(self.standing, now, 1) == [], "all are live and known"
        self.out.flush()
        found, self.bus.records = self.bus.records, []
        return sum(bool(record.queue) for record in found)

    def cost_s(self) -> float:
        """CPU of one turn with a frame of one of the first few topics; seconds."""
        assert self.given(0.0) == len(self.topics)
        topics = islice(cycle(self.topics[:FEW]), TURNS)
        frames = [frame(topic, "delta", 2 + number // FEW) for number, topic in enumerate(topics)]
        given, began = 0, time.process_time()
        for number, data in enumerate(frames):
            now = 1.0 + number * APART_S
            self.out.take(data, number, now)
            given += self.given(now)
        cost_s = (time.process_time() - began) / TURNS
        assert (given, self.given(EVERY_S - 0.01), self.given(EVERY_S)) == (0, 0, len(self.topics))
        return cost_s


def frame(topic: str, kind: str, update_id: int) -> Data:
    data = {"s": topic.rpartition(".")[2], "b": [["1", "5"]], "a": [["9", "5"]], "u": update_id, "seq": update_id}
    found = parse(
        json.dumps({"topic": topic, "type": kind, "ts": 1_782_864_000_000, "cts": 1_782_864_000_000, "data": data}).encode()
    )
    assert isinstance(found, Data)
    return found


@pytest.mark.timeout(60)
def test_a_calm_turn_costs_as_much_with_a_thousand_books_as_with_a_few() -> None:
    assert_grows_not(lambda count: Keeper(count).cost_s(), FEW, MANY)
