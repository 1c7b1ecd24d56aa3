"""The sink of RabbitMQ: how its messages look, and what becomes of those that the broker refuses or that no queue wants."""

import json
import time
from select import select

import pika
import pytest
from sink_places import POLICY, QUEUE, broker, record, settle

from gateway.errors import SinkAway
from gateway.sinks.broker import BrokerSink
from gateway.sinks.sink import Sink
from gateway.sinks.topology import Topology


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
