"""`ws-gateway keys`: API keys of services. Works on the database itself, so that the first key needs none."""

import json
import sys
from contextlib import closing

import click

from cli import running, screen
from gateway import config
from gateway.database import api_keys, db, store
from gateway.database.api_keys import SCOPES
from gateway.database.audit import COMMAND
from gateway.errors import MigrationError

COLUMNS = ("id", "name", "scopes", "service", "created_at", "last_used_at", "revoked_at")
#: Letters of a moment: its day.
SHOWN = {"created_at": 10, "last_used_at": 10, "revoked_at": 10}


@click.group()
def command() -> None:
    """Make, list and revoke API keys of the control API."""


@command.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    default=("read",),
    show_default=True,
    help="What it may do: GET; also POST, PUT, DELETE; everything. May be repeated.",
)
@click.option("--service", help="The only requesting_service whose subscriptions it may change; it may read all.")
def create(name: str, scopes: tuple[str, ...], service: str | None) -> None:
    """Make a key and show it, once: only a hash of it is kept."""
    with closing(_connect()) as connection:
        key, row = api_keys.create(connection, name=name, scopes=scopes, service=service, by=COMMAND)
    print(key)
    print(f"key {row['id']} of {name}: {_scopes(row)}; it cannot be shown again", file=sys.stderr)


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_keys(as_json: bool) -> None:
    """List keys, revoked ones too."""
    with closing(_connect()) as connection:
        rows = api_keys.find_all(connection)
    if as_json:
        for row in rows:
            print(json.dumps(row, default=lambda moment: moment.isoformat()))
        return
    cells = [
        [_scopes(row) if column == "scopes" else str(row[column] or "")[: SHOWN.get(column)] for column in COLUMNS] for row in rows
    ]
    console = screen.console()
    console.print(screen.table(COLUMNS, cells, elastic=("name", "service")))
    console.print(f"{len(rows)} keys")


@command.command()
@click.argument("name_or_id")
def revoke(name_or_id: str) -> None:
    """End the key NAME_OR_ID; the API refuses it within 10 s."""
    with closing(_connect()) as connection:
        row = api_keys.revoke(connection, name_or_id, COMMAND)
    print(f"revoked: key {row['id']} of {row['name']}")


def _connect() -> db.Connection:
    settings = running.settings()
    config.require(settings, "DATABASE_URL")
    with screen.waiting("waiting for PostgreSQL"):
        connection = db.connect(settings.database_url, name="ws-gateway keys")
        is_current = store.schema_is_current(connection)
    if not is_current:
        connection.close()
        raise MigrationError("found a database whose schema is not current; run `ws-gateway migrate` first")
    return connection


def _scopes(row: db.Row) -> str:
    return ", ".join(row["scopes"])
