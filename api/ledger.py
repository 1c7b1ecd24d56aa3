"""/gaps and /events: what may be missing, and what happened."""

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag

from api.access import NEEDS_KEY
from api.parts import Parts
from api.shapes import Error, GapFilter, Gaps, OccurrenceFilter, Occurrences, plain
from api.spans import span_of
from gateway.database import ledger


def blueprint(parts: Parts) -> APIBlueprint:
    routes = APIBlueprint("ledger", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="ledger")], abp_security=NEEDS_KEY)

    @routes.get("/gaps", summary="What may be missing", responses={200: Gaps, 400: Error, 401: Error, 503: Error})
    def gaps(query: GapFilter) -> Response:
        """Newest first: each gap that overlaps the time. Of a topic: its own, and those of whole connections that could carry it."""
        span = span_of(query.start, query.end)
        with parts.pool.connection() as connection:
            rows, total = ledger.find_gaps(connection, topic=query.topic, span=span, limit=query.limit, offset=query.offset)
        return jsonify({"gaps": [plain(row) for row in rows], "total": total})

    @routes.get("/events", summary="What happened", responses={200: Occurrences, 400: Error, 401: Error, 503: Error})
    def events(query: OccurrenceFilter) -> Response:
        """Newest first: the `system` events of the time."""
        span = span_of(query.start, query.end)
        with parts.pool.connection() as connection:
            rows, total = ledger.find_occurrences(connection, kind=query.kind, span=span, limit=query.limit, offset=query.offset)
        return jsonify({"events": [plain(row) for row in rows], "total": total})

    return routes
