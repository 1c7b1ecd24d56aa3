"""The router's keeper of queues, on a real PostgreSQL and a real RabbitMQ: bindings come before topics, whatever was away."""

from ledgers import happened, store_all, told
from pika.adapters.blocking_connection import BlockingChannel
from running import wait_for
from stored import QUEUE, add, lists, queue_states, reading, until

from gateway import db, names, pruning, queues, store
from gateway.pruning import Retention
from gateway.servers.server import free_ports
from gateway.sinks.topology import QueuePolicy, Topology
from workers.topology import TopologyKeeper

POLICY = QueuePolicy("classic", 60_000, 1000)


def arrives(channel: BlockingChannel, symbol: str) -> bool:
    channel.basic_publish(names.EXCHANGE, f"trade.linear.{symbol}.-", b"1")
    return channel.basic_get(QUEUE, auto_ack=True)[2] is not None


def test_the_broker_is_opened_with_the_bindings_that_postgresql_wants_now(
    database_url: str, broker_url: str, connection: db.Connection, channel: BlockingChannel
) -> None:
    lists(connection, "BTCUSDT")
    add(connection, "BTC*")  # it waits for the broker
    keeper = TopologyKeeper(database_url, broker_url, POLICY, ())
    keeper.declare()  # as the lane does, before the keeper itself has looked at anything
    assert arrives(channel, "BTCUSDT")
    lists(connection, "BTCUSDT", "BTCNEW")  # while the lane was away
    keeper.declare()
    assert arrives(channel, "BTCNEW")


def test_without_postgresql_the_broker_is_opened_all_the_same(broker_url: str, channel: BlockingChannel) -> None:
    keeper = TopologyKeeper(f"postgresql://127.0.0.1:{free_ports(1)[0]}/none", broker_url, POLICY, ("trade",))
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
        keeper = TopologyKeeper(database_url, broker_url, POLICY, ())
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
    keeper = TopologyKeeper(database_url, broker_url, POLICY, ())
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
    old = [told("connected", str(number), second=-1e8) for number in range(pruning.MOST + 100)]
    store_all(connection, [*old, told("disconnected", "young", second=1e9)])
    keeper = TopologyKeeper(database_url, broker_url, POLICY, (), retention=Retention(records_days=30))
    keeper.start()
    wait_for(lambda: len(happened(connection)) == 1, "the old ones are gone")
    assert happened(connection) == [("disconnected", None, None)]
    keeper.stop()
    keeper.join(10)
