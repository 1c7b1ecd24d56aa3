"""The sink of RabbitMQ: how its messages look, and what becomes of those that the broker refuses or that no queue wants."""

import json
import socket
import threading
import time
from collections.abc import Callable, Collection
from select import select

import pika
import pytest
from msgspec.structs import replace
from sink_places import POLICY, QUEUE, broker, record, settle

from bench.micro import quiet_broker
from gateway import names
from gateway.errors import SinkAway
from gateway.servers import RabbitMQ
from gateway.sinks.broker import HEARTBEAT_S, IO_TIMEOUT_S, NACK_PAUSE_S, BrokerSink
from gateway.sinks.returned import Route
from gateway.sinks.sink import Sink
from gateway.sinks.topology import Topology
from tests.valves import Valve


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


def test_a_message_that_the_broker_refuses_is_published_again_after_a_pause_until_it_is_taken(broker_url: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        channel = connection.channel()
        channel.queue_declare(QUEUE, durable=True, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
        place = broker("", broker_url)
        sink = place.sink
        assert isinstance(sink, BrokerSink)
        sink.open()
        began = time.monotonic()
        sink.write([record(1), record(2)])
        turn_until(sink, lambda: sink.nacked >= 3)
        assert sink.settled() == 1
        assert time.monotonic() - began >= 2 * NACK_PAUSE_S, "three refusals, two pauses"
        first = channel.basic_get(QUEUE, auto_ack=True)[2]
        settle(sink, 2)
        sink.close()
    assert json.loads(first)["payload"]["coins"][0]["wallet_balance"] == "1"
    assert place.arrived() == [2]


def turn_until(sink: BrokerSink, claim: Callable[[], bool]) -> None:
    """As its carrier does."""
    until = time.monotonic() + 15
    while not claim():
        assert time.monotonic() < until, "the claim did not become true within 15 s"
        select([sink.fileno()], [], [], 0.1)
        sink.settled()
        sink.tick()


def test_a_broker_that_is_heard_by_its_confirms_alone_is_there(broker_url: str) -> None:
    """While messages flow it sends no heartbeats, and two that are missed end the connection."""
    place = broker("", broker_url)
    place.sink.open()
    began, count = time.monotonic(), 0
    while time.monotonic() - began < 3 * HEARTBEAT_S:
        count += 1
        place.sink.write([record(count)])
        settle(place.sink, count)
        place.sink.tick()
    place.sink.close()


class Declaring:
    """What makes the topology, and what is needed of it: a queue for balances, and one of a name of its own."""

    def __init__(self, broker_url: str) -> None:
        self.broker_url = broker_url
        self.mended: list[set[Route]] = []

    def mend(self, routes: Collection[Route]) -> None:
        self.mended.append(set(routes))
        self.declare()

    def declare(self) -> None:
        with Topology(self.broker_url, POLICY) as topology:
            topology.declare_base([])
            topology.bind_service(QUEUE, ["balance.#"])
            topology.bind_service("direct", [])

    def needs(self, exchange: str, routing_key: str) -> bool:
        return routing_key == "direct" if not exchange else routing_key.startswith("balance.")


def test_what_comes_back_because_its_queue_has_gone_is_published_once_more_after_the_queue_was_made(broker_url: str) -> None:
    declaring = Declaring(broker_url)
    sink = BrokerSink(broker_url, declaring.declare, declaring.needs, declaring.mend)
    sink.open()
    with Topology(broker_url, POLICY) as topology:
        for queue in (QUEUE, "direct"):
            assert topology.delete_if_idle(queue)
    direct = [record(number) for number in (8, 9)]
    for entry in direct:
        entry.queue = entry.routing_key = "direct"
    unwanted = record(7)
    unwanted.routing_key = "nobody.-.-.-"
    sink.write([record(1), unwanted, *direct, record(2), record(2), record(3)])
    settle(sink, 7)
    assert sink.returned == 1
    assert declaring.mended
    asked = set[Route]().union(*declaring.mended)
    assert asked <= {(names.EXCHANGE, "balance.-.-.-"), ("", "direct")}, "what came back before its queue was there again"
    with Topology(broker_url, POLICY) as topology:
        assert {queue: depth.messages for queue, depth in topology.depths([QUEUE, "direct"]).items()} == {QUEUE: 4, "direct": 2}
    sink.close()


def test_what_comes_back_goes_again_before_all_that_is_newer(broker_url: str) -> None:
    declaring = Declaring(broker_url)
    place = broker("", broker_url)
    sink = BrokerSink(broker_url, declaring.declare, declaring.needs, declaring.mend)
    sink.open()
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        channel = connection.channel()
        for number in range(0, 30, 3):
            channel.queue_delete(QUEUE)
            sink.write([record(number)])
            assert select([sink.fileno()], [], [], 10)[0], "it came back"
            sink.write([record(number + 1)])  # nothing is read before this is on its way
            sink.settled()
            sink.write([record(number + 2)])
            settle(sink, number + 3)
            assert place.arrived() == [number, number + 1, number + 2]
    assert (sink.returned, len(declaring.mended)) == (0, 10), "once for all that was under way"
    assert sink.ready()
    sink.close()


def test_what_comes_back_twice_is_counted_and_done(broker_url: str) -> None:
    mended: list[Collection[Route]] = []

    def declare() -> None:
        with Topology(broker_url, POLICY) as topology:
            topology.declare_base([])

    sink = BrokerSink(broker_url, declare, lambda _exchange, _key: True, mended.append)
    sink.open()
    sink.write([record(number) for number in range(5)])
    settle(sink, 5)
    assert sink.returned == 5
    assert 1 <= len(mended) <= 5, "each comes back once more, all at once or as they came"
    sink.close()


def test_under_a_memory_alarm_nothing_is_sent_nothing_is_lost_and_the_connection_stays(
    rabbitmq_server: RabbitMQ, broker_url: str
) -> None:
    place = broker("", broker_url)
    sink = place.sink
    assert isinstance(sink, BrokerSink)
    sink.open()
    rabbitmq_server.control("set_vm_memory_high_watermark", "absolute", "1")
    try:
        sink.write([record(0)])
        turn_until(sink, lambda: not sink.ready())
        descriptor = sink.fileno()
        sink.write([record(number) for number in range(1, 3000)])
        until = time.monotonic() + 12  # thrice the silence that is allowed
        turn_until(sink, lambda: time.monotonic() > until)
        assert (sink.fileno(), sink.settled(), sink.ready()) == (descriptor, 0, False)
    finally:
        rabbitmq_server.control("set_vm_memory_high_watermark", "0.4")
    settle(sink, 3000)
    assert sink.ready()
    assert place.arrived() == list(range(3000))
    sink.close()


def test_a_broker_that_falls_silent_is_noticed_within_5_s_and_is_away_until_it_speaks(
    rabbitmq_server: RabbitMQ, broker_url: str
) -> None:
    with Valve(rabbitmq_server.ports[0]) as valve:
        place = broker("", broker_url)
        sink = BrokerSink(valve.through(broker_url), lambda: None)
        place.sink.open()  # for the topology
        place.sink.close()
        sink.open()
        sink.write([record(1)])
        settle(sink, 1)
        valve.shut()
        sink.write([record(2)])
        began = time.monotonic()
        with pytest.raises(SinkAway, match="RabbitMQ has said nothing for 4 s"):
            turn_until(sink, lambda: False)
        assert time.monotonic() - began <= 5.0
        began = time.monotonic()
        with pytest.raises(SinkAway):
            sink.open()
        assert time.monotonic() - began <= IO_TIMEOUT_S + 1.0
        sink.close()
        valve.open()
        sink.open()
        sink.write([record(2)])
        settle(sink, 1)
        sink.close()
    assert list(dict.fromkeys(place.arrived())) == [1, 2]


def test_a_broker_that_speaks_and_confirms_nothing_is_away_in_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=lambda: quiet_broker.serve(listening.accept()[0], confirms=False))
        serving.start()
        sink = BrokerSink(f"amqp://guest:guest@127.0.0.1:{listening.getsockname()[1]}//", lambda: None, confirm_timeout_s=0.5)
        sink.open()
        sink.write([record(1)])
        with pytest.raises(SinkAway, match=r"RabbitMQ confirmed nothing for 0.5 s with 1 messages waiting"):
            turn_until(sink, lambda: False)
        sink.close()
        serving.join()


def test_a_pause_that_the_broker_asks_for_amid_a_flood_is_heard_before_a_write_has_to_wait(
    rabbitmq_server: RabbitMQ, broker_url: str
) -> None:
    """A carrier hands over 100 parts before it asks for anything, and the broker that has no memory reads none of it."""
    place = broker("", broker_url)
    sink = place.sink
    assert isinstance(sink, BrokerSink)
    rabbitmq_server.control("set_vm_memory_high_watermark", "absolute", "1")
    try:
        sink.open()
        filler = b'"' + b"x" * 8192 + b'"'
        for part in range(16):
            sink.write([replace(record(part * 125 + number), body=filler) for number in range(125)])
        turn_until(sink, lambda: not sink.ready())
    finally:
        rabbitmq_server.control("set_vm_memory_high_watermark", "0.4")
    settle(sink, 2000)
    assert sink.ready()
    sink.close()
