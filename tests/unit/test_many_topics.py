"""What one event costs does not grow with the number of topics: nothing that is done for each event walks over all of them."""

import time
from itertools import cycle, islice

import pytest
from growing import APART_S, assert_grows_not

from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.frames import Ack, Data
from gateway.protocol.parser import Parser
from gateway.protocol.session import Session
from gateway.protocol.subscriptions import Subscriptions
from gateway.wire import Stamp
from tests.standins import KeepingBus, KeepingFetcher, KeepingLetters
from workers.books import Books
from workers.delivery import Delivery
from workers.watchdog import Watchdog

FEW, MANY = 15, 1_500
FRAMES = 3_000
#: When the first of them comes; seconds. Until then one topic was renewed at these moments, and may be left again at 7.5 s.
FIRST_S, RENEWED_S = 5.0, (0.0, 0.5, 1.5, 3.5)


class Conversation:
    """As much of a worker's loop as each frame goes through, with all topics held."""

    def __init__(self, count: int) -> None:
        self.topics = [f"publicTrade.SYMBOL{number}USDT" for number in range(count)]
        self.subscriptions = Subscriptions(ENDPOINTS["linear"])
        self.subscriptions.want(dict.fromkeys(self.topics, False))
        self.session = Session(ENDPOINTS["linear"], self.subscriptions, None, now=0.0, unix_ms=0)
        self.answer(0.0)
        self.stale: list[str] = []
        assert self.session.status == "connected"
        stamp = Stamp(worker="w", account="main", include_raw="off", started_ms=1)
        self.out = Delivery("w", ENDPOINTS["linear"], stamp, KeepingBus(), KeepingLetters(), Books("linear", KeepingFetcher()))  # type: ignore[arg-type] # they stand in
        self.out.want({topic: frozenset(["trade"]) for topic in self.topics})
        self.watchdog = Watchdog()
        self.parse = Parser("linear").parse

    def answer(self, now: float) -> None:
        """As the exchange does, at once and well."""
        while requests := self.subscriptions.to_send(now):
            for asked in requests:
                topics = list(asked.topics)
                self.subscriptions.heard(
                    Ack(op=asked.op, req_id=asked.req_id, success=True, message="", succeeded=topics, failed=[]), now
                )

    def disturb(self) -> None:
        """One topic was broken so often that it has to wait for its next renewal."""
        self.stale = self.topics[:1]
        for now in RENEWED_S:
            self.subscriptions.renew(self.stale[0])
            self.session.tick(now)
            self.answer(now)

    def cost_s(self) -> float:
        """CPU of one frame, each of another topic, each in a turn of its own, once all topics have spoken; seconds."""
        for topic in self.topics:
            found = self.parse(frame(topic))
            assert isinstance(found, Data)
            self.out.take(found, 0, 0.5)
        texts = [frame(topic) for topic in islice(cycle(self.topics), FRAMES)]
        began = time.process_time()
        for number, text in enumerate(texts):
            now = FIRST_S + number * APART_S
            found = self.parse(text)
            assert isinstance(found, Data)
            if self.session.pushed(found.topic, now):
                self.out.take(found, number, now)
            for broken in self.stale:
                self.subscriptions.renew(broken)
            self.session.tick(now)
            assert self.session.to_send(now) == []
            self.watchdog.look(self.out.readers.cadences, self.subscriptions, now, unread=False)
            assert self.session.status == "connected"
            self.out.flush()
        cost_s = (time.process_time() - began) / FRAMES
        for broken in self.stale:
            due_at = RENEWED_S[-1] + 4.0
            self.session.tick(due_at)
            assert [request.topics for request in self.subscriptions.to_send(due_at)] == [(broken,)], (
                "not later than it may be left"
            )
        return cost_s


def frame(topic: str) -> bytes:
    symbol = topic.partition(".")[2]
    return (
        f'{{"topic":"{topic}","type":"snapshot","ts":1748779200125,"data":[{{"T":1748779200123,"s":"{symbol}","S":"Buy","v":"0.001",'
        f'"p":"104250.10","L":"PlusTick","i":"20f43950-d8dd-5b31-9112-a178eb6023af","BT":false}}]}}'
    ).encode()


@pytest.mark.timeout(60)
def test_an_event_costs_as_much_among_a_thousand_topics_as_among_a_few() -> None:
    assert_grows_not(lambda count: Conversation(count).cost_s(), FEW, MANY)


@pytest.mark.timeout(60)
def test_an_event_costs_as_much_while_one_of_many_topics_waits_for_its_renewal() -> None:
    def cost_s(count: int) -> float:
        conversation = Conversation(count)
        conversation.disturb()
        return conversation.cost_s()

    assert_grows_not(cost_s, FEW, MANY)
