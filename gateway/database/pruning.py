"""Pruning: rows that are older than somebody wants to keep them, taken away a few at a time. Raises StoreAway, StoreRefused."""

from dataclasses import dataclass

from gateway.database.db import Connection, transaction
from gateway.database.statements import query

#: Rows of one table that one statement deletes: some ten milliseconds.
MOST = 2000


@dataclass(frozen=True, slots=True)
class Retention:
    """How long rows are kept, in days; 0: for ever."""

    records_days: int = 0
    balance_days: int = 0


KEEP_ALL = Retention()

#: Table → the field of Retention that it obeys. Of each there is a statement in queries.sql.
KEPT = {
    "gaps": "records_days",
    "occurrences": "records_days",
    "dead_letters": "records_days",
    "audit": "records_days",
    "balances": "balance_days",
    "margin_balances": "balance_days",
}


def prune(connection: Connection, retention: Retention, *, most: int = MOST) -> dict[str, int]:
    """Delete at most so many rows of each table; how many. Never an open gap, and never the newest row of a coin or an account."""
    pruned = {}
    for table, field in KEPT.items():
        days = getattr(retention, field)
        if days:
            with transaction(connection) as cursor:
                cursor.execute(query(f"prune_{table}"), {"days": days, "most": most})
                pruned[table] = cursor.rowcount
    return pruned
