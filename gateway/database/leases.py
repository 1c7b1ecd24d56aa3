"""Leases: wishes that end unless whoever made them renews them in time. PostgreSQL's clock counts. All functions raise StoreAway.

A lease never ends because nobody could renew it: what could not be looked at for a while begins anew (docs/decisions, 17).
"""

import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from gateway.database import audit, db, ledger, store
from gateway.database.db import Connection, Row, transaction
from gateway.database.statements import query
from gateway.lanes.announcements import ENDPOINT, WORKER
from gateway.occurrences import Kind
from gateway.wire import event_id

log = logging.getLogger(__name__)

#: Bounds of `ttl_seconds`: long enough for three heartbeats, short enough to be no subscription for ever.
TTL_SECONDS = (10, 7 * 24 * 3600)
#: Nobody looked for longer than this: PostgreSQL, or whoever looks, was away, and leases begin anew; seconds.
PAUSE_S = 5.0

#: What happened, as the `system` event and the audit say it.
KIND: Kind = "expired"


def renew(connection: Connection, *, subscription_id: UUID | None = None, service: str | None = None) -> list[Row]:
    """Begin the lease of one wish anew, or all of a service; the rows. A wish without a lease is none of them."""
    with transaction(connection) as cursor:
        cursor.execute(query("renew"), {"id": subscription_id, "service": service})
        return db.rows(cursor)


def end(connection: Connection, *, was_away: bool) -> list[Row]:
    """Cancel what ran out, and note each as an occurrence; the rows. Whoever else looks too, each is ended once.

    was_away  PostgreSQL could not be asked since the last look
    """
    with transaction(connection) as cursor:
        cursor.execute(query("has_leases"))
        if not db.value(cursor):
            return []
        cursor.execute(query("note_look"))
        if was_away or db.value(cursor) > PAUSE_S:
            cursor.execute(query("begin_leases_anew"), {"lately_s": PAUSE_S})
            log.warning("leases begun_anew count=%d", cursor.rowcount)
            return []
        cursor.execute(query("expire"))
        rows = db.rows(cursor)
        for row in rows:
            ledger.note_occurrence(
                cursor, event_id=event_id(identity(row)), at=row["updated_at"], kind=KIND, endpoint=ENDPOINT, worker=WORKER,
                topic=row["topic"], detail=words(row),
            )  # fmt: skip
        store.notify(cursor, rows)
        audit.record(cursor, audit.GATEWAY, KIND, *rows)
        return rows


def identity(row: Mapping[str, Any]) -> str:
    """Of the occurrence: a wish runs out once."""
    return f"{KIND}|{row['id']}"


def words(row: Mapping[str, Any]) -> str:
    return f"the lease of {row['requesting_service']} ran out after {row['ttl_seconds']:g} s: subscription {row['id']} is cancelled"
