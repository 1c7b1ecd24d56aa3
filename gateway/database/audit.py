"""The audit: who changed what, and when, as rows of PostgreSQL, written in the transaction of the change itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.database.db import Connection, Cursor, Row, execute_values
from gateway.database.pages import Span, page
from gateway.database.statements import query


@dataclass(frozen=True, slots=True)
class By:
    """Who changes something.

    who       the name of a key, or of a part of the gateway
    trace_id  of the request
    key_id    of a service's key, which tells it from others that had its name
    """

    who: str
    trace_id: str | None = None
    key_id: str | None = None


#: What the gateway changes by itself.
GATEWAY = By("ws-gateway")
#: … and on the command line.
COMMAND = By("ws-gateway keys")
#: Whoever holds the administrator's key, which is no row.
ADMINISTRATOR = "administrator"
#: Words of `who` that are no key of a service: none may have such a name.
OWN = (GATEWAY.who, COMMAND.who, ADMINISTRATOR)


def record(cursor: Cursor, by: By, action: str, *changed: Mapping[str, Any]) -> None:
    """One row for each that was changed. Raises StoreAway, StoreRefused.

    changed  the row of a subscription, or whatever else has one of `id`, `requesting_service` and `topic`; {} where there is none
    """
    if changed:
        rows = [
            (by.who, by.key_id, action, _text(entry.get("id")), entry.get("requesting_service"), entry.get("topic"), by.trace_id)
            for entry in changed
        ]
        execute_values(cursor, query("insert_audit"), rows)


def find(connection: Connection, *, action: str | None, span: Span, limit: int, offset: int) -> tuple[list[Row], int]:
    """Changes of the time, newest first, and how many match in all."""
    return page(connection, "audit", {"action": action}, span, limit=limit, offset=offset)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
