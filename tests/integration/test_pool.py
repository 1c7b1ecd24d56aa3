"""The pool of connections: as many as there may be, waited for a while, dead ones replaced, and a server that is away said at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from select import select
from threading import Barrier
from typing import Any

import pytest
from asking import assert_error, call, make_client

from api.app import CONNECTIONS, create_app
from gateway import config
from gateway.database import db
from gateway.database.pool import CONNECT_S, REST_S, STATEMENT_TIMEOUT_MS, Pool
from gateway.errors import StoreAway, StoreBusy
from gateway.servers.server import free_ports
from gateway.sinks.postgres import PostgresSink
from tests.listener import Listener
from tests.standins import KeepingLetters


def ask(connection: db.Connection, statement: str) -> list[tuple[Any, ...]]:
    with db.transaction(connection) as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def test_a_connection_that_the_server_ended_is_replaced_by_the_pool(database_url: str) -> None:
    pool = Pool(database_url, name="test pool", size=2)
    with pool.connection() as first:
        pid = ask(first, "select pg_backend_pid()")[0][0]
    with pool.connection() as again:
        assert ask(again, "select pg_backend_pid()")[0][0] == pid
    killer = db.connect(database_url, name="killer", autocommit=True)
    assert ask(killer, f"select pg_terminate_backend({pid})") == [(True,)]
    assert select([first], [], [], 5.0)[0]
    with pool.connection() as replaced:
        assert ask(replaced, "select pg_backend_pid()")[0][0] != pid
    killer.close()


def test_no_more_connections_are_made_than_there_may_be_and_who_finds_none_free_waits_for_one(
    database_url: str, connection: db.Connection
) -> None:
    pool, together = Pool(database_url, name="test bounded", size=3), Barrier(3)

    def use(number: int) -> list[tuple[Any, ...]]:
        with pool.connection() as mine:
            if number < 3:
                together.wait(5.0)
            return ask(mine, "select pg_backend_pid()")

    with ThreadPoolExecutor(12) as threads:
        pids = [found[0][0] for found in threads.map(use, range(12))]
    assert len(set(pids)) == 3
    assert ask(connection, "select count(*) from pg_stat_activity where application_name = 'test bounded'") == [(3,)]


def test_a_wait_for_a_connection_ends_in_words_and_one_that_comes_back_is_used(database_url: str) -> None:
    pool = Pool(database_url, name="test", size=1, patience_s=0.3)
    with pool.connection() as first:
        began = time.monotonic()
        with (
            pytest.raises(StoreBusy, match="all 1 connections of this process to PostgreSQL have been in use for 0.3 s"),
            pool.connection(),
        ):
            pass
        assert 0.25 < time.monotonic() - began < 2.0
    with pool.connection() as again:
        assert again is first


def test_a_request_that_finds_no_connection_is_503_and_says_why(tmp_path: Path, database_url: str) -> None:
    client = make_client(tmp_path, database_url, f"amqp://127.0.0.1:{free_ports(1)[0]}/")
    holder = db.connect(database_url, name="person")
    with holder.cursor() as cursor:
        cursor.execute("lock table account_balances in access exclusive mode")
    with ThreadPoolExecutor(CONNECTIONS + 1) as threads:
        answers = list(threads.map(lambda _: call(client, "GET", "/api/v1/balances"), range(CONNECTIONS + 1)))
    holder.close()
    words = [answer[1]["error"] for answer in answers]
    for answer in answers:
        assert_error(answer, 503, "SERVICE_UNAVAILABLE", "try again")
    assert sum("connections of this process" in word for word in words) == 1, words
    assert call(client, "GET", "/api/v1/balances")[0] == 200


def test_a_statement_that_somebodys_lock_holds_up_is_503_in_time(tmp_path: Path, database_url: str) -> None:
    client = make_client(tmp_path, database_url, f"amqp://127.0.0.1:{free_ports(1)[0]}/")
    holder = db.connect(database_url, name="person")
    with holder.cursor() as cursor:
        cursor.execute("lock table account_balances, gaps, occurrences, subscriptions in access exclusive mode")
    for path in ("balances", "balances/history", "gaps", "events", "subscriptions"):
        began = time.monotonic()
        assert_error(call(client, "GET", f"/api/v1/{path}"), 503, "SERVICE_UNAVAILABLE", "PostgreSQL cannot be asked now")
        assert time.monotonic() - began < STATEMENT_TIMEOUT_MS / 1000 + 1.0
    holder.close()


def test_every_statement_of_api_and_router_has_a_time_to_end(tmp_path: Path, database_url: str) -> None:
    settings = config.load({"DATABASE_URL": database_url, "WS_GATEWAY_VAR_DIR": str(tmp_path)}, tmp_path / "none")
    assert create_app(settings)
    sink, listener = PostgresSink(database_url, KeepingLetters()), db.Listener(database_url, name="test", channel="x")
    sink.open()
    listener.open()
    with Pool(database_url, name="test", size=1).connection() as pooled:
        for connection in (pooled, sink._open, listener.connection, db.connect(database_url, name="test")):
            [(timeout,)] = ask(connection, "select setting::int from pg_settings where name = 'statement_timeout'")
            assert 0 < timeout <= db.STATEMENT_TIMEOUT_MS
            assert connection.patience_s <= db.STATEMENT_TIMEOUT_MS / 1000 + db.GRACE_S
    sink.close()
    listener.close()


def test_while_the_server_is_away_one_at_a_time_tries_and_all_others_are_told_at_once(database_url: str) -> None:
    now = [0.0]
    with Listener(lambda line: line.rest()) as silent:
        pool = Pool(f"postgresql://127.0.0.1:{silent.port}/none", name="test", size=8, now=lambda: now[0])

        def tried() -> float:
            began = time.monotonic()
            with pytest.raises(StoreAway, match="no answer within 2 s"), pool.connection():
                pass
            return time.monotonic() - began

        assert tried() > CONNECT_S - 0.1
        assert [tried() < 0.1 for _ in range(3)] == [True] * 3
        now[0] += REST_S
        with ThreadPoolExecutor(8) as threads:
            waited = sorted(threads.map(lambda _: tried(), range(8)))
        assert [seconds > CONNECT_S - 0.1 for seconds in waited] == [False] * 7 + [True]
        assert silent.count == 2
