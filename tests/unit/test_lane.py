"""A lane around the memory sink, which can be away and can hold back its confirmations."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from gateway import lane
from gateway.backoff import Backoff
from gateway.lane import Lane, Ticket
from gateway.models import Record
from gateway.sinks.memory import MemorySink


def record(number: int) -> Record:
    return Record("key", "trade", f"id-{number}", None, None, "topic", "trace", 0, 0, b"{}")


class Bench:
    """A sink, its lane and the router's side of it."""

    def __init__(self) -> None:
        self.sink = MemorySink()
        self.woken = threading.Event()
        self.lane = Lane(self.sink, backoff=Backoff(0.05, dice=lambda: 1.0), wake_router=self.woken.set)
        self.settled: list[int] = []

    def put(self, first: int, last: int) -> None:
        for number in range(first, last):
            self.lane.put(Ticket(b"peer", number), [record(number)])

    def wait_for(self, claim: Callable[[], bool]) -> None:
        until = time.monotonic() + 10
        while not claim():
            assert time.monotonic() < until, "the claim did not become true within 10 s"
            self.woken.wait(0.02)
            self.woken.clear()
            self.settled += [ticket.number for ticket in self.lane.settled()]

    @property
    def ids(self) -> list[str]:
        return [record.event_id for record in self.sink.records]


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    if bench.lane.is_alive():
        bench.lane.stop(1.0)


def numbered(count: int) -> list[str]:
    return [f"id-{number}" for number in range(count)]


def test_records_reach_the_sink_in_order_and_their_tickets_come_back(bench: Bench) -> None:
    bench.lane.start()
    bench.put(0, 500)
    bench.wait_for(lambda: len(bench.settled) == 500)
    assert bench.ids == numbered(500)
    assert bench.settled == list(range(500))


def test_a_ticket_comes_back_only_when_the_sink_has_settled_it(bench: Bench) -> None:
    bench.sink.holding = True
    bench.lane.start()
    bench.put(0, 10)
    bench.wait_for(lambda: bench.lane.state().connected)
    assert bench.settled == []
    assert bench.lane.state().waiting == 10
    bench.sink.holding = False
    bench.wait_for(lambda: bench.settled == list(range(10)))


def test_unsettled_records_are_written_again_in_order_after_the_sink_was_away(bench: Bench) -> None:
    bench.sink.holding = True
    bench.lane.start()
    bench.put(0, 10)
    bench.wait_for(lambda: bench.sink.opened == 1)
    bench.sink.away = True
    bench.put(10, 20)
    bench.wait_for(lambda: not bench.lane.state().connected)
    bench.sink.holding = False
    bench.sink.away = False
    bench.wait_for(lambda: len(bench.settled) == 20)
    assert bench.ids == numbered(20)
    assert bench.lane.state().reconnects == 1


def test_the_state_says_why_the_sink_is_away_and_forgets_it_when_it_is_back(bench: Bench) -> None:
    bench.sink.away = True
    bench.lane.start()
    bench.wait_for(lambda: bench.lane.state().last_error == "memory is away")
    assert not bench.lane.state().connected
    bench.sink.away = False
    bench.wait_for(lambda: bench.lane.state().connected)
    assert bench.lane.state().last_error is None


def test_a_lane_is_full_at_its_limit_and_not_once_it_has_settled(bench: Bench) -> None:
    bench.lane.put(Ticket(b"peer", 0), [record(0)] * (lane.FULL_RECORDS - 1))
    assert not bench.lane.full
    bench.lane.put(Ticket(b"peer", 1), [record(1)])
    assert bench.lane.full
    bench.lane.start()
    bench.wait_for(lambda: len(bench.settled) == 2)
    assert not bench.lane.full


def test_stopping_carries_over_what_waits(bench: Bench) -> None:
    bench.put(0, 100)
    bench.lane.start()
    bench.lane.stop(5.0)
    assert not bench.lane.is_alive()
    assert bench.ids == numbered(100)


def test_stopping_with_the_sink_away_ends_at_its_deadline(bench: Bench) -> None:
    bench.sink.away = True
    bench.lane.start()
    bench.put(0, 1)
    began = time.monotonic()
    bench.lane.stop(0.5)
    assert not bench.lane.is_alive()
    assert 0.3 < time.monotonic() - began < 4.0
    assert bench.lane.settled() == []
