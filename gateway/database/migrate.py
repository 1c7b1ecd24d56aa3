"""Migrations: numbered SQL files, each applied once, in order, in a transaction of its own, under an advisory lock.

The lock belongs to the connection, so a killed process leaves none behind; see docs/decisions.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from gateway.database import db
from gateway.errors import MigrationError, StoreRefused, StoreUnready

#: Beside the packages, in a checkout and in the image.
FOLDER = Path(__file__).resolve().parents[2] / "migrations"
#: Any number that nobody else uses as an advisory lock in this database.
LOCK = 7_305_170_442
#: A migration may rewrite a large table, and wait for another process that migrates; milliseconds.
STATEMENT_TIMEOUT_MS = 600_000

_TABLE = """
create table if not exists schema_migrations (
    version    integer primary key,
    name       text not null,
    checksum   text not null,
    applied_at timestamptz not null default now()
)"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step: `up` applies it, `down` takes it back."""

    version: int
    name: str
    up: str
    down: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.up.encode()).hexdigest()


def read(folder: Path = FOLDER) -> list[Migration]:
    """The files, in order. Raises MigrationError for a file or a numbering that cannot be used."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        if path.name.endswith(".down.sql"):
            continue
        match = re.fullmatch(r"(\d{4})_([a-z0-9_]+)\.sql", path.name)
        down = path.with_name(path.name.removesuffix(".sql") + ".down.sql")
        if not match or not down.exists():
            raise MigrationError(f"found the migration {path.name}; expected NNNN_name.sql with a NNNN_name.down.sql beside it")
        found.append(Migration(int(match[1]), match[2], path.read_text(encoding="utf-8"), down.read_text(encoding="utf-8")))
    versions = [migration.version for migration in found]
    if not found or versions != list(range(1, len(found) + 1)):
        raise MigrationError(f"found migrations numbered {versions} in {folder}; expected 1, 2, 3 … without a hole")
    return found


def migrate(url: str, folder: Path = FOLDER) -> list[str]:
    """Apply what is missing and say what was applied. Raises MigrationError, StoreAway."""
    migrations = read(folder)
    connection = _locked(url)
    try:
        applied = _applied(connection)
        for migration in migrations:
            known = applied.get(migration.version)
            if known is not None and known != migration.checksum:
                name = f"{migration.version:04d}_{migration.name}"
                raise MigrationError(f"migration {name} was changed after it was applied; expected a new migration instead")
        _refuse_unknown(applied, migrations)
        missing = [migration for migration in migrations if migration.version not in applied]
        for migration in missing:
            _apply(connection, migration)
        return [f"{migration.version:04d}_{migration.name}" for migration in missing]
    finally:
        connection.close()


def rollback(url: str, to: int, folder: Path = FOLDER) -> list[str]:
    """Take back every migration above version `to`, newest first. Raises MigrationError, StoreAway."""
    migrations = read(folder)
    connection = _locked(url)
    try:
        applied = _applied(connection)
        _refuse_unknown(applied, migrations)
        undone = [migration for migration in reversed(migrations) if migration.version > to and migration.version in applied]
        for migration in undone:
            _take_back(connection, migration)
        return [f"{migration.version:04d}_{migration.name}" for migration in undone]
    finally:
        connection.close()


def _apply(connection: db.Connection, migration: Migration) -> None:
    try:
        with db.transaction(connection) as cursor:
            cursor.execute(migration.up)
            cursor.execute(
                "insert into schema_migrations (version, name, checksum) values (%s, %s, %s)",
                (migration.version, migration.name, migration.checksum),
            )
    except (StoreRefused, StoreUnready) as fault:
        raise MigrationError(f"migration {migration.version:04d}_{migration.name} failed: {fault}") from fault


def _take_back(connection: db.Connection, migration: Migration) -> None:
    try:
        with db.transaction(connection) as cursor:
            cursor.execute(migration.down)
            cursor.execute("delete from schema_migrations where version = %s", (migration.version,))
    except (StoreRefused, StoreUnready) as fault:
        raise MigrationError(f"migration {migration.version:04d}_{migration.name} cannot be taken back: {fault}") from fault


def _locked(url: str) -> db.Connection:
    connection = db.connect(url, name="ws-gateway migrate", statement_timeout_ms=STATEMENT_TIMEOUT_MS)
    with db.transaction(connection) as cursor:
        cursor.execute("select pg_advisory_lock(%s)", (LOCK,))
        cursor.execute(_TABLE)
    return connection


def _applied(connection: db.Connection) -> dict[int, str]:
    with db.transaction(connection) as cursor:
        cursor.execute("select version, checksum from schema_migrations order by version")
        return dict(cursor.fetchall())


def _refuse_unknown(applied: dict[int, str], migrations: list[Migration]) -> None:
    newest = migrations[-1].version
    if applied and max(applied) > newest:
        raise MigrationError(
            f"the database is at version {max(applied)}; expected at most {newest}: it was made by a newer gateway"
        )
