"""Pages of what is dated: the rows of a span, newest first, and how many match in all. Raises StoreAway, StoreRefused."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.database import db
from gateway.database.db import Connection, Row, transaction
from gateway.database.statements import query


@dataclass(frozen=True, slots=True)
class Span:
    """A time from one moment to another, both of it; None: without end on that side."""

    start: datetime | None = None
    end: datetime | None = None


def page(
    connection: Connection, what: str, filters: dict[str, Any], span: Span, *, limit: int, offset: int
) -> tuple[list[Row], int]:
    """By the statements `find_` and `count_` of what is asked for. A filter that is None matches everything."""
    values = {**filters, "from": span.start, "to": span.end}
    with transaction(connection) as cursor:
        cursor.execute(query(f"find_{what}"), {**values, "limit": limit, "offset": offset})
        rows = db.rows(cursor)
        cursor.execute(query(f"count_{what}"), values)
        return rows, int(db.value(cursor))
