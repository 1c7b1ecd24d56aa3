"""The broker sink: kombu's connection with the channel in confirm mode, many messages in one write, confirms collected as they come.

    write → basic.publish → … broker … → basic.ack(tag) ─────────────────▶ settled() counts the confirmed head
              ▲     window of unconfirmed records        │
              ├─ basic.nack: again after a pause ────────┤
              └─ basic.return of what should have reached a queue: mended, and again, once

From such a return on nothing new goes out until all that is under way is answered. So what goes again goes before what is newer.

Connections, heartbeats, channels and whatever is no confirm are py-amqp's; `frames.py` builds what is written and reads the confirms.
Source of the figures behind it: measurements of py-amqp 5.4 and RabbitMQ 3.10; waiting for each confirm gives 1,400 messages/s,
collecting them over a window 17,000, which is the broker's own limit.
"""

import logging
import ssl
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from gateway.disk import hold
from gateway.disk.hold import Publisher
from gateway.errors import SinkAway
from gateway.metrics.tally import Tally
from gateway.models import Record
from gateway.sinks.counts import Counts
from gateway.sinks.frames import Frames
from gateway.sinks.messages import Message, Route, portions, route_of
from gateway.sinks.returned import Returned
from gateway.sinks.topology import BROKER_FAULTS, QueuePolicy, Topology, connection
from gateway.sinks.window import Window

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
#: Bytes of one read.
READ_BYTES = 1 << 16
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
        self._frames = Frames(0, 0)
        self._window = Window()
        self._pending: deque[int] = deque()  # numbers that were written while nothing may go out, ascending
        self._nacked: deque[tuple[float, int]] = deque()  # when to publish it again, and its number
        self._back = Returned()
        tally = tally or Tally()
        self._failures = tally.counter("ws_gateway_publish_failures_total")
        self._counts = Counts(tally)
        self.pause: str | None = None
        self._progress = self._heard = 0.0
        self._heard_frames = 0
        self.returned = 0
        self.nacked = 0

    def wants(self, record: Record) -> bool:
        return bool(record.routing_key)

    def open(self) -> None:
        self.close()
        self._failures["lost"] += self._window.under_way
        for kept in (self._window, self._pending, self._nacked, self._back):
            kept.clear()
        self._heard_frames = 0
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
            self._frames = Frames(channel.channel_id, channel.connection.frame_max)
        self._heard = time.monotonic()

    def write(self, messages: Sequence[Message]) -> None:
        if not self._window:
            self._progress = time.monotonic()
        with _faults():
            numbers = self._window.put(messages)
            if self._pending or not self.ready():
                self._pending.extend(numbers)
            else:
                self._publish(numbers, messages)

    def settled(self) -> int:
        with _faults():
            self._drain()
            if self._back.again and not self._window.under_way:
                log.warning("broker queue_missing messages=%d", len(self._back.again))
                self._mend(self._back.routes)
                self._pending = deque(sorted([*self._back.taken(), *self._pending]))
            if self._pending and self.ready():
                numbers, self._pending = list(self._pending), deque()
                self._publish_again(numbers)
            while self._nacked and self.ready() and self._nacked[0][0] <= time.monotonic():
                self._publish_again([self._nacked.popleft()[1]])
        return self._window.base

    def ready(self) -> bool:
        return self.pause is None and not self._is_held and not self._back.holds

    def tick(self) -> None:
        with _faults():
            self._drain()
            self._connection.heartbeat_check()
        self._look()
        now = time.monotonic()
        if self.silent_s > SILENCE_S:
            raise SinkAway(f"RabbitMQ has said nothing for {SILENCE_S:g} s")
        if self._window and self.pause is None and not self._is_held and now - self._progress > self._confirm_timeout_s:
            raise SinkAway(
                f"RabbitMQ confirmed nothing for {self._confirm_timeout_s:g} s with {len(self._window)} messages waiting"
            )

    @property
    def silent_s(self) -> float:
        """Since the broker was last heard; it says something every second."""
        return time.monotonic() - self._heard

    @property
    def pause_words(self) -> str | None:
        """Why nothing is published although the broker is there."""
        return hold.WORDS if self._is_held else self.pause

    def _look(self) -> None:
        """Whether somebody moves queues. What is under way is answered first."""
        was = self._is_held
        self._is_held = not self._publisher.may(is_idle=not self._window.under_way)
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

    def _publish(self, numbers: Sequence[int], messages: Sequence[Message]) -> None:
        """The broker is heard before each write: one that asks for a pause soon reads nothing more, and a write would wait for it."""
        connection, done = self._connection.connection, 0
        for portion in portions(messages):
            self._drain()
            if not self.ready():
                break
            self._counts.published(portion)
            self._window.tagged(numbers[done : done + len(portion)])
            connection.transport.write(self._frames.of(portion))
            connection.bytes_sent += len(portion)  # that is what it counts, to know whether a heartbeat is due
            done += len(portion)
        if done < len(numbers):
            self._pending = deque(sorted([*numbers[done:], *self._pending]))

    def _publish_again(self, numbers: Sequence[int]) -> None:
        self._publish(numbers, [self._window[number] for number in numbers])

    def _drain(self) -> None:
        """Take all that the broker sent; does not wait."""
        connection = self._connection.connection
        transport = connection.transport
        with suppress(TimeoutError, BlockingIOError, ssl.SSLWantReadError):
            while True:
                if not transport._read_buffer:  # where it keeps what is not taken yet
                    self._read(transport)
                if not self._take_acks(transport):
                    self._connection.drain_events(timeout=0)
        frames = connection.bytes_recv  # that is what it counts
        if frames != self._heard_frames:
            self._heard_frames, self._heard = frames, time.monotonic()

    def _read(self, transport: Any) -> None:
        """All that is here. Raises BlockingIOError where nothing is."""
        with transport.having_timeout(0) as sock:
            data = sock.recv(READ_BYTES)
        if not data:
            raise ConnectionResetError("RabbitMQ closed the connection")
        self._heard = time.monotonic()
        transport._read_buffer = data

    def _take_acks(self, transport: Any) -> bool:
        """Of what was read: a run of confirms is taken at once, whatever else there is is left to py-amqp. Whether there were any."""
        acks, length = self._frames.acks(transport._read_buffer)
        transport._read_buffer = transport._read_buffer[length:]
        self._connection.connection.bytes_recv += len(acks)  # of which it counts frames, to know whether the broker lives
        self._confirm(acks)
        return bool(acks)

    def _on_ack(self, tag: int, multiple: bool) -> None:
        self._confirm([(tag, multiple)])

    def _confirm(self, acks: Sequence[tuple[int, bool]]) -> None:
        if not acks:
            return
        self._progress = time.monotonic()
        numbers = self._window.answered(acks)
        if self._back:
            numbers = [number for number in numbers if self._is_done(number)]
        self._counts.confirmed(self._window.settle(numbers))

    def _on_nack(self, tag: int, multiple: bool) -> None:
        self._progress = time.monotonic()
        numbers = self._window.answered([(tag, multiple)])
        if not self._nacked:
            log.warning("broker message_nacked count=%d", len(numbers))
        self.nacked += len(numbers)
        self._nacked.extend((self._progress + NACK_PAUSE_S, number) for number in numbers)

    def _on_return(self, _fault: Any, exchange: str, routing_key: str, message: Any) -> None:
        """`mandatory` and no queue got it: the acknowledgement follows all the same."""
        should = self._needs(exchange, routing_key)
        if should:
            self._back.add(message.properties["message_id"], (exchange, routing_key))
        self.returned += should is False

    def _is_done(self, number: int) -> bool:
        """Whether a confirmed message is not to go once more; one that came back twice is counted."""
        record = self._window[number]
        goes_again = self._back.confirmed(number, record.event_id, route_of(record))
        self.returned += goes_again is False
        return not goes_again

    def _on_blocked(self, reason: str) -> None:
        self.pause = reason
        log.warning("broker blocked reason=%s", reason)

    def _on_unblocked(self) -> None:
        self.pause = None
        self._progress = time.monotonic()
        log.info("broker unblocked")


@contextmanager
def _faults() -> Iterator[None]:
    """Translate whatever a lost broker raises into SinkAway."""
    try:
        yield
    except BROKER_FAULTS as fault:
        raise SinkAway(f"RabbitMQ is away: {type(fault).__name__} {fault}".strip()) from fault
