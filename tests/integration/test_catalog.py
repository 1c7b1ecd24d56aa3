"""The catalog in a real PostgreSQL, and the thread that reads it from a real simulated exchange."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from select import select
from typing import Any

import pytest
from running import wait_for

from gateway import db, instruments, listings, migrate
from gateway.errors import LinkLost, NotCredible
from gateway.protocol.instruments import Catalog, Instrument, catalog
from gateway.rest import Rest
from gateway.servers.server import free_ports
from simulator.remote import RunningSimulator
from workers.instruments import CatalogReader


@pytest.fixture
def connection(database_url: str) -> Iterator[db.Connection]:
    connection = db.connect(database_url, name="test")
    yield connection
    connection.close()


def some(category: str, *symbols: str, unread: tuple[str, ...] = (), **facts: Any) -> Catalog:
    rows = {
        symbol: Instrument(category=category, symbol=symbol, **{"status": "Trading", "base_coin": symbol[:3], **facts})
        for symbol in symbols
    }
    return Catalog(rows, frozenset(unread), ())


def all_rows(connection: db.Connection) -> list[tuple[Any, ...]]:
    with db.transaction(connection) as cursor:
        cursor.execute("select category, symbol, status, first_seen_at, updated_at from instruments order by 1, 2")
        return cursor.fetchall()


def statuses(connection: db.Connection) -> dict[str, str]:
    return {row[1]: row[2] for row in all_rows(connection)}


def matching(connection: db.Connection, category: str, pattern: str) -> list[str]:
    return [entry.symbol for entry in instruments.matching(connection, category, pattern)]


def test_a_complete_read_adds_changes_and_closes(connection: db.Connection) -> None:
    assert instruments.age_s(connection, "linear") is None
    assert not instruments.is_read(connection, "linear")
    assert instruments.write(connection, "linear", some("linear", "AAAUSDT", "BBBUSDT")) == 2
    assert instruments.is_read(connection, "linear")
    first = all_rows(connection)
    assert instruments.write(connection, "linear", some("linear", "AAAUSDT", "BBBUSDT")) == 0
    assert all_rows(connection) == first
    assert instruments.write(connection, "linear", some("linear", "BBBUSDT", "CCCUSDT")) == 2
    assert statuses(connection) == {"AAAUSDT": "Closed", "BBBUSDT": "Trading", "CCCUSDT": "Trading"}
    assert [row[3] for row in all_rows(connection)][:2] == [row[3] for row in first]
    assert instruments.write(connection, "linear", some("linear", "BBBUSDT", "AAAUSDT", unread=("CCCUSDT", "x\0"))) == 1
    assert set(statuses(connection).values()) == {"Trading"}
    assert 0 <= (instruments.age_s(connection, "linear") or -1) < 60


def test_an_empty_read_changes_nothing(connection: db.Connection) -> None:
    instruments.write(connection, "linear", some("linear", "AAAUSDT"))
    before = all_rows(connection)
    with pytest.raises(NotCredible, match="found no instrument in the catalog of linear"):
        instruments.write(connection, "linear", some("linear"))
    assert all_rows(connection) == before
    with pytest.raises(NotCredible):
        instruments.write(connection, "spot", some("spot", unread=("AAAUSDT",)))
    assert not instruments.is_read(connection, "spot")


def test_options_of_a_coin_that_was_not_read_stay(connection: db.Connection) -> None:
    instruments.write(connection, "option", some("option", "BTC-A", "ETH-A", "SOL-A"))
    instruments.add(connection, "option", some("option", "XRP-A").instruments.values())
    instruments.write(connection, "option", some("option", "BTC-B", "ETH-A"))
    assert statuses(connection) == dict.fromkeys(("BTC-B", "ETH-A", "SOL-A", "XRP-A"), "Trading") | {"BTC-A": "Closed"}
    assert instruments.has_base_coin(connection, "XRP")
    assert not instruments.has_base_coin(connection, "DOGE")


def test_a_symbol_is_found_in_every_category_with_its_status(connection: db.Connection) -> None:
    instruments.write(connection, "linear", some("linear", "AAAUSDT", "BBBUSDT"))
    instruments.write(connection, "linear", some("linear", "AAAUSDT"))
    instruments.add(connection, "spot", some("spot", "AAAUSDT").instruments.values())
    assert instruments.find(connection, "AAAUSDT") == {"linear": "Trading", "spot": "Trading"}
    assert instruments.find(connection, "NONE") == {}
    categories = ("spot", "linear", "inverse")
    assert instruments.known(connection, "AAAUSDT", categories) == {"spot": True, "linear": True, "inverse": None}
    assert instruments.known(connection, "BBBUSDT", categories) == {"spot": None, "linear": False, "inverse": None}
    assert instruments.names(connection, "linear") == ["AAAUSDT"]


def test_a_pattern_names_what_trades_and_what_was_ever_seen(connection: db.Connection) -> None:
    instruments.write(connection, "linear", some("linear", "A_BUSDT", "AXBUSDT", "OLDUSDT"))
    instruments.write(connection, "linear", some("linear", "A_BUSDT", "AXBUSDT"))
    instruments.add(connection, "linear", some("linear", "NEWUSDT", status="PreLaunch").instruments.values())
    assert matching(connection, "linear", "*") == ["AXBUSDT", "A_BUSDT"]
    assert matching(connection, "linear", "A_B*") == ["A_BUSDT"]
    assert instruments.seen(connection, "linear", "*USDT") == ["AXBUSDT", "A_BUSDT", "NEWUSDT", "OLDUSDT"]
    assert matching(connection, "spot", "*") == []


def test_what_was_delivered_has_ended_before_the_next_read(connection: db.Connection) -> None:
    past = int((datetime.now(UTC) - timedelta(seconds=1)).timestamp() * 1000)
    instruments.write(connection, "option", some("option", "BTC-A", "BTC-B"))
    instruments.add(connection, "option", some("option", "BTC-B", "BTC-C", delivery_ms=past).instruments.values())
    assert matching(connection, "option", "*") == ["BTC-A"]
    assert instruments.names(connection, "option") == ["BTC-A"]
    assert instruments.find(connection, "BTC-B") == {"option": "Closed"}
    assert instruments.known(connection, "BTC-B", ["option"]) == {"option": False}
    instruments.add(connection, "option", some("option", "ETH-A", delivery_ms=past).instruments.values())
    assert not instruments.has_base_coin(connection, "ETH")


def test_a_listing_waits_until_its_binding_exists(connection: db.Connection) -> None:
    instruments.write(connection, "linear", some("linear", "AAAUSDT", "BBBUSDT"))
    moment = listings.in_sight(connection, ["linear"])["linear"]
    instruments.add(connection, "linear", some("linear", "CCCUSDT").instruments.values())

    def bound(bound_at: datetime | None) -> list[str]:
        listed = instruments.matching(connection, "linear", "*USDT")
        return [entry.symbol for entry in listed if entry.is_bound(bound_at)]

    assert bound(moment) == ["AAAUSDT", "BBBUSDT"]
    assert bound(None) == []


def test_a_change_wakes_workers_and_no_change_does_not(database_url: str, connection: db.Connection) -> None:
    listener = db.Listener(database_url, name="test", channel="ws_gateway_subscriptions")
    listener.open()
    instruments.write(connection, "linear", some("linear", "AAAUSDT"))
    assert select([listener.fileno()], [], [], 5.0)[0]
    assert listener.drain() is True
    instruments.write(connection, "linear", some("linear", "AAAUSDT"))
    instruments.add(connection, "linear", some("linear", "AAAUSDT").instruments.values())
    assert listener.drain() is False
    instruments.add(connection, "linear", some("linear", "BBBUSDT").instruments.values())
    assert select([listener.fileno()], [], [], 5.0)[0]
    listener.close()


@contextmanager
def reading(url: str, category: str, read: Callable[[], Any], interval_s: float = 0.2) -> Iterator[CatalogReader]:
    reader = CatalogReader(url, name=f"{category}_00", category=category, read=read, interval_s=interval_s, cap_s=0.05)
    reader.start()
    yield reader
    reader.stop()
    reader.join(10)
    assert not reader.is_alive()


@pytest.mark.parametrize("category", ["spot", "linear", "inverse", "option", "spread"])
def test_a_reader_follows_listings_and_delistings(
    database_url: str, connection: db.Connection, simulator: RunningSimulator, category: str
) -> None:
    names = {
        "spot": "NEWUSDT", "linear": "NEWUSDT", "inverse": "NEWUSD", "option": "BTC-26MAR27-99000-C", "spread": "NEWUSDT_NEW/USDT",
    }  # fmt: skip
    rest = Rest(simulator.rest_url)
    with reading(database_url, category, lambda: rest.instruments(category, base_coins=("BTC", "ETH"))):
        wait_for(lambda: instruments.is_read(connection, category), "a first read")
        assert sorted(instruments.names(connection, category)) == sorted(
            catalog(category, rest.instruments(category, base_coins=("BTC", "ETH"))).instruments
        )
        simulator.list_instrument(category, names[category])
        wait_for(lambda: instruments.find(connection, names[category]) == {category: "Trading"}, "the listing")
        simulator.delist(category, names[category])
        wait_for(lambda: instruments.find(connection, names[category]) == {category: "Closed"}, "the delisting")


def test_a_restart_without_the_exchange_uses_postgresql(
    database_url: str, connection: db.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    instruments.write(connection, "linear", some("linear", "AAAUSDT"))
    before, asked = all_rows(connection), []

    def gone() -> list[Any]:
        asked.append(1)
        raise LinkLost("the exchange gives no answer")

    with reading(database_url, "linear", gone, interval_s=2.0):  # it is fresh: nobody is asked
        wait_for(lambda: len(asked) > 5, "tries once it is too old")
    assert all_rows(connection) == before
    said = [record.message for record in caplog.records if "catalog_not_read" in record.message]
    assert said == ["linear_00 catalog_not_read reason=LinkLost: the exchange gives no answer"]


def test_empty_and_failing_reads_change_nothing_and_a_good_one_follows(
    database_url: str, connection: db.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    instruments.write(connection, "linear", some("linear", "AAAUSDT"))
    with db.transaction(connection) as cursor:
        cursor.execute("update catalogs set read_at = now() - interval '1 hour'")
    row = {"symbol": "BBBUSDT", "status": "Trading"}
    answers: list[list[Any]] = [[], [{"symbol": "AAAUSDT"}], [row, {"symbol": "AAAUSDT", "status": 7}, None]]
    seen = []

    def read() -> list[Any]:
        seen.append(statuses(connection))
        return answers.pop(0) if len(answers) > 1 else answers[0]

    with reading(database_url, "linear", read):
        wait_for(lambda: len(seen) > 3, "reads")
    assert seen[:3] == [{"AAAUSDT": "Trading"}] * 3
    assert seen[3] == {"AAAUSDT": "Trading", "BBBUSDT": "Trading"}  # a row that cannot be read has not vanished
    assert any("instrument_not_understood bad=2" in record.message for record in caplog.records)


def test_a_reader_waits_for_the_schema_and_for_postgresql(empty_database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with reading(empty_database_url, "linear", lambda: [{"symbol": "AAAUSDT", "status": "Trading"}]):
        wait_for(lambda: any("waiting for `prepare`" in record.message for record in caplog.records), "a word about the schema")
        migrate.migrate(empty_database_url)
        connection = db.connect(empty_database_url, name="test")
        wait_for(lambda: instruments.is_read(connection, "linear"), "a read")
        connection.close()
    with reading(f"postgresql://127.0.0.1:{free_ports(1)[0]}/none", "linear", list):
        wait_for(lambda: any("PostgreSQL is away" in record.message for record in caplog.records), "a word about PostgreSQL")
