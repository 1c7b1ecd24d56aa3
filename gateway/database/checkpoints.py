"""Checkpoints: how far something of an account has been read, kept in PostgreSQL. All functions raise StoreAway, StoreRefused."""

from typing import Any

import msgspec

from gateway.database import db
from gateway.database.db import Connection, transaction
from gateway.database.statements import query


def read(connection: Connection, account: str, name: str) -> dict[str, Any] | None:
    """What was last written under the name; None: nothing was."""
    with transaction(connection) as cursor:
        cursor.execute(query("read_checkpoint"), {"account": account, "name": name})
        value: dict[str, Any] | None = db.value(cursor)
        return value


def write(connection: Connection, account: str, name: str, value: dict[str, Any]) -> None:
    """Replace what stands under the name. JSON types only."""
    with transaction(connection) as cursor:
        encoded = msgspec.json.encode(value).decode()
        cursor.execute(query("write_checkpoint"), {"account": account, "name": name, "value": encoded})
