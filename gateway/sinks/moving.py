"""A queue with other arguments: which they are, and how it gets ours with all that is in it.
While nobody publishes (`gateway/disk/hold.py`).

    NAME, their arguments ──▶ NAME.moving ──▶ NAME deleted, declared with ours and bound ──▶ NAME ──▶ NAME.moving deleted

What is read is kept by its queue until the next one has confirmed it, and of NAME.moving until all of it is over: whenever this
is broken off, doing it again ends with everything, in order, some of it twice.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self

import amqp
from amqp.exceptions import NotFound, PreconditionFailed

from gateway import names
from gateway.errors import RequestError, SinkAway
from gateway.sinks.topology import BROKER_FAULTS, QueuePolicy, connection

#: Messages that are under way at once.
WINDOW = 500
#: One read or write; seconds. A queue with 100,000 messages takes a moment to be declared or deleted.
TIMEOUT_S = 20.0
#: Nothing came for this long although something should; seconds.
DRY_S = 5.0
#: A quorum queue that has not answered within a quarter of a second is said to hold nothing: none that took so long is believed to
#: be empty; seconds. Source: RabbitMQ 3.10, `rabbit_quorum_queue:stat/1`.
SLOW_S = 0.2
#: Between two looks at a queue; seconds.
AGAIN_S = 0.1
#: Arguments that a queue may differ in; more is no answer of RabbitMQ.
MOST_ARGUMENTS = 30

#: RabbitMQ's words. They name one argument at a time, and what it is.
_DIFFERS = re.compile(r"inequivalent arg '(?P<name>[^']+)' .* current is (?:none|(?:the value )?'(?P<value>[^']*)')")
_WHOLE = re.compile(r"-?\d+")

Differences = dict[str, tuple[object, object]]


@dataclass(frozen=True, slots=True)
class Found:
    """A queue that exists.

    kind     classic, quorum or stream
    differs  argument → (its own, ours); None: it has none
    batched  its messages hold many events
    """

    name: str
    messages: int
    consumers: int
    kind: str
    differs: Differences
    batched: bool = False


class Moving:
    """A conversation with the broker about queues that exist; use as a context manager. Calls raise SinkAway, RequestError."""

    def __init__(self, url: str, policy: QueuePolicy) -> None:
        self._connection = connection(url, timeout_s=TIMEOUT_S)
        self._policy = policy
        self._under_way: set[int] = set()  # delivery tags that are not confirmed
        self._is_refused = False
        self._bytes = 0  # of what was moved last

    def __enter__(self) -> Self:
        self._ask(partial(self._connection.ensure_connection, max_retries=0))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._connection.release()
        except BROKER_FAULTS:
            return  # it is gone already

    def find(self, queue: str, *, batched: bool = False) -> Found | None:
        """None: there is no such queue. batched: its messages hold many events."""
        channel = self._ask(self._channel)
        try:
            answer = self._ask(partial(channel.queue_declare, queue, passive=True))
        except NotFound:
            return None
        self._ask(channel.close)
        differs = self._differences(queue, batched=batched)
        own_type, _ = differs.get("x-queue-type", (self._policy.queue_type, None))
        return Found(queue, answer.message_count, answer.consumer_count, str(own_type or "classic"), differs, batched)

    def rebuild(self, found: Found, bindings: Sequence[str], progress: Callable[[int], None]) -> int:
        """Give it our arguments, these bindings, and what is in it; how many messages. progress: told how many more have come over."""
        self._refuse(found)
        aside = f"{found.name}.moving"
        channel = self._ask(self._channel)
        self._ask(partial(channel.queue_declare, aside, durable=True, auto_delete=False))
        # Its own exchange: through the default one a message would lose its routing key, by which readers count.
        self._ask(partial(channel.exchange_declare, aside, "fanout", durable=True, auto_delete=False))
        self._ask(partial(channel.queue_bind, aside, exchange=aside))
        self._ask(partial(channel.queue_unbind, found.name, exchange=aside))  # as one that was broken off has left it
        self._move(found.name, aside, progress, keep=False)
        self._refuse_too_many_bytes(found, aside)
        self._delete(found)
        self._ask(partial(channel.queue_unbind, aside, exchange=aside))
        arguments = self._policy.arguments(batched=found.batched)
        self._ask(partial(channel.queue_declare, found.name, durable=True, auto_delete=False, arguments=arguments))
        for exchange, keys in ((names.EXCHANGE, bindings), (aside, ("",))):
            for key in keys:
                self._ask(partial(channel.queue_bind, found.name, exchange=exchange, routing_key=key))
        moved = self._move(aside, aside, progress, keep=True)
        self._ask(partial(channel.queue_delete, aside))
        self._ask(partial(channel.exchange_delete, aside))
        return moved

    def _delete(self, found: Found) -> None:
        """Only while nothing is in it and nobody reads it. Quorum queues know no such condition, and are asked before."""
        channel = self._ask(self._channel)
        delete = partial(channel.queue_delete, found.name)
        busy = RequestError(
            f"somebody reads {found.name} or publishes into it; expected nobody. What it held is in it or in {found.name}.moving; try again"
        )
        if found.kind == "quorum":
            until = time.monotonic() + DRY_S
            while (now := self.find(found.name)) is not None and (now.messages or now.consumers):
                if time.monotonic() >= until:  # that we have taken all and stopped reading it says a moment later
                    raise busy
                time.sleep(AGAIN_S)
            if self._ask(partial(channel.basic_get, found.name)) is not None:  # its count is no promise
                raise busy
            self._ask(delete)
            return
        try:
            self._ask(partial(delete, if_unused=True, if_empty=True))
        except PreconditionFailed:
            raise busy from None

    def _refuse(self, found: Found) -> None:
        """What cannot be moved as it is."""
        aside = self.find(f"{found.name}.moving")
        waiting = found.messages + (aside.messages if aside is not None else 0)
        if not found.differs and aside is None:
            raise RequestError(f"{found.name} has our arguments already: there is nothing to do")
        if found.consumers:
            raise RequestError(
                f"{found.consumers} consumers read {found.name}; expected none: stop them first, its order is theirs"
            )
        if found.kind == "stream":
            raise RequestError(
                f"{found.name} is a stream, which keeps what was read: delete it, and it is made anew with our arguments"
            )
        if waiting > self._policy.max_length:
            raise RequestError(
                f"{found.name} holds {waiting} messages, and with our arguments would keep {self._policy.max_length} of them; read some"
                " first, or raise WS_GATEWAY_QUEUE_MAX_LENGTH"
            )

    def _refuse_too_many_bytes(self, found: Found, aside: str) -> None:
        """Known only now: AMQP tells how many messages wait, not how large they are."""
        most = self._policy.arguments(batched=found.batched).get("x-max-length-bytes")
        if isinstance(most, int) and self._bytes > most:
            raise RequestError(
                f"{found.name} held {self._bytes} bytes, and with our arguments would keep {most} of them; they are in {aside} now: read"
                " some of it, or raise WS_GATEWAY_QUEUE_MAX_LENGTH, and try again"
            )

    def _move(self, source: str, exchange: str, progress: Callable[[int], None], *, keep: bool) -> int:
        """Publish all that is in a queue, in order; how many. keep: it is let go of when all has arrived, not batch by batch."""
        reading, writing = self._ask(self._channel), self._ask(self._channel)
        self._under_way.clear()
        self._is_refused = False
        self._ask(writing.confirm_select)
        writing.events["basic_ack"].add(self._on_ack)
        writing.events["basic_nack"].add(self._on_nack)
        arrived: list[Any] = []
        self._ask(lambda: reading.basic_qos(0, 0 if keep else WINDOW, a_global=False))
        self._ask(lambda: reading.basic_consume(source, callback=arrived.append))
        moved, newest = 0, 0
        self._bytes = 0
        while self._more(reading, source, arrived):
            batch, arrived[:] = arrived[:WINDOW], arrived[WINDOW:]
            for message in batch:
                moved += 1
                self._under_way.add(moved)
                self._bytes += len(message.body)
                key = message.delivery_info["routing_key"]
                again = amqp.Message(message.body, **message.properties)
                self._ask(partial(writing.basic_publish, again, exchange=exchange, routing_key=key))
            self._wait(lambda: not self._under_way, "RabbitMQ does not confirm")
            newest = batch[-1].delivery_tag
            progress(len(batch))
            if not keep:
                self._ask(partial(reading.basic_ack, newest, multiple=True))
        if keep and newest:
            self._ask(partial(reading.basic_ack, newest, multiple=True))
        self._ask(reading.close)
        self._ask(writing.close)
        return moved

    def _more(self, reading: Any, source: str, arrived: list[Any]) -> bool:
        """Whether there is more. What is too old for its queue is dropped meanwhile, so RabbitMQ is asked.

        Its answer may overtake what is on its way to us, and that is not counted: what is asked next is answered behind it.
        """
        until = time.monotonic() + TIMEOUT_S
        while not arrived:
            began = time.monotonic()
            count = self._ask(lambda: reading.queue_declare(source, passive=True)).message_count
            if count:
                self._wait(lambda: bool(arrived), f"{source} gives nothing more")
            elif time.monotonic() - began < SLOW_S:
                self._ask(
                    lambda: reading.basic_qos(0, WINDOW, a_global=False)
                )  # any question: this one changes no consumer that is there
                return bool(arrived)
            elif time.monotonic() >= until:
                raise SinkAway(f"RabbitMQ does not say in time what is in {source}; what was moved is safe, try again")
        return True

    def _wait(self, claim: Callable[[], bool], words: str) -> None:
        while not claim():
            try:
                self._connection.drain_events(timeout=DRY_S)
            except TimeoutError:
                raise SinkAway(f"{words}; what was moved is safe, try again") from None
            except BROKER_FAULTS as fault:
                raise SinkAway(f"RabbitMQ is away: {type(fault).__name__} {fault}; what was moved is safe, try again") from fault
            if self._is_refused:
                raise SinkAway("RabbitMQ refuses a message (its disk or memory may be full); what was moved is safe, try again")

    def _differences(self, queue: str, *, batched: bool) -> Differences:
        """Asked by declaring it: RabbitMQ refuses, and names one argument that differs, until what is asked for is what is there."""
        ours: dict[str, object] = {"durable": True, "auto_delete": False, **self._policy.arguments(batched=batched)}
        theirs = dict(ours)
        for _ in range(MOST_ARGUMENTS):
            arguments = {name: value for name, value in theirs.items() if name.startswith("x-")}
            kind = {"durable": theirs["durable"], "auto_delete": theirs["auto_delete"]}
            channel = self._ask(self._channel)  # each refusal ends one
            try:
                self._ask(partial(channel.queue_declare, queue, **kind, arguments=arguments))
            except PreconditionFailed as fault:
                told = _DIFFERS.search(fault.reply_text)
                if told is None:
                    raise SinkAway(f"RabbitMQ says of {queue}: {fault.reply_text}") from fault
                if told["value"] is None:
                    theirs.pop(told["name"], None)
                else:
                    theirs[told["name"]] = _value(told["value"])
                continue
            self._ask(channel.close)
            every = sorted(ours.keys() | theirs.keys())
            return {name: (theirs.get(name), ours.get(name)) for name in every if theirs.get(name) != ours.get(name)}
        raise SinkAway(f"RabbitMQ says of {queue} that more than {MOST_ARGUMENTS} arguments differ")

    def _channel(self) -> Any:
        return self._connection.channel()

    def _on_ack(self, tag: int, multiple: bool) -> None:
        self._under_way -= {known for known in self._under_way if known <= tag} if multiple else {tag}

    def _on_nack(self, _tag: int, _multiple: bool) -> None:
        self._is_refused = True

    @staticmethod
    def _ask(call: Callable[[], Any]) -> Any:
        """Refusals that mean something to the caller pass."""
        try:
            return call()
        except (NotFound, PreconditionFailed):
            raise
        except BROKER_FAULTS as fault:
            raise SinkAway(f"RabbitMQ cannot be asked: {type(fault).__name__} {fault}".strip()) from fault


def _value(text: str) -> object:
    if text in ("true", "false"):
        return text == "true"
    return int(text) if _WHOLE.fullmatch(text) else text
