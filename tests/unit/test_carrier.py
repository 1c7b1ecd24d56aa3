"""A carrier and its thread around the memory sink."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from lanes import Place, numbered, record

from gateway.backoff import Backoff
from gateway.lanes.carrier import Carrier, News


class Bench:
    """A sink, its carrier and the lane's side of it."""

    def __init__(self) -> None:
        self.sink = Place()
        self.woken = threading.Event()
        self.carrier = Carrier(self.sink, backoff=Backoff(0.05, dice=lambda: 1.0), wake_router=self.woken.set)

    def give(self, first: int, last: int, run: int = 0) -> None:
        for number in range(first, last):
            self.carrier.give(run, [record(number)])

    def wait_for(self, claim: Callable[[], bool]) -> None:
        until = time.monotonic() + 10
        while not claim():
            assert time.monotonic() < until, "the claim did not become true within 10 s"
            self.woken.wait(0.02)
            self.woken.clear()

    @property
    def ids(self) -> list[str]:
        return [record.event_id for record in self.sink.records]


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    if bench.carrier.is_alive():
        bench.carrier.stop(5.0)
        assert not bench.carrier.is_alive()


def test_parts_reach_the_sink_in_order_and_are_counted(bench: Bench) -> None:
    bench.carrier.start()
    bench.wait_for(lambda: bench.carrier.news == News(0, 0, ready=True))
    bench.give(0, 500)
    bench.wait_for(lambda: bench.carrier.news.settled == 500)
    assert bench.ids == numbered(500)


def test_a_lost_sink_begins_a_run_and_what_was_given_for_the_old_one_is_forgotten(bench: Bench) -> None:
    bench.sink.holding = True
    bench.carrier.start()
    bench.give(0, 10)
    bench.wait_for(lambda: bench.sink.opened == 1)
    bench.sink.away = True
    bench.wait_for(lambda: bench.carrier.news == News(1, 0, ready=False))
    assert (bench.carrier.connected, bench.carrier.last_error, bench.carrier.reconnects) == (False, "memory is away", 1)
    bench.sink.holding = bench.sink.away = False
    bench.give(10, 20, run=0)
    bench.give(0, 5, run=bench.carrier.news.run)
    bench.wait_for(lambda: bench.carrier.news.settled == 5)
    assert bench.ids == numbered(5)
    assert bench.carrier.last_error is None


def test_a_sink_answered_when_it_was_last_heard_and_not_when_it_was_last_asked(bench: Bench) -> None:
    """Else a frozen broker would seem to answer until a write that waits for it gives up."""
    bench.sink.silent_s = 3.0
    bench.carrier.start()
    bench.wait_for(lambda: bench.carrier.connected and bench.carrier.checked_ms <= time.time_ns() // 1_000_000 - 3000)
    bench.sink.silent_s = 0.0
    bench.wait_for(lambda: bench.carrier.checked_ms > time.time_ns() // 1_000_000 - 1000)


def test_a_sink_that_asks_for_a_pause_is_not_written_to(bench: Bench) -> None:
    bench.sink.blocked = True
    bench.carrier.start()
    bench.give(0, 10)
    bench.wait_for(lambda: bench.carrier.connected and bench.carrier.checked_ms > 0)
    assert (bench.ids, bench.carrier.news) == ([], News(0, 0, ready=False))
    bench.sink.blocked = False
    bench.wait_for(lambda: bench.carrier.news == News(0, 10, ready=True))


def test_a_part_without_records_settles_too(bench: Bench) -> None:
    bench.carrier.give(0, [])
    bench.carrier.step(0.0)
    assert bench.carrier.news == News(0, 1, ready=True)


def test_a_carrier_that_is_stuck_in_its_sink_does_not_hold_up_the_end(bench: Bench) -> None:
    stuck, free = threading.Event(), threading.Event()

    class Stuck(Place):
        def tick(self) -> None:
            stuck.set()
            free.wait(10)

    carrier = Carrier(Stuck(), backoff=Backoff(0.05, dice=lambda: 1.0), wake_router=lambda: None)
    carrier.start()
    assert stuck.wait(10)
    began = time.monotonic()
    carrier.stop(0.2)
    assert time.monotonic() - began < 5.0
    assert carrier.is_alive()
    free.set()
