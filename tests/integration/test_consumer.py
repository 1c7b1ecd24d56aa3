"""The consumer for users, on a real RabbitMQ: each event once, holes told, connections made again."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pika
import pytest
from running import wait_for

from gateway import names
from gateway.consumer import BATCH, Consumer
from gateway.errors import SinkAway
from gateway.servers.server import free_ports
from gateway.sinks.topology import QueuePolicy, Topology

KEY = "trade.linear.BTCUSDT.-"


class Publisher:
    """Publishes envelopes with pika."""

    def __init__(self, broker_url: str) -> None:
        self.connection = pika.BlockingConnection(pika.URLParameters(broker_url))
        self.channel = self.connection.channel()

    def publish(self, sequence: int, *, epoch: str = "e", event_id: str | None = None, body: bytes | None = None) -> None:
        envelope = {"event_type": "trade", "event_id": event_id or f"{epoch}-{sequence}", "sequence": sequence, "epoch": epoch}
        properties = pika.BasicProperties(content_type="application/json", content_encoding="utf-8")
        self.channel.basic_publish(names.EXCHANGE, KEY, body or json.dumps(envelope).encode(), properties)


@pytest.fixture
def queue(broker_url: str) -> str:
    with Topology(broker_url, QueuePolicy("classic", 60_000, 1000)) as topology:
        topology.bind_service("ws-gateway.trade.reader", ["trade.linear.*.*"])
    return "ws-gateway.trade.reader"


@pytest.fixture
def publisher(broker_url: str, queue: str) -> Iterator[Publisher]:
    publisher = Publisher(broker_url)
    yield publisher
    publisher.connection.close()


def take(consumer: Consumer, count: int) -> list[tuple[Any, int]]:
    """(sequence, missing before it) of the next events."""
    found: list[tuple[Any, int]] = []
    while len(found) < count:
        event = consumer.next(timeout_s=10.0)
        assert event is not None, f"only {found} came"
        found.append((event.envelope["sequence"], event.missing))
    return found


def test_events_come_in_order_and_repeats_do_not(broker_url: str, queue: str, publisher: Publisher) -> None:
    for sequence in (1, 2, 2, 3, 1, 4):
        publisher.publish(sequence)
    with Consumer(broker_url, queue) as consumer:
        assert take(consumer, 4) == [(1, 0), (2, 0), (3, 0), (4, 0)]
        assert consumer.next(timeout_s=0.3) is None


def test_a_hole_is_told_once_and_a_new_epoch_is_none(broker_url: str, queue: str, publisher: Publisher) -> None:
    for sequence, epoch in ((1, "a"), (4, "a"), (5, "a"), (1, "b"), (2, "b")):
        publisher.publish(sequence, epoch=epoch)
    with Consumer(broker_url, queue) as consumer:
        assert take(consumer, 5) == [(1, 0), (4, 2), (5, 0), (1, 0), (2, 0)]


def test_what_was_not_acknowledged_comes_again_and_what_was_does_not(broker_url: str, queue: str, publisher: Publisher) -> None:
    for sequence in (1, 2, 3):
        publisher.publish(sequence)
    with Consumer(broker_url, queue) as consumer:
        assert take(consumer, 2) == [(1, 0), (2, 0)]  # asking for the second acknowledged the first
    with Consumer(broker_url, queue) as consumer:
        assert take(consumer, 2) == [(2, 0), (3, 0)]


def test_a_message_that_is_no_envelope_costs_nothing_else(broker_url: str, queue: str, publisher: Publisher) -> None:
    publisher.publish(1)
    publisher.publish(0, body=b"not json")
    publisher.publish(2)
    with Consumer(broker_url, queue) as consumer:
        assert take(consumer, 2) == [(1, 0), (2, 0)]


def test_a_queue_of_ones_own_gets_what_it_is_bound_to(broker_url: str, queue: str, publisher: Publisher) -> None:
    with Consumer(broker_url, bindings=["trade.#"]) as consumer:
        publisher.publish(1)
        assert take(consumer, 1) == [(1, 0)]


def test_a_lost_connection_is_made_again_and_no_event_is_lost(broker_url: str, queue: str, publisher: Publisher) -> None:
    with Consumer(broker_url, queue) as consumer:
        publisher.publish(1)
        assert take(consumer, 1) == [(1, 0)]
        consumer._connection.connection.transport.sock.shutdown(2)
        found: list[tuple[Any, int]] = []
        reader = threading.Thread(target=lambda: found.extend(take(consumer, 2)))
        reader.start()
        publisher.publish(2)
        publisher.publish(3)
        wait_for(lambda: len(found) == 2, "events after the loss", 20.0)
        reader.join()
        assert found == [(2, 0), (3, 0)]


def test_a_broker_that_is_away_and_a_queue_that_does_not_exist_are_one_sentence(broker_url: str) -> None:
    for url, name in ((f"amqp://127.0.0.1:{free_ports(1)[0]}/", "any"), (broker_url, "ws-gateway.no.such")):
        with pytest.raises(SinkAway, match="RabbitMQ cannot be asked"), Consumer(url, name):
            pytest.fail("it connected")


def test_a_batch_whose_keys_do_not_fit_is_told_all_the_same(broker_url: str, queue: str, publisher: Publisher) -> None:
    envelopes = [
        {"event_type": "trade", "event_id": f"e-{number}", "sequence": number, "epoch": "e", "topic": "t"} for number in (1, 2, 4)
    ]
    properties = pika.BasicProperties(content_type=BATCH, content_encoding="utf-8", headers={"routing_keys": KEY})
    publisher.channel.basic_publish("", queue, json.dumps(envelopes).encode(), properties)
    with Consumer(broker_url, queue) as consumer:
        assert take(consumer, 3) == [(1, 0), (2, 0), (4, 1)]
