"""The contract of a sink: one suite that every sink passes, the one in memory included. A new sink is one row in MAKERS."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from select import select

import pika
import pytest

from gateway import db
from gateway.errors import SinkAway
from gateway.models import Event, Record
from gateway.servers.server import free_ports
from gateway.sinks.broker import BrokerSink
from gateway.sinks.memory import MemorySink
from gateway.sinks.postgres import PostgresSink
from gateway.sinks.sink import Sink
from gateway.sinks.topology import QueuePolicy, Topology
from gateway.wire import Stamp
from tests.standins import KeepingLetters

POLICY = QueuePolicy("classic", 60_000, 10_000)
QUEUE = "ws-gateway.balance.test"
STAMP = Stamp(worker="w", account="main", include_raw="off", started_ms=1)


def letters() -> KeepingLetters:
    """In the place of the dead letters' file."""
    return KeepingLetters()


def record(number: int) -> Record:
    """A balance: the one kind that every sink wants."""
    event = Event(
        event_type="balance", category=None, symbol=None, topic="wallet", timestamp_ms=1_700_000_000_000 + number, private=True,
        identity=f"balance|{number}", payload={"account_type": "UNIFIED", "coins": [{"coin": "BTC", "wallet_balance": str(number)}]},
    )  # fmt: skip
    return STAMP.record(event, received_ns=1_700_000_000_000_000_000 + number, trace_id=f"t-{number}")


@dataclass
class Place:
    """A sink, what has arrived in its place in order, and the same sink with its place away."""

    sink: Sink
    arrived: Callable[[], list[int]]
    away: Sink


def memory(_database_url: str, _broker_url: str) -> Place:
    sink, away = MemorySink(), MemorySink()
    away.away = True
    return Place(sink, lambda: [int(json.loads(r.body)["payload"]["coins"][0]["wallet_balance"]) for r in sink.records], away)


def broker(_database_url: str, broker_url: str) -> Place:
    def declare() -> None:
        with Topology(broker_url, POLICY) as topology:
            topology.declare_base([])
            topology.bind_service(QUEUE, ["balance.#"])

    def arrived() -> list[int]:
        found = []
        with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
            channel = connection.channel()
            while (body := channel.basic_get(QUEUE, auto_ack=False)[2]) is not None:
                found.append(int(json.loads(body)["payload"]["coins"][0]["wallet_balance"]))
        return found

    return Place(BrokerSink(broker_url, declare), arrived, BrokerSink(f"amqp://127.0.0.1:{free_ports(1)[0]}/", lambda: None))


def postgres(database_url: str, _broker_url: str) -> Place:
    def arrived() -> list[int]:
        connection = db.connect(database_url, name="test")
        with db.transaction(connection) as cursor:
            cursor.execute("select wallet_balance::int from account_balances order by event_timestamp")
            found = [row[0] for row in cursor.fetchall()]
        connection.close()
        return found

    return Place(
        PostgresSink(database_url, letters()), arrived, PostgresSink(f"postgresql://127.0.0.1:{free_ports(1)[0]}/none", letters())
    )


MAKERS: dict[str, Callable[[str, str], Place]] = {"memory": memory, "broker": broker, "postgres": postgres}


@pytest.fixture(params=MAKERS)
def place(request: pytest.FixtureRequest, database_url: str, broker_url: str) -> Iterator[Place]:
    place = MAKERS[request.param](database_url, broker_url)
    yield place
    place.sink.close()


def settle(sink: Sink, count: int) -> None:
    """Ask until so many have settled."""
    until = time.monotonic() + 10
    while sink.settled() < count:
        assert time.monotonic() < until, f"only {sink.settled()} of {count} settled within 10 s"
        if sink.fileno() >= 0:
            select([sink.fileno()], [], [], 0.1)
    assert sink.settled() == count


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


def test_the_broker_gets_messages_as_the_contract_shapes_them(broker_url: str) -> None:
    place = broker("", broker_url)
    place.sink.open()
    sent = record(7)
    place.sink.write([sent])
    settle(place.sink, 1)
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        method, properties, body = connection.channel().basic_get(QUEUE, auto_ack=True)
    assert (method.exchange, method.routing_key, body) == ("ws-gateway.events", "balance.-.-.-", sent.body)
    assert (properties.message_id, properties.content_type, properties.delivery_mode) == (sent.event_id, "application/json", 2)
    assert properties.timestamp == sent.timestamp_ms // 1000
    assert properties.headers == {"event_type": "balance", "category": None, "symbol": None, "topic": "wallet", "trace_id": "t-7"}
    place.sink.close()


def test_a_message_that_no_queue_wants_settles_and_is_counted(broker_url: str) -> None:
    def declare() -> None:
        with Topology(broker_url, POLICY) as topology:
            topology.declare_base([])

    sink = BrokerSink(broker_url, declare)
    sink.open()
    sink.write([record(1)])
    settle(sink, 1)
    assert sink.returned == 1
    sink.close()


def test_a_broker_connection_that_breaks_is_sink_away(broker_url: str) -> None:
    place = broker("", broker_url)
    sink = place.sink
    assert isinstance(sink, BrokerSink)
    sink.open()
    sink._connection.connection.transport.sock.shutdown(2)
    with pytest.raises(SinkAway, match="RabbitMQ is away"):
        _write_and_settle(sink)
    sink.close()


def _write_and_settle(sink: Sink) -> None:
    sink.write([record(1)])
    settle(sink, 1)


def test_postgresql_without_the_schema_is_away_until_it_is_there(empty_database_url: str) -> None:
    sink = PostgresSink(empty_database_url, letters())
    with pytest.raises(SinkAway, match="waiting for `prepare`"):
        sink.open()
    sink.close()


def test_the_broker_wants_what_is_published_and_postgresql_what_it_stores() -> None:
    report = STAMP.record(
        Event(event_type="trade", category="linear", symbol="X", topic="t", timestamp_ms=1, identity="i", payload={}), received_ns=1, trace_id="t"
    )  # fmt: skip
    assert BrokerSink("amqp://none", lambda: None).wants(report)
    assert not PostgresSink("postgresql://none", letters()).wants(report)
    report.routing_key, report.event_type = "", "topic_state"
    assert not BrokerSink("amqp://none", lambda: None).wants(report)
    assert PostgresSink("postgresql://none", letters()).wants(report)


@pytest.mark.parametrize("field", ["timestamp", "received_at", "event_id"])
def test_an_envelope_that_postgresql_cannot_read_costs_its_neighbours_nothing(database_url: str, field: str) -> None:
    place = postgres(database_url, "")
    sink, bad = place.sink, record(2)
    assert isinstance(sink, PostgresSink)
    bad.body = json.dumps({**json.loads(bad.body), field: "never"}).encode()
    sink.open()
    sink.write([record(1), bad, record(3)])
    settle(sink, 3)
    assert (place.arrived(), sink.rejected) == ([1, 3], 1)
    sink.close()


def test_a_database_connection_that_breaks_is_sink_away_and_what_was_not_settled_can_be_written_again(database_url: str) -> None:
    place = postgres(database_url, "")
    place.sink.open()
    place.sink.write([record(1)])
    settle(place.sink, 1)
    killer = db.connect(database_url, name="killer", autocommit=True)
    with db.transaction(killer) as cursor:
        cursor.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'ws-gateway router' and datname = current_database()"
        )
        assert cursor.fetchall() == [(True,)]
    killer.close()
    with pytest.raises(SinkAway, match="PostgreSQL is away"):
        place.sink.write([record(2)])
    with pytest.raises(SinkAway):
        place.sink.tick()
    place.sink.open()
    assert place.sink.settled() == 0
    place.sink.write([record(1), record(2)])
    settle(place.sink, 2)
    assert place.arrived() == [1, 2]
    place.sink.close()


def test_what_was_not_settled_is_written_again_and_keeps_its_id(place: Place) -> None:
    place.sink.open()
    place.sink.write([record(1), record(2)])
    settle(place.sink, 2)
    place.sink.open()
    place.sink.write([record(2), record(3)])
    settle(place.sink, 2)
    assert list(dict.fromkeys(place.arrived())) == [1, 2, 3]
    assert record(2).event_id == record(2).event_id != record(3).event_id


def test_a_message_that_the_broker_refuses_is_published_again_until_it_is_taken(broker_url: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        channel = connection.channel()
        channel.queue_declare(QUEUE, durable=True, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
        place = broker("", broker_url)
        sink = place.sink
        assert isinstance(sink, BrokerSink)
        sink.open()
        sink.write([record(1), record(2)])
        until = time.monotonic() + 10
        while not sink.nacked:
            assert time.monotonic() < until, "nothing was refused within 10 s"
            select([sink.fileno()], [], [], 0.1)
            assert sink.settled() <= 1
        first = None
        while first is None:
            first = channel.basic_get(QUEUE, auto_ack=True)[2]
        settle(sink, 2)
        sink.close()
    assert json.loads(first)["payload"]["coins"][0]["wallet_balance"] == "1"
    assert place.arrived() == [2]


def test_a_value_too_long_for_its_index_costs_its_neighbours_nothing(database_url: str, broker_url: str) -> None:
    place = postgres(database_url, broker_url)
    bad = record(5)
    body = json.loads(bad.body)
    body["payload"]["account_type"] = "".join(f"{number:X}" for number in range(5000))
    bad.body = json.dumps(body).encode()
    place.sink.open()
    place.sink.write([record(1), bad, record(9)])
    settle(place.sink, 3)
    assert place.arrived() == [1, 9]
    place.sink.close()


#: What makes a database that answers unable to take a row, and what mends it.
UNREADY = {
    "without its tables": ("alter table account_balances rename to elsewhere", "alter table elsewhere rename to account_balances"),
    "on a standby": (
        "alter database {name} set default_transaction_read_only = on",
        "set default_transaction_read_only = off; alter database {name} reset default_transaction_read_only",
    ),
}


@pytest.mark.parametrize("how", UNREADY)
def test_a_database_that_is_not_ready_is_away_and_nothing_is_rejected(database_url: str, broker_url: str, how: str) -> None:
    place = postgres(database_url, broker_url)
    assert isinstance(place.sink, PostgresSink)
    person = db.connect(database_url, name="person", autocommit=True)
    spoil, mend = (step.format(name=database_url.rpartition("/")[2]) for step in UNREADY[how])
    with db.transaction(person) as cursor:
        cursor.execute(spoil)
    place.sink.open()
    with pytest.raises(SinkAway):
        place.sink.write([record(1)])
    with db.transaction(person) as cursor:
        cursor.execute(mend)
    person.close()
    place.sink.open()
    place.sink.write([record(1)])
    settle(place.sink, 1)
    assert (place.arrived(), place.sink.rejected) == ([1], 0)
    place.sink.close()


@pytest.mark.parametrize("nul", ["coin", "account_type"])
def test_a_record_that_postgresql_can_never_hold_costs_its_neighbours_nothing(database_url: str, broker_url: str, nul: str) -> None:
    place = postgres(database_url, broker_url)
    bad = record(5)
    body = json.loads(bad.body)
    (body["payload"] if nul == "account_type" else body["payload"]["coins"][0])[nul] = "a\0b"
    bad.body = json.dumps(body).encode()
    report = record(6)
    report.routing_key, report.event_type = "", "topic_state"
    report.body = json.dumps(
        {"endpoint": "linear", "reports": [{"topic": "t\0", "state": "refused", "last_error": "words\0"}]}
    ).encode()
    place.sink.open()
    place.sink.write([record(1), bad, report, record(9)])
    settle(place.sink, 4)
    assert place.arrived() == [1, 9]
    place.sink.close()
