"""/subscriptions/by-service: all that one service holds, at once."""

import logging
from functools import partial
from typing import Any

from flask import Response, g, jsonify
from flask_openapi3 import APIBlueprint, Tag

from api import broker
from api.access import NEEDS_KEY, caller
from api.asked import Asked
from api.parts import Parts
from api.shapes import Error
from api.subscription_shapes import (
    CancelledAll,
    Element,
    Renewed,
    Replaced,
    Replacement,
    ReplacementQuery,
    ServicePath,
    shown,
)
from api.wishes import wish_of
from gateway.database import leases, listings, replacement, store
from gateway.database.db import Connection
from gateway.errors import RequestError
from gateway.protocol import selectors

log = logging.getLogger(__name__)


def blueprint(parts: Parts) -> APIBlueprint:
    """The routes, over one process's parts."""
    routes = APIBlueprint(
        "holdings",
        __name__,
        url_prefix="/api/v1/subscriptions/by-service",
        abp_tags=[Tag(name="subscriptions")],
        abp_security=NEEDS_KEY,
    )

    @routes.put(
        "/<string:service>",
        summary="Replace all of a service",
        responses={200: Replaced, 400: Error, 401: Error, 409: Error, 413: Error, 415: Error, 503: Error},
    )
    def replace(path: ServicePath, body: Replacement, query: ReplacementQuery) -> Response:
        """The service holds these and nothing else, or an error names the element (`subscriptions.3: …`) and nothing has changed.

        An element is what POST takes; a setting that it does not name is off. Two that are the same are one, and the later counts.
        """
        with parts.pool.connection() as connection:
            wishes = [_wish(parts, connection, path.service, index, asked) for index, asked in enumerate(body.subscriptions)]
        done = _replaced(parts, path.service, wishes, dry_run=query.dry_run)
        if not query.dry_run:
            _log(done)
        log.info(
            "api replaced service=%s added=%d removed=%d unchanged=%d dry_run=%s",
            path.service, len(done.added), len(done.removed), len(done.unchanged), query.dry_run,
            extra={"trace_id": g.trace_id},
        )  # fmt: skip
        return jsonify({name: [shown(row) for row in getattr(done, name)] for name in ("added", "removed", "unchanged")})

    @routes.delete(
        "/<string:service>",
        summary="Cancel all of a service",
        responses={200: CancelledAll, 400: Error, 401: Error, 503: Error},
    )
    def cancel(path: ServicePath) -> Response:
        """How many were active."""
        with parts.pool.connection() as connection:
            rows = store.cancel(connection, service=path.service, by=caller())
        broker.tidy(parts, rows)
        log.info("api cancelled service=%s count=%d", path.service, len(rows), extra={"trace_id": g.trace_id})
        return jsonify({"message": "cancelled", "cancelled_count": len(rows)})

    @routes.post(
        "/<string:service>/heartbeat",
        summary="Renew all leases of a service",
        responses={200: Renewed, 400: Error, 401: Error, 503: Error},
    )
    def heartbeat(path: ServicePath) -> Response:
        """How many there are: fewer than expected, and some have run out."""
        with parts.pool.connection() as connection:
            rows = leases.renew(connection, service=path.service)
        return jsonify({"message": "renewed", "renewed_count": len(rows)})

    return routes


def _wish(parts: Parts, connection: Connection, service: str, index: int, asked: Element) -> dict[str, Any]:
    """An element's wish. Raises RequestError that names the element."""
    if asked.requesting_service not in (None, service):
        found = f"found requesting_service {asked.requesting_service!r}; expected {service!r}, the path's, or none"
        raise replacement.at(index, RequestError(found))
    given = Asked(**{**asked.model_dump(), "requesting_service": service})
    try:
        return wish_of(given, parts.rules, partial(parts.resolver.resolve, connection))
    except RequestError as fault:
        raise replacement.at(index, fault) from fault


def _log(done: replacement.Replaced) -> None:
    """A line for each subscription that came or went, as POST and DELETE have."""
    for what, rows in (("subscribed", done.added), ("cancelled", done.removed)):
        for row in rows:
            log.info(
                "api %s service=%s topic=%s category=%s category_source=%s id=%s",
                what, row["requesting_service"], row["topic"], row["category"], row["category_source"], row["id"],
                extra={"trace_id": g.trace_id},
            )  # fmt: skip


def _replaced(parts: Parts, service: str, wishes: list[dict[str, Any]], *, dry_run: bool) -> replacement.Replaced:
    """Queues of what is added are bound before anybody sends to them; those of what is removed are left afterwards."""
    patterns = {wish["category"] for wish in wishes if selectors.is_pattern(wish["symbol"])}
    with parts.door.reached() as topology, parts.pool.connection() as connection:
        in_sight = listings.in_sight(connection, patterns)

        def declare(queue: str, of_queue: Any) -> str:
            if dry_run:
                return "pending" if topology is None else "ready"
            return broker.declared(connection, topology, queue, of_queue)

        done = replacement.replace(connection, service, wishes, declare, by=caller(), dry_run=dry_run)
        if not dry_run:
            bound = [row["id"] for row in done.added if row["queue_state"] == "ready" and selectors.is_pattern(row["symbol"])]
            listings.set_bound(connection, bound, in_sight)
    if not dry_run:
        broker.tidy(parts, done.removed)
    return done
