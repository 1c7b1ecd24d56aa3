"""WISHED: two short questions about the wishes of an endpoint, beside `store.wanted`, which reads them all."""

from uuid import UUID

from gateway.database import db
from gateway.database.db import Connection, transaction
from gateway.database.statements import query


def mark(connection: Connection, endpoint: str) -> str:
    """Another text whenever `store.wanted` has another answer. Raises StoreAway, StoreRefused."""
    with transaction(connection) as cursor:
        cursor.execute(query("wanted_mark"), {"endpoint": endpoint})
        return str(db.value(cursor))


def held_since(connection: Connection, endpoint: str) -> dict[UUID, int]:
    """Wishes whose topic some worker held, as far as was reported: until when something of it arrived, Unix milliseconds."""
    with transaction(connection) as cursor:
        cursor.execute(query("held_since"), {"endpoint": endpoint})
        return {row["id"]: int(row["at_ms"]) for row in db.rows(cursor)}
