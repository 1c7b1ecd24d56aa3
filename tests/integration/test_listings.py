"""Listings in a real PostgreSQL: up to when they are in sight and said to be bound, which are forgotten, and how they are found."""

from stored import add, lists

from gateway.database import db, listings, store
from gateway.database.statements import query


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
