"""Topics of the account's stream, of which the exchange takes one form at a time. Within the transaction that is open on the cursor."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from gateway.database import db
from gateway.database.db import Cursor
from gateway.database.statements import query
from gateway.errors import RequestError
from gateway.protocol import forms


def lock(cursor: Cursor, wishes: Iterable[Mapping[str, Any]]) -> None:
    """Wait for whoever adds another form of the private topics among these, and keep others waiting."""
    for family in sorted({forms.family(wish["topic"])[0] for wish in wishes if wish["endpoint"] == "private"}):
        cursor.execute(query("lock_family"), {"family": family})


def topics(cursor: Cursor, *, but: Sequence[UUID] = ()) -> list[str]:
    """What is held of the account's stream, whoever holds it, by other wishes than these."""
    cursor.execute(query("private_topics"), {"but": [str(entry) for entry in but]})
    return db.column(cursor)


def refuse_two_forms(topic: str, held_topics: Iterable[str]) -> None:
    """The exchange does not take `order` beside `order.linear`. Raises RequestError CONFLICT."""
    other = forms.clash(topic, held_topics)
    if other is not None:
        raise RequestError(
            f"found topic {topic!r} while {other!r} is held; expected one form of it: the exchange refuses both together",
            code="CONFLICT",
            status=409,
        )
