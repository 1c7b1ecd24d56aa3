"""The broker sink: publishes through kombu, with the channel in confirm mode and confirms collected asynchronously.

    write → basic.publish → … broker … → basic.ack(tag) ─────────────────▶ settled() counts the confirmed head
              ▲     window of unconfirmed records        │
              ├─ basic.nack: again after a pause ────────┤
              └─ basic.return of what should have reached a queue: mended, and again, once

From such a return on nothing new goes out until all that is under way is answered. So what goes again goes before what is newer.

Source of the figures behind it: measurements of py-amqp 5.4 and RabbitMQ 3.10; waiting for each confirm gives 1,400 messages/s,
collecting them over a window 17,000, which is the broker's own limit.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import takewhile
from typing import Any

import amqp

from gateway import hold, names
from gateway.errors import SinkAway
from gateway.hold import Publisher
from gateway.metrics.tally import Tally
from gateway.models import Record
from gateway.sinks.bundles import Bundle
from gateway.sinks.messages import Message, properties, records_of
from gateway.sinks.returned import Returned, Route
from gateway.sinks.topology import BROKER_FAULTS, QueuePolicy, Topology, connection

__all__ = ["BrokerSink", "QueuePolicy", "Topology"]

log = logging.getLogger(__name__)

#: Heartbeat asked of the broker, which then says something every second; seconds. It gives us up after two of ours that do not come.
HEARTBEAT_S = 2.0
#: A broker that has said nothing for this long is dead; seconds. With a tick every half second it is noticed within five.
SILENCE_S = 4.0
#: One read or write on the broker's socket, and connecting; seconds.
IO_TIMEOUT_S = 4.0
#: The oldest unconfirmed message may wait this long while the broker is not blocking us; seconds.
CONFIRM_TIMEOUT_S = 30.0
#: Before a message that the broker refused is published again; seconds. It refuses for a queue that is full, say.
NACK_PAUSE_S = 1.0


class BrokerSink:
    """Publishes every record that has a routing key, and bundles of records; settled when RabbitMQ confirmed it.

    returned  messages that reached no queue: confirmed, counted and done
    nacked    messages that the broker refused and that are published again
    pause     why the broker asks for one; None: it does not
    """

    name = "broker"

    def __init__(
        self,
        url: str,
        declare: Callable[[], None],
        needs: Callable[[str, str], bool | None] = lambda _exchange, _key: False,
        mend: Callable[[Collection[Route]], None] = lambda _routes: None,
        *,
        confirm_timeout_s: float = CONFIRM_TIMEOUT_S,
        tally: Tally | None = None,
        publisher: Publisher | None = None,
    ) -> None:
        """`declare` and `mend` may raise SinkAway.

        declare    makes sure that the topology exists, before the first message of every connection
        needs      whether a message for this exchange with this routing key should reach a queue; None: it need not, its event is in others
        mend       makes what messages that came back should have reached
        tally      what the process counts for GET /metrics
        publisher  asks whether somebody moves queues, so that nothing is to be published
        """
        self._url = url
        self._declare = declare
        self._needs = needs
        self._mend = mend
        self._confirm_timeout_s = confirm_timeout_s
        self._publisher = publisher or Publisher(None)
        self._is_held = False
        self._connection: Any = None
        self._channel: Any = None
        self._window: deque[Message] = deque()  # unsettled, oldest first; its head is number _base
        self._base = 0
        self._done: set[int] = set()  # numbers confirmed ahead of an unconfirmed one
        self._tags: dict[int, int] = {}  # delivery tag → number, in order of publication
        self._tag = 0
        self._pending: deque[int] = deque()  # numbers that were written while nothing may go out, ascending
        self._nacked: deque[tuple[float, int]] = deque()  # when to publish it again, and its number
        self._back = Returned()
        tally = tally or Tally()
        self._published = tally.counter("ws_gateway_published_total")
        self._confirmed = tally.counter("ws_gateway_confirmed_total")
        self._batches = tally.counter("ws_gateway_batches_confirmed_total")
        self._batched = tally.counter("ws_gateway_batched_events_total")
        self._failures = tally.counter("ws_gateway_publish_failures_total")
        self._delivery = tally.histograms("ws_gateway_delivery_seconds")
        self.pause: str | None = None
        self._progress = self._heard = 0.0
        self._heard_frames = 0
        self.returned = 0
        self.nacked = 0

    def wants(self, record: Record) -> bool:
        return bool(record.routing_key)

    def open(self) -> None:
        self.close()
        self._failures["lost"] += len(self._tags)
        for kept in (self._window, self._done, self._tags, self._pending, self._nacked, self._back):
            kept.clear()
        self._base = self._tag = self._heard_frames = 0
        self.pause = None
        self._look()
        if self._is_held:
            raise SinkAway(hold.WORDS)
        self._declare()
        self._connection = connection(self._url, timeout_s=IO_TIMEOUT_S, heartbeat_s=HEARTBEAT_S)
        self._connection.transport_options |= {"on_blocked": self._on_blocked, "on_unblocked": self._on_unblocked}
        with _faults():
            self._connection.ensure_connection(max_retries=0)
            channel = self._channel = self._connection.channel()
            channel.confirm_select()
            channel.events["basic_ack"].add(self._on_ack)
            channel.events["basic_nack"].add(self._on_nack)
            channel.events["basic_return"].add(self._on_return)
        self._heard = time.monotonic()

    def write(self, records: Sequence[Message]) -> None:
        if not self._window:
            self._progress = time.monotonic()
        with _faults():
            for record in records:
                number = self._base + len(self._window)
                self._window.append(record)
                if self._pending or not self.ready():  # since this call began; it must not fill the socket
                    self._pending.append(number)
                else:
                    self._publish(number)

    def settled(self) -> int:
        with _faults():
            self._drain()
            if self._back.again and not self._tags:
                log.warning("broker queue_missing messages=%d", len(self._back.again))
                self._mend(self._back.routes)
                self._pending = deque(sorted([*self._back.taken(), *self._pending]))
            while self._pending and self.ready():
                self._publish(self._pending.popleft())
            while self._nacked and self.ready() and self._nacked[0][0] <= time.monotonic():
                self._publish(self._nacked.popleft()[1])
        return self._base

    def ready(self) -> bool:
        return self.pause is None and not self._is_held and not self._back.holds

    def tick(self) -> None:
        with _faults():
            self._drain()
            self._connection.heartbeat_check()
        self._look()
        now = time.monotonic()
        if now - self._heard > SILENCE_S:
            raise SinkAway(f"RabbitMQ has said nothing for {SILENCE_S:g} s")
        if self._window and self.pause is None and not self._is_held and now - self._progress > self._confirm_timeout_s:
            raise SinkAway(
                f"RabbitMQ confirmed nothing for {self._confirm_timeout_s:g} s with {len(self._window)} messages waiting"
            )

    @property
    def pause_words(self) -> str | None:
        """Why nothing is published although the broker is there."""
        return hold.WORDS if self._is_held else self.pause

    def _look(self) -> None:
        """Whether somebody moves queues. What is under way is answered first."""
        was = self._is_held
        self._is_held = not self._publisher.may(is_idle=not self._tags)
        if was != self._is_held:
            self._progress = time.monotonic()
            log.info("broker %s", hold.WORDS if self._is_held else "goes on")

    def fileno(self) -> int:
        sock = self._connection.connection.transport.sock if self._connection is not None else None
        return -1 if sock is None else int(sock.fileno())

    def close(self) -> None:
        """Abandon the socket: a polite close could wait for a broker that does not answer."""
        self._publisher.leave()
        if self._connection is not None:
            with suppress(*BROKER_FAULTS):
                self._connection.collect(socket_timeout=0.5)
            self._connection = self._channel = None

    def _publish(self, number: int) -> None:
        record = self._window[number - self._base]
        message = amqp.Message(record.body, **properties(record))
        self._published[record.event_type] += len(records_of(record))
        self._tag += 1
        self._tags[self._tag] = number
        exchange, key = _route(record)
        self._channel.basic_publish(message, exchange=exchange, routing_key=key, mandatory=True)

    def _drain(self) -> None:
        """Take all that the broker sent; does not wait."""
        with suppress(TimeoutError, BlockingIOError):
            while True:
                self._connection.drain_events(timeout=0)
        frames = self._connection.connection.bytes_recv  # that is what it counts
        if frames != self._heard_frames:
            self._heard_frames, self._heard = frames, time.monotonic()

    def _on_ack(self, tag: int, multiple: bool) -> None:
        self._progress = time.monotonic()
        for number in self._answered(tag, multiple=multiple):
            if not self._back or self._is_done(number):
                self._done.add(number)
        now_ns = time.time_ns()
        while self._base in self._done:
            self._done.discard(self._base)
            self._settle(self._window.popleft(), now_ns)
            self._base += 1

    def _settle(self, message: Message, now_ns: int) -> None:
        """Count what the broker has, event by event."""
        records, event_type = records_of(message), message.event_type
        self._confirmed[event_type] += len(records)
        delivery = self._delivery[event_type]
        for record in records:
            delivery.observe(now_ns - record.received_ns)
        if isinstance(message, Bundle):
            self._batches[event_type] += 1
            self._batched[event_type] += len(records)
        if log.isEnabledFor(logging.DEBUG):
            for record in records:
                log.debug(
                    "broker published routing_key=%s event_id=%s", record.routing_key, record.event_id,
                    extra={"trace_id": record.trace_id},
                )  # fmt: skip

    def _on_nack(self, tag: int, multiple: bool) -> None:
        self._progress = time.monotonic()
        numbers = self._answered(tag, multiple=multiple)
        if not self._nacked:
            log.warning("broker message_nacked count=%d", len(numbers))
        self.nacked += len(numbers)
        self._nacked.extend((self._progress + NACK_PAUSE_S, number) for number in numbers)

    def _answered(self, tag: int, *, multiple: bool) -> list[int]:
        """The numbers that a confirm speaks of; the tags are then forgotten."""
        if not multiple:
            number = self._tags.pop(tag, None)
            return [] if number is None else [number]
        known = list(takewhile(lambda known: known <= tag, self._tags))
        return [self._tags.pop(tag) for tag in known]

    def _on_return(self, _fault: Any, exchange: str, routing_key: str, message: Any) -> None:
        """`mandatory` and no queue got it: the acknowledgement follows all the same."""
        should = self._needs(exchange, routing_key)
        if should:
            self._back.add(message.properties["message_id"], (exchange, routing_key))
        self.returned += should is False

    def _is_done(self, number: int) -> bool:
        """Whether a confirmed message is not to go once more; one that came back twice is counted."""
        record = self._window[number - self._base]
        goes_again = self._back.confirmed(number, record.event_id, _route(record))
        self.returned += goes_again is False
        return not goes_again

    def _on_blocked(self, reason: str) -> None:
        self.pause = reason
        log.warning("broker blocked reason=%s", reason)

    def _on_unblocked(self) -> None:
        self.pause = None
        self._progress = time.monotonic()
        log.info("broker unblocked")


def _route(record: Message) -> Route:
    return ("" if record.queue else names.EXCHANGE, record.routing_key)


@contextmanager
def _faults() -> Iterator[None]:
    """Translate whatever a lost broker raises into SinkAway."""
    try:
        yield
    except BROKER_FAULTS as fault:
        raise SinkAway(f"RabbitMQ is away: {type(fault).__name__} {fault}".strip()) from fault
