"""Wishes that name many, on a real PostgreSQL and a real RabbitMQ: the topics they stand for, and what their queues are bound to."""

from datetime import UTC, datetime, timedelta

from pika.adapters.blocking_connection import BlockingChannel
from running import wait_for
from stored import QUEUE, add, bind, lists, reading, until

from gateway import db, instruments, names, queues, store
from gateway.bindings import bindings_of
from gateway.protocol.instruments import Instrument
from gateway.sinks.topology import QueuePolicy, Topology
from workers.exchange import owner
from workers.topology import TopologyKeeper

POLICY = QueuePolicy("classic", 60_000, 1000)


def test_a_pattern_follows_listings_and_delistings(database_url: str, connection: db.Connection) -> None:
    lists(connection, "BTCUSDT", "BTCPERP", "ETHUSDT")
    with reading(database_url) as reader:
        row = add(connection, "BTC*")
        bind(connection)
        wishes = until(reader, "publicTrade.BTCUSDT", "publicTrade.BTCPERP")
        assert {entry.pattern for entry in wishes.rows} == {"publicTrade.BTC*"}
        assert {entry.id for entry in (*wishes.rows, *wishes.patterns)} == {row["id"]}
        assert wishes.named == {"publicTrade.BTC*": ["publicTrade.BTCPERP", "publicTrade.BTCUSDT"]}
        lists(connection, "BTCUSDT", "ETHUSDT", "BTC-26MAR27")  # one is gone, one is new
        until(reader, "publicTrade.BTCUSDT")
        bind(connection)
        until(reader, "publicTrade.BTCUSDT", "publicTrade.BTC-26MAR27")
        add(connection, "SOLUSDT")
        until(reader, "publicTrade.BTCUSDT", "publicTrade.BTC-26MAR27", "publicTrade.SOLUSDT")
        store.cancel(connection, service="one")
        assert until(reader).named == {}


def test_a_star_names_all_and_two_wishes_may_name_the_same(database_url: str, connection: db.Connection) -> None:
    lists(connection, "BTCUSDT", "ETHUSDT")
    add(connection, "*")
    add(connection, "BTC*", requesting_service="two")
    bind(connection)
    with reading(database_url) as reader:
        wishes = until(reader, "publicTrade.BTCUSDT", "publicTrade.BTCUSDT", "publicTrade.ETHUSDT")
    assert sorted(wishes.named) == ["publicTrade.*", "publicTrade.BTC*"]


def test_a_listing_is_wanted_before_its_binding_is_certain_only_where_the_binding_does_not_depend_on_it(
    database_url: str, connection: db.Connection
) -> None:
    add(connection, "*")
    add(connection, "BTC*", requesting_service="two")
    lists(connection, "BTCUSDT")
    with reading(database_url) as reader:
        wishes = until(reader, "publicTrade.BTCUSDT")
        assert wishes.named == {"publicTrade.*": ["publicTrade.BTCUSDT"], "publicTrade.BTC*": []}
        bind(connection)
        until(reader, "publicTrade.BTCUSDT", "publicTrade.BTCUSDT")


def test_tickers_and_candles_are_followed_before_an_instrument_trades_and_trades_are_not(
    database_url: str, connection: db.Connection
) -> None:
    add(connection, "*")
    for channel_type, topic in (("ticker", "tickers.*"), ("funding", "tickers.*"), ("kline", "kline.1.*")):
        interval = "1" if channel_type == "kline" else None
        add(
            connection,
            "*",
            channel_type=channel_type,
            topic=topic,
            interval=interval,
            queue=names.service_queue(channel_type, "one"),
        )
    lists(connection, "SOONUSDT", status="PreLaunch")
    with reading(database_url) as reader:
        until(reader, "tickers.SOONUSDT", "tickers.SOONUSDT", "kline.1.SOONUSDT")
        lists(connection, "SOONUSDT")
        until(reader, "tickers.SOONUSDT", "tickers.SOONUSDT", "kline.1.SOONUSDT", "publicTrade.SOONUSDT")


def test_what_is_delivered_goes_without_another_read(database_url: str, connection: db.Connection) -> None:
    soon = int((datetime.now(UTC) + timedelta(seconds=3)).timestamp() * 1000)
    add(connection, "*", category="option", topic="publicTrade.*")
    lists(connection, "BTC-1JAN30-1-C", "ETH-1JAN30-1-C", category="option")
    instruments.add(
        connection, "option",
        [Instrument(category="option", symbol="SOL-1JAN30-1-C", status="Trading", base_coin="SOL", delivery_ms=soon)],
    )  # fmt: skip
    with reading(database_url, endpoint="option") as reader:
        until(reader, "publicTrade.BTC", "publicTrade.ETH", "publicTrade.SOL")
        until(reader, "publicTrade.BTC", "publicTrade.ETH")


def test_each_topic_belongs_to_one_process_and_the_pattern_to_one_of_them(database_url: str, connection: db.Connection) -> None:
    symbols = [f"{letter}USDT" for letter in "ABCDEFGH"]
    lists(connection, *symbols)
    add(connection, "*")
    held: list[list[str]] = []
    reporting = 0
    for number in range(3):
        with reading(database_url, lambda topic, number=number: owner(topic, 3) == number) as reader:  # type: ignore[misc]
            wishes = wait_for(lambda reader=reader: reader.wishes, "wishes")
            held.append([row.topic for row in wishes.rows])
            reporting += len(wishes.patterns)
            assert all(len(topics) == 8 for topics in wishes.named.values())
    assert sorted(topic for topics in held for topic in topics) == [f"publicTrade.{symbol}" for symbol in symbols]
    assert reporting == 1


def bindings(connection: db.Connection) -> list[str]:
    return queues.needed(store.service_queues(connection)).get(QUEUE, [])


def test_bindings_are_one_for_all_or_one_for_each_that_was_ever_seen(connection: db.Connection) -> None:
    lists(connection, "BTCUSDT", "BTCOLD", "ETHUSDT")
    lists(connection, "BTCUSDT", "ETHUSDT")
    row = add(connection, "BTC*")
    assert bindings(connection) == ["trade.linear.BTCOLD.-", "trade.linear.BTCUSDT.-"]
    store.cancel(connection, subscription_id=row["id"])
    add(connection, "*")
    assert bindings(connection) == ["trade.linear.*.-"]
    add(connection, "*", category="option")
    assert bindings(connection) == ["trade.linear.*.-", "trade.option.*.*"]


def test_what_ended_long_ago_is_not_bound_any_more_but_unbound(connection: db.Connection) -> None:
    lists(connection, "BTCUSDT", "BTCOLD")
    lists(connection, "BTCUSDT")
    with db.transaction(connection) as cursor:
        cursor.execute("update instruments set updated_at = now() - interval '8 days'")
    instruments.add(
        connection, "linear", [Instrument(category="linear", symbol="BTC-1JAN20", status="Trading", delivery_ms=1_577_836_800_000)]
    )
    row = add(connection, "BTC*")
    assert bindings(connection) == ["trade.linear.BTCUSDT.-"]
    store.cancel(connection, subscription_id=row["id"])
    [left] = store.service_queues(connection)
    assert left.bindings == ["trade.linear.BTC-1JAN20.-", "trade.linear.BTCOLD.-", "trade.linear.BTCUSDT.-"]


def test_what_was_seen_bound_is_not_bound_again_unless_a_wish_waits(
    broker_url: str, connection: db.Connection, channel: BlockingChannel
) -> None:
    def comes_in() -> int:
        channel.basic_publish(names.EXCHANGE, "trade.linear.BTCUSDT.-", b"1")
        with Topology(broker_url, POLICY) as topology:
            return topology.depths([QUEUE])[QUEUE].messages

    lists(connection, "BTCUSDT")
    row = add(connection, "BTC*")
    with Topology(broker_url, POLICY) as topology:
        topology.bind_service(QUEUE, [])
        store.set_queue_state(connection, [row["id"]], "ready")
        connection.commit()
        bound = queues.keep(connection, topology, QUEUE, bound=["trade.linear.BTCUSDT.-"])
        assert bound == ["trade.linear.BTCUSDT.-"]
        assert comes_in() == 0
        store.set_queue_state(connection, [row["id"]], "pending")
        connection.commit()
        queues.keep(connection, topology, QUEUE, bound=bound)
        assert comes_in() == 1


def test_bindings_of_a_wish_are_known_before_it_is_stored(connection: db.Connection) -> None:
    lists(connection, "BTCUSDT", "BTCPERP", "ETHUSDT")
    wish = {"channel_type": "trades", "category": "linear", "symbol": "BTC*", "depth": None, "interval": None, "binding": "no"}
    assert bindings_of(connection, wish) == ["trade.linear.BTCPERP.-", "trade.linear.BTCUSDT.-"]
    assert bindings_of(connection, {**wish, "symbol": "BTCUSDT", "binding": "yes"}) == ["yes"]


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

    wait_for(lambda: queues_states(connection) == {"ready"}, "the queues")
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


def queues_states(connection: db.Connection) -> set[str]:
    return {row.queue_state for row in store.service_queues(connection)}


def test_a_queue_whose_pattern_matches_nothing_exists_all_the_same(
    broker_url: str, connection: db.Connection, channel: BlockingChannel
) -> None:
    add(connection, "BTC*")
    with Topology(broker_url, POLICY) as topology:
        queues.keep(connection, topology, QUEUE)
        assert QUEUE in topology.depths([QUEUE])
    assert queues_states(connection) == {"ready"}


def test_a_thousand_bindings_are_made_in_a_moment(broker_url: str, channel: BlockingChannel) -> None:
    keys = [f"trade.option.BTC-{number}-C.BTC" for number in range(1000)]
    with Topology(broker_url, POLICY) as topology:
        topology.bind_service(QUEUE, keys)
        for key in (keys[0], keys[500], keys[999], "trade.option.BTC-1000-C.BTC"):
            channel.basic_publish(names.EXCHANGE, key, b"1")
        assert topology.depths([QUEUE])[QUEUE].messages == 3
