"""What the queues of wishes are bound to, on a real PostgreSQL and a real RabbitMQ: as long as somebody needs it, and no longer."""

from pathlib import Path
from typing import Any

from asking import BASE, call, make_client, subscribe
from flask.testing import FlaskClient
from pika.adapters.blocking_connection import BlockingChannel
from stored import QUEUE, add, lists, queue_states, reading, until

from gateway import names, queues
from gateway.database import db, instruments, store
from gateway.database.bindings import bindings_of
from gateway.protocol.instruments import Instrument
from gateway.servers.server import free_ports
from gateway.sinks.topology import QueuePolicy, Topology

POLICY = QueuePolicy("classic", 60_000, 1000)
#: Of the service that asks the API.
LEFT = "ws-gateway.trade.tester"
#: More than a request takes away while it is waited for.
SYMBOLS = [f"BTC{number}USDT" for number in range(queues.UNBOUND_IN_A_REQUEST + 50)]


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
    add(connection, "*", category="option", binding="trade.option.*.*")
    assert bindings(connection) == ["trade.linear.*.-", "trade.option.*.*"]


def test_what_the_api_stores_for_all_is_what_the_queue_needs(client: FlaskClient, connection: db.Connection) -> None:
    for category, symbol in (("linear", "*"), ("option", "BTC-*")):
        status, row = call(
            client,
            "POST",
            BASE,
            json={"channel_type": "trades", "category": category, "symbol": symbol, "requesting_service": "tester"},
        )
        assert status == 201, row
    assert queues.needed(store.service_queues(connection)) == {LEFT: ["trade.linear.*.-", "trade.option.*.BTC"]}


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


def test_bindings_of_a_wish_are_known_before_it_is_stored(connection: db.Connection) -> None:
    lists(connection, "BTCUSDT", "BTCPERP", "ETHUSDT")
    wish = {"channel_type": "trades", "category": "linear", "symbol": "BTC*", "depth": None, "interval": None, "binding": "no"}
    assert bindings_of(connection, [wish]) == ["trade.linear.BTCPERP.-", "trade.linear.BTCUSDT.-"]
    assert bindings_of(connection, [{**wish, "symbol": "BTCUSDT", "binding": "yes"}]) == ["yes"]


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


def test_a_queue_whose_pattern_matches_nothing_exists_all_the_same(
    broker_url: str, connection: db.Connection, channel: BlockingChannel
) -> None:
    add(connection, "BTC*")
    with Topology(broker_url, POLICY) as topology:
        queues.keep(connection, topology, QUEUE)
        assert QUEUE in topology.depths([QUEUE])
    assert queue_states(connection) == {"ready"}


def test_a_thousand_bindings_are_made_in_a_moment(broker_url: str, channel: BlockingChannel) -> None:
    keys = [f"trade.option.BTC-{number}-C.BTC" for number in range(1000)]
    with Topology(broker_url, POLICY) as topology:
        topology.bind_service(QUEUE, keys)
        for key in (keys[0], keys[500], keys[999], "trade.option.BTC-1000-C.BTC"):
            channel.basic_publish(names.EXCHANGE, key, b"1")
        assert topology.depths([QUEUE])[QUEUE].messages == 3


def has_bound_at(connection: db.Connection, row: db.Row) -> bool:
    [wanted] = [wish for wish in store.wanted(connection, "linear") if str(wish.id) == str(row["id"])]
    return wanted.bound_at is not None


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


# ---- queues that cancelled wishes leave behind


def key(symbol: str) -> str:
    return f"trade.linear.{symbol}.-"


def publish(channel: BlockingChannel, *symbols: str) -> None:
    for symbol in symbols:
        channel.basic_publish(names.EXCHANGE, key(symbol), symbol.encode())


def taken(channel: BlockingChannel) -> list[str]:
    """What waited in the queue."""
    found = []
    while (body := channel.basic_get(LEFT, auto_ack=True)[2]) is not None:
        found.append(body.decode())
    return found


def keep(connection: db.Connection, broker_url: str) -> None:
    """What the router does every few seconds."""
    with Topology(broker_url, POLICY) as topology:
        queues.keep(connection, topology, LEFT)


def state(connection: db.Connection, row: dict[str, Any]) -> str:
    found = store.find(connection, row["id"])
    assert found is not None
    return str(found["queue_state"])


def test_bindings_are_taken_away_once_from_a_queue_that_is_not_idle(
    client: FlaskClient, broker_url: str, connection: db.Connection, channel: BlockingChannel
) -> None:
    lists(connection, *SYMBOLS)
    row = subscribe(client, symbol="BTC*")
    publish(channel, SYMBOLS[0])
    call(client, "DELETE", f"{BASE}/{row['id']}")
    keep(connection, broker_url)
    publish(channel, SYMBOLS[0], SYMBOLS[-1])
    assert (state(connection, row), channel.queue_declare(LEFT, passive=True).method.message_count) == ("unbound", 1)
    assert [left.bindings for left in store.service_queues(connection)] == [[]]
    channel.queue_bind(LEFT, names.EXCHANGE, key(SYMBOLS[0]))
    keep(connection, broker_url)
    publish(channel, SYMBOLS[0])
    assert taken(channel) == [SYMBOLS[0]] * 2, "it was not unbound again"
    keep(connection, broker_url)
    assert state(connection, row) == "removed"
    assert store.service_queues(connection) == []


def test_a_queue_that_was_left_unbound_is_taken_into_use_again(
    client: FlaskClient, broker_url: str, connection: db.Connection, channel: BlockingChannel
) -> None:
    row = subscribe(client)
    publish(channel, "BTCUSDT")
    call(client, "DELETE", f"{BASE}/{row['id']}")
    assert state(connection, row) == "unbound"
    again = subscribe(client)
    keep(connection, broker_url)
    assert (state(connection, row), state(connection, again)) == ("removed", "ready")
    publish(channel, "BTCUSDT")
    assert taken(channel) == ["BTCUSDT"] * 2


def test_a_request_leaves_many_bindings_to_the_router_and_makes_none(
    client: FlaskClient, broker_url: str, connection: db.Connection, channel: BlockingChannel
) -> None:
    lists(connection, *SYMBOLS)
    pattern, one, other = subscribe(client, symbol="BTC*"), subscribe(client, symbol="ETHUSDT"), subscribe(client, symbol="SOLUSDT")
    channel.queue_unbind(LEFT, names.EXCHANGE, key("SOLUSDT"))  # to see whether it is made again
    for row in (pattern, one):
        assert call(client, "DELETE", f"{BASE}/{row['id']}")[0] == 200
    assert [state(connection, row) for row in (pattern, one, other)] == ["ready", "removed", "ready"]
    publish(channel, "ETHUSDT", "SOLUSDT", SYMBOLS[0])
    assert taken(channel) == [SYMBOLS[0]]
    keep(connection, broker_url)
    publish(channel, "ETHUSDT", "SOLUSDT", *SYMBOLS)
    assert taken(channel) == ["SOLUSDT"]
    assert [state(connection, row) for row in (pattern, one, other)] == ["removed", "removed", "ready"]


def test_a_request_deletes_an_idle_queue_whatever_number_of_bindings_it_has(
    client: FlaskClient, broker_url: str, connection: db.Connection
) -> None:
    lists(connection, *SYMBOLS)
    row = subscribe(client, symbol="BTC*")
    call(client, "DELETE", f"{BASE}/{row['id']}")
    assert state(connection, row) == "removed"
    with Topology(broker_url, POLICY) as topology:
        assert topology.depths([LEFT]) == {}
