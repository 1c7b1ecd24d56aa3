"""All wishes of one service, replaced by others in one transaction. Raises StoreAway, RequestError.

wanted, held ─▶ added: queues bound, rows made │ removed: cancelled │ unchanged: settings as wanted, leases begun anew
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import uuid4

from gateway.database import audit, db, deliveries, families, store
from gateway.database.audit import By
from gateway.database.db import Connection, Cursor, Row, transaction
from gateway.database.statements import query
from gateway.errors import RequestError

#: What makes two wishes of a service the same.
_Key: TypeAlias = tuple[str, str, str, str]
Wish: TypeAlias = Mapping[str, Any]

#: Makes a queue with the bindings of these wishes before anybody can send to it; says ready or pending.
Declare: TypeAlias = Callable[[str, Sequence[Wish]], str]


@dataclass(frozen=True, slots=True)
class Replaced:
    """Rows as they are now. `unchanged` may have other settings than before: they are the same wishes."""

    added: list[Row]
    removed: list[Row]
    unchanged: list[Row]


def replace(
    connection: Connection, service: str, wishes: Sequence[Wish], declare: Declare, *, by: By, dry_run: bool = False
) -> Replaced:
    """Let a service want these and nothing else; all of it or, by an exception, nothing. Of two wishes that are the same the later counts.

    Raises RequestError CONFLICT, with `index` among its details, where another form of a private topic is held by another service, or
    wanted too. Nobody else makes or ends wishes of the service meanwhile.

    dry_run  say what would be so; nothing changes, also in the audit
    """
    wishes = [{**wish, "delivery": wish["delivery"] or deliveries.SINGLE} for wish in wishes]
    _refuse_two_deliveries(wishes)
    wanted = {_key(wish): wish for wish in wishes}
    with transaction(connection) as cursor:
        cursor.execute(query("lock_service"), {"service": service})
        for queue in sorted({wish["queue"] for wish in wishes}):
            cursor.execute(query("lock_queue"), {"queue": queue})
        cursor.execute(query("active_of"), {"service": service})
        held = {_key(row): row for row in db.rows(cursor)}
        missing = [wish for key, wish in wanted.items() if key not in held]
        gone = [row for key, row in held.items() if key not in wanted]
        _refuse_two_forms(cursor, wishes, missing, gone)
        states = {
            queue: deliveries.state_of(cursor, of_queue[0], declare(queue, of_queue))
            for queue, of_queue in _by_queue(missing).items()
        }
        # Rows that others write too are touched last: nobody waits for them while the broker is asked. All at once, in the order of
        # their ids, as wherever several are locked: so nobody waits for us while we wait for them.
        cursor.execute(query("lock_wishes"), {"ids": [str(row["id"]) for row in held.values()]})
        added = [_add(cursor, wish, states[wish["queue"]], by) for wish in missing]
        cursor.execute(query("cancel"), {"ids": [str(row["id"]) for row in gone], "service": None})
        cancelled = {row["id"]: row for row in db.rows(cursor)}
        kept = [store.settled(cursor, held[key], wish, by, exactly=True) for key, wish in wanted.items() if key in held]
        store.notify(cursor, [*added, *gone])
        audit.record(cursor, by, "cancelled", *cancelled.values())
        audit.record(cursor, by, "subscribed", *added)
        if dry_run:
            connection.rollback()
    return Replaced(added, [cancelled[row["id"]] for row in gone], [row for row in kept if row is not None])


def _key(wish: Wish) -> _Key:
    return wish["channel_type"], wish["category"] or "", wish["symbol"] or "", wish["topic"]


def _by_queue(wishes: Sequence[Wish]) -> dict[str, list[Wish]]:
    found: dict[str, list[Wish]] = {}
    for wish in wishes:
        found.setdefault(wish["queue"], []).append(wish)
    return found


def _add(cursor: Cursor, wish: Wish, queue_state: str, by: By) -> Row:
    cursor.execute(query("add"), {**wish, "id": uuid4(), "queue_state": queue_state, "trace_id": by.trace_id})
    [row] = db.rows(cursor)
    return row


def _refuse_two_deliveries(wishes: Sequence[Wish]) -> None:
    found = deliveries.disagreeing(wishes)
    if found is not None:
        index, fault = found
        raise at(index, fault)


def _refuse_two_forms(cursor: Cursor, wishes: Sequence[Wish], missing: Sequence[Wish], gone: Sequence[Row]) -> None:
    """Against what others hold, and against each other: what goes with this replacement is in nobody's way."""
    families.lock(cursor, missing)
    held_by_others = families.topics(cursor, but=[row["id"] for row in gone]) if missing else []
    wanted = list(held_by_others)
    for index, wish in enumerate(wishes):
        if wish["endpoint"] == "private":
            try:
                families.refuse_two_forms(wish["topic"], wanted)
            except RequestError as fault:
                raise at(index, fault) from fault
            wanted.append(wish["topic"])


def at(index: int, fault: RequestError) -> RequestError:
    """The same, said of one element of the list."""
    details = {**fault.details, "index": index}
    return RequestError(f"subscriptions.{index}: {fault}", code=fault.code, status=fault.status, details=details)
