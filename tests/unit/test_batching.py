"""Both forms over one sink, which is a stand-in here: who gets what, when it is settled, and how a queue changes its form."""

import time
from collections.abc import Callable, Sequence

import pytest
from lanes import record

from gateway.errors import SinkAway
from gateway.lanes.needs import Needs
from gateway.models import Record
from gateway.names import EXCHANGE
from gateway.sinks.batching import MOST_WAYS, UNREAD_S, BatchingSink, Ways
from gateway.sinks.bundles import Bundle
from gateway.sinks.messages import Message, records_of

BTC, ETH = "trade.linear.BTCUSDT.-", "trade.linear.ETHUSDT.-"
ONE, TWO = "ws-gateway.trade.one", "ws-gateway.trade.two"
KNOWN = Needs((), {ONE: [BTC]})
BATCHED = Needs((), {}, {ONE: [BTC]})
BOTH = Needs((), {TWO: [BTC]}, {ONE: [BTC, ETH]})


class Published:
    """Keeps what it is given.

    confirmed  how much of it, or None: all
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.confirmed: int | None = None
        self.returned = self.nacked = 0
        self.away = self.is_held = False
        self.silent_s = 0.0

    @property
    def pause_words(self) -> str | None:
        return None

    def wants(self, record: Record) -> bool:
        return bool(record.routing_key)

    def open(self) -> None:
        self.messages.clear()

    def write(self, records: Sequence[Message]) -> None:
        self.messages += records

    def settled(self) -> int:
        return len(self.messages) if self.confirmed is None else self.confirmed

    def ready(self) -> bool:
        return not self.is_held

    def tick(self) -> None:
        if self.away:
            raise SinkAway("away")

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        return


class Planned:
    """A plan that puts in force at once. made: what was in the sink at each such moment."""

    def __init__(self, needs: Needs, published: Published) -> None:
        self.newest = self.in_force = needs
        self.published = published
        self.made: list[int] = []

    def put_in_force(self, needs: Needs) -> None:
        self.in_force = needs
        self.made.append(len(self.published.messages))


class Bench:
    def __init__(self, needs: Needs) -> None:
        self.published = Published()
        self.plan = Planned(needs, self.published)
        self.should_have_come: Callable[[str, str], bool | None] = lambda _exchange, _key: False

        def publishing(needs: Callable[[str, str], bool | None]) -> Published:
            self.should_have_come = needs
            return self.published

        self.sink = BatchingSink(self.plan, publishing)
        self.sink.open()

    def write(self, *numbers: int, key: str = BTC, queue: str = "") -> None:
        records = [record(number) for number in numbers]
        for entry in records:
            entry.routing_key, entry.queue = queue or key, queue
        self.sink.write(records)

    def settle(self, count: int) -> None:
        """As the carrier does: again when it is due."""
        until = time.monotonic() + 5
        while (found := self.sink.settled()) < count:
            assert time.monotonic() < until, f"{found} of {count} settled"
        assert found == count

    def got(self, queue: str | None = None) -> list[str]:
        """Ids in the order of publication: of a queue's bundles, or of single messages."""
        messages = [message for message in self.published.messages if isinstance(message, Bundle) is (queue is not None)]
        return [
            entry.event_id for message in messages if queue is None or message.routing_key == queue for entry in records_of(message)
        ]


def ids(*numbers: int) -> list[str]:
    return [record(number).event_id for number in numbers]


def test_nobody_who_wants_batches_costs_nothing_and_changes_nothing() -> None:
    bench = Bench(KNOWN)
    bench.write(1, 2)
    bench.write(3)
    assert (bench.got(), bench.sink.due) == (ids(1, 2, 3), None)
    bench.settle(3)


def test_a_queue_of_batches_gets_what_it_wants_and_others_get_it_one_by_one_in_the_same_order() -> None:
    bench = Bench(BOTH)
    bench.write(1, 2)
    bench.write(3, key=ETH)
    bench.write(4)
    bench.write(5, key="trade.linear.OTHER.-")
    bench.settle(5)
    assert bench.got() == ids(1, 2, 3, 4, 5)
    assert bench.got(ONE) == ids(1, 2, 3, 4)


def test_a_record_settles_with_its_batch_and_the_batch_closes_within_5_ms() -> None:
    bench = Bench(BATCHED)
    began = time.monotonic()
    bench.write(1)
    assert bench.sink.settled() == 0
    assert bench.got(ONE) == []
    assert bench.sink.due is not None
    assert bench.sink.due - began < 0.005
    bench.settle(1)
    assert bench.got(ONE) == ids(1)


def test_a_batch_that_is_not_confirmed_holds_up_its_records_and_no_earlier_ones() -> None:
    bench = Bench(BATCHED)
    bench.write(1)
    bench.settle(1)
    bench.published.confirmed = len(bench.published.messages)
    bench.write(2)
    until = time.monotonic() + 0.05
    while time.monotonic() < until:
        assert bench.sink.settled() == 1
    assert bench.got(ONE) == ids(1, 2), "it was published"
    bench.published.confirmed = None
    bench.settle(2)


def test_full_batches_go_at_once() -> None:
    bench = Bench(BATCHED)
    bench.write(*range(600))
    assert [message.count for message in bench.published.messages if isinstance(message, Bundle)] == [256, 256]


def test_what_is_for_one_queue_alone_goes_into_its_batches() -> None:
    bench = Bench(BOTH)
    bench.write(1, queue=ONE)
    bench.write(2, queue=TWO)
    bench.settle(2)
    assert (bench.got(ONE), bench.got()) == (ids(1), ids(2))


def test_what_no_queue_takes_on_its_own_is_not_published_so_for_a_moment_and_counts_as_no_return() -> None:
    bench = Bench(BATCHED)
    bench.write(1)
    assert bench.got() == ids(1), "somebody may have a queue of his own"
    assert bench.should_have_come(EXCHANGE, BTC) is None
    bench.write(2, 3)
    bench.settle(3)
    assert (bench.got(), bench.got(ONE)) == (ids(1), ids(1, 2, 3))
    assert UNREAD_S <= 1.0


def test_a_key_that_only_single_queues_want_is_always_published() -> None:
    bench = Bench(Needs((), {}, {ONE: [ETH]}))
    bench.write(1)
    assert bench.should_have_come(EXCHANGE, BTC) is False
    bench.write(2)
    assert bench.got() == ids(1, 2)
    assert bench.should_have_come("", ONE) is True, "a queue of batches that has gone is made again"


def test_a_new_queue_of_batches_gets_what_comes_from_then_on() -> None:
    bench = Bench(KNOWN)
    bench.write(1)
    bench.plan.newest = after = Needs((), {ONE: [BTC]}, {TWO: [BTC]})
    bench.settle(1)
    assert bench.plan.in_force is after
    bench.write(2)
    bench.settle(2)
    assert bench.got(TWO) == ids(2)


@pytest.mark.parametrize(("before", "after"), [(KNOWN, BATCHED), (BATCHED, KNOWN)])
def test_a_queue_changes_its_form_when_all_that_is_under_way_is_confirmed_and_nothing_is_published_meanwhile(
    before: Needs, after: Needs
) -> None:
    bench = Bench(before)
    bench.published.confirmed = 0
    bench.write(1, 2)
    bench.plan.newest = after
    assert bench.sink.settled() == 0
    assert not bench.sink.ready()
    assert bench.plan.made == []
    bench.published.confirmed = None
    bench.settle(2)
    assert (bench.plan.made, bench.plan.in_force, bench.sink.ready()) == ([len(bench.published.messages)], after, True)
    bench.write(3)
    bench.settle(3)
    in_batches = ids(1, 2) if before is BATCHED else ids(3)
    assert bench.got(ONE) == in_batches


def test_a_queue_does_not_change_its_form_while_somebody_moves_queues() -> None:
    bench = Bench(KNOWN)
    bench.published.is_held = True
    bench.plan.newest = BATCHED
    for _ in range(3):
        bench.sink.settled()
    assert bench.plan.made == []
    bench.published.is_held = False
    bench.sink.settled()
    assert bench.plan.in_force is BATCHED


def test_opening_again_forgets_what_was_open() -> None:
    bench = Bench(BATCHED)
    bench.write(1)
    bench.sink.open()
    assert (bench.sink.settled(), bench.sink.due) == (0, None)
    bench.write(1, 2)
    bench.settle(2)
    assert bench.got(ONE) == ids(1, 2)


def test_while_a_queue_turns_to_single_messages_what_comes_back_is_in_its_batches_still() -> None:
    """Were it called missing, its queue would be bound, and the event would be there twice and ahead of older ones."""
    bench = Bench(BATCHED)
    bench.write(1)
    bench.plan.newest = KNOWN
    assert bench.should_have_come(EXCHANGE, BTC) is None
    bench.settle(1)
    assert bench.plan.in_force is KNOWN
    assert bench.should_have_come(EXCHANGE, BTC) is True


def test_no_more_ways_are_remembered_than_allowed() -> None:
    ways = Ways()
    ways.follow(BATCHED)
    for number in range(MOST_WAYS - 1):
        assert ways[f"trade.option.{number}.-"].queues == []
    assert ways[BTC].queues == [ONE]
    assert len(ways) == MOST_WAYS
    assert ways[ETH].queues == []
    assert len(ways) == 1
    assert (ways[BTC].queues, ways[ONE].queues, ways[ONE].alone_from) == ([ONE], [ONE], float("inf"))
