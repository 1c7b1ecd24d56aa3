"""An independent consumer in a process of its own: takes what queues hold, at once and for ever, and writes each message down in its order.

`python -m tests.chaos.recorder BROKER_URL FILE QUEUE …` is the process, with pika, which shares no code with the gateway: one line
a message. `Recording` reads that file on as it grows. A broker that goes away is waited for; so is a queue that is not there.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ChannelClosedByBroker

from tests.facts import endpoint_of, fact_of_event, milliseconds

#: Between two tries to reach the broker, or a queue that is not there; seconds.
RETRY_S = 0.2
#: Messages that may come before they are acknowledged.
PREFETCH = 1000


class Line(msgspec.Struct):
    """One message as it is written down.

    at_ns  when it came; Unix nanoseconds
    key    routing key
    again  the broker says that it had sent it before
    """

    at_ns: int
    queue: str
    key: str
    again: bool
    message_id: str | None
    event: msgspec.Raw


class Message(msgspec.Struct):
    """One message as a judge needs it.

    fact      what of the exchange it tells, see `tests/facts.py`; None where no frame tells it
    payload   what of it a judge looks at
    number    counts the messages of a recording from 1
    """

    number: int
    at_ns: int
    queue: str
    key: str
    again: bool
    event_type: str
    event_id: str
    category: str | None
    symbol: str | None
    topic: str
    source: str
    epoch: str
    sequence: int
    gap_id: str | None
    timestamp_ms: int
    received_ns: int
    fact: tuple[Any, ...] | None
    payload: dict[str, Any]

    @property
    def endpoint(self) -> str:
        """The exchange's, that it comes from."""
        return endpoint_of(self.event_type, self.category)

    @property
    def received_ms(self) -> int:
        return self.received_ns // 1_000_000


#: Event types whose facts no frame tells.
OF_NO_FRAME = ("system", "funding", "raw", "greeks", "execution_fast")
#: Event type → the fields of its payload that a judge looks at.
LOOKED_AT = {
    "order": ("order_id", "status", "executed_quantity", "price", "quantity", "updated_time"),
    "execution": ("execution_id", "exec_time", "price", "quantity", "fee"),
    "position": ("symbol", "mode", "size", "side", "updated_time", "position_sequence"),
    "balance": ("account_type", "coins"),
    "kline": ("start", "close", "confirm"),
    "trade": ("trade_id", "cross_sequence", "trade_time"),
    "system": ("kind", "endpoint", "worker", "topic", "gap_id", "detail"),
}


def message(number: int, line: Line) -> Message:
    """Raises ValueError where the message is not what it says in its properties."""
    event = msgspec.json.decode(line.event, type=dict[str, Any])
    if line.message_id != event["event_id"]:
        raise ValueError(f"found message_id {line.message_id}; expected its event_id {event['event_id']}")
    kind = event["event_type"]
    payload = {name: event["payload"][name] for name in LOOKED_AT.get(kind, ())}
    return Message(
        number=number, at_ns=line.at_ns, queue=line.queue, key=line.key, again=line.again, event_type=kind,
        event_id=event["event_id"], category=event["category"], symbol=event["symbol"], topic=event["topic"],
        source=event["source"], epoch=event["epoch"], sequence=event["sequence"], gap_id=event["gap_id"],
        timestamp_ms=milliseconds(event["timestamp"]), received_ns=round(datetime.fromisoformat(event["received_at"]).timestamp() * 1e6) * 1000,
        fact=None if kind in OF_NO_FRAME else fact_of_event(event), payload=payload,
    )  # fmt: skip


class Recording:
    """The recorder's process, and what it has written.

    messages  in the order in which they came
    """

    def __init__(self, broker_url: str, file: Path, queues: Sequence[str]) -> None:
        self.messages: list[Message] = []
        command = [sys.executable, "-m", "tests.chaos.recorder", broker_url, str(file), *queues]
        file.touch()
        self._file = file.open("rb")
        self._rest = b""
        self._words = file.with_suffix(".log").open("w+b")
        self._process = subprocess.Popen(command, stderr=self._words)

    def read(self) -> list[Message]:
        """All messages so far."""
        assert self._process.poll() is None, f"the recorder ended with {self._process.returncode}: {self._said()}"
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in lines:
            self.messages.append(message(len(self.messages) + 1, msgspec.json.decode(line, type=Line)))
        return self.messages

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._file.close()
        self._words.close()

    def _said(self) -> str:
        self._words.seek(0)
        return self._words.read().decode(errors="replace").strip()[-2000:]


def record(broker_url: str, write: Callable[[bytes], object], queues: Sequence[str]) -> None:
    """Until the process is ended."""
    parameters = pika.URLParameters(broker_url)
    parameters.heartbeat = 5
    parameters.connection_attempts, parameters.retry_delay, parameters.socket_timeout = 1_000_000, RETRY_S, 5.0
    while True:
        try:
            with pika.BlockingConnection(parameters) as connection:
                missing = set(queues)
                while True:
                    for queue in sorted(missing):
                        _consume(connection, queue, write, missing)
                    connection.process_data_events(RETRY_S if missing else 1.0)
        except AMQPError:
            continue


def _consume(connection: pika.BlockingConnection, queue: str, write: Callable[[bytes], object], missing: set[str]) -> None:
    """Begin to take a queue, on a channel of its own, unless there is none. One that is deleted is missing again."""
    channel = connection.channel()
    channel.basic_qos(prefetch_count=PREFETCH)
    encode = msgspec.json.Encoder().encode

    def take(channel: BlockingChannel, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        line = Line(time.time_ns(), queue, method.routing_key, method.redelivered, properties.message_id, msgspec.Raw(body))
        write(encode(line) + b"\n")
        channel.basic_ack(method.delivery_tag)

    channel.add_on_cancel_callback(lambda _: missing.add(queue))
    with suppress(ChannelClosedByBroker):
        channel.basic_consume(queue, take)
        missing.discard(queue)


if __name__ == "__main__":
    with Path(sys.argv[2]).open("ab", buffering=0) as stream:
        record(sys.argv[1], stream.write, sys.argv[3:])
