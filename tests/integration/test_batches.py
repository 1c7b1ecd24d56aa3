"""Deliveries of a queue on a real RabbitMQ and a real PostgreSQL: batches beside single messages, changes between them, and losses."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from batches import CONTENT_TYPE, Line, Reader, queue_of, running
from running import wait_for
from stored import add, bind, lists, wish

from gateway import names, queues
from gateway.consumer import Consumer
from gateway.database import db, store
from gateway.servers import RabbitMQ
from tests.valves import Valve

ONE, TWO = queue_of("one"), queue_of("two")


@pytest.fixture
def reader(broker_url: str) -> Iterator[Reader]:
    reader = Reader(broker_url)
    yield reader
    reader.close()


@pytest.fixture
def line(tmp_path: Path, database_url: str, broker_url: str) -> Iterator[Line]:
    with running(tmp_path, database_url, broker_url) as line:
        yield line


def batched(connection: db.Connection, symbol: str = "BTCUSDT", **changes: object) -> db.Row:
    return add(connection, symbol, delivery="batch", **changes)


def wait_until_ready(connection: db.Connection) -> None:
    wait_for(
        lambda: {row.queue_state for row in store.service_queues(connection) if row.is_active} == {"ready"}, "ready queues", 15.0
    )


def change(connection: db.Connection, *, delivery: str, symbol: str = "BTCUSDT", service: str = "one") -> None:
    """As a POST of the same wish does."""
    row, is_new = store.add_subscription(
        connection, wish(symbol=symbol, requesting_service=service, delivery=delivery), lambda: "ready"
    )
    assert (is_new, row["delivery"], row["queue_state"]) == (False, delivery, "turning")


def test_a_batch_is_an_array_of_the_envelopes_that_others_get_one_by_one_with_the_same_ids_in_the_same_order(
    line: Line, connection: db.Connection, reader: Reader
) -> None:
    batched(connection)
    batched(connection, "ETHUSDT")
    add(connection, requesting_service="two")
    wait_until_ready(connection)
    for count in (1, 300, 7, 600):
        line.put(count)
        line.put(3, symbol="ETHUSDT")
    line.settle()
    many, alone = reader.take(ONE), reader.take(TWO)
    assert all(not entry.alone for entry in many)
    assert all(entry.alone for entry in alone)
    assert [entry.number for entry in many] == list(range(1, line.put_count + 1))
    of_btc = [entry for entry in many if entry.envelope["symbol"] == "BTCUSDT"]
    assert [(entry.envelope, entry.routing_key) for entry in of_btc] == [(entry.envelope, entry.routing_key) for entry in alone]
    assert {entry.routing_key for entry in many} == {"trade.linear.BTCUSDT.-", "trade.linear.ETHUSDT.-"}
    assert max(reader.counts) == 256
    assert len(reader.counts) < 20


def test_the_message_says_what_it_is(line: Line, connection: db.Connection, reader: Reader) -> None:
    batched(connection)
    wait_until_ready(connection)
    line.put(2)
    line.settle()
    method, properties, body = reader.channel.basic_get(ONE, auto_ack=True)
    assert (method.exchange, method.routing_key, properties.content_type) == ("", ONE, CONTENT_TYPE)
    assert [entry["payload"]["number"] for entry in json.loads(body)] == [1, 2]
    assert (properties.content_encoding, properties.delivery_mode, properties.timestamp) == ("utf-8", 2, 1_700_000_000)
    assert properties.headers == {
        "event_type": "trade",
        "count": 2,
        "routing_keys": "trade.linear.BTCUSDT.-\ntrade.linear.BTCUSDT.-",
        "trace_id": "t-1",
    }


def test_at_a_low_rate_no_event_waits_for_others(line: Line, connection: db.Connection, broker_url: str) -> None:
    """5 ms are the batch's. The rest is RabbitMQ's, which has to store each message, and this machine's."""
    batched(connection)
    wait_until_ready(connection)
    waits = []
    with Consumer(broker_url, ONE) as consumer:
        for number in range(1, 41):
            began = time.monotonic()
            line.put()
            event = consumer.next(timeout_s=5.0)
            waits.append(time.monotonic() - began)
            assert event is not None
            assert event.envelope["payload"]["number"] == number
    assert sorted(waits)[len(waits) // 2] < 0.02, waits


def test_a_class_queue_gets_each_event_on_its_own_whatever_services_want(
    tmp_path: Path, database_url: str, broker_url: str, connection: db.Connection, reader: Reader
) -> None:
    batched(connection)
    with running(tmp_path, database_url, broker_url, classes=("trade",)) as line:
        wait_until_ready(connection)
        line.put(500)
        line.settle()
        assert [(entry.number, entry.alone) for entry in reader.take("ws-gateway.trade")] == [(n, True) for n in range(1, 501)]
        assert [entry.number for entry in reader.take(ONE)] == list(range(1, 501))
        assert line.sink.returned == 0


def test_what_is_for_one_queue_alone_comes_in_its_batches(line: Line, connection: db.Connection, reader: Reader) -> None:
    batched(connection)
    wait_until_ready(connection)
    line.put()
    line.put(queue=ONE)
    line.settle()
    assert [(entry.number, entry.routing_key, entry.alone) for entry in reader.take(ONE)] == [
        (1, "trade.linear.BTCUSDT.-", False),
        (2, ONE, False),
    ]


@pytest.mark.parametrize("first", ["single", "batch"])
def test_a_delivery_changes_between_two_events_while_they_flow(
    first: str, line: Line, connection: db.Connection, reader: Reader
) -> None:
    """Nothing is lost, nothing comes twice, and no event of one form stands behind one of the other that is newer."""
    add(connection, delivery=first)
    add(connection, requesting_service="two")
    wait_until_ready(connection)
    other = "batch" if first == "single" else "single"
    changed = False
    until = time.monotonic() + 1.0
    while time.monotonic() < until or not changed:
        line.put()
        if line.put_count == 200:
            change(connection, delivery=other)
        changed = line.put_count > 200 and {row.queue_state for row in store.service_queues(connection)} == {"ready"}
        if changed and until < time.monotonic():
            break
        assert time.monotonic() < until + 20, "it never changed"
    line.put(300)
    line.settle()
    arrived = reader.take(ONE)
    assert [entry.number for entry in arrived] == list(range(1, line.put_count + 1)), "in order, each once"
    forms = [entry.alone for entry in arrived]
    assert forms == sorted(forms, reverse=first == "single"), "one change"
    assert set(forms) == {True, False}
    assert [entry.number for entry in reader.take(TWO)] == list(range(1, line.put_count + 1))


def test_a_delivery_changes_although_the_broker_is_away_and_nothing_is_lost(
    tmp_path: Path, database_url: str, broker_url: str, connection: db.Connection, reader: Reader, rabbitmq_server: RabbitMQ
) -> None:
    port = rabbitmq_server.ports[0]
    with Valve(port) as valve:
        through = broker_url.replace(f":{port}/", f":{valve.port}/")
        add(connection, delivery="single")
        with running(tmp_path, database_url, through) as line:
            wait_until_ready(connection)
            line.put(50)
            valve.shut()
            line.put(50)
            wait_for(lambda: not line.carrier.connected, "the silence is noticed", 10.0)
            change(connection, delivery="batch")
            line.put(50)
            valve.open()
            wait_until_ready(connection)
            line.put(50)
            line.settle()
    numbers = [entry.number for entry in reader.take(ONE)]
    assert list(dict.fromkeys(numbers)) == list(range(1, 201))
    assert numbers[-50:] == list(range(151, 201))


def breaks(line: Line) -> bool:
    """Whether there was a connection to RabbitMQ to be broken."""
    connection = line.sink._sink._connection
    if connection is None:
        return False
    try:
        connection.connection.transport.sock.shutdown(2)
    except OSError:  # it is given up just now, for the one before
        return False
    return True


@pytest.mark.parametrize("times", [1, 3])
def test_a_broker_that_is_lost_in_the_middle_leaves_no_hole_and_no_disorder(
    times: int,
    tmp_path: Path,
    database_url: str,
    broker_url: str,
    connection: db.Connection,
    reader: Reader,
    rabbitmq_server: RabbitMQ,
) -> None:
    port = rabbitmq_server.ports[0]
    with Valve(port) as valve:
        through = broker_url.replace(f":{port}/", f":{valve.port}/")
        batched(connection)
        add(connection, requesting_service="two")
        with running(tmp_path, database_url, through) as line:
            wait_until_ready(connection)
            for _ in range(times):
                wait_for(lambda: line.carrier.connected, "the broker")
                line.put(700)
                wait_for(lambda: breaks(line), "a connection to break")
                for _ in range(10):
                    line.put(70)
            line.settle()
    expected = list(range(1, line.put_count + 1))
    assert list(dict.fromkeys(entry.number for entry in reader.take(ONE))) == expected
    assert list(dict.fromkeys(entry.number for entry in reader.take(TWO))) == expected


def test_a_queue_of_batches_that_is_deleted_is_made_again_and_what_came_back_goes_first(
    line: Line, connection: db.Connection, reader: Reader
) -> None:
    batched(connection)
    wait_until_ready(connection)
    line.put(10)
    line.settle()
    reader.channel.queue_delete(ONE)
    for _ in range(20):
        line.put(100)
    line.settle()
    assert [entry.number for entry in reader.take(ONE)] == list(range(11, line.put_count + 1))
    assert line.sink.returned == 0


def test_a_queue_of_ones_own_gets_single_events_a_second_after_it_was_bound_although_all_others_want_batches(
    line: Line, connection: db.Connection, reader: Reader, broker_url: str
) -> None:
    batched(connection)
    wait_until_ready(connection)
    line.put(5)
    line.settle()
    with Consumer(broker_url, bindings=["trade.linear.*.*"]) as consumer:

        def comes() -> bool:
            line.put()
            return consumer.next(timeout_s=0.05) is not None

        wait_for(comes, "an event of its own", 5.0)
        first = line.put_count
        line.put(50)
        found: list[int] = []
        while len(found) < 50:
            event = consumer.next(timeout_s=5.0)
            assert event is not None, found
            if event.envelope["payload"]["number"] > first:
                found.append(event.envelope["payload"]["number"])
                assert event.missing == 0
    line.settle()
    assert [entry.number for entry in reader.take(ONE)] == list(range(1, line.put_count + 1))
    assert line.sink.returned == 0


def test_a_router_that_starts_without_postgresql_fills_the_queues_of_batches_that_the_last_one_knew(
    tmp_path: Path, database_url: str, broker_url: str, connection: db.Connection, reader: Reader
) -> None:
    batched(connection)
    with running(tmp_path, database_url, broker_url) as line:
        wait_until_ready(connection)
        line.put(3)
        line.settle()
    with running(tmp_path, "postgresql://127.0.0.1:1/none", broker_url) as alone:
        alone.put_count = 3
        alone.put(4)
        alone.settle()
    assert [(entry.number, entry.alone) for entry in reader.take(ONE)] == [(number, False) for number in range(1, 8)]


def test_a_topic_whose_events_come_in_batches_is_asked_for_once_the_router_fills_them(
    tmp_path: Path, database_url: str, broker_url: str, connection: db.Connection
) -> None:
    row = batched(connection)
    alone = add(connection, "ETHUSDT", requesting_service="two")
    assert [entry.id for entry in store.wanted(connection, "linear")] == [alone["id"]], "a book would begin without its snapshot"
    with running(tmp_path, database_url, broker_url):
        wait_until_ready(connection)
        assert {entry.id for entry in store.wanted(connection, "linear")} == {row["id"], alone["id"]}
        change(connection, delivery="single")
        assert len(store.wanted(connection, "linear")) == 2, "what is held stays held"


def test_a_pattern_s_batches_follow_the_listings(line: Line, connection: db.Connection, reader: Reader) -> None:
    lists(connection, "BTCUSDT")
    row = batched(connection, "BTC*")
    wait_until_ready(connection)
    line.put()
    lists(connection, "BTCUSDT", "BTCNEW")
    wait_for(
        lambda: line.keeper.plan.in_force.wanted(ONE) == ["trade.linear.BTCNEW.-", "trade.linear.BTCUSDT.-"], "the listing", 15.0
    )
    line.put(symbol="BTCNEW")
    line.put(symbol="ETHUSDT")
    line.settle()
    assert [entry.number for entry in reader.take(ONE)] == [1, 2]
    store.cancel(connection, subscription_id=row["id"])
    wait_for(lambda: not line.keeper.plan.in_force.batched, "nobody wants it", 15.0)
    line.put()
    line.settle()
    wait_for(lambda: not store.service_queues(connection), "the empty queue is gone", 15.0)


def test_a_wish_that_was_cancelled_with_messages_left_and_made_again_in_batches_gets_no_event_twice(
    line: Line, connection: db.Connection, reader: Reader
) -> None:
    row = add(connection)
    wait_until_ready(connection)
    line.put()
    line.settle()
    store.cancel(connection, subscription_id=row["id"])
    batched(connection)
    wait_until_ready(connection)
    line.put(3)
    line.settle()
    assert [(entry.number, entry.alone) for entry in reader.take(ONE)] == [(1, True), (2, False), (3, False), (4, False)]


def test_what_is_bound_says_what_its_queue_needs(connection: db.Connection) -> None:
    lists(connection, "BTCUSDT")
    batched(connection, "BTC*")
    add(connection, requesting_service="two")
    rows = store.service_queues(connection)
    assert queues.needed(rows) == {ONE: [], TWO: ["trade.linear.BTCUSDT.-"]}
    assert queues.batched(rows) == {ONE: ["trade.linear.BTCUSDT.-"]}
    bind(connection)
    assert names.service_queue("trade", "one") == ONE
