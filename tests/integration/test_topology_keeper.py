"""The router's keeper of queues, on a real PostgreSQL and a real RabbitMQ: bindings come before topics, whatever was away."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pika
import pytest
from ledgers import happened, store_all
from ledgers import told as occurrence
from pika.adapters.blocking_connection import BlockingChannel
from running import wait_for
from stored import QUEUE, add, lists, queue_states, reading, until

from gateway import names, queues
from gateway.database import db, pruning, store
from gateway.database.pruning import Retention
from gateway.errors import SinkAway
from gateway.health.words import QueueState
from gateway.lanes.announcements import Announcements
from gateway.servers.server import free_ports
from gateway.sinks.topology import QueuePolicy, Topology
from gateway.wire import Stamp
from tests.valves import Valve
from workers.topology import TopologyKeeper

POLICY = QueuePolicy("classic", 60_000, 1000)


def announcements() -> Announcements:
    return Announcements(Stamp(worker="router_00", account="main", include_raw="off", started_ms=1), lambda: None)


def gaps(told: Announcements) -> list[tuple[str, dict[str, Any]]]:
    """Queue and payload of each gap since the last call."""
    payloads = [json.loads(record.body)["payload"] for record in told.taken()]
    return [(payload["detail"], payload) for payload in payloads if payload["kind"] == "gap"]


@dataclass
class Reading:
    """A queue, looked at without failing while it is not there."""

    channel: BlockingChannel
    queue: str

    def got_one(self) -> bool:
        """Whether a trade that is published now comes into it."""
        with self.channel.connection.channel() as channel:
            channel.confirm_delivery()
            try:
                channel.basic_publish(names.EXCHANGE, "trade.linear.BTCUSDT.-", b"1")
                return channel.basic_get(self.queue, auto_ack=True)[2] is not None
            except pika.exceptions.ChannelClosedByBroker:
                return False


def arrives(channel: BlockingChannel, symbol: str) -> bool:
    channel.basic_publish(names.EXCHANGE, f"trade.linear.{symbol}.-", b"1")
    return channel.basic_get(QUEUE, auto_ack=True)[2] is not None


def test_the_broker_is_opened_with_the_bindings_that_postgresql_wants_now(
    database_url: str, broker_url: str, connection: db.Connection, channel: BlockingChannel
) -> None:
    lists(connection, "BTCUSDT")
    add(connection, "BTC*")  # it waits for the broker
    keeper = TopologyKeeper(database_url, broker_url, POLICY, (), announcements())
    keeper.declare()  # as the lane does, before the keeper itself has looked at anything
    assert arrives(channel, "BTCUSDT")
    lists(connection, "BTCUSDT", "BTCNEW")  # while the lane was away
    channel.queue_delete(QUEUE)
    keeper.declare()
    assert arrives(channel, "BTCUSDT")
    assert not arrives(channel, "BTCNEW"), "only the keeper reads PostgreSQL again"


def test_what_is_needed_is_read_while_the_broker_is_away(
    database_url: str, broker_url: str, connection: db.Connection, channel: BlockingChannel
) -> None:
    port = urlsplit(broker_url).port or 0
    with Valve(port) as valve:
        keeper = TopologyKeeper(database_url, broker_url.replace(f":{port}/", f":{valve.port}/"), POLICY, (), announcements())
        keeper.keep()
        add(connection, "BTCUSDT")
        valve.shut()
        with pytest.raises(SinkAway):
            keeper.keep()
        valve.open()
        keeper.declare()
    assert arrives(channel, "BTCUSDT")


def test_without_postgresql_the_broker_is_opened_all_the_same(broker_url: str, channel: BlockingChannel) -> None:
    keeper = TopologyKeeper(f"postgresql://127.0.0.1:{free_ports(1)[0]}/none", broker_url, POLICY, ("trade",), announcements())
    keeper.declare()
    assert channel.queue_declare("ws-gateway.trade", passive=True).method.message_count == 0


def test_a_listing_is_wanted_once_the_router_has_bound_it_however_long_that_takes(
    database_url: str, broker_url: str, connection: db.Connection, channel: BlockingChannel
) -> None:
    add(connection, "BTC*")
    lists(connection, "BTCUSDT")
    with db.transaction(connection) as cursor:
        cursor.execute("update instruments set first_seen_at = first_seen_at - interval '1 hour'")
    with reading(database_url) as reader:
        wishes = wait_for(lambda: reader.wishes, "wishes")
        assert wishes.named == {"publicTrade.BTC*": []}, "no router has run"
        keeper = TopologyKeeper(database_url, broker_url, POLICY, (), announcements())
        keeper.start()
        until(reader, "publicTrade.BTCUSDT")
        assert arrives(channel, "BTCUSDT")
        lists(connection, "BTCUSDT", "BTCNEW")
        until(reader, "publicTrade.BTCUSDT", "publicTrade.BTCNEW")
        assert arrives(channel, "BTCNEW")
        keeper.stop()
        keeper.join(10)


def test_a_queue_gets_exactly_what_its_pattern_names_and_nothing_after_it_is_cancelled(
    database_url: str, broker_url: str, connection: db.Connection, channel: BlockingChannel
) -> None:
    lists(connection, "BTCUSDT", "ETHUSDT")
    row = add(connection, "BTC*")
    add(connection, "ETHUSDT", requesting_service="two")
    keeper = TopologyKeeper(database_url, broker_url, POLICY, (), announcements())
    keeper.start()

    def publish(*symbols: str) -> list[str]:
        """Which of these trades come into the queue."""
        for symbol in symbols:
            channel.basic_publish(names.EXCHANGE, f"trade.linear.{symbol}.-", symbol.encode())
        found = []
        while True:
            _, _, body = channel.basic_get(QUEUE, auto_ack=True)
            if body is None:
                return found
            found.append(body.decode())

    wait_for(lambda: queue_states(connection) == {"ready"}, "the queues")
    assert publish("BTCUSDT", "ETHUSDT", "BTCNEW") == ["BTCUSDT"]
    lists(connection, "BTCUSDT", "ETHUSDT", "BTCNEW", "ETHNEW")
    wait_for(lambda: publish("BTCNEW"), "the new listing's binding")
    assert publish("BTCUSDT", "ETHUSDT", "BTCNEW", "ETHNEW") == ["BTCUSDT", "BTCNEW"]
    store.cancel(connection, subscription_id=row["id"])
    channel.basic_publish(names.EXCHANGE, "trade.linear.BTCUSDT.-", b"waits")  # the queue is not deleted
    with Topology(broker_url, POLICY) as topology:
        queues.keep(connection, topology, QUEUE)
    assert publish("BTCUSDT", "BTCNEW") == ["waits"]
    keeper.stop()
    keeper.join(10)


def test_old_rows_go_until_none_is_left_and_young_ones_stay(database_url: str, broker_url: str, connection: db.Connection) -> None:
    old = [occurrence("connected", str(number), second=-1e8) for number in range(pruning.MOST + 100)]
    store_all(connection, [*old, occurrence("disconnected", "young", second=1e9)])
    keeper = TopologyKeeper(database_url, broker_url, POLICY, (), announcements(), retention=Retention(records_days=30))
    keeper.start()
    wait_for(lambda: len(happened(connection)) == 1, "the old ones are gone")
    assert happened(connection) == [("disconnected", None, None)]
    keeper.stop()
    keeper.join(10)


@pytest.mark.parametrize("queue", ["ws-gateway.trade", QUEUE])
def test_a_queue_that_is_deleted_is_there_again_with_its_bindings_and_what_fell_between_is_a_gap(
    database_url: str, broker_url: str, connection: db.Connection, channel: BlockingChannel, queue: str
) -> None:
    add(connection, "BTCUSDT")
    told = announcements()
    keeper = TopologyKeeper(database_url, broker_url, POLICY, ("trade",), told)
    began_ms = time.time_ns() // 1_000_000
    keeper.start()
    wait_for(lambda: {"ws-gateway.trade", QUEUE} <= keeper.depths.keys(), "both queues")
    wait_for(lambda: queue_states(connection) == {"ready"}, "the binding")
    assert gaps(told) == [], "they were just created"
    for _ in range(2):
        channel.queue_delete(queue)
        deleted_ms = time.time_ns() // 1_000_000
        [(name, gap)] = wait_for(lambda: gaps(told), "a gap", 10.0)
        wait_for(lambda: Reading(channel, queue).got_one(), "the queue and its binding")
        assert (name, gap["cause"], gap["recovered"]) == (queue, "queue_missing", False)
        assert began_ms <= gap["from"] <= deleted_ms <= gap["to"] <= time.time_ns() // 1_000_000
    keeper.stop()
    keeper.join(10)


def test_a_binding_that_is_taken_away_is_made_again(
    database_url: str, broker_url: str, connection: db.Connection, channel: BlockingChannel
) -> None:
    add(connection, "BTCUSDT")
    keeper = TopologyKeeper(database_url, broker_url, POLICY, ("trade",), announcements())
    keeper.start()
    wait_for(lambda: queue_states(connection) == {"ready"}, "the binding")
    channel.queue_unbind(QUEUE, names.EXCHANGE, "trade.linear.BTCUSDT.-")
    channel.queue_unbind("ws-gateway.trade", names.EXCHANGE, "trade.#")
    channel.queue_purge("ws-gateway.trade")
    wait_for(lambda: arrives(channel, "BTCUSDT"), "the service queue's binding", 10.0)
    wait_for(lambda: Reading(channel, "ws-gateway.trade").got_one(), "the class queue's binding", 10.0)
    keeper.stop()
    keeper.join(10)


def test_without_postgresql_queues_that_were_needed_are_looked_after_all_the_same(
    new_database: Callable[[], str], broker_url: str, channel: BlockingChannel
) -> None:
    database_url = new_database()
    connection = db.connect(database_url, name="test", autocommit=True)
    add(connection, "BTCUSDT")
    told = announcements()
    keeper = TopologyKeeper(database_url, broker_url, POLICY, (), told)
    keeper.declare()
    with db.transaction(connection) as cursor:
        cursor.execute("alter table subscriptions rename to elsewhere")
    channel.queue_delete(QUEUE)
    keeper.start()
    wait_for(lambda: gaps(told), "a gap", 10.0)
    wait_for(lambda: Reading(channel, QUEUE).got_one(), "the queue")
    keeper.stop()
    keeper.join(10)
    connection.close()


def test_a_broker_that_comes_back_without_its_queues_gets_them_and_the_gap_is_told(
    database_url: str, broker_url: str, connection: db.Connection, channel: BlockingChannel
) -> None:
    add(connection, "BTCUSDT")
    told = announcements()
    keeper = TopologyKeeper(database_url, broker_url, POLICY, ("trade",), told)
    keeper.declare()
    assert gaps(told) == []
    channel.queue_delete("ws-gateway.trade")
    channel.queue_delete(QUEUE)
    channel.exchange_delete(names.EXCHANGE)
    keeper.declare()
    assert arrives(channel, "BTCUSDT")
    made_ms = time.time_ns() // 1_000_000
    keeper.keep()
    found = gaps(told)
    assert {name for name, _ in found} == {"ws-gateway.trade", QUEUE}
    assert all(gap["to"] <= made_ms for _, gap in found)
    keeper.declare()
    keeper.keep()
    assert gaps(told) == []


def test_what_should_reach_a_queue_is_what_postgresql_wants_now(
    database_url: str, broker_url: str, connection: db.Connection
) -> None:
    add(connection, "BTCUSDT")
    keeper = TopologyKeeper(database_url, broker_url, POLICY, ("ticker",), announcements())
    assert keeper.plan.newest.reach(names.EXCHANGE, "ticker.linear.BTCUSDT.-")
    assert not keeper.plan.newest.reach(names.EXCHANGE, "trade.linear.BTCUSDT.-")
    keeper.declare()
    assert keeper.plan.newest.reach(names.EXCHANGE, "trade.linear.BTCUSDT.-")
    assert not keeper.plan.newest.reach(names.EXCHANGE, "trade.linear.ETHUSDT.-")
    assert keeper.plan.newest.reach("", QUEUE)


def test_what_comes_back_has_its_queues_made_again_without_asking_postgresql(
    new_database: Callable[[], str], broker_url: str, channel: BlockingChannel
) -> None:
    database_url = new_database()
    connection = db.connect(database_url, name="test", autocommit=True)
    add(connection, "BTCUSDT")
    add(connection, "ETHUSDT", requesting_service="two")
    told = announcements()
    keeper = TopologyKeeper(database_url, broker_url, POLICY, (), told)
    keeper.keep()
    other = names.service_queue("trade", "two")
    channel.queue_delete(QUEUE)
    channel.queue_delete(other)
    began = time.monotonic()
    with db.connect(database_url, name="locks") as locking, locking.cursor() as cursor:
        cursor.execute("lock table subscriptions in access exclusive mode")
        keeper.mend([(names.EXCHANGE, "trade.linear.BTCUSDT.-")])
        assert time.monotonic() - began < 1.0
    assert arrives(channel, "BTCUSDT")
    with Topology(broker_url, POLICY) as topology:
        assert topology.depths([QUEUE, other]).keys() == {QUEUE}, "the other is the keeper's"
    assert gaps(told) == []
    keeper.keep()
    assert {name for name, _ in gaps(told)} == {QUEUE, other}
    connection.close()


def test_a_queue_that_was_deleted_because_nobody_needs_it_is_no_gap_and_does_not_come_back(
    database_url: str, broker_url: str, connection: db.Connection, channel: BlockingChannel
) -> None:
    row = add(connection, "BTCUSDT")
    told = announcements()
    keeper = TopologyKeeper(database_url, broker_url, POLICY, (), told)
    keeper.keep()
    store.cancel(connection, subscription_id=row["id"])
    with Topology(broker_url, POLICY) as topology:
        queues.leave(connection, topology, QUEUE)
        keeper.mend([(names.EXCHANGE, "trade.linear.BTCUSDT.-")])  # it does not know yet
        assert topology.depths([QUEUE])
        channel.basic_publish(names.EXCHANGE, "trade.linear.BTCUSDT.-", b"1")
        keeper.keep()
        assert not topology.depths([QUEUE])
    assert gaps(told) == []


def test_a_queue_is_missing_until_mending_it_succeeds_and_the_gap_ends_then(
    database_url: str, broker_url: str, connection: db.Connection, channel: BlockingChannel
) -> None:
    add(connection, "BTCUSDT")
    told = announcements()
    keeper = TopologyKeeper(database_url, broker_url, POLICY, (), told)
    keeper.keep()
    channel.queue_delete(QUEUE)
    with db.connect(database_url, name="locks") as locking, locking.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtext('ws-gateway queue'), hashtext(%s))", (QUEUE,))
        channel.queue_declare(QUEUE, durable=True, arguments=POLICY.arguments())  # somebody makes it, without the binding
        channel.queue_delete(QUEUE)
        keeper_at_work = threading.Thread(target=keeper.keep)
        keeper_at_work.start()
        wait_for(lambda: waiting_for_locks(connection), "the keeper waits for the queue")
        assert gaps(told) == []
        freed_ms = time.time_ns() // 1_000_000
    keeper_at_work.join(10)
    [(_, gap)] = gaps(told)
    assert gap["from"] < freed_ms <= gap["to"]


def waiting_for_locks(connection: db.Connection) -> int:
    with db.transaction(connection) as cursor:
        cursor.execute("select count(*) from pg_locks where not granted and locktype = 'advisory'")
        return int(db.value(cursor))


def test_a_queue_that_an_earlier_process_saw_is_missing_since_then(
    database_url: str, broker_url: str, connection: db.Connection, channel: BlockingChannel
) -> None:
    add(connection, "BTCUSDT")
    told = announcements()
    seen = dict.fromkeys((QUEUE, "ws-gateway.trade", "old"), QueueState(0, 0))
    keeper = TopologyKeeper(database_url, broker_url, POLICY, ("trade",), told, seen=seen, seen_ms=1000)
    keeper.keep()
    found = dict(gaps(told))
    assert found.keys() == {QUEUE, "ws-gateway.trade"}
    assert {gap["from"] for gap in found.values()} == {1000}
    assert keeper.depths.keys() == {QUEUE, "ws-gateway.trade"}


def test_what_somebody_wishes_is_known_at_once(
    database_url: str, broker_url: str, connection: db.Connection, channel: BlockingChannel
) -> None:
    keeper = TopologyKeeper(database_url, broker_url, POLICY, (), announcements())
    keeper.start()
    wait_for(lambda: keeper.looked_ms, "a look")
    wait_for(lambda: listeners(connection), "the keeper listens")
    looked_ms = keeper.looked_ms
    add(connection, "BTCUSDT")
    wait_for(lambda: keeper.plan.newest.reach(names.EXCHANGE, "trade.linear.BTCUSDT.-"), "the wish")
    assert keeper.looked_ms == looked_ms, "before the next look"
    keeper.stop()
    keeper.join(10)
    assert not keeper.is_alive()


def listeners(connection: db.Connection) -> int:
    with db.transaction(connection) as cursor:
        cursor.execute(
            "select count(*) from pg_stat_activity where application_name like '%topology news%' and datname = current_database()"
        )
        return int(db.value(cursor))
