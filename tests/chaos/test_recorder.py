"""The recorder writes down what queues hold, in order, through losses of the broker and of a queue."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pika
import pytest

from tests.chaos.breakable import Broker
from tests.chaos.recorder import Message, Recording
from tests.integration.running import wait_for

EVENT = (
    '{"event_id":"id-%d","event_type":"system","category":null,"symbol":null,"account":null,"topic":"system",'
    '"timestamp":"2026-01-01T00:00:00.000Z","received_at":"2026-01-01T00:00:00.000001Z","sequence":%d,"epoch":"e","gap_id":null,'
    '"source":"derived","trace_id":"t","payload":{"kind":"gap","endpoint":"linear","worker":"w","topic":null,"gap_id":null,"detail":null}}'
)


@pytest.fixture
def recording(chaos_broker: Broker, hosts: Iterator[str], tmp_path: Path) -> Iterator[tuple[Recording, str]]:
    """Of a queue that does not exist yet, and the broker's URL."""
    url = chaos_broker.url_of(next(hosts))
    recording = Recording(url, tmp_path / "recording.jsonl", ["q"])
    yield recording, url
    recording.stop()
    chaos_broker.heal()


def publish(url: str, *numbers: int, message_id: str = "id-%d") -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.queue_declare("q", durable=True)
        channel.confirm_delivery()
        for number in numbers:
            properties = pika.BasicProperties(message_id=message_id % number, delivery_mode=2)
            channel.basic_publish("", "q", (EVENT % (number, number)).encode(), properties)


def having(recording: Recording, count: int) -> Callable[[], list[Message]]:
    """All messages, once so many different ones are among them: what the broker did not know to be acknowledged comes again."""

    def found() -> list[Message]:
        messages = recording.read()
        return messages if len({each.sequence for each in messages}) >= count else []

    return found


def test_messages_are_written_down_in_order_through_losses_of_broker_and_queue(
    recording: tuple[Recording, str], chaos_broker: Broker
) -> None:
    recorder, url = recording
    publish(url, 1, 2, 3)
    wait_for(having(recorder, 3), "the first three, of a queue that came later")
    chaos_broker.kill()
    chaos_broker.start()
    publish(url, 4, 5)
    wait_for(having(recorder, 5), "two more after the broker came back")
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        connection.channel().queue_delete("q")
    publish(url, 6)
    found = wait_for(having(recorder, 6), "one more after the queue came back")
    assert list(dict.fromkeys(each.sequence for each in found)) == [1, 2, 3, 4, 5, 6]
    assert all(each.again for place, each in enumerate(found) if each.sequence in {former.sequence for former in found[:place]})
    assert [each.number for each in found] == list(range(1, len(found) + 1))
    assert {each.received_ns % 10**6 for each in found} == {1000}


def test_a_message_whose_id_is_not_its_events_is_refused(recording: tuple[Recording, str]) -> None:
    recorder, url = recording
    publish(url, 1, message_id="another-%d")
    with pytest.raises(ValueError, match="found message_id another-1; expected its event_id id-1"):
        wait_for(having(recorder, 1), "it")
