"""What each type of queue keeps of the contract, on a real RabbitMQ: all of it in order, to whom, and what goes when it is full."""

from collections.abc import Callable, Iterator

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from sink_places import record, settle

from gateway.sinks.broker import BrokerSink
from gateway.sinks.topology import QueuePolicy, Topology

QUEUE = "ws-gateway.balance"
COUNT, MOST = 300, 100

pytestmark = pytest.mark.parametrize("kind", ["classic", "quorum", "stream"])


@pytest.fixture
def sent(broker_url: str, kind: str) -> Iterator[Callable[[int, int], list[str]]]:
    """Publish records of these numbers, confirmed, to a class queue of that type; the bodies in their order."""
    policy = QueuePolicy(kind, 600_000, MOST)

    def declare() -> None:
        with Topology(broker_url, policy) as topology:
            topology.declare_base(["balance"])

    sink = BrokerSink(broker_url, declare)
    sink.open()
    total = 0

    def publish(first: int, last: int) -> list[str]:
        nonlocal total
        records = [record(number) for number in range(first, last)]
        total += len(records)
        sink.write(records)
        settle(sink, total)
        return [one.body.decode() for one in records]

    yield publish
    sink.close()


def read(channel: BlockingChannel, kind: str, until: str) -> list[str]:
    """As a reader does, from the beginning, up to and with one body. What is read and acknowledged is gone where the type has that."""
    channel.basic_qos(prefetch_count=100)
    arguments = {"x-stream-offset": "first"} if kind == "stream" else {}
    found: list[str] = []
    for method, _, body in channel.consume(QUEUE, arguments=arguments, inactivity_timeout=10):
        assert body is not None, f"nothing more after {len(found)}"
        channel.basic_ack(method.delivery_tag)
        found.append(body.decode())
        if found[-1] == until:
            break
    channel.cancel()
    return found


@pytest.fixture
def channel(broker_url: str) -> Iterator[BlockingChannel]:
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        yield connection.channel()


def test_all_that_is_confirmed_is_read_in_its_order(
    sent: Callable[[int, int], list[str]], channel: BlockingChannel, kind: str
) -> None:
    bodies = sent(0, MOST)
    assert read(channel, kind, bodies[-1]) == bodies


def test_what_one_reader_took_another_one_gets_only_from_a_stream(
    sent: Callable[[int, int], list[str]], channel: BlockingChannel, kind: str
) -> None:
    before = sent(0, 10)
    read(channel, kind, before[-1])
    after = sent(10, 20)
    assert read(channel, kind, after[-1]) == (before + after if kind == "stream" else after)


def test_a_full_queue_drops_its_oldest_and_a_stream_counts_bytes_instead(
    sent: Callable[[int, int], list[str]], channel: BlockingChannel, kind: str
) -> None:
    bodies = sent(0, COUNT)
    assert read(channel, kind, bodies[-1]) == (bodies if kind == "stream" else bodies[-MOST:])


def test_a_queue_that_nobody_wants_any_more_goes_when_all_of_it_was_read_and_a_stream_stays(
    sent: Callable[[int, int], list[str]], channel: BlockingChannel, broker_url: str, kind: str
) -> None:
    bodies = sent(0, 10)
    with Topology(broker_url, QueuePolicy(kind, 600_000, MOST)) as topology:
        assert topology.delete_if_idle(QUEUE) is False
        read(channel, kind, bodies[-1])
        assert topology.delete_if_idle(QUEUE) is (kind != "stream"), "a stream says that it is empty, whatever is in it"
        channel.queue_delete(QUEUE)
        assert topology.delete_if_idle(QUEUE) is True
