"""The places of sinks, real but for the one in memory: what was written to each, and each of them away."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from select import select

import pika

from gateway.database import db
from gateway.lanes.needs import Needs
from gateway.models import Event, Record
from gateway.servers.server import free_ports
from gateway.sinks.batching import BatchingSink
from gateway.sinks.broker import BrokerSink
from gateway.sinks.memory import MemorySink
from gateway.sinks.postgres import PostgresSink
from gateway.sinks.sink import Sink
from gateway.sinks.topology import QueuePolicy, Topology
from gateway.wire import Stamp
from tests.standins import KeepingLetters

POLICY = QueuePolicy("classic", 60_000, 10_000)
QUEUE = "ws-gateway.balance.test"
STAMP = Stamp(worker="w", account="main", include_raw="off", started_ms=1)


def record(number: int) -> Record:
    """A balance: the one kind that every sink wants."""
    event = Event(
        event_type="balance", category=None, symbol=None, topic="wallet", timestamp_ms=1_700_000_000_000 + number, private=True,
        identity=f"balance|{number}", payload={"account_type": "UNIFIED", "coins": [{"coin": "BTC", "wallet_balance": str(number)}]},
    )  # fmt: skip
    return STAMP.record(event, received_ns=1_700_000_000_000_000_000 + number, trace_id=f"t-{number}")


@dataclass
class Place:
    """A sink, what has arrived in its place in order, and the same sink with its place away."""

    sink: Sink
    arrived: Callable[[], list[int]]
    away: Sink


def memory(_database_url: str, _broker_url: str) -> Place:
    sink, away = MemorySink(), MemorySink()
    away.away = True
    return Place(sink, lambda: [int(json.loads(r.body)["payload"]["coins"][0]["wallet_balance"]) for r in sink.records], away)


def broker(_database_url: str, broker_url: str) -> Place:
    def declare() -> None:
        with Topology(broker_url, POLICY) as topology:
            topology.declare_base([])
            topology.bind_service(QUEUE, ["balance.#"])

    def arrived() -> list[int]:
        found = []
        with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
            channel = connection.channel()
            while (body := channel.basic_get(QUEUE, auto_ack=False)[2]) is not None:
                found.append(int(json.loads(body)["payload"]["coins"][0]["wallet_balance"]))
        return found

    return Place(BrokerSink(broker_url, declare), arrived, BrokerSink(f"amqp://127.0.0.1:{free_ports(1)[0]}/", lambda: None))


class Batched:
    """A plan that never changes: all balances go into one queue, in batches."""

    def __init__(self) -> None:
        self.newest = self.in_force = Needs((), {}, {QUEUE: ["balance.*.*.*"]})

    def put_in_force(self, needs: Needs) -> None:
        raise AssertionError(f"nothing else is needed than {needs}")


def batching(_database_url: str, broker_url: str) -> Place:
    def declare() -> None:
        with Topology(broker_url, POLICY) as topology:
            topology.declare_base([])
            topology.bind_service(QUEUE, [], batched=True)

    def arrived() -> list[int]:
        found = []
        with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
            channel = connection.channel()
            while (body := channel.basic_get(QUEUE, auto_ack=False)[2]) is not None:
                found += [int(envelope["payload"]["coins"][0]["wallet_balance"]) for envelope in json.loads(body)]
        return found

    away = BatchingSink(Batched(), lambda needs: BrokerSink(f"amqp://127.0.0.1:{free_ports(1)[0]}/", lambda: None, needs))
    return Place(BatchingSink(Batched(), lambda needs: BrokerSink(broker_url, declare, needs)), arrived, away)


def postgres(database_url: str, _broker_url: str) -> Place:
    def arrived() -> list[int]:
        connection = db.connect(database_url, name="test")
        with db.transaction(connection) as cursor:
            cursor.execute("select wallet_balance::int from account_balances order by event_timestamp")
            found = [row[0] for row in cursor.fetchall()]
        connection.close()
        return found

    away = PostgresSink(f"postgresql://127.0.0.1:{free_ports(1)[0]}/none", KeepingLetters())
    return Place(PostgresSink(database_url, KeepingLetters()), arrived, away)


def settle(sink: Sink, count: int) -> None:
    """Ask until so many have settled."""
    until = time.monotonic() + 10
    while sink.settled() < count:
        assert time.monotonic() < until, f"only {sink.settled()} of {count} settled within 10 s"
        if sink.fileno() >= 0:
            select([sink.fileno()], [], [], 0.1)
    assert sink.settled() == count
