"""For users: read the gateway's queues with kombu, each event once, and be told of holes.

with Consumer("amqp://…", "ws-gateway.trade.my-service") as consumer:
    for event in consumer:
        handle(event.envelope)      # acknowledged when the next one is asked for

It reads both deliveries of a queue, and both in one queue: a message of its own for each event, or many events in one message.
"""

import logging
import random
import time
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import kombu
import msgspec
from amqp.exceptions import AMQPError
from kombu.exceptions import OperationalError

from gateway import names
from gateway.backoff import Backoff
from gateway.errors import SinkAway
from gateway.tls import of_broker

log = logging.getLogger(__name__)

#: Ids remembered to drop repeats; a repeat follows its first within an outage, not within days.
REMEMBERED = 100_000
#: Messages that the broker sends ahead: each may be a batch, and hold a megabyte.
PREFETCH = 20
#: The content type of a message that holds many envelopes, and what stands between the keys of its header `routing_keys`.
BATCH, BETWEEN = "application/vnd.ws-gateway.batch+json", "\n"
#: Connecting and every read or write; seconds.
TIMEOUT_S = 5.0
#: The longest wait between tries to reconnect; seconds.
CAP_S = 10.0

_FAULTS: tuple[type[Exception], ...] = (AMQPError, OperationalError, OSError)


@dataclass(frozen=True, slots=True)
class Received:
    """One event.

    envelope  as in docs/EVENTS.md
    missing   how many sequence numbers before this one did not come, by routing key and epoch
    """

    envelope: dict[str, Any]
    missing: int


class Sequences:
    """What has been seen: repeats are recognised by (event_type, event_id), holes by sequence within routing key and epoch."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._ids: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._last: dict[tuple[str, str], int] = {}
        self._owed: dict[tuple[str, str], int] = {}

    def missing(self, routing_key: str, envelope: dict[str, Any]) -> int | None:
        """How many numbers did not come before this one: 0 for the next, the first of a key and epoch, or one that comes late.

        None for a repeat. It may have a number of its own, for the exchange says some facts twice: what is missing before it is told
        with the next event of its key.
        """
        key = (routing_key, str(envelope.get("epoch")))
        sequence = int(envelope.get("sequence") or 0)
        last = self._last.get(key, sequence)
        self._last[key] = max(sequence, last)
        missing = max(0, sequence - last - 1) + self._owed.pop(key, 0)
        if not self._is_repeat(envelope):
            return missing
        if missing:
            self._owed[key] = missing
        return None

    def _is_repeat(self, envelope: dict[str, Any]) -> bool:
        identity = (str(envelope.get("event_type")), str(envelope.get("event_id")))
        if identity in self._ids:
            return True
        self._ids[identity] = None
        if len(self._ids) > self._remembered:
            self._ids.popitem(last=False)
        return False


class Consumer:
    """Iterate over the events of one queue, for ever; reconnects by itself. For one thread.

    queue     an existing queue's name, or None for one of our own that lives as long as the connection
    bindings  of a queue of our own, e.g. `trade.linear.*.*`
    """

    def __init__(self, broker_url: str, queue: str | None = None, *, bindings: Sequence[str] = ()) -> None:
        self._url = broker_url
        self._queue = queue
        self._bindings = bindings
        self._seen = Sequences()
        self._connection: Any = None
        self._arrived: list[Any] = []
        self._rest: deque[tuple[str, dict[str, Any]]] = deque()  # of the message that was delivered last: routing key, envelope
        self._backoff = Backoff(CAP_S, random.random)

    def __enter__(self) -> Self:
        """Connect. Raises SinkAway when the broker is away or the queue does not exist."""
        try:
            self._open()
        except _FAULTS as fault:
            self.close()
            raise SinkAway(f"RabbitMQ cannot be asked: {type(fault).__name__} {fault}".strip()) from fault
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Iterator[Received]:
        while True:
            event = self.next(timeout_s=None)
            if event is not None:
                yield event

    def next(self, timeout_s: float | None) -> Received | None:
        """The next event that is no repeat; None when none came in time. What was given before is acknowledged.

        A message of many is acknowledged as a whole, when the event after its last is asked for.
        """
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            while self._rest:
                routing_key, envelope = self._rest.popleft()
                missing = self._seen.missing(routing_key, envelope)
                if missing is not None:
                    return Received(envelope, missing)
            if until is not None and time.monotonic() >= until:
                return None
            try:
                message = self._message(1.0 if until is None else min(1.0, max(0.0, until - time.monotonic())))
            except _FAULTS as fault:
                self._reconnect(fault)
                continue
            if message is not None:
                self._rest.extend(_envelopes(message))

    def close(self) -> None:
        """Let go; what was received and not acknowledged goes to the next reader."""
        if self._connection is not None:
            try:
                self._connection.release()
            except _FAULTS as fault:
                log.debug("consumer not_closed reason=%s", fault)
            self._connection = None

    def _open(self) -> None:
        self._arrived.clear()
        self._rest.clear()  # all of its message comes again
        self._delivered: Any = None
        self._connection = kombu.Connection(self._url, ssl=of_broker(self._url), connect_timeout=TIMEOUT_S, heartbeat=10)
        self._connection.ensure_connection(max_retries=0)
        channel = self._connection.channel()
        if self._queue is None:
            name, _, _ = channel.queue_declare("", exclusive=True, auto_delete=True)
            for binding in self._bindings:
                channel.queue_bind(name, exchange=names.EXCHANGE, routing_key=binding)
        else:
            name, _, _ = channel.queue_declare(self._queue, passive=True)
        channel.basic_qos(0, PREFETCH, a_global=False)
        channel.basic_consume(name, callback=self._arrived.append)

    def _message(self, timeout_s: float) -> Any:
        """The next message, the one before acknowledged; None when none came in time."""
        if self._delivered is not None:
            self._delivered.channel.basic_ack(self._delivered.delivery_tag)
            self._delivered = None
        if not self._arrived:
            try:
                self._connection.heartbeat_check()
                self._connection.drain_events(timeout=timeout_s)
            except TimeoutError:
                return None
        if not self._arrived:
            return None
        self._backoff.succeeded()
        self._delivered = self._arrived.pop(0)
        return self._delivered

    def _reconnect(self, fault: Exception) -> None:
        wait_s = self._backoff.next_s()
        log.warning("consumer connection_lost reason=%s again_in_s=%.1f", fault, wait_s)
        self.close()
        time.sleep(wait_s)
        try:
            self._open()
        except _FAULTS as again:
            log.warning("consumer not_connected reason=%s", again)


def _envelopes(message: Any) -> list[tuple[str, dict[str, Any]]]:
    """Routing key and envelope of each event of a message."""
    body = message.body.encode() if isinstance(message.body, str) else message.body  # py-amqp decodes utf-8 bodies
    properties = message.properties
    try:
        if properties.get("content_type") != BATCH:
            return [(str(message.delivery_info["routing_key"]), msgspec.json.decode(body, type=dict[str, Any]))]
        keys = str(properties.get("application_headers", {}).get("routing_keys")).split(BETWEEN)
        envelopes = msgspec.json.decode(body, type=list[dict[str, Any]])
        if len(keys) != len(envelopes):  # they are told all the same; of each topic the numbers rise, too
            log.warning("consumer keys_do_not_fit keys=%d envelopes=%d", len(keys), len(envelopes))
            keys = [str(envelope.get("topic")) for envelope in envelopes]
        return list(zip(keys, envelopes, strict=True))
    except (msgspec.DecodeError, msgspec.ValidationError) as fault:
        log.warning("consumer not_an_envelope reason=%s", fault)
        return []
