"""Queues that cancelled wishes leave behind, on a real PostgreSQL and a real RabbitMQ: each binding is taken away once, by whom it suits."""

from typing import Any

from asking import BASE, call, subscribe
from flask.testing import FlaskClient
from pika.adapters.blocking_connection import BlockingChannel
from stored import lists

from gateway import db, names, queues, store
from gateway.sinks.topology import QueuePolicy, Topology

POLICY = QueuePolicy("classic", 60_000, 1000)
QUEUE = "ws-gateway.trade.tester"
SYMBOLS = [f"BTC{number}USDT" for number in range(queues.UNBOUND_IN_A_REQUEST + 50)]


def key(symbol: str) -> str:
    return f"trade.linear.{symbol}.-"


def publish(channel: BlockingChannel, *symbols: str) -> None:
    for symbol in symbols:
        channel.basic_publish(names.EXCHANGE, key(symbol), symbol.encode())


def taken(channel: BlockingChannel) -> list[str]:
    """What waited in the queue."""
    found = []
    while (body := channel.basic_get(QUEUE, auto_ack=True)[2]) is not None:
        found.append(body.decode())
    return found


def keep(connection: db.Connection, broker_url: str) -> None:
    """What the router does every few seconds."""
    with Topology(broker_url, POLICY) as topology:
        queues.keep(connection, topology, QUEUE)


def state(connection: db.Connection, row: dict[str, Any]) -> str:
    found = store.find(connection, row["id"])
    assert found is not None
    return str(found["queue_state"])


def test_bindings_are_taken_away_once_from_a_queue_that_is_not_idle(
    client: FlaskClient, broker_url: str, connection: db.Connection, channel: BlockingChannel
) -> None:
    lists(connection, *SYMBOLS)
    row = subscribe(client, symbol="BTC*")
    publish(channel, SYMBOLS[0])
    call(client, "DELETE", f"{BASE}/{row['id']}")
    keep(connection, broker_url)
    publish(channel, SYMBOLS[0], SYMBOLS[-1])
    assert (state(connection, row), channel.queue_declare(QUEUE, passive=True).method.message_count) == ("unbound", 1)
    assert [left.bindings for left in store.service_queues(connection)] == [[]]
    channel.queue_bind(QUEUE, names.EXCHANGE, key(SYMBOLS[0]))
    keep(connection, broker_url)
    publish(channel, SYMBOLS[0])
    assert taken(channel) == [SYMBOLS[0]] * 2, "it was not unbound again"
    keep(connection, broker_url)
    assert state(connection, row) == "removed"
    assert store.service_queues(connection) == []


def test_a_queue_that_was_left_unbound_is_taken_into_use_again(
    client: FlaskClient, broker_url: str, connection: db.Connection, channel: BlockingChannel
) -> None:
    row = subscribe(client)
    publish(channel, "BTCUSDT")
    call(client, "DELETE", f"{BASE}/{row['id']}")
    assert state(connection, row) == "unbound"
    again = subscribe(client)
    keep(connection, broker_url)
    assert (state(connection, row), state(connection, again)) == ("removed", "ready")
    publish(channel, "BTCUSDT")
    assert taken(channel) == ["BTCUSDT"] * 2


def test_a_request_leaves_many_bindings_to_the_router_and_makes_none(
    client: FlaskClient, broker_url: str, connection: db.Connection, channel: BlockingChannel
) -> None:
    lists(connection, *SYMBOLS)
    pattern, one, other = subscribe(client, symbol="BTC*"), subscribe(client, symbol="ETHUSDT"), subscribe(client, symbol="SOLUSDT")
    channel.queue_unbind(QUEUE, names.EXCHANGE, key("SOLUSDT"))  # to see whether it is made again
    for row in (pattern, one):
        assert call(client, "DELETE", f"{BASE}/{row['id']}")[0] == 200
    assert [state(connection, row) for row in (pattern, one, other)] == ["ready", "removed", "ready"]
    publish(channel, "ETHUSDT", "SOLUSDT", SYMBOLS[0])
    assert taken(channel) == [SYMBOLS[0]]
    keep(connection, broker_url)
    publish(channel, "ETHUSDT", "SOLUSDT", *SYMBOLS)
    assert taken(channel) == ["SOLUSDT"]
    assert [state(connection, row) for row in (pattern, one, other)] == ["removed", "removed", "ready"]


def test_a_request_deletes_an_idle_queue_whatever_number_of_bindings_it_has(
    client: FlaskClient, broker_url: str, connection: db.Connection
) -> None:
    lists(connection, *SYMBOLS)
    row = subscribe(client, symbol="BTC*")
    call(client, "DELETE", f"{BASE}/{row['id']}")
    assert state(connection, row) == "removed"
    with Topology(broker_url, POLICY) as topology:
        assert topology.depths([QUEUE]) == {}
