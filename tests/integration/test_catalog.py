"""The catalog in a real PostgreSQL: what reads make of it, and what is found in it."""

from datetime import UTC, datetime, timedelta
from select import select

import pytest
from stored import all_rows, catalog_of, statuses, wish

from gateway.database import db, instruments, listings, store
from gateway.errors import NotCredible
from gateway.protocol.instruments import Catalog


def matching(connection: db.Connection, category: str, pattern: str) -> list[str]:
    return [entry.symbol for entry in instruments.matching(connection, category, pattern)]


def test_a_complete_read_adds_changes_and_closes(connection: db.Connection) -> None:
    assert instruments.age_s(connection, "linear") is None
    assert not instruments.is_read(connection, "linear")
    assert instruments.write(connection, "linear", catalog_of("linear", "AAAUSDT", "BBBUSDT")) == 2
    assert instruments.is_read(connection, "linear")
    first = all_rows(connection)
    assert instruments.write(connection, "linear", catalog_of("linear", "AAAUSDT", "BBBUSDT")) == 0
    assert all_rows(connection) == first
    assert instruments.write(connection, "linear", catalog_of("linear", "BBBUSDT", "CCCUSDT")) == 2
    assert statuses(connection) == {"AAAUSDT": "Closed", "BBBUSDT": "Trading", "CCCUSDT": "Trading"}
    assert [row[3] for row in all_rows(connection)][:2] == [row[3] for row in first]
    assert instruments.write(connection, "linear", catalog_of("linear", "BBBUSDT", "AAAUSDT", unread=("CCCUSDT", "x\0"))) == 1
    assert set(statuses(connection).values()) == {"Trading"}
    assert 0 <= (instruments.age_s(connection, "linear") or -1) < 60


def test_an_empty_read_changes_nothing_where_something_was_known(connection: db.Connection) -> None:
    instruments.write(connection, "linear", catalog_of("linear", "AAAUSDT"))
    before = all_rows(connection)
    with pytest.raises(NotCredible, match="found no instrument in the catalog of linear"):
        instruments.write(connection, "linear", catalog_of("linear"))
    assert all_rows(connection) == before
    for strange in (catalog_of("spot", unread=("AAAUSDT",)), Catalog({}, frozenset(), ("found int; expected an object",))):
        with pytest.raises(NotCredible):
            instruments.write(connection, "spot", strange, repeated=True)
    assert not instruments.is_read(connection, "spot")


def test_an_empty_read_is_believed_where_nothing_was_ever_known_and_where_it_repeats(connection: db.Connection) -> None:
    assert instruments.write(connection, "spread", catalog_of("spread")) == 0
    assert instruments.is_read(connection, "spread")
    for category in ("linear", "option"):
        instruments.write(connection, category, catalog_of(category, "AAAUSDT"))
        assert instruments.write(connection, category, catalog_of(category), repeated=True) == 1
    assert statuses(connection) == {"AAAUSDT": "Closed"}


def test_options_of_a_coin_that_was_not_read_stay(connection: db.Connection) -> None:
    instruments.write(connection, "option", catalog_of("option", "BTC-A", "ETH-A", "SOL-A"))
    instruments.add(connection, "option", catalog_of("option", "XRP-A").instruments.values())
    instruments.write(connection, "option", catalog_of("option", "BTC-B", "ETH-A"))
    assert statuses(connection) == dict.fromkeys(("BTC-B", "ETH-A", "SOL-A", "XRP-A"), "Trading") | {"BTC-A": "Closed"}
    assert instruments.has_base_coin(connection, "XRP")
    assert not instruments.has_base_coin(connection, "DOGE")


def test_a_symbol_is_found_in_every_category_with_its_status(connection: db.Connection) -> None:
    instruments.write(connection, "linear", catalog_of("linear", "AAAUSDT", "BBBUSDT"))
    instruments.write(connection, "linear", catalog_of("linear", "AAAUSDT"))
    instruments.add(connection, "spot", catalog_of("spot", "AAAUSDT").instruments.values())
    assert instruments.find(connection, "AAAUSDT") == {"linear": "Trading", "spot": "Trading"}
    assert instruments.find(connection, "NONE") == {}
    categories = ("spot", "linear", "inverse")
    assert instruments.known(connection, "AAAUSDT", categories) == {"spot": True, "linear": True, "inverse": None}
    assert instruments.known(connection, "BBBUSDT", categories) == {"spot": None, "linear": False, "inverse": None}
    assert instruments.names(connection, "linear") == ["AAAUSDT"]


def test_a_pattern_names_what_trades_and_where_asked_what_will_soon(connection: db.Connection) -> None:
    instruments.write(connection, "linear", catalog_of("linear", "A_BUSDT", "AXBUSDT", "OLDUSDT"))
    instruments.write(connection, "linear", catalog_of("linear", "A_BUSDT", "AXBUSDT"))
    instruments.add(connection, "linear", catalog_of("linear", "NEWUSDT", status="PreLaunch").instruments.values())
    assert matching(connection, "linear", "*") == ["AXBUSDT", "A_BUSDT"]
    assert matching(connection, "linear", "A_B*") == ["A_BUSDT"]
    soon = instruments.matching(connection, "linear", "*USDT", before_trading=True)
    assert [entry.symbol for entry in soon] == ["AXBUSDT", "A_BUSDT", "NEWUSDT"]
    assert matching(connection, "spot", "*") == []


def test_what_was_delivered_has_ended_before_the_next_read(connection: db.Connection) -> None:
    past = int((datetime.now(UTC) - timedelta(seconds=1)).timestamp() * 1000)
    instruments.write(connection, "option", catalog_of("option", "BTC-A", "BTC-B"))
    instruments.add(connection, "option", catalog_of("option", "BTC-B", "BTC-C", delivery_ms=past).instruments.values())
    assert matching(connection, "option", "*") == ["BTC-A"]
    assert instruments.names(connection, "option") == ["BTC-A"]
    assert instruments.find(connection, "BTC-B") == {"option": "Closed"}
    assert instruments.known(connection, "BTC-B", ["option"]) == {"option": False}
    instruments.add(connection, "option", catalog_of("option", "ETH-A", delivery_ms=past).instruments.values())
    assert not instruments.has_base_coin(connection, "ETH")


def test_a_listing_waits_until_its_binding_exists(connection: db.Connection) -> None:
    instruments.write(connection, "linear", catalog_of("linear", "AAAUSDT", "BBBUSDT"))
    moment = listings.in_sight(connection, ["linear"])["linear"]
    instruments.add(connection, "linear", catalog_of("linear", "CCCUSDT").instruments.values())

    def bound(bound_at: datetime | None) -> list[str]:
        listed = instruments.matching(connection, "linear", "*USDT")
        return [entry.symbol for entry in listed if entry.is_bound(bound_at)]

    assert bound(moment) == ["AAAUSDT", "BBBUSDT"]
    assert bound(None) == []


def test_wishes_are_verified_by_the_next_read_and_by_a_repeat_that_knows(database_url: str, connection: db.Connection) -> None:
    def wished(category: str | None, symbol: str, verified: bool | None = False) -> db.Row:
        return wish(symbol=symbol, category=category, topic=f"{category}.{symbol}", symbol_verified=verified)

    def verified() -> dict[str, bool | None]:
        rows, _ = store.find_all(connection, {"is_active": True}, limit=100, offset=0)
        return {row["topic"]: row["symbol_verified"] for row in rows}

    wishes = [
        wished("linear", "AAAUSDT"), wished("linear", "NONEUSDT"), wished(None, "AAAUSDT"), wished("spot", "AAAUSDT"),
        wished("option", "BTC"), wished("linear", "*", None),
    ]  # fmt: skip
    for entry in wishes:
        store.add_subscription(connection, entry, lambda: "ready")
    other = db.connect(database_url, name="other")
    with db.transaction(other) as cursor:  # who writes a wish is not waited for
        cursor.execute("update subscriptions set state = 'live' where topic = 'linear.AAAUSDT'")
        instruments.write(connection, "linear", catalog_of("linear", "AAAUSDT"))
    other.close()
    unknown = {f"{entry['category']}.{entry['symbol']}": entry["symbol_verified"] for entry in wishes}
    assert verified() == unknown | {"None.AAAUSDT": True}
    instruments.write(connection, "linear", catalog_of("linear", "AAAUSDT"))
    instruments.write(connection, "option", catalog_of("option", "BTC-A"))
    now = unknown | {"None.AAAUSDT": True, "linear.AAAUSDT": True, "option.BTC": True}
    assert verified() == now
    held = store.held(connection, wished("spot", "AAAUSDT", True))
    assert held is not None
    assert held["symbol_verified"] is True
    store.held(connection, wished("spot", "AAAUSDT", False))  # who cannot say knows no better
    assert verified() == now | {"spot.AAAUSDT": True}


def test_a_change_wakes_workers_and_no_change_does_not(database_url: str, connection: db.Connection) -> None:
    listener = db.Listener(database_url, name="test", channel="ws_gateway_subscriptions")
    listener.open()
    instruments.write(connection, "linear", catalog_of("linear", "AAAUSDT"))
    assert select([listener.fileno()], [], [], 5.0)[0]
    assert listener.drain() is True
    instruments.write(connection, "linear", catalog_of("linear", "AAAUSDT"))
    instruments.add(connection, "linear", catalog_of("linear", "AAAUSDT").instruments.values())
    assert listener.drain() is False
    instruments.add(connection, "linear", catalog_of("linear", "BBBUSDT").instruments.values())
    assert select([listener.fileno()], [], [], 5.0)[0]
    listener.close()
