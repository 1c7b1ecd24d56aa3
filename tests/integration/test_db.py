"""Connections to a real PostgreSQL: away, too slow, ended, kept in a pool, and listening."""

import socket
import time
from select import select
from typing import Any

import pytest
from stored import add, wish

from gateway.database import db, store
from gateway.errors import StoreAway
from gateway.servers.server import free_ports
from tests.standins import frozen


def ask(connection: db.Connection, statement: str) -> list[tuple[Any, ...]]:
    with db.transaction(connection) as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def test_a_server_that_is_away_is_store_away() -> None:
    url = f"postgresql://127.0.0.1:{free_ports(1)[0]}/none"
    with pytest.raises(StoreAway, match="PostgreSQL is away"):
        db.connect(url, name="test")
    with pytest.raises(StoreAway):
        db.Listener(url, name="test", channel="x").open()


@pytest.mark.parametrize("url", ["postgresql://u:hunter2@h/n?nonsense=1", "postgresql://u:hunter2@[::1/n"])
def test_a_url_that_postgresql_cannot_read_is_store_away_without_the_password(url: str) -> None:
    with pytest.raises(StoreAway, match="its URL cannot be read") as caught:
        db.connect(url, name="test")
    assert "hunter2" not in str(caught.value)


def test_a_statement_that_takes_too_long_is_store_away_and_the_connection_goes_on(database_url: str) -> None:
    connection = db.connect(database_url, name="test", statement_timeout_ms=100)
    with pytest.raises(StoreAway, match="statement timeout"):
        ask(connection, "select pg_sleep(5)")
    assert ask(connection, "select 1") == [(1,)]
    connection.close()


def test_a_lock_that_is_held_too_long_is_store_away_and_the_connection_goes_on(
    database_url: str, connection: db.Connection
) -> None:
    row = add(connection)
    waiting = db.connect(database_url, name="test", lock_timeout_ms=100)
    with db.transaction(connection) as cursor:
        cursor.execute("select from subscriptions for update")
        with pytest.raises(StoreAway, match="lock timeout"):
            store.resync(waiting, row["id"])
    assert store.resync(waiting, row["id"]) is not None
    waiting.close()


#: More than fits on the way: it is sending that has no end.
LONG = f"select length('{'x' * 30_000_000}')"


@pytest.mark.parametrize("statement", ["select 1", LONG], ids=["receiving", "sending"])
def test_a_server_that_is_frozen_is_store_away_and_the_connection_is_given_up(database_url: str, statement: str) -> None:
    connection = db.connect(database_url, name="test", statement_timeout_ms=200)
    [(pid,)] = ask(connection, "select pg_backend_pid()")
    with frozen(pid):
        began = time.monotonic()
        with pytest.raises(StoreAway, match="no answer within 1.2 s"):
            ask(connection, statement)
        assert 1.0 < time.monotonic() - began < 3
        assert connection.closed


def test_a_server_that_accepts_and_says_nothing_is_store_away_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(StoreAway, match="no answer within 1 s"):
            db.connect(f"postgresql://127.0.0.1:{silent.getsockname()[1]}/none", name="test", timeout_s=1.0)
        assert 0.9 < time.monotonic() - began < 3


@pytest.mark.parametrize("where", ["in the path", "in the query"])
def test_of_several_hosts_the_first_that_answers_is_used(database_url: str, where: str) -> None:
    login, _, rest = database_url.partition("@")
    place, _, name = rest.partition("/")
    host, port = place.split(":")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        refused, never_asked = free_ports(2)
        ports = f"{refused},{silent.getsockname()[1]},{port},{never_asked}"
        urls = {
            "in the path": f"{login}@{','.join(f'{host}:{each}' for each in ports.split(','))}/{name}",
            "in the query": f"{login}@/{name}?host={host},{host},{host},{host}&port={ports}",
        }
        connection = db.connect(urls[where], name="test", timeout_s=1.0)
    assert ask(connection, "select current_database()") == [(name,)]
    connection.close()


def test_a_connection_that_the_server_ended_is_store_away_for_every_call(database_url: str, connection: db.Connection) -> None:
    victim = db.connect(database_url, name="test victim")
    row = add(connection)
    assert ask(connection, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'test victim'") == [
        (True,)
    ]
    for call in (
        lambda: store.wanted(victim, "linear"),
        lambda: store.count_active(victim),
        lambda: store.find(victim, row["id"]),
        lambda: add(victim, requesting_service="two"),
        lambda: store.cancel(victim, service="one"),
    ):
        with pytest.raises(StoreAway, match="PostgreSQL is away"):
            call()
    assert store.count_active(connection) == 1


def test_a_change_wakes_who_listens(database_url: str, connection: db.Connection) -> None:
    listener = db.Listener(database_url, name="test", channel="ws_gateway_subscriptions")
    listener.open()
    assert listener.drain() is False
    row = add(connection)
    assert select([listener.fileno()], [], [], 5.0)[0]
    assert listener.drain() is True
    store.cancel(connection, subscription_id=row["id"])
    assert select([listener.fileno()], [], [], 5.0)[0]
    assert listener.drain() is True
    listener.close()


def test_a_listener_hears_nothing_of_what_was_not_committed(database_url: str, connection: db.Connection) -> None:
    listener = db.Listener(database_url, name="test", channel="ws_gateway_subscriptions")
    listener.open()
    with pytest.raises(ZeroDivisionError):
        store.add_subscription(connection, wish(), lambda: str(1 / 0))
    assert store.count_active(connection) == 0
    add(connection)
    assert select([listener.fileno()], [], [], 5.0)[0]
    assert listener.drain() is True
    assert listener.drain() is False
    listener.close()


def hear_until_it_ends(listener: db.Listener) -> None:
    while select([listener.fileno()], [], [], 5.0)[0]:
        listener.drain()


def test_a_listener_whose_connection_ends_is_store_away_and_can_be_opened_again(
    database_url: str, connection: db.Connection
) -> None:
    listener = db.Listener(database_url, name="test listener", channel="ws_gateway_subscriptions")
    listener.open()
    assert ask(connection, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'test listener'") == [
        (True,)
    ]
    with pytest.raises(StoreAway, match="PostgreSQL is away"):
        hear_until_it_ends(listener)
    listener.open()
    add(connection)
    assert select([listener.fileno()], [], [], 5.0)[0]
    assert listener.drain() is True
    listener.close()
