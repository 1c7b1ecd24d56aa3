"""Queues and bindings on a real RabbitMQ: declared, bound, looked at and taken away, under every policy."""

from collections.abc import Iterator

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from gateway import names
from gateway.errors import SinkAway
from gateway.servers.server import free_ports
from gateway.sinks.topology import QueuePolicy, Topology

CLASSIC = QueuePolicy("classic", 60_000, 100)


@pytest.fixture
def channel(broker_url: str) -> Iterator[BlockingChannel]:
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        yield connection.channel()


@pytest.mark.parametrize("kind", ["classic", "quorum", "stream"])
def test_each_queue_type_is_declared_and_bound_and_declaring_twice_changes_nothing(
    broker_url: str, channel: BlockingChannel, kind: str
) -> None:
    for _ in range(2):
        with Topology(broker_url, QueuePolicy(kind, 60_000, 100)) as topology:
            topology.declare_base(["trade"])
    channel.confirm_delivery()
    channel.basic_publish(names.EXCHANGE, "trade.linear.BTCUSDT.-", b"1", mandatory=True)


def test_a_queue_with_other_arguments_is_used_as_it_is(broker_url: str, channel: BlockingChannel) -> None:
    channel.queue_declare("ws-gateway.trade", durable=True)
    with Topology(broker_url, CLASSIC) as topology:
        topology.declare_base(["trade"])
        channel.basic_publish(names.EXCHANGE, "trade.spot.A.-", b"1")
        channel.queue_declare("ws-gateway.trade", passive=True)
        assert topology.depths(["ws-gateway.trade", "ws-gateway.none"]).keys() == {"ws-gateway.trade"}


def test_only_an_idle_queue_is_deleted(broker_url: str, channel: BlockingChannel) -> None:
    with Topology(broker_url, CLASSIC) as topology:
        topology.bind_service("q", ["trade.#"])
        channel.confirm_delivery()
        channel.basic_publish(names.EXCHANGE, "trade.a.b.-", b"1")
        assert topology.delete_if_idle("q") is False
        channel.queue_purge("q")
        tag = channel.basic_consume("q", lambda *_: None)
        assert topology.delete_if_idle("q") is False
        channel.basic_cancel(tag)
        assert topology.delete_if_idle("q") is True
        assert topology.delete_if_idle("q") is True
        topology.unbind_service("q", ["trade.#"])


def test_a_binding_that_is_taken_away_lets_nothing_through(broker_url: str, channel: BlockingChannel) -> None:
    channel.confirm_delivery()
    with Topology(broker_url, CLASSIC) as topology:
        topology.bind_service("q", ["trade.a.*.*", "trade.b.*.*"])
        topology.unbind_service("q", ["trade.a.*.*"])
        for key in ("trade.a.x.-", "trade.b.x.-"):
            channel.basic_publish(names.EXCHANGE, key, key.encode())
        assert topology.depths(["q"])["q"].messages == 1


def test_many_bindings_are_taken_away_at_once_and_the_channel_goes_on(broker_url: str, channel: BlockingChannel) -> None:
    channel.confirm_delivery()
    keys = [f"trade.a.{number}.-" for number in range(250)]
    with Topology(broker_url, CLASSIC) as topology:
        topology.bind_service("q", [*keys, "trade.b.x.-"])
        topology.unbind_service("q", ["trade.never.x.-", *keys])
        for key in (keys[0], keys[100], keys[249], "trade.b.x.-"):
            channel.basic_publish(names.EXCHANGE, key, b"1")
        assert topology.depths(["q"])["q"].messages == 1
        topology.unbind_service("none", keys)
        topology.bind_service("q", keys[:1])
        assert topology.depths(["q"])["q"].messages == 1


def test_a_broker_that_is_away_is_sink_away() -> None:
    with pytest.raises(SinkAway, match="RabbitMQ cannot be asked"), Topology(f"amqp://127.0.0.1:{free_ports(1)[0]}/", CLASSIC):
        pytest.fail("it connected")
