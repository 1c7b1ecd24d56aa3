"""Migrations on a real PostgreSQL: once each, under a lock that no killed process leaves behind, and back again."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gateway.database import db, migrate
from gateway.errors import MigrationError, StoreAway
from gateway.servers.server import free_ports

#: Everything of ours that a database can hold.
OBJECTS = """
select relname::text from pg_class where relnamespace = 'public'::regnamespace
union select proname::text from pg_proc where pronamespace = 'public'::regnamespace
union select typname::text from pg_type where typnamespace = 'public'::regnamespace
order by 1
"""


def ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    connection = db.connect(url, name="test")
    with db.transaction(connection) as cursor:
        cursor.execute(statement)
        found = cursor.fetchall()
    connection.close()
    return found


def test_migrations_are_applied_once_and_can_all_be_taken_back(empty_database_url: str) -> None:
    names = [f"{migration.version:04d}_{migration.name}" for migration in migrate.read()]
    assert migrate.rollback(empty_database_url, 0) == []
    before = ask(empty_database_url, OBJECTS)
    assert ("schema_migrations",) in before
    assert migrate.migrate(empty_database_url) == names
    assert migrate.migrate(empty_database_url) == []
    assert migrate.rollback(empty_database_url, 0) == names[::-1]
    assert ask(empty_database_url, OBJECTS) == before
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
    assert ask(empty_database_url, "select to_regclass('a') is not null, to_regclass('b') is null") == [(True, True)]


@pytest.mark.parametrize("names", [[], ["0002_b"], ["0001_a", "0003_c"], ["first"]])
def test_files_that_are_not_numbered_without_a_hole_are_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / f"{name}.sql").write_text("select 1")
        (tmp_path / f"{name}.down.sql").write_text("select 1")
    with pytest.raises(MigrationError, match="expected"):
        migrate.read(tmp_path)


def test_a_rollback_stops_at_the_version_that_was_asked_for(empty_database_url: str) -> None:
    names = migrate.migrate(empty_database_url)
    assert migrate.rollback(empty_database_url, 1) == names[:0:-1]
    assert ask(empty_database_url, "select version from schema_migrations") == [(1,)]
    assert migrate.rollback(empty_database_url, 1) == []
    assert migrate.migrate(empty_database_url) == names[1:]


def test_a_database_of_a_newer_gateway_is_not_rolled_back_either(empty_database_url: str, tmp_path: Path) -> None:
    write(tmp_path, 1, "select 1")
    write(tmp_path, 2, "select 1")
    migrate.migrate(empty_database_url, tmp_path)
    (tmp_path / "0002_step.sql").unlink()
    with pytest.raises(MigrationError, match="made by a newer gateway"):
        migrate.rollback(empty_database_url, 0, tmp_path)
    assert ask(empty_database_url, "select count(*) from schema_migrations") == [(2,)]


def test_a_rollback_that_fails_says_which_migration_and_leaves_it_applied(empty_database_url: str, tmp_path: Path) -> None:
    write(tmp_path, 1, "create table a (x int)")
    (tmp_path / "0001_step.down.sql").write_text("drop table a; drop table none")
    migrate.migrate(empty_database_url, tmp_path)
    with pytest.raises(MigrationError, match='^migration 0001_step cannot be taken back: table "none" does not exist$'):
        migrate.rollback(empty_database_url, 0, tmp_path)
    assert ask(empty_database_url, "select to_regclass('a') is not null, (select count(*) from schema_migrations)") == [(True, 1)]


def test_a_process_that_ends_while_it_migrates_leaves_no_lock_behind(empty_database_url: str) -> None:
    holder = db.connect(empty_database_url, name="test holder")
    with db.transaction(holder) as cursor:
        cursor.execute("select pg_advisory_lock(%s)", (migrate.LOCK,))
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(migrate.migrate, empty_database_url)
        while not ask(empty_database_url, "select 1 from pg_locks where locktype = 'advisory' and not granted"):
            assert not waiting.done(), "it did not wait for the lock"
        statement = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'test holder'"
        assert ask(empty_database_url, statement) == [(True,)]
        assert len(waiting.result(timeout=10)) == len(migrate.read())
    holder.close()


def test_a_server_that_is_away_is_store_away() -> None:
    with pytest.raises(StoreAway, match="PostgreSQL is away"):
        migrate.migrate(f"postgresql://127.0.0.1:{free_ports(1)[0]}/none")
