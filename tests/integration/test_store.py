"""The schema and the tables, on a real PostgreSQL: migrations, races, reports, exact balances."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from select import select
from typing import Any

import msgspec
import pytest

from gateway import balances, db, migrate, store
from gateway.errors import MigrationError, StoreAway
from gateway.models import Envelope
from gateway.servers.server import free_ports
from gateway.wire import TopicReport, event_id

WISH = {
    "channel_type": "trades", "symbol": "BTCUSDT", "category": "linear", "category_source": "given", "symbol_verified": False,
    "depth": None, "interval": None, "topic": "publicTrade.BTCUSDT", "endpoint": "linear", "requesting_service": "one",
    "delivery": "single", "queue": "ws-gateway.trade.one", "binding": "trade.linear.BTCUSDT.-", "state": "requested", "last_error": None,
}  # fmt: skip


@pytest.fixture
def connection(database_url: str) -> Iterator[db.Connection]:
    connection = db.connect(database_url, name="test")
    yield connection
    connection.close()


def ask(connection: db.Connection, statement: str) -> list[tuple[Any, ...]]:
    with db.transaction(connection) as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def add(connection: db.Connection, **changes: Any) -> tuple[store.Row, bool]:
    return store.add_subscription(connection, {**WISH, **changes}, lambda: "ready")


# ---- migrations


def test_migrations_are_applied_once_and_can_all_be_taken_back(empty_database_url: str) -> None:
    names = [f"{migration.version:04d}_{migration.name}" for migration in migrate.read()]
    assert migrate.migrate(empty_database_url) == names
    assert migrate.migrate(empty_database_url) == []
    assert migrate.rollback(empty_database_url, 0) == names[::-1]
    connection = db.connect(empty_database_url, name="test")
    tables = ask(connection, "select table_name from information_schema.tables where table_schema = 'public'")
    connection.close()
    assert tables == [("schema_migrations",)]
    assert migrate.migrate(empty_database_url) == names


def test_several_who_migrate_at_once_apply_each_once(empty_database_url: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda _: migrate.migrate(empty_database_url), range(4)))
    assert max(done, key=len) == [f"{migration.version:04d}_{migration.name}" for migration in migrate.read()]
    assert [len(applied) for applied in sorted(done, key=len)][:3] == [0, 0, 0]


def write(folder: Path, number: int, up: str) -> None:
    (folder / f"{number:04d}_step.sql").write_text(up)
    (folder / f"{number:04d}_step.down.sql").write_text("select 1")


def test_a_migration_changed_after_it_was_applied_is_refused(empty_database_url: str, tmp_path: Path) -> None:
    write(tmp_path, 1, "create table a (x int)")
    migrate.migrate(empty_database_url, tmp_path)
    write(tmp_path, 1, "create table a (x bigint)")
    with pytest.raises(MigrationError, match="0001_step was changed after it was applied"):
        migrate.migrate(empty_database_url, tmp_path)


def test_a_database_of_a_newer_gateway_is_refused(empty_database_url: str, tmp_path: Path) -> None:
    write(tmp_path, 1, "select 1")
    write(tmp_path, 2, "select 1")
    migrate.migrate(empty_database_url, tmp_path)
    (tmp_path / "0002_step.sql").unlink()
    (tmp_path / "0002_step.down.sql").unlink()
    with pytest.raises(MigrationError, match="made by a newer gateway"):
        migrate.migrate(empty_database_url, tmp_path)


def test_a_failed_migration_leaves_nothing_of_itself(empty_database_url: str, tmp_path: Path) -> None:
    write(tmp_path, 1, "create table a (x int)")
    write(tmp_path, 2, "create table b (x int); select nonsense")
    with pytest.raises(MigrationError, match='^migration 0002_step failed: column "nonsense" does not exist'):
        migrate.migrate(empty_database_url, tmp_path)
    connection = db.connect(empty_database_url, name="test")
    assert ask(connection, "select to_regclass('a') is not null, to_regclass('b') is null") == [(True, True)]
    connection.close()


@pytest.mark.parametrize("names", [[], ["0002_b"], ["0001_a", "0003_c"], ["first"]])
def test_files_that_are_not_numbered_without_a_hole_are_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / f"{name}.sql").write_text("select 1")
        (tmp_path / f"{name}.down.sql").write_text("select 1")
    with pytest.raises(MigrationError, match="expected"):
        migrate.read(tmp_path)


def test_the_schema_is_current_only_after_all_migrations(empty_database_url: str) -> None:
    connection = db.connect(empty_database_url, name="test")
    assert not store.schema_is_current(connection)
    migrate.migrate(empty_database_url)
    assert store.schema_is_current(connection)
    migrate.rollback(empty_database_url, 1)
    assert not store.schema_is_current(connection)
    connection.close()


# ---- subscriptions


def test_the_same_wish_is_one_row_whatever_races(database_url: str) -> None:
    start = threading.Barrier(8)

    def race(_: int) -> tuple[str, bool]:
        connection = db.connect(database_url, name="test")
        start.wait()
        row, is_new = add(connection)
        connection.close()
        return str(row["id"]), is_new

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(race, range(8)))
    assert len({identity for identity, _ in found}) == 1
    assert [is_new for _, is_new in found].count(True) == 1


def test_a_cancelled_wish_can_be_made_again_and_keeps_its_old_row(connection: db.Connection) -> None:
    first, _ = add(connection)
    assert [row["id"] for row in store.cancel(connection, subscription_id=first["id"])] == [first["id"]]
    assert store.cancel(connection, subscription_id=first["id"]) == []
    second, is_new = add(connection)
    assert is_new
    assert second["id"] != first["id"]
    rows, total = store.find_all(connection, {}, limit=10, offset=0)
    assert ([row["state"] for row in rows], total) == (["cancelled", "requested"], 2)


def test_wishes_are_found_by_endpoint_and_filters_and_pages(connection: db.Connection) -> None:
    for service in ("one", "two", "three"):
        add(connection, requesting_service=service)
    add(connection, endpoint="spot", category="spot")
    assert {row.service for row in store.wanted(connection, "linear")} == {"one", "two", "three"}
    assert store.count_active(connection) == 4
    rows, total = store.find_all(connection, {"category": "linear"}, limit=2, offset=1)
    assert ([row["requesting_service"] for row in rows], total) == (["two", "three"], 3)
    assert store.find_all(connection, {"category": "linear"}, limit=2, offset=9) == ([], 3)
    assert len(store.cancel(connection, service="one")) == 2


def test_a_report_moves_updated_at_only_with_the_state_and_last_event_at_never_back(connection: db.Connection) -> None:
    row, _ = add(connection)

    def report(state: str, last_event_ms: int | None, error: str | None = None) -> store.Row:
        store.report_topics(connection, "linear", [TopicReport(WISH["topic"], state, error, last_event_ms)])  # type: ignore[arg-type]
        found = store.find(connection, row["id"])
        assert found is not None
        return found

    live = report("live", 1_700_000_000_123)
    assert (live["state"], live["last_event_at"]) == ("live", datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC))
    assert live["updated_at"] > row["updated_at"]
    later = report("live", 1_700_000_005_000)
    assert (later["updated_at"], later["last_event_at"]) == (live["updated_at"], datetime(2023, 11, 14, 22, 13, 25, tzinfo=UTC))
    assert report("live", None)["last_event_at"] == later["last_event_at"]
    assert report("live", 1)["last_event_at"] == later["last_event_at"]
    assert report("refused", None, "no such topic")["last_error"] == "no such topic"


def test_a_report_touches_no_other_endpoint_and_no_cancelled_row(connection: db.Connection) -> None:
    cancelled, _ = add(connection)
    store.cancel(connection, subscription_id=cancelled["id"])
    other, _ = add(connection, endpoint="spot", category="spot")
    store.report_topics(connection, "linear", [TopicReport("publicTrade.BTCUSDT", "live")])
    assert [store.find(connection, row["id"])["state"] for row in (cancelled, other)] == ["cancelled", "requested"]  # type: ignore[index]


def test_a_change_wakes_who_listens(database_url: str, connection: db.Connection) -> None:
    listener = db.Listener(database_url, name="test", channel="ws_gateway_subscriptions")
    listener.open()
    assert listener.drain() is False
    row, _ = add(connection)
    assert select([listener.fileno()], [], [], 5.0)[0]
    assert listener.drain() is True
    store.cancel(connection, subscription_id=row["id"])
    assert select([listener.fileno()], [], [], 5.0)[0]
    assert listener.drain() is True
    listener.close()


def test_a_server_that_is_away_is_store_away() -> None:
    url = f"postgresql://127.0.0.1:{free_ports(1)[0]}/none"
    with pytest.raises(StoreAway, match="PostgreSQL is away"):
        db.connect(url, name="test")
    with pytest.raises(StoreAway):
        db.Listener(url, name="test", channel="x").open()


def test_a_statement_that_takes_too_long_is_store_away_and_the_connection_goes_on(database_url: str) -> None:
    connection = db.connect(database_url, name="test", statement_timeout_ms=100)
    with pytest.raises(StoreAway, match="statement timeout"):
        ask(connection, "select pg_sleep(5)")
    assert ask(connection, "select 1") == [(1,)]
    connection.close()


def test_a_connection_that_the_server_ended_is_replaced_by_the_pool(database_url: str) -> None:
    pool = db.Pool(database_url, name="test pool", size=2)
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


# ---- balances


def balance(identity: str, coins: list[dict[str, Any]], *, timestamp: str = "2026-01-01T00:00:00.000Z", **account: Any) -> bytes:
    return msgspec.json.encode(
        Envelope(
            event_id=event_id(identity), event_type="balance", category=None, symbol=None, account="main", topic="wallet",
            timestamp=timestamp, received_at="2026-01-01T00:00:00.100000Z", sequence=1, epoch="e", gap_id=None, source="stream",
            trace_id="t", payload={"account_type": "UNIFIED", "coins": coins, **account},
        )
    )  # fmt: skip


def coin(name: str, wallet: Any, available: Any = None, frozen: Any = None, derived: list[str] | None = None) -> dict[str, Any]:
    return {"coin": name, "wallet_balance": wallet, "available_balance": available, "frozen": frozen, "derived": derived or []}


def test_amounts_are_stored_exactly_and_writing_twice_changes_nothing(connection: db.Connection) -> None:
    long = "123456789012345678901234567890.123456789012345678901234567890"
    body = balance("a", [coin("BTC", long), coin("A" * 90, "0.000000000000000001")], total_equity="10.50")
    for _ in range(2):
        assert balances.insert_balances(connection, [body]) == 0
    rows, margin, total = store.latest_balances(connection, coin=None, account_type=None, limit=10, offset=0)
    assert [(row["coin"], f"{row['wallet_balance']:f}") for row in rows] == [("A" * 90, "0.000000000000000001"), ("BTC", long)]
    assert total == 2
    assert margin is not None
    assert (margin["total_equity"], margin["base_currency"]) == (Decimal("10.50"), "USD")
    assert ask(connection, "select count(*) from account_balances") == [(2,)]


def test_what_breaks_a_rule_is_stored_with_a_warning(connection: db.Connection) -> None:
    body = balance(
        "a",
        [coin("A", "-1"), coin("B", "10", "5", "4"), coin("C", "10", "6", "4"), coin("D", "1", "9", "4", ["available_balance"])],
    )
    assert balances.insert_balances(connection, [body]) == 0
    rows = ask(connection, "select coin, warnings from account_balances order by coin")
    assert rows == [
        ("A", ["negative_wallet_balance"]), ("B", ["wallet_balance_differs_from_available_plus_frozen"]), ("C", []), ("D", []),
    ]  # fmt: skip


@pytest.mark.parametrize("bad", [coin("BAD", "much"), coin("BAD", "1e5"), coin("", "1"), coin("BAD", [1])])
def test_what_is_no_number_is_rejected_and_its_neighbours_are_stored(connection: db.Connection, bad: dict[str, Any]) -> None:
    assert balances.insert_balances(connection, [b"not an envelope", balance("a", [coin("A", "1"), bad, coin("Z", "2")])]) == 2
    assert ask(connection, "select coin from account_balances order by coin") == [("A",), ("Z",)]


def test_the_latest_balance_is_the_newest_by_the_exchanges_time_whatever_came_last(connection: db.Connection) -> None:
    newer = balance("newer", [coin("BTC", "2")], timestamp="2026-01-01T00:00:02.000Z", total_equity="2")
    older = balance("older", [coin("BTC", "1"), coin("ETH", "5")], timestamp="2026-01-01T00:00:01.000Z", total_equity="1")
    balances.insert_balances(connection, [newer])
    balances.insert_balances(connection, [older])
    rows, margin, total = store.latest_balances(connection, coin=None, account_type=None, limit=1, offset=0)
    assert ([(row["coin"], row["wallet_balance"]) for row in rows], total) == ([("BTC", Decimal(2))], 2)
    assert margin is not None
    assert margin["total_equity"] == Decimal(2)
    rows, _, total = store.latest_balances(connection, coin="ETH", account_type="UNIFIED", limit=10, offset=0)
    assert ([row["wallet_balance"] for row in rows], total) == ([Decimal(5)], 1)
    assert store.latest_balances(connection, coin=None, account_type=None, limit=10, offset=50)[::2] == ([], 2)
