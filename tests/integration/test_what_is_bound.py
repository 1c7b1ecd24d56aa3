"""Bindings come before topics: a worker asks for what a pattern names only once the queue is bound to it, on real servers."""

from pathlib import Path

from asking import make_client, subscribe
from pika.adapters.blocking_connection import BlockingChannel
from running import wait_for
from stored import QUEUE, add, lists, reading, until

from gateway import db, listings, names, store
from gateway.servers.server import free_ports
from gateway.sinks.topology import QueuePolicy
from gateway.statements import query
from workers.topology import TopologyKeeper

POLICY = QueuePolicy("classic", 60_000, 1000)


def arrives(channel: BlockingChannel, symbol: str) -> bool:
    channel.basic_publish(names.EXCHANGE, f"trade.linear.{symbol}.-", b"1")
    return channel.basic_get(QUEUE, auto_ack=True)[2] is not None


def has_bound_at(connection: db.Connection, row: store.Row) -> bool:
    [wanted] = [wish for wish in store.wanted(connection, "linear") if str(wish.id) == str(row["id"])]
    return wanted.bound_at is not None


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


def test_the_api_says_what_it_has_bound_itself(
    tmp_path: Path, database_url: str, broker_url: str, connection: db.Connection
) -> None:
    lists(connection, "BTCUSDT")
    client = make_client(tmp_path, database_url, broker_url)
    row = subscribe(client, symbol="BTC*")
    assert "bound_at" not in row
    assert has_bound_at(connection, row)
    alone = make_client(tmp_path, database_url, f"amqp://127.0.0.1:{free_ports(1)[0]}/")
    assert not has_bound_at(connection, subscribe(alone, symbol="ETH*"))


def test_all_options_of_a_coin_are_one_binding_that_does_not_wait_for_listings(
    tmp_path: Path, database_url: str, broker_url: str, connection: db.Connection, channel: BlockingChannel
) -> None:
    lists(connection, "BTC-25DEC26-1-C", "BTCX-25DEC26-1-C", category="option")
    row = subscribe(make_client(tmp_path, database_url, broker_url), symbol="BTC-*", category="option")
    assert store.service_queues(connection)[0].bindings == ["trade.option.*.BTC"]
    with reading(database_url, endpoint="option") as reader:
        assert until(reader, "publicTrade.BTC").named == {"publicTrade.BTC-*": ["publicTrade.BTC"]}
    for key in ("trade.option.BTC-25DEC26-2-C.BTC", "trade.option.BTCX-25DEC26-1-C.BTCX"):
        channel.basic_publish(names.EXCHANGE, key, key.encode())
    assert channel.basic_get(row["queue"], auto_ack=True)[2] == b"trade.option.BTC-25DEC26-2-C.BTC"
    assert channel.basic_get(row["queue"], auto_ack=True)[2] is None


def test_nothing_is_said_of_a_category_that_is_being_written(database_url: str, connection: db.Connection) -> None:
    writer = db.connect(database_url, name="writer")
    with db.transaction(writer) as cursor:
        cursor.execute(query("lock_catalog"), {"category": "linear"})
        assert listings.in_sight(connection, ["linear", "spot"]).keys() == {"spot"}
    assert listings.in_sight(connection, ["linear", "spot"]).keys() == {"linear", "spot"}
    writer.close()


def test_a_moment_is_written_only_where_something_was_listed_since(database_url: str, connection: db.Connection) -> None:
    row = add(connection, "BTC*")

    def said() -> object:
        listings.set_bound(connection, [row["id"]], listings.in_sight(connection, ["linear"]))
        return store.wanted(connection, "linear")[0].bound_at

    first = said()
    listener = db.Listener(database_url, name="test", channel="ws_gateway_subscriptions")
    listener.open()
    assert said() == first
    assert listener.drain() is False
    lists(connection, "ETHUSDT")
    assert said() != first
    listener.close()


def test_what_a_pattern_names_is_looked_up_only_when_there_is_news(database_url: str, connection: db.Connection) -> None:
    lists(connection, "BTCUSDT")
    add(connection, "*")
    with reading(database_url, poll_s=0.05) as reader:
        until(reader, "publicTrade.BTCUSDT")
        with db.transaction(connection) as cursor:  # nobody is notified of these two
            cursor.execute("insert into instruments (category, symbol, status) values ('linear', 'ETHUSDT', 'Trading')")
            cursor.execute(
                "insert into subscriptions (id, channel_type, symbol, category, topic, endpoint, requesting_service, delivery, queue,"
                " binding, queue_state, state) values (gen_random_uuid(), 'trades', 'SOLUSDT', 'linear', 'publicTrade.SOLUSDT', 'linear',"
                " 'two', 'single', 'q', 'b', 'ready', 'requested')"
            )
        until(reader, "publicTrade.BTCUSDT", "publicTrade.SOLUSDT")
        lists(connection, "BTCUSDT", "ETHUSDT", "XRPUSDT")
        until(reader, "publicTrade.BTCUSDT", "publicTrade.ETHUSDT", "publicTrade.SOLUSDT", "publicTrade.XRPUSDT")


def test_what_ended_long_ago_is_forgotten_unless_a_wish_names_it(connection: db.Connection) -> None:
    lists(connection, "BTCUSDT", "GONEUSDT", "HELDUSDT")
    lists(connection, "BTCUSDT")
    add(connection, "HELDUSDT")
    add(connection, "*")
    assert listings.prune(connection) == 0
    with db.transaction(connection) as cursor:
        cursor.execute("update instruments set updated_at = now() - interval '91 days'")
    assert listings.prune(connection) == 1
    with connection.cursor() as cursor:
        cursor.execute("select symbol from instruments where category = 'linear' order by symbol")
        assert [row[0] for row in cursor.fetchall()] == ["BTCUSDT", "HELDUSDT"]


def test_what_trades_is_found_through_an_index_however_much_has_ended(connection: db.Connection) -> None:
    symbols = [f"A{number}USDT" for number in range(3000)]
    lists(connection, *symbols)
    lists(connection, *symbols[:20])
    with db.transaction(connection) as cursor:
        cursor.execute("analyze instruments")
        cursor.execute("explain " + query("instruments_now"), {"category": "linear", "pattern": "A1%", "statuses": ["Trading"]})
        plan = "\n".join(line[0] for line in cursor.fetchall())
    assert "instruments_by_pattern" in plan, plan
