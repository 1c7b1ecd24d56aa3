"""The contract of a sink: one suite that every sink passes, the one in memory included. A new sink is one row in MAKERS."""

from collections.abc import Callable, Iterator

import pytest
from sink_places import STAMP, Place, batching, broker, memory, postgres, record, settle

from gateway.errors import SinkAway
from gateway.models import Event
from gateway.sinks.broker import BrokerSink
from gateway.sinks.postgres import PostgresSink
from tests.standins import KeepingLetters

MAKERS: dict[str, Callable[[str, str], Place]] = {"memory": memory, "broker": broker, "batching": batching, "postgres": postgres}


@pytest.fixture(params=MAKERS)
def place(request: pytest.FixtureRequest, database_url: str, broker_url: str) -> Iterator[Place]:
    place = MAKERS[request.param](database_url, broker_url)
    yield place
    place.sink.close()


def test_what_is_written_settles_and_arrives_in_order(place: Place) -> None:
    place.sink.open()
    assert place.sink.settled() == 0
    for first in range(0, 300, 50):
        assert place.sink.ready()
        place.sink.write([record(number) for number in range(first, first + 50)])
    settle(place.sink, 300)
    assert place.arrived() == list(range(300))


def test_opening_again_forgets_what_was_counted_and_writing_again_is_allowed(place: Place) -> None:
    place.sink.open()
    place.sink.write([record(number) for number in range(10)])
    settle(place.sink, 10)
    place.sink.close()
    place.sink.open()
    assert place.sink.settled() == 0
    place.sink.write([record(number) for number in range(10, 20)])
    settle(place.sink, 10)
    assert list(dict.fromkeys(place.arrived()))[-10:] == list(range(10, 20))


def test_a_place_that_is_away_is_sink_away_and_closing_never_raises(place: Place) -> None:
    with pytest.raises(SinkAway):
        place.away.open()
    place.away.close()
    place.sink.close()
    place.sink.close()


def test_a_tick_says_nothing_while_all_is_well(place: Place) -> None:
    place.sink.open()
    place.sink.tick()
    place.sink.write([record(1)])
    settle(place.sink, 1)
    place.sink.tick()


def test_every_sink_wants_a_balance(place: Place) -> None:
    assert place.sink.wants(record(1))


def test_the_broker_wants_what_is_published_and_postgresql_what_it_stores() -> None:
    report = STAMP.record(
        Event(event_type="trade", category="linear", symbol="X", topic="t", timestamp_ms=1, identity="i", payload={}), received_ns=1, trace_id="t"
    )  # fmt: skip
    assert BrokerSink("amqp://none", lambda: None).wants(report)
    assert not PostgresSink("postgresql://none", KeepingLetters()).wants(report)
    report.routing_key, report.event_type = "", "topic_state"
    assert not BrokerSink("amqp://none", lambda: None).wants(report)
    assert PostgresSink("postgresql://none", KeepingLetters()).wants(report)


def test_what_was_not_settled_is_written_again_and_keeps_its_id(place: Place) -> None:
    place.sink.open()
    place.sink.write([record(1), record(2)])
    settle(place.sink, 2)
    place.sink.open()
    place.sink.write([record(2), record(3)])
    settle(place.sink, 2)
    assert list(dict.fromkeys(place.arrived())) == [1, 2, 3]
    assert record(2).event_id == record(2).event_id != record(3).event_id
