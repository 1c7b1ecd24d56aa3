"""How a service gets the events of one queue: each as a message of its own, or many as one. One queue has one delivery.

Used within the transaction that holds the locks of the service and of the queue.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from gateway.database import db
from gateway.database.db import Cursor
from gateway.database.statements import query
from gateway.errors import RequestError

SINGLE, BATCH = "single", "batch"
DELIVERIES = (SINGLE, BATCH)
#: `queue_state` of a wish whose queue gets messages of the other form as soon as the router has answered all that is under way.
TURNING = "turning"

Wish = Mapping[str, Any]


def agreed(cursor: Cursor, wish: Wish, *, but: Sequence[UUID] = ()) -> str:
    """The delivery of a wish: what it names, which must be what its queue has, else what its queue has, else single.

    Raises RequestError CONFLICT.

    but  rows of the queue that do not count
    """
    cursor.execute(query("deliveries_of"), {"queue": wish["queue"], "but": [str(entry) for entry in but]})
    held = db.column(cursor)
    asked = wish["delivery"]
    if held and asked not in (None, *held):
        raise _conflict(f"found delivery {asked!r} while {wish['queue']} has {held[0]!r}", wish["requesting_service"])
    return str(asked or (held[0] if held else SINGLE))


def of_queue(connection: db.Connection, queue: str) -> str | None:
    """What a queue has; None while nobody wants it. Within the transaction that is open on the connection."""
    with connection.cursor() as cursor:
        cursor.execute(query("deliveries_of"), {"queue": queue, "but": []})
        held = db.column(cursor)
    return held[0] if held else None


def may_be_filled(connection: db.Connection, queue: str) -> bool:
    """Whether the router may fill batches of this queue now: events that came into it on their own would overtake those in open ones.
    Within the transaction that is open on the connection.
    """
    with connection.cursor() as cursor:
        cursor.execute(query("is_or_was_batched"), {"queue": queue})
        return bool(db.value(cursor))


def disagreeing(wishes: Sequence[Wish]) -> tuple[int, RequestError] | None:
    """The first of these wishes that names another delivery than one before it for the same queue, and what to say of it."""
    found: dict[str, str] = {}
    for index, wish in enumerate(wishes):
        other = found.setdefault(wish["queue"], wish["delivery"])
        if other != wish["delivery"]:
            words = f"found delivery {wish['delivery']!r} after {other!r} for {wish['queue']}"
            return index, _conflict(words, wish["requesting_service"])
    return None


def state_of(cursor: Cursor, wish: Wish, declared: str) -> str:
    """`queue_state` of a new wish whose queue was declared. `pending` until the router knows of it, where that matters: it fills batches
    itself, and does not publish on its own what batches alone want."""
    if declared != "ready":
        return declared
    cursor.execute(query("is_batched_elsewhere"), {"prefix": wish["queue"].removesuffix(wish["requesting_service"])})
    return "pending" if wish["delivery"] == BATCH or db.value(cursor) else declared


def _conflict(found: str, service: str) -> RequestError:
    return RequestError(
        f"{found}; expected one delivery for all subscriptions of one queue: PUT /subscriptions/by-service/{service} changes them together",
        code="CONFLICT",
        status=409,
    )
