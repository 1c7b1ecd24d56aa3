"""The bus over a real socket in a temporary folder: what is sent arrives once, in order, whatever happens to the other end."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import zmq

from gateway.bus import bus
from gateway.bus.bus import Batch, BusReceiver, BusSender
from gateway.models import Record
from tests.zeromq import Context


def record(number: int) -> Record:
    return Record("key", "trade", f"id-{number}", None, None, "topic", "trace", 0, 0, b"x" * 100)


def wait_for(claim: Callable[[], bool], *steps: Callable[[], object]) -> None:
    """Turn the steps until the claim holds."""
    until = time.monotonic() + 10
    while not claim():
        assert time.monotonic() < until, "the claim did not become true within 10 s"
        for step in steps:
            step()


class Receiving:
    """A router in miniature: takes, remembers and settles at once."""

    def __init__(self, receiver: BusReceiver) -> None:
        self.receiver = receiver
        self.ids: list[str] = []

    def turn(self) -> None:
        for batch in self.receiver.take():
            self.ids += [record.event_id for record in batch.records]
            self.receiver.settle(batch.peer, batch.number)


def test_batches_arrive_once_in_order_and_are_acknowledged(tmp_path: Path, context: Context) -> None:
    receiving = Receiving(BusReceiver(bus.address(tmp_path), context=context))
    sender = BusSender(bus.address(tmp_path), b"worker-1", context=context)
    for number in range(1000):
        sender.send([record(number)])
    wait_for(lambda: not sender.outbox, sender.pump, receiving.turn)
    assert receiving.ids == [f"id-{number}" for number in range(1000)]
    assert sender.outbox.bytes == 0


def test_a_sender_keeps_everything_until_a_router_comes(tmp_path: Path, context: Context) -> None:
    sender = BusSender(bus.address(tmp_path), b"worker-1", context=context)
    for number in range(3000):
        sender.send([record(number)])
    assert len(sender.outbox) == 3000
    receiving = Receiving(BusReceiver(bus.address(tmp_path), context=context))
    wait_for(lambda: not sender.outbox, sender.pump, receiving.turn)
    assert receiving.ids == [f"id-{number}" for number in range(3000)]


def test_what_a_dead_router_had_not_settled_is_sent_again_to_the_next(tmp_path: Path, context: Context) -> None:
    receiver = BusReceiver(bus.address(tmp_path), context=context)
    sender = BusSender(bus.address(tmp_path), b"worker-1", context=context)
    sender.send([record(-1)])
    taken: list[str] = []

    def take() -> None:
        for batch in receiver.take():
            taken.extend(entry.event_id for entry in batch.records)
            if batch.number <= 41:
                receiver.settle(batch.peer, batch.number)

    wait_for(lambda: not sender.outbox, sender.pump, take)
    for number in range(100):
        sender.send([record(number)])  # the link is there: each is a batch
    wait_for(lambda: len(taken) == 101 and len(sender.outbox) == 60, sender.pump, take)
    receiver.close()
    receiving: list[Receiving] = []

    def rebind() -> None:
        if not receiving:
            with suppress(zmq.ZMQError):  # the address is free only when the closed socket's thread has let go of it
                receiving.append(Receiving(BusReceiver(bus.address(tmp_path), context=context)))
        else:
            receiving[0].turn()

    wait_for(lambda: not sender.outbox, sender.pump, rebind)
    assert receiving[0].ids == [f"id-{number}" for number in range(40, 100)]


def test_a_restarted_worker_is_not_taken_for_its_own_repeat(tmp_path: Path, context: Context) -> None:
    receiving = Receiving(BusReceiver(bus.address(tmp_path), context=context))
    for run in (b"worker-run-1", b"worker-run-2"):
        sender = BusSender(bus.address(tmp_path), run, context=context)
        sender.send([record(1)])
        wait_for(lambda sender=sender: not sender.outbox, sender.pump, receiving.turn)  # type: ignore[misc]
        sender.close()
    assert receiving.ids == ["id-1", "id-1"]


def test_dropped_records_leave_a_hole_that_stops_nothing(tmp_path: Path, context: Context) -> None:
    sender = BusSender(bus.address(tmp_path), b"worker-1", context=context)
    for number in range(10):
        sender.send([record(number)])
    assert len(sender.outbox.drop_oldest(most_bytes=sender.outbox.bytes - 1, born_before=0.0)) == 1
    receiving = Receiving(BusReceiver(bus.address(tmp_path), context=context))
    wait_for(lambda: not sender.outbox, sender.pump, receiving.turn)
    assert receiving.ids == [f"id-{number}" for number in range(1, 10)]


def test_a_message_that_is_no_batch_is_counted_and_costs_nothing_else(tmp_path: Path, context: Context) -> None:
    receiving = Receiving(BusReceiver(bus.address(tmp_path), context=context))
    stranger = context.socket(zmq.DEALER)
    stranger.connect(bus.address(tmp_path))
    for parts in ([b"hello"], [b"", b""], [b"12345678", b"garbage"], [bytes(8), b"short"]):
        stranger.send_multipart(parts)
    sender = BusSender(bus.address(tmp_path), b"worker-1", context=context)
    sender.send([record(1)])
    wait_for(lambda: not sender.outbox and receiving.receiver.unreadable >= 2, sender.pump, receiving.turn)
    assert receiving.ids == ["id-1"]


def test_whoever_speaks_again_after_a_long_silence_is_taken_at_once(tmp_path: Path, context: Context) -> None:
    receiving = Receiving(BusReceiver(bus.address(tmp_path), context=context))
    sender = BusSender(bus.address(tmp_path), b"worker-1", context=context)
    sender.send([record(0)])
    wait_for(lambda: not sender.outbox, sender.pump, receiving.turn)
    for number in range(1, 5):
        receiving.receiver.forget_silent(-1.0)
        began = time.monotonic()
        sender.send([record(number)])
        wait_for(lambda: not sender.outbox, sender.pump, receiving.turn)
        assert time.monotonic() - began < 0.2
    assert receiving.ids == [f"id-{number}" for number in range(5)]


def test_who_is_owed_an_acknowledgement_or_could_not_be_heard_is_not_forgotten(tmp_path: Path, context: Context) -> None:
    receiver = BusReceiver(bus.address(tmp_path), context=context)
    sender = BusSender(bus.address(tmp_path), b"worker-1", context=context)
    sender.send([record(0)])
    taken: list[Batch] = []
    wait_for(lambda: bool(taken), sender.pump, lambda: taken.extend(receiver.take()))
    receiver.forget_silent(-1.0)
    receiver.settle(b"worker-1", 1)
    wait_for(lambda: not sender.outbox, sender.pump)
    wake = os.eventfd(0)
    receiver.wait(wake, 0.1, reading=False)
    os.close(wake)
    receiver.forget_silent(0.05)  # all of which nobody was listened to
    sender.send([record(1)])
    sender.pump()
    wait_for(lambda: len(taken) == 2, lambda: taken.extend(receiver.take()))  # without a further hello
