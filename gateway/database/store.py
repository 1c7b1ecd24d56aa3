"""The table of subscriptions: what is read and written, by name. The statements are in queries.sql. All functions raise StoreAway."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

import msgspec

from gateway.database import audit, db, deliveries, families, migrate
from gateway.database.audit import By
from gateway.database.bindings import bindings_of_all
from gateway.database.db import Connection, Cursor, Row, execute_values, transaction
from gateway.database.statements import query
from gateway.protocol import selectors
from gateway.wire import TopicReport

#: What may differ between two wishes that are the same.
_SETTINGS = ("snapshot_seconds", "ttl_seconds", "delivery")
#: `last_error` of a wish for the account's stream that nobody can follow.
CREDENTIALS_MISSING = "CREDENTIALS_MISSING"
#: Said while `schema_is_current` says no.
NOT_PREPARED = "the database's schema is not current; waiting for `prepare`"


class Wanted(msgspec.Struct, frozen=True):
    """One service's wish, as a worker reads it.

    snapshot_seconds  how often its queue gets the whole book; None: never
    resyncs           grows each time that somebody asks for the topic anew
    bound_at          where the topic names many: the queue has the bindings of all that was first seen before; None: not yet
    trace_id          of the REST call that made it, or asked for its topic anew since
    pattern           the topic of the wish's row where that names many: this is then one of those
    """

    id: UUID
    topic: str
    channel_type: str
    symbol: str | None
    category: str | None
    service: str
    state: str
    last_error: str | None
    queue: str
    snapshot_seconds: float | None
    resyncs: int
    depth: int | None = None
    interval: str | None = None
    bound_at: datetime | None = None
    trace_id: str | None = None
    pattern: str | None = None


class ServiceQueue(msgspec.Struct, frozen=True):
    """One wish's queue and its bindings.

    queue_state  pending (the broker was away, or the router does not know it yet), turning (its messages are about to be of another
                 form), ready; of a cancelled wish: unbound (something waits in the queue, or somebody reads it, and nothing more comes
                 in for this wish), removed (nothing is left to do)
    follows      its bindings grow with the exchange's listings
    is_batched   they are no bindings: events of these keys come in batches
    """

    subscription_id: UUID
    queue: str
    bindings: list[str]
    queue_state: str
    is_active: bool
    follows: bool = False
    is_batched: bool = False


@lru_cache(maxsize=1)
def _newest_version() -> int:
    return migrate.read()[-1].version


def schema_is_current(connection: Connection) -> bool:
    """Whether every migration has been applied; False also for a database that `prepare` has not seen."""
    with transaction(connection) as cursor:
        cursor.execute("select to_regclass('schema_migrations') is not null")
        if not db.value(cursor):
            return False
        cursor.execute(query("applied_version"))
        return bool(db.value(cursor) >= _newest_version())


def wanted(connection: Connection, endpoint: str) -> list[Wanted]:
    with transaction(connection) as cursor:
        cursor.execute(query("wanted"), {"endpoint": endpoint})
        return [Wanted(*row) for row in cursor.fetchall()]


def count_active(connection: Connection) -> int:
    with transaction(connection) as cursor:
        cursor.execute(query("count_active"))
        return int(db.value(cursor))


def report_topics(connection: Connection, endpoint: str, reports: Sequence[TopicReport]) -> None:
    """Write a worker's words about its topics into every active row that holds them."""
    rows = [(endpoint, _text(said.topic), said.state, _text(said.last_error), said.last_event_ms) for said in reports]
    with transaction(connection) as cursor:
        execute_values(cursor, query("report_topics"), rows, template="(%s, %s, %s, %s::text, %s::bigint)", page_size=500)


def service_queues(connection: Connection, queue: str | None = None) -> list[ServiceQueue]:
    """Of all active wishes, and of cancelled ones whose queue has not been looked after yet; of one queue where it is named."""
    with transaction(connection) as cursor:
        return _service_queues(cursor, queue)


@contextmanager
def locked_queue(connection: Connection, queue: str) -> Iterator[list[ServiceQueue]]:
    """The wishes that concern a queue, while nobody else declares, binds or deletes it."""
    with transaction(connection) as cursor:
        cursor.execute(query("lock_queue"), {"queue": queue})
        yield _service_queues(cursor, queue)


def set_queue_state(connection: Connection, subscription_ids: Sequence[UUID], state: str) -> None:
    """Within the transaction that is open on the connection, if one is."""
    if subscription_ids:
        with connection.cursor() as cursor:
            cursor.execute(query("set_queue_state"), {"ids": [str(entry) for entry in subscription_ids], "state": state})


def wake(connection: Connection, subscription_ids: Sequence[UUID]) -> None:
    """The workers of these wishes, within the transaction that is open on the connection."""
    if subscription_ids:
        with connection.cursor() as cursor:
            cursor.execute(query("wake"), {"ids": [str(entry) for entry in subscription_ids]})


def held(connection: Connection, wish: Mapping[str, Any], by: By = audit.GATEWAY) -> Row | None:
    """The active row that says the same as a wish, with the settings that the wish names, and its lease begun anew.

    None too where the wish names another delivery: that is for `add_subscription`, under the queue's lock.
    """
    with transaction(connection) as cursor:
        cursor.execute(query("held"), wish)
        rows = db.rows(cursor)
        if not rows or wish["delivery"] not in (None, rows[0]["delivery"]):
            return None
        return settled(cursor, rows[0], wish, by)


def add_subscription(
    connection: Connection, wish: Mapping[str, Any], declare: Callable[[], str], by: By = audit.GATEWAY
) -> tuple[Row, bool]:
    """Insert a wish, or find the one that says the same, whatever races; the row and whether it is new.

    Raises RequestError CONFLICT where another form of the same private topic is held, by whomever.

    wish     the columns of table subscriptions that the API decides; `expires_at` follows from `ttl_seconds`
    declare  makes the queue before anybody can send to it; says ready or pending. Called under the queue's lock. Of a private topic it
             is called once the row is there: all who add a form of it wait for each other, but not for the broker
    """
    is_private = wish["endpoint"] == "private"
    while True:
        with transaction(connection) as cursor:
            cursor.execute(query("lock_service"), {"service": wish["requesting_service"]})
            cursor.execute(query("lock_queue"), {"queue": wish["queue"]})
            cursor.execute(query("held"), wish)
            same = db.rows(cursor)
            delivery = deliveries.agreed(cursor, wish, but=[row["id"] for row in same])
            if same:
                kept = settled(cursor, same[0], wish, by)
                if kept is not None:
                    return kept, False
            if is_private:
                families.lock(cursor, [wish])
                families.refuse_two_forms(wish["topic"], families.topics(cursor))
            wish = {**wish, "delivery": delivery}
            state = "pending" if is_private else deliveries.state_of(cursor, wish, declare())
            cursor.execute(query("add"), {**wish, "id": uuid4(), "queue_state": state, "trace_id": by.trace_id})
            added = db.rows(cursor)
            if added:
                cursor.execute(query("notify"), {"endpoint": wish["endpoint"]})
                audit.record(cursor, by, "subscribed", *added)
        if added:
            return _declared(connection, added[0], declare) if is_private else added[0], True


def _declared(connection: Connection, added: Row, declare: Callable[[], str]) -> Row:
    """The row once its queue is made, unless somebody was quicker to cancel it, or to make the queue."""
    with transaction(connection) as cursor:
        cursor.execute(query("lock_queue"), {"queue": added["queue"]})
        cursor.execute(query("one"), {"id": added["id"]})
        [row] = db.rows(cursor)
        if row["is_active"] and row["queue_state"] == "pending":
            row["queue_state"] = deliveries.state_of(cursor, row, declare())
            set_queue_state(connection, [row["id"]], row["queue_state"])
        return row


def resync(connection: Connection, subscription_id: UUID, by: By = audit.GATEWAY) -> Row | None:
    """Ask the workers for the wish's topic anew; None when it is not active."""
    with transaction(connection) as cursor:
        cursor.execute(query("resync"), {"id": subscription_id, "trace_id": by.trace_id})
        rows = db.rows(cursor)
        for row in rows:
            cursor.execute(query("notify"), {"endpoint": row["endpoint"]})
        audit.record(cursor, by, "resync_asked", *rows)
        return rows[0] if rows else None


def find(connection: Connection, subscription_id: UUID) -> Row | None:
    with transaction(connection) as cursor:
        cursor.execute(query("one"), {"id": subscription_id})
        rows = db.rows(cursor)
        return rows[0] if rows else None


def find_all(connection: Connection, filters: Mapping[str, Any], *, limit: int, offset: int) -> tuple[list[Row], int]:
    """The rows of one page, and how many match in all. A filter that is None matches everything."""
    keys = ("requesting_service", "is_active", "channel_type", "category", "symbol", "state")
    values = {key: filters.get(key) for key in keys}
    with transaction(connection) as cursor:
        cursor.execute(query("list"), {**values, "limit": limit, "offset": offset})
        rows = db.rows(cursor)
        if rows:
            return rows, int(rows[0]["total"])
        cursor.execute(query("count"), values)
        return [], int(db.value(cursor))


def cancel(
    connection: Connection, *, subscription_id: UUID | None = None, service: str | None = None, by: By = audit.GATEWAY
) -> list[Row]:
    """End the wish with this id, or all of a service; the rows that were active."""
    if subscription_id is not None:
        found = find(connection, subscription_id)
        if found is None:
            return []
        service = found["requesting_service"]
    with transaction(connection) as cursor:
        cursor.execute(query("lock_service"), {"service": service})
        one = {"ids": [str(subscription_id)], "service": None}
        cursor.execute(query("cancel"), {"ids": [], "service": service} if subscription_id is None else one)
        rows = db.rows(cursor)
        notify(cursor, rows)
        audit.record(cursor, by, "cancelled", *rows)
        return rows


def notify(cursor: Cursor, wishes: Iterable[Mapping[str, Any]]) -> None:
    """Wake the workers whom these wishes concern once the transaction is committed."""
    for endpoint in sorted({wish["endpoint"] for wish in wishes}):
        cursor.execute(query("notify"), {"endpoint": endpoint})


def settled(cursor: Cursor, row: Row, wish: Mapping[str, Any], by: By, *, exactly: bool = False) -> Row | None:
    """A held row with the settings that its wish names, and its lease begun anew; None where it was cancelled meanwhile. That a lease
    begins anew is nothing for the audit.

    exactly  a setting that the wish does not name is off, too
    """
    said = {name: wish[name] for name in _SETTINGS if exactly or wish[name] is not None}
    verified = {"symbol_verified": True} if wish["symbol_verified"] else {}
    wanted = {**row, **said, **verified}
    if wanted["delivery"] != row["delivery"]:
        wanted["queue_state"] = deliveries.TURNING
    if wanted == row and row["ttl_seconds"] is None:
        return row
    cursor.execute(query("settle"), {**wanted, "is_changed": wanted != row})
    rows = db.rows(cursor)
    if wanted != row:
        audit.record(cursor, by, "changed", *rows)
    if any(wanted[name] != row[name] for name in ("snapshot_seconds", "delivery")):
        notify(cursor, rows)
    return rows[0] if rows else None


def _text(text: str | None) -> str | None:
    """Without NUL, which PostgreSQL cannot hold: the exchange's words are not ours."""
    return None if text is None else text.replace("\0", "")


def _service_queues(cursor: Cursor, queue: str | None) -> list[ServiceQueue]:
    cursor.execute(query("service_queues"), {"queue": queue})
    rows = db.rows(cursor)
    bound = [row for row in rows if row["queue_state"] != "unbound"]
    bindings = dict(zip((row["id"] for row in bound), bindings_of_all(cursor, bound), strict=True))
    return [
        ServiceQueue(
            row["id"], row["queue"], bindings.get(row["id"], []), row["queue_state"], row["is_active"],
            selectors.is_pattern(row["symbol"]), row["delivery"] == deliveries.BATCH,
        )
        for row in rows
    ]  # fmt: skip
