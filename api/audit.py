"""/audit: who changed what."""

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel

from api import examples
from api.access import NEEDS_KEY
from api.parts import Parts
from api.shapes import Short, SpanFilter, plain
from api.spans import span_of
from gateway.database import audit


class AuditFilter(SpanFilter):
    """Which changes."""

    action: Short | None = None


class Change(BaseModel):
    """Something that somebody changed.

    who      the name of the key, or the part of the gateway that did it
    key_id   of a service's key, as `ws-gateway keys list` shows it
    subject  the id of what was changed
    """

    id: int
    timestamp: str
    who: str
    key_id: str | None
    action: str
    subject: str | None
    service: str | None
    topic: str | None
    trace_id: str | None


class Changes(BaseModel):
    """One page, and how many match in all."""

    model_config = examples.shown(examples.AUDIT)

    audit: list[Change]
    total: int


def blueprint(parts: Parts) -> APIBlueprint:
    routes = APIBlueprint("audit", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="access")], abp_security=NEEDS_KEY)

    @routes.get("/audit", summary="Who changed what", responses={200: Changes})
    def changes(query: AuditFilter) -> Response:
        """Newest first: the changes of the time, with the name of the key that made them."""
        span = span_of(query.start, query.end)
        with parts.pool.connection() as connection:
            rows, total = audit.find(connection, action=query.action, span=span, limit=query.limit, offset=query.offset)
        return jsonify({"audit": [plain(row) for row in rows], "total": total})

    return routes
