"""The router's way to RabbitMQ without the rest of it: a lane with its thread, the keeper of queues with its own, and events that a test puts.

Line      all of it, over a real PostgreSQL and a real RabbitMQ
Reader    reads queues with pika; knows both deliveries
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pika
from running import wait_for

from gateway import names
from gateway.backoff import Backoff
from gateway.disk.memo import Memo
from gateway.disk.spool import Spool
from gateway.lanes.announcements import Announcements
from gateway.lanes.carrier import Carrier
from gateway.lanes.lane import Lane
from gateway.lanes.part import Ticket
from gateway.models import Event
from gateway.sinks.batching import BatchingSink
from gateway.sinks.broker import BrokerSink
from gateway.sinks.topology import QueuePolicy
from gateway.wire import Stamp
from workers.topology import TopologyKeeper

POLICY = QueuePolicy("classic", 600_000, 1_000_000)
CONTENT_TYPE = "application/vnd.ws-gateway.batch+json"


@dataclass(frozen=True)
class Arrived:
    """One event, and the message that it came in. alone: it was a message of its own."""

    envelope: dict[str, Any]
    routing_key: str
    alone: bool

    @property
    def number(self) -> int:
        return int(self.envelope["payload"]["number"])


class Reader:
    def __init__(self, broker_url: str) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(broker_url))
        self.channel = self._connection.channel()
        self.counts: list[int] = []  # events of each message of a batch

    def take(self, queue: str) -> list[Arrived]:
        """All that is in the queue now, in order."""
        found: list[Arrived] = []
        while True:
            method, properties, body = self.channel.basic_get(queue, auto_ack=True)
            if method is None:
                return found
            if properties.content_type != CONTENT_TYPE:
                found.append(Arrived(json.loads(body), method.routing_key, alone=True))
                continue
            assert (method.exchange, method.routing_key) == ("", queue)
            envelopes, keys = json.loads(body), properties.headers["routing_keys"].split("\n")
            assert 1 <= len(envelopes) == len(keys) == properties.headers["count"] <= 256
            assert (properties.message_id, properties.delivery_mode) == (envelopes[0]["event_id"], 2)
            self.counts.append(len(envelopes))
            found += [Arrived(envelope, key, alone=False) for envelope, key in zip(envelopes, keys, strict=True)]

    def take_until(self, queue: str, number: int, seconds: float = 30.0) -> list[Arrived]:
        """Until the event of this number has come."""
        found: list[Arrived] = []

        def look() -> bool:
            found.extend(self.take(queue))
            return any(entry.number == number for entry in found)

        wait_for(look, lambda: f"event {number} in {queue}, found {len(found)}", seconds)
        return found

    def close(self) -> None:
        self._connection.close()


class Line:
    """Events are numbered in the order in which they are put.

    put_count  how many there were
    """

    def __init__(self, folder: Path, database_url: str, broker_url: str, *, classes: tuple[str, ...] = ()) -> None:
        stamp = Stamp(worker="linear_00", account="main", include_raw="off", started_ms=1)
        self._stamp = stamp
        self.announcements = Announcements(Stamp(worker="router_00", account="main", include_raw="off", started_ms=1), lambda: None)
        self.keeper = TopologyKeeper(
            database_url, broker_url, POLICY, classes, self.announcements, memo=Memo(folder / "batches.json", dict[str, list[str]])
        )
        keeper = self.keeper

        def publishing(needs: Callable[[str, str], bool | None]) -> BrokerSink:
            return BrokerSink(broker_url, keeper.declare, needs, keeper.mend)

        self.sink = BatchingSink(keeper.plan, publishing)
        self.carrier = Carrier(self.sink, backoff=Backoff(0.5, lambda: 1.0), wake_router=lambda: None)
        keeper.plan.on_news = self.carrier.poke
        self.lane = Lane(self.carrier, Spool(folder / "spool", max_bytes=1 << 28))
        self.put_count = 0
        self.settled = 0

    def start(self) -> None:
        self.lane.open()
        self.carrier.start()
        self.keeper.start()
        wait_for(lambda: self.carrier.connected and self.keeper.looked_ms > 0, "the line")

    def put(self, count: int = 1, *, symbol: str = "BTCUSDT", event_type: str = "trade", queue: str = "") -> None:
        """So many events, one batch of a worker's."""
        records = []
        for _ in range(count):
            self.put_count += 1
            event = Event(
                event_type=event_type, category="linear", symbol=symbol, topic=f"publicTrade.{symbol}",
                timestamp_ms=1_700_000_000_000 + self.put_count, identity=f"trade|{self.put_count}",
                payload={"number": self.put_count},
            )  # fmt: skip
            records.append(self._stamp.record(event, received_ns=time.time_ns(), trace_id=f"t-{self.put_count}", queue=queue))
        self.lane.put(Ticket(b"w", self.put_count), records, time.monotonic())
        self.turn()

    def turn(self) -> None:
        self.lane.turn(time.monotonic())
        self.settled += len(self.lane.settled())

    def settle(self, seconds: float = 30.0) -> None:
        """Until RabbitMQ has all that was put."""

        def is_all() -> bool:
            self.turn()
            return not self.lane.is_waiting and not self.lane.spool.waiting

        wait_for(is_all, "all settled", seconds)

    def stop(self) -> None:
        self.carrier.stop(5.0)
        self.keeper.stop()
        self.keeper.join(10)
        self.lane.close()


@contextmanager
def running(folder: Path, database_url: str, broker_url: str, *, classes: tuple[str, ...] = ()) -> Iterator[Line]:
    line = Line(folder, database_url, broker_url, classes=classes)
    try:
        line.start()
        yield line
    finally:
        line.stop()


def queue_of(service: str, event_type: str = "trade") -> str:
    return names.service_queue(event_type, service)
