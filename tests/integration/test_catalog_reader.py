"""The thread that reads the catalog from a real simulated exchange, and from answers that no exchange should give."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from listener import Line, Listener, ok
from running import wait_for
from stored import add, all_rows, catalog_of, statuses

from gateway.database import db, instruments, migrate
from gateway.errors import ExchangeError, LinkLost
from gateway.exchange.rest import Rest
from gateway.protocol.instruments import catalog
from gateway.servers.server import free_ports
from simulator.remote import RunningSimulator
from workers.catalog_reader import CatalogReader


@contextmanager
def reading(url: str, category: str, read: Callable[[Sequence[str]], Any], interval_s: float = 0.2) -> Iterator[CatalogReader]:
    reader = CatalogReader(
        url, name=f"{category}_00", category=category, read=read, coins=("BTC", "ETH"), interval_s=interval_s, cap_s=0.05
    )
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
    with reading(database_url, category, lambda coins: rest.instruments(category, base_coins=coins)):
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
    instruments.write(connection, "linear", catalog_of("linear", "AAAUSDT"))
    before, asked = all_rows(connection), []

    def gone(_coins: Sequence[str]) -> list[Any]:
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
    instruments.write(connection, "linear", catalog_of("linear", "AAAUSDT"))
    with db.transaction(connection) as cursor:
        cursor.execute("update catalogs set read_at = now() - interval '1 hour'")
    row = {"symbol": "BBBUSDT", "status": "Trading"}
    answers: list[list[Any]] = [[], [{"symbol": "AAAUSDT"}], [row, {"symbol": "AAAUSDT", "status": 7}, None]]
    seen = []

    def read(_coins: Sequence[str]) -> list[Any]:
        seen.append(statuses(connection))
        return answers.pop(0) if len(answers) > 1 else answers[0]

    with reading(database_url, "linear", read):
        wait_for(lambda: len(seen) > 3, "reads")
    assert seen[:3] == [{"AAAUSDT": "Trading"}] * 3
    assert seen[3] == {"AAAUSDT": "Trading", "BBBUSDT": "Trading"}  # a row that cannot be read has not vanished
    assert any("instrument_not_understood bad=2" in record.message for record in caplog.records)


def test_a_reader_waits_for_the_schema_and_for_postgresql(empty_database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with reading(empty_database_url, "linear", lambda _coins: [{"symbol": "AAAUSDT", "status": "Trading"}]):
        wait_for(lambda: any("waiting for `prepare`" in record.message for record in caplog.records), "a word about the schema")
        migrate.migrate(empty_database_url)
        connection = db.connect(empty_database_url, name="test")
        wait_for(lambda: instruments.is_read(connection, "linear"), "a read")
        connection.close()
    with reading(f"postgresql://127.0.0.1:{free_ports(1)[0]}/none", "linear", lambda _coins: []):
        wait_for(lambda: any("PostgreSQL is away" in record.message for record in caplog.records), "a word about PostgreSQL")


HOSTILE = [b"[" * 100_000, b'{"retCode":' * 100_000, b"\xff", b"", b'{"retCode":true}', b'{"retCode":0,"result":{"list":[7,null]}}',
           b'{"retCode":0,"result":{"list":[{"symbol":"\\ud800"},{"symbol":"A\\u0000"}]}}']  # fmt: skip


def test_a_reader_survives_whatever_the_exchange_answers(database_url: str, connection: db.Connection) -> None:
    good = b'{"retCode":0,"result":{"list":[{"symbol":"AAAUSDT","status":"Trading","lot":0.10}]}}'
    bodies = iter(HOSTILE)

    def play(line: Line) -> None:
        with suppress(ConnectionError):
            while True:
                line.until(b"\r\n\r\n")
                line.send(ok(next(bodies, good)))

    with Listener(play) as listener:
        rest = Rest(listener.url("http"))
        with reading(database_url, "spot", lambda _coins: rest.instruments("spot")) as reader:
            wait_for(lambda: instruments.names(connection, "spot") == ["AAAUSDT"], "a good read after the bad ones")
            assert reader.is_alive()


def test_options_of_a_coin_that_a_wish_names_are_read_too(
    database_url: str, connection: db.Connection, simulator: RunningSimulator
) -> None:
    simulator.list_instrument("option", "XRP-26MAR27-2-C")
    simulator.list_instrument("option", "BTC-26MAR27-99000-C")
    asked: list[Sequence[str]] = []
    rest = Rest(simulator.rest_url)

    def read(coins: Sequence[str]) -> list[Any]:
        asked.append(tuple(coins))
        if coins == ["DOGE"]:
            raise ExchangeError(10001, "params error: baseCoin invalid")
        return rest.instruments("option", base_coins=coins)

    def wish(symbol: str) -> None:
        add(connection, symbol, category="option", channel_type="ticker", topic=f"tickers.{symbol}")

    for symbol in ("*", "X*", "BTC-*", "DOGE-*", "XRP-*"):
        wish(symbol)
    assert instruments.wished_coins(connection) == ["BTC", "DOGE", "XRP"]
    with reading(database_url, "option", read, interval_s=300.0):
        wait_for(lambda: instruments.has_base_coin(connection, "XRP"), "options of the wished coin")
        assert asked == [("BTC", "ETH"), ("DOGE",), ("XRP",)]
        simulator.list_instrument("option", "SUI-26MAR27-2-C")
        wish("SUI-*-C")
        wait_for(lambda: instruments.has_base_coin(connection, "SUI"), "options of one that is wished for later")
    assert asked[3:] == [("SUI",)]
    assert instruments.has_base_coin(connection, "BTC")


def test_a_reader_believes_the_third_empty_answer_in_a_row(database_url: str, connection: db.Connection) -> None:
    row = {"symbol": "BBBUSDT", "status": "Trading"}
    answers: list[list[Any]] = [[row], [], [], [row], [], [], []]
    seen = []

    def read(_coins: Sequence[str]) -> list[Any]:
        seen.append(statuses(connection))
        return answers.pop(0) if answers else []

    with reading(database_url, "linear", read, interval_s=0.05):
        wait_for(lambda: len(seen) > 7, "reads")
    assert seen[1:8] == [{"BBBUSDT": "Trading"}] * 6 + [{"BBBUSDT": "Closed"}]
