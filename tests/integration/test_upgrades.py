"""The schema on a real PostgreSQL: what every statement of the code needs, from whatever version it is reached, with the data in place.

Nothing here names a migration: a new one is tried with its first commit. A table that cannot be filled from `SAMPLES` needs a row there.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from running import ROOT

from gateway.database import db, migrate
from gateway.database.statements import query
from gateway.errors import StoreRefused

VERSIONS = [migration.version for migration in migrate.read()]
NAMES = re.findall(r"^-- name: (\w+)$", (ROOT / "gateway" / "database" / "queries.sql").read_text(encoding="utf-8"), re.MULTILINE)

#: Type of a column → what stands in it: the same everywhere, so that what refers to another table's row finds one.
SAMPLES = {
    "uuid": "'6f9619ff-8b86-d011-b42d-00c04fc964ff'", "text": "'text'", "boolean": "true", "integer": "1", "bigint": "1",
    "numeric": "-0.000000000000000001", "double precision": "1.5", "timestamp with time zone": "'2026-01-31T12:00:00.123456Z'",
    "jsonb": """'{"a": [1]}'""", "text[]": "'{text}'", "bytea": "'\\x00ff'", "inet": "'127.0.0.1'", "date": "'2026-01-31'",
}  # fmt: skip

#: All that makes a schema, each as PostgreSQL would write it down.
SCHEMA = """
select 'column' as kind, c.relname || '.' || a.attname as name, format_type(a.atttypid, a.atttypmod) || a.attnotnull || coalesce(pg_get_expr(d.adbin, d.adrelid), '') as words
from pg_attribute a join pg_class c on c.oid = a.attrelid left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm') and a.attnum > 0 and not a.attisdropped
union all select 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) from pg_constraint where connamespace = 'public'::regnamespace
union all select 'index', indexname, indexdef from pg_indexes where schemaname = 'public'
union all select 'view', viewname, definition from pg_views where schemaname = 'public'
union all select 'function', proname, pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace
union all select 'trigger', tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
order by 1, 2, 3
"""

COLUMNS = """
select c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod)
from pg_attribute a join pg_class c on c.oid = a.attrelid
where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> 'schema_migrations' and a.attnum > 0
  and not a.attisdropped and a.attgenerated = ''
order by c.relname, a.attnum
"""


def ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in rows_of(url, statement)]


def rows_of(url: str, statement: str) -> list[db.Row]:
    connection = db.connect(url, name="test", autocommit=True)
    try:
        with db.transaction(connection) as cursor:
            cursor.execute(statement)
            return db.rows(cursor) if cursor.description else []
    finally:
        connection.close()


def columns(url: str) -> dict[str, dict[str, str]]:
    """Table → column → type."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in ask(url, COLUMNS):
        found.setdefault(table, {})[column] = kind
    return found


def up_to(version: int, folder: Path) -> Path:
    """The migrations of a gateway of that time."""
    folder.mkdir()
    for path in migrate.FOLDER.glob("*.sql"):
        if int(path.name[:4]) <= version:
            (folder / path.name).write_bytes(path.read_bytes())
    return folder


def fill(url: str) -> None:
    """A row in every table, unless a migration has made one; those that refer to another's come after it."""
    left = {table: kinds for table, kinds in columns(url).items() if not rows_of(url, f"table {table}")}
    while left:
        refused = {}
        for table, kinds in left.items():
            names, values = ", ".join(f'"{name}"' for name in kinds), ", ".join(SAMPLES[kind] for kind in kinds.values())
            try:
                ask(url, f"insert into {table} ({names}) overriding system value values ({values})")  # noqa: S608 # our own tables
            except StoreRefused as fault:
                refused[table] = str(fault)
        assert len(refused) < len(left), f"no row of SAMPLES fits these tables: {refused}"
        left = {table: left[table] for table in refused}


def rows(url: str, of: dict[str, dict[str, str]]) -> dict[str, list[db.Row]]:
    """What stands in these tables and columns."""
    return {table: [{name: row[name] for name in names} for row in rows_of(url, f"table {table}")] for table, names in of.items()}


def counts(url: str) -> dict[str, int]:
    """Table → how many rows it has."""
    return {table: len(found) for table, found in rows(url, columns(url)).items()}


@pytest.fixture(scope="module")
def fresh(new_database: Callable[[], str]) -> str:
    """Made by all migrations at once."""
    return new_database()


@pytest.mark.parametrize("version", [0, *VERSIONS[:-1]])
def test_from_every_earlier_version_the_same_schema_is_reached_there_and_back_and_there_with_the_data_in_place(
    empty_database_url: str, fresh: str, tmp_path: Path, version: int
) -> None:
    migrate.rollback(empty_database_url, 0)  # which makes the table of versions
    if version:
        migrate.migrate(empty_database_url, up_to(version, tmp_path / "then"))
        fill(empty_database_url)
    then = columns(empty_database_url)
    before, schema_then = rows(empty_database_url, then), ask(empty_database_url, SCHEMA)
    assert all(len(found) == 1 for found in before.values())
    for _ in range(2):
        assert len(migrate.migrate(empty_database_url)) == len(VERSIONS) - version
        assert ask(empty_database_url, SCHEMA) == ask(fresh, SCHEMA)
        assert rows(empty_database_url, then) == before
        migrate.rollback(empty_database_url, version)
        assert (rows(empty_database_url, then), ask(empty_database_url, SCHEMA)) == (before, schema_then)


def test_all_can_be_taken_back_with_the_data_in_place(empty_database_url: str) -> None:
    migrate.rollback(empty_database_url, 0)
    bare = ask(empty_database_url, SCHEMA)
    migrate.migrate(empty_database_url)
    made = counts(empty_database_url)
    fill(empty_database_url)
    assert set(counts(empty_database_url).values()) == {1}
    migrate.rollback(empty_database_url, 0)
    assert ask(empty_database_url, SCHEMA) == bare
    migrate.migrate(empty_database_url)
    assert counts(empty_database_url) == made


#: Statement whose rows need types → what `execute_values` is given for one.
ROWS = {
    "report_topics": "(null::text, null::text, null::text, null::text, null::bigint)",
    "tell_gaps": "(null::uuid, null::text, null::text, null::text, null::text, null::bigint, null::bigint, null::boolean, null::text, null::timestamptz, null::bigint, null::uuid)",
    "date_gaps": "(null::uuid, null::timestamptz)",
}


def prepared(name: str) -> str:
    """A statement with each value of it a parameter of whatever type it needs."""
    text, numbers = query(name), dict[str, int]()
    if "values %s" in text:
        wide = re.search(r"\(([^()]*)\)\s*values %s", text)
        row = ROWS.get(name) or f"({', '.join(['null'] * len(wide[1].split(','))) if wide else ''})"
        text = text.replace("values %s", f"values {row}")

    def number(found: re.Match[str]) -> str:
        return f"${numbers.setdefault(found[1], len(numbers) + 1)}"

    return re.sub(r"%\((\w+)\)s", number, text).replace("%%", "%")


@pytest.mark.parametrize("name", NAMES)
def test_every_statement_of_the_code_fits_the_schema(fresh: str, name: str) -> None:
    ask(fresh, f"prepare p as {prepared(name)}")


#: Source: the public contract, section 6.
CONTRACT: dict[str, set[str]] = {
    "subscriptions": {
        "id", "channel_type", "symbol", "category", "category_source", "topic", "requesting_service", "delivery", "is_active", "state",
        "last_error", "created_at", "updated_at", "last_event_at",
    },
    "account_balances": {
        "id", "account", "account_type", "coin", "wallet_balance", "available_balance", "frozen", "equity", "usd_value",
        "margin_collateral", "total_order_im", "total_position_im", "event_timestamp", "received_at", "event_id", "trace_id", "source",
        "derived", "warnings",
    },
    "account_margin_balances": {
        "id", "account", "account_type", "total_equity", "total_wallet_balance", "total_margin_balance", "total_available_balance",
        "total_initial_margin", "total_maintenance_margin", "total_order_im", "base_currency", "event_timestamp", "received_at",
        "event_id", "trace_id", "source", "warnings",
    },
}  # fmt: skip


@pytest.mark.parametrize("table", CONTRACT)
def test_tables_have_the_columns_of_the_contract_and_amounts_have_no_scale(fresh: str, table: str) -> None:
    found = columns(fresh)[table]
    assert found.keys() >= CONTRACT[table]
    assert {kind for kind in found.values() if kind.startswith("numeric")} <= {"numeric"}
    assert {kind for name, kind in found.items() if name.endswith(("_at", "timestamp"))} == {"timestamp with time zone"}
