"""Up to when the queues of patterns are bound to what the exchange lists, and which listings may be forgotten. Raises StoreAway.

reader ─▶ listing, with its moment ─▶ router binds it ─▶ "bound up to T" ─▶ worker asks for its topics
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from gateway.database.db import Connection, transaction
from gateway.database.statements import query


def in_sight(connection: Connection, categories: Iterable[str]) -> dict[str, datetime]:
    """Category → a moment: whoever reads the catalog from now on sees all that was first seen before it.

    A category that is being written just now is missing: what is not committed yet may be older than the present moment.
    """
    with transaction(connection) as cursor:
        cursor.execute(query("listings_in_sight"), {"categories": list(categories)})
        return dict(cursor.fetchall())


def set_bound(connection: Connection, subscription_ids: Sequence[UUID], moments: Mapping[str, datetime]) -> None:
    """The queues of these wishes have every binding of what was in sight at the moments; their workers are told where that is news."""
    ids = [str(entry) for entry in subscription_ids]
    for category, moment in moments.items():
        with transaction(connection) as cursor:  # one each: rows are locked in the order of their ids
            cursor.execute(query("set_bound"), {"ids": ids, "category": category, "bound_at": moment})
            if cursor.rowcount:
                cursor.execute(query("notify"), {"endpoint": category})


def prune(connection: Connection) -> int:
    """Forget what ended so long ago that nobody asks for it; how many."""
    with transaction(connection) as cursor:
        cursor.execute(query("prune_instruments"))
        return cursor.rowcount
