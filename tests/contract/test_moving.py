"""A queue with other arguments, on a real RabbitMQ: what differs is found, and what is in it comes over, whenever it is broken off."""

from collections.abc import Callable

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from gateway import names
from gateway.errors import RequestError
from gateway.servers import RabbitMQ
from gateway.sinks.moving import Moving
from gateway.sinks.topology import QueuePolicy

OURS = QueuePolicy("classic", 86_400_000, 2000)
STREAMS = QueuePolicy("stream", 86_400_000, 2000)
QUEUE = "ws-gateway.trade.mine"
BINDINGS = ["trade.linear.*.*"]


@pytest.fixture
def channel(broker_url: str) -> BlockingChannel:
    connection = pika.BlockingConnection(pika.URLParameters(broker_url))
    channel = connection.channel()
    channel.confirm_delivery()
    channel.exchange_declare(names.EXCHANGE, "topic", durable=True)
    return channel


def fill(channel: BlockingChannel, first: int, count: int) -> None:
    for number in range(first, first + count):
        properties = pika.BasicProperties(
            message_id=str(number), content_type="application/json", content_encoding="utf-8", delivery_mode=2, timestamp=1700000000,
            headers={"event_type": "trade", "category": "linear", "symbol": None},
        )  # fmt: skip
        body = f'{{"sequence": {number}, "symbol": "ÄBC"}}'.encode()
        channel.basic_publish(names.EXCHANGE, f"trade.linear.S{number % 3}.-", body, properties, mandatory=True)


def theirs(channel: BlockingChannel, arguments: dict[str, object]) -> None:
    channel.queue_declare(QUEUE, durable=True, arguments=arguments)
    channel.queue_bind(QUEUE, names.EXCHANGE, BINDINGS[0])


def contents(channel: BlockingChannel) -> list[tuple[int, str, bytes, pika.BasicProperties]]:
    found = []
    while (got := channel.basic_get(QUEUE, auto_ack=True))[0] is not None:
        method, properties, body = got
        found.append((int(properties.message_id), method.routing_key, body, properties))
    return found


def check(channel: BlockingChannel, numbers: list[int]) -> None:
    """Everything in order, as it was, and nothing is left beside."""
    found = contents(channel)
    assert list(dict.fromkeys(number for number, *_ in found)) == numbers
    for number, key, body, properties in found:
        assert key == f"trade.linear.S{number % 3}.-"
        assert body == f'{{"sequence": {number}, "symbol": "ÄBC"}}'.encode()
        assert (properties.content_type, properties.delivery_mode, properties.timestamp) == ("application/json", 2, 1700000000)
        assert properties.headers == {"event_type": "trade", "category": "linear", "symbol": None}
    with pytest.raises(pika.exceptions.ChannelClosedByBroker):
        channel.connection.channel().queue_declare(f"{QUEUE}.moving", passive=True)


@pytest.mark.parametrize(
    ("arguments", "durable", "differs"),
    [
        ({}, True, {"x-message-ttl": (None, 86_400_000), "x-max-length": (None, 2000), "x-overflow": (None, "drop-head")}),
        ({"x-message-ttl": 5000, "x-max-length": 2000, "x-overflow": "drop-head"}, True, {"x-message-ttl": (5000, 86_400_000)}),
        (OURS.arguments() | {"x-max-length-bytes": 77}, True, {"x-max-length-bytes": (77, None)}),
        (OURS.arguments(), False, {"durable": (False, True)}),
        (OURS.arguments() | {"x-queue-type": "quorum"}, True, {"x-queue-type": ("quorum", None)}),
        (OURS.arguments(), True, {}),
    ],
)
def test_what_differs_is_found_by_name_with_both_values(
    broker_url: str, channel: BlockingChannel, arguments: dict[str, object], durable: bool, differs: dict[str, object]
) -> None:
    channel.queue_declare(QUEUE, durable=durable, arguments=arguments)
    with Moving(broker_url, OURS) as moving:
        found = moving.find(QUEUE)
        assert found is not None
        assert found.differs == differs
        assert moving.find("ws-gateway.none") is None


@pytest.mark.parametrize("arguments", [{}, {"x-queue-type": "quorum", "x-max-length": 5000}], ids=["classic", "quorum"])
@pytest.mark.parametrize("count", [0, 1, 1777])
def test_all_that_is_in_it_comes_over_in_order_and_as_it_was(
    broker_url: str, channel: BlockingChannel, arguments: dict[str, object], count: int
) -> None:
    theirs(channel, arguments)
    fill(channel, 0, count)
    told: list[int] = []
    with Moving(broker_url, OURS) as moving:
        found = moving.find(QUEUE)
        assert found is not None
        assert moving.rebuild(found, BINDINGS, told.append) == count
        again = moving.find(QUEUE)
        assert again is not None
        assert again.differs == {}
    assert sum(told) == 2 * count
    fill(channel, count, 3)
    check(channel, list(range(count + 3)))


def test_a_quorum_queue_that_calls_itself_empty_since_it_is_slow_to_answer_is_not_believed(
    rabbitmq_server: RabbitMQ, broker_url: str, channel: BlockingChannel
) -> None:
    """RabbitMQ waits a quarter of a second for its count, and says 0 then: its process stands still here, amid the moving."""
    theirs(channel, {"x-queue-type": "quorum", "x-max-length": 5000})
    fill(channel, 0, 1777)
    told: list[int] = []
    process = f"'{broker_url.rpartition('/')[2]}_{QUEUE}'"

    def progress(count: int) -> None:
        told.append(count)
        if len(told) == 1:
            rabbitmq_server.control("eval", f"sys:suspend({process}), timer:apply_after(2000, sys, resume, [{process}]), ok.")

    with Moving(broker_url, OURS) as moving:
        found = moving.find(QUEUE)
        assert found is not None
        assert moving.rebuild(found, BINDINGS, progress) == 1777
    check(channel, list(range(1777)))


class BrokenOff(BaseException):
    """The command is killed here."""


def break_off_after(batches: int) -> Callable[[int], None]:
    left = [batches]

    def progress(_count: int) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise BrokenOff

    return progress


@pytest.mark.parametrize("batches", [1, 2, 3, 4, 5])
def test_broken_off_anywhere_and_begun_again_it_ends_with_everything_in_order(
    broker_url: str, channel: BlockingChannel, batches: int
) -> None:
    theirs(channel, {})
    fill(channel, 0, 1200)  # three batches there, three back
    with Moving(broker_url, OURS) as moving:
        found = moving.find(QUEUE)
        assert found is not None
        with pytest.raises(BrokenOff):
            moving.rebuild(found, BINDINGS, break_off_after(batches))
    fill(channel, 1200, 10)  # the router has gone on meanwhile
    with Moving(broker_url, OURS) as moving:
        found = moving.find(QUEUE)
        assert found is not None
        moving.rebuild(found, BINDINGS, lambda _count: None)
        again = moving.find(QUEUE)
        assert again is not None
        assert again.differs == {}
    check(channel, list(range(1210)))


def test_what_would_lose_something_is_refused_in_a_sentence(broker_url: str, channel: BlockingChannel) -> None:
    theirs(channel, {})
    fill(channel, 0, 5)
    small = QueuePolicy("classic", 86_400_000, 4)
    with Moving(broker_url, small) as moving:
        found = moving.find(QUEUE)
        assert found is not None
        with pytest.raises(RequestError, match=r"holds 5 messages, and with our arguments would keep 4 of them"):
            moving.rebuild(found, BINDINGS, lambda _count: None)
    channel.basic_consume(QUEUE, lambda *_: None)
    with Moving(broker_url, OURS) as moving:
        found = moving.find(QUEUE)
        assert found is not None
        with pytest.raises(RequestError, match=r"1 consumers read ws-gateway.trade.mine; expected none"):
            moving.rebuild(found, BINDINGS, lambda _count: None)


@pytest.mark.parametrize(
    ("policy", "arguments", "words"),
    [
        (OURS, OURS.arguments(), "has our arguments already"),
        (OURS, {"x-queue-type": "stream"}, "is a stream"),
        (STREAMS, STREAMS.arguments() | {"x-max-age": "60s"}, "is a stream"),
        (STREAMS, STREAMS.arguments(), "has our arguments already"),
    ],
    ids=["as it should be", "a stream", "another stream", "a stream as it should be"],
)
def test_what_is_as_it_should_be_or_is_a_stream_is_refused(
    broker_url: str, channel: BlockingChannel, policy: QueuePolicy, arguments: dict[str, object], words: str
) -> None:
    theirs(channel, arguments)
    with Moving(broker_url, policy) as moving:
        found = moving.find(QUEUE)
        assert found is not None
        assert found.kind == arguments.get("x-queue-type", "classic")
        with pytest.raises(RequestError, match=words):
            moving.rebuild(found, BINDINGS, lambda _count: None)
        assert moving.find(f"{QUEUE}.moving") is None, "nothing is left beside"
