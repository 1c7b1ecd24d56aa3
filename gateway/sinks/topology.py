"""The broker's exchange, queues and bindings, declared by whoever needs them. Names are in `gateway/names.py`.

Every call costs one round trip and fails within the timeout, so that a frozen broker never holds up a request.
"""

import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self

import kombu
from amqp.exceptions import AMQPError, NotFound, PreconditionFailed
from kombu.exceptions import OperationalError

from gateway import names
from gateway.errors import SinkAway
from gateway.health.words import QueueState
from gateway.tls import of_broker

#: A stream keeps by bytes, not by count; what an event takes at the most, in bytes, to translate one into the other.
STREAM_BYTES_PER_MESSAGE = 600
STREAM_SEGMENT_BYTES = 20_000_000

#: A message of a batch may hold 256 events, so its queue has a bound of bytes besides: for each message that it may hold, so many.
#: 1 GB by default, 1.6 million trades. Without it 100,000 messages could fill a disk with 15 GB, and RabbitMQ then takes nothing at all.
BATCH_BYTES_PER_MESSAGE = 10_000

#: Bindings that are asked for before an answer is waited for.
BINDINGS_AT_ONCE = 100

#: py-amqp's default is 1,000 ms, which turns a broker under memory alarm into a reconnect loop; milliseconds.
TCP_USER_TIMEOUT_MS = 60_000


def connection(url: str, *, timeout_s: float, heartbeat_s: float = 0) -> Any:
    """A kombu connection whose every read and write ends within `timeout_s`; not yet opened."""
    return kombu.Connection(
        url,
        ssl=of_broker(url),
        connect_timeout=timeout_s,
        heartbeat=heartbeat_s,
        transport_options={
            "read_timeout": timeout_s,
            "write_timeout": timeout_s,
            "socket_settings": {socket.TCP_USER_TIMEOUT: TCP_USER_TIMEOUT_MS},
        },
    )


def exchange() -> Any:
    return kombu.Exchange(names.EXCHANGE, type="topic", durable=True)


#: What a lost, frozen or refusing broker raises through kombu.
BROKER_FAULTS: tuple[type[Exception], ...] = (AMQPError, OperationalError, OSError)


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """Retention of queues declared from now on. Source: the public contract, section 4.

    queue_type  classic, quorum or stream
    ttl_ms      how long a message waits
    max_length  how many messages wait; the oldest go first
    """

    queue_type: str
    ttl_ms: int
    max_length: int

    def arguments(self, *, batched: bool = False) -> dict[str, object]:
        """The queue arguments that say so. A stream knows neither TTL nor count: age and bytes stand for them.

        batched  a message of this queue may hold many events
        """
        if self.queue_type == "stream":
            return {
                "x-queue-type": "stream",
                "x-max-age": f"{max(1, self.ttl_ms // 1000)}s",
                "x-max-length-bytes": self.max_length * (BATCH_BYTES_PER_MESSAGE if batched else STREAM_BYTES_PER_MESSAGE),
                "x-stream-max-segment-size-bytes": STREAM_SEGMENT_BYTES,
            }
        arguments: dict[str, object] = {
            "x-message-ttl": self.ttl_ms,
            "x-max-length": self.max_length,
            "x-overflow": "drop-head",
        }
        if batched:
            arguments["x-max-length-bytes"] = self.max_length * BATCH_BYTES_PER_MESSAGE
        if self.queue_type == "quorum":
            arguments["x-queue-type"] = "quorum"
        return arguments


class Topology:
    """A short conversation with the broker about names; use as a context manager. All calls raise SinkAway."""

    def __init__(self, url: str, policy: QueuePolicy, *, timeout_s: float = 2.0) -> None:
        self._connection = connection(url, timeout_s=timeout_s)
        self._policy = policy
        self._channel: Any = None

    def __enter__(self) -> Self:
        self._ask(self._open)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        with suppress(*BROKER_FAULTS):
            self._connection.release()

    def declare_base(self, event_types: Iterable[str]) -> None:
        """The exchange, and the class queue of each event type."""
        self._ask(lambda: exchange().declare(channel=self._channel))
        for event_type in event_types:
            self.bind_service(names.class_queue(event_type), [names.class_binding(event_type)])

    def bind_service(self, queue: str, bindings: Sequence[str], *, batched: bool = False) -> None:
        """Declare the queue where it does not exist, and bind it. One that exists with other arguments is used as it is.

        Of many bindings the last of each batch is waited for: the broker does them in order.

        batched  its messages hold many events
        """
        self._ask(lambda: exchange().declare(channel=self._channel))
        arguments = self._policy.arguments(batched=batched)
        declare = partial(self._channel.queue_declare, queue, durable=True, auto_delete=False, arguments=arguments)
        self._tolerate(PreconditionFailed, declare)  # the queue is there all the same
        self._ask(partial(self._bind, queue, bindings))

    def bind(self, queue: str, bindings: Sequence[str]) -> None:
        """Bind a queue that is there, or was a moment ago; what it is bound to already changes nothing."""
        self._tolerate(NotFound, partial(self._bind, queue, bindings))

    def _bind(self, queue: str, bindings: Sequence[str]) -> None:
        for number, binding in enumerate(bindings, start=1):
            nowait = number < len(bindings) and number % BINDINGS_AT_ONCE != 0
            self._channel.queue_bind(queue, exchange=names.EXCHANGE, routing_key=binding, nowait=nowait)

    def unbind_service(self, queue: str, bindings: Sequence[str]) -> None:
        """Take bindings away; a queue or binding that is not there is no trouble.

        They are asked for in batches, and after each the queue, whose answer comes after theirs.
        """
        for first in range(0, len(bindings), BINDINGS_AT_ONCE):
            for binding in bindings[first : first + BINDINGS_AT_ONCE]:
                unbind = partial(self._channel.queue_unbind, queue, exchange=names.EXCHANGE, routing_key=binding)
                self._ask(partial(unbind, nowait=True))  # the broker answers all the same; nobody waits for it
            if not self.depths([queue]):
                return

    def delete_if_idle(self, queue: str) -> bool:
        """Delete the queue if nobody reads it and nothing waits in it; True when it is gone.

        Asked first: quorum queues refuse the broker's own conditional delete. A message that arrives between the two calls
        could only come through a binding, and the caller knows that nobody needs them any more. A stream says that it is empty,
        whatever is in it: where queues are streams a person deletes them.
        """
        depth = self.depths([queue]).get(queue)
        if depth is None:
            return True
        if depth.messages or depth.consumers or self._policy.queue_type == "stream":
            return False
        self._ask(lambda: self._channel.queue_delete(queue))
        return True

    def delete_if_unread(self, queue: str) -> bool:
        """Delete the queue if nobody reads it, with what waits in it; True when it was deleted."""
        depth = self.depths([queue]).get(queue)
        if depth is None or depth.consumers:
            return False
        self._ask(lambda: self._channel.queue_delete(queue))
        return True

    def depths(self, queues: Iterable[str]) -> dict[str, QueueState]:
        """Depth of each queue that exists."""
        found = {}
        for queue in queues:
            answer = self._tolerate(NotFound, partial(self._channel.queue_declare, queue, passive=True))
            if answer is not None:
                found[queue] = QueueState(messages=answer.message_count, consumers=answer.consumer_count)
        return found

    def _open(self) -> None:
        self._connection.ensure_connection(max_retries=0)
        self._channel = self._connection.channel()

    def _tolerate(self, refusal: type[AMQPError], call: Callable[[], Any]) -> Any:
        """Call, with None for this refusal, which closes the channel: a new one is opened."""
        try:
            return call()
        except refusal:
            self._ask(self._open)
            return None
        except BROKER_FAULTS as fault:
            raise self._away(fault) from fault

    def _ask(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except BROKER_FAULTS as fault:
            raise self._away(fault) from fault

    @staticmethod
    def _away(fault: Exception) -> SinkAway:
        return SinkAway(f"RabbitMQ cannot be asked: {type(fault).__name__} {fault}".strip())
