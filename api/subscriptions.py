"""/subscriptions: wishes of services."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from uuid import UUID

from flask import Response, g, jsonify
from flask_openapi3 import APIBlueprint, Tag

from api.access import NEEDS_KEY, caller
from api.asked import Asked
from api.parts import Parts
from api.shapes import (
    Cancelled,
    CancelledAll,
    Error,
    ServicePath,
    Subscription,
    SubscriptionFilter,
    SubscriptionPath,
    SubscriptionRequest,
    Subscriptions,
    plain,
)
from api.wishes import wish_of
from gateway import listings, queues, store
from gateway.bindings import bindings_of
from gateway.db import Connection, Row
from gateway.errors import RequestError, SinkAway
from gateway.protocol import selectors
from gateway.sinks.topology import Topology

log = logging.getLogger(__name__)

#: Columns that are ours alone.
_HIDDEN = ("endpoint", "binding", "resyncs", "bound_at")

CANCELLED = "found a cancelled subscription; expected an active one"
#: Endpoint → why its topics are never left to be asked for anew.
NOT_LEFT = {
    "": "found {topic!r}, which the gateway itself tells; expected a topic of the exchange",
    "private": "found {topic!r}, a topic of the account: what happens there while it is left would be missed; expected a public topic",
}


def blueprint(parts: Parts) -> APIBlueprint:
    """The routes, over one process's parts."""
    routes = APIBlueprint(
        "subscriptions", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="subscriptions")], abp_security=NEEDS_KEY
    )

    @routes.post(
        "/subscriptions",
        summary="Subscribe",
        responses={200: Subscription, 201: Subscription, 400: Error, 401: Error, 409: Error, 413: Error, 415: Error, 503: Error},
    )
    def subscribe(body: SubscriptionRequest) -> tuple[Response, int]:
        """201 for a new wish; 200 when the service already holds it. The queue exists when this answers, or is `pending`."""
        with parts.pool.connection() as connection:
            wish = wish_of(Asked(**body.model_dump()), parts.rules, partial(parts.resolver.resolve, connection))
            row, is_new = store.held(connection, wish, by=caller()), False
            if row is None:
                with _broker(parts) as topology:
                    row, is_new = _added(connection, topology, wish)
        if is_new:
            log.info(
                "api subscribed service=%s topic=%s category=%s category_source=%s id=%s",
                row["requesting_service"], row["topic"], row["category"], row["category_source"], row["id"],
                extra={"trace_id": g.trace_id},
            )  # fmt: skip
        return jsonify(_shown(row)), 201 if is_new else 200

    @routes.get("/subscriptions", summary="List subscriptions", responses={200: Subscriptions, 400: Error, 401: Error, 503: Error})
    def list_subscriptions(query: SubscriptionFilter) -> Response:
        """Oldest first; `total` counts all matches."""
        with parts.pool.connection() as connection:
            rows, total = store.find_all(connection, query.model_dump(), limit=query.limit, offset=query.offset)
        return jsonify({"subscriptions": [_shown(row) for row in rows], "total": total})

    @routes.get(
        "/subscriptions/<string:subscription_id>", summary="One subscription", responses={200: Subscription, 401: Error, 404: Error}
    )
    def one(path: SubscriptionPath) -> Response:
        """Cancelled ones too."""
        identity = _identity(path)
        with parts.pool.connection() as connection:
            row = store.find(connection, identity)
        if row is None:
            raise _not_found(path)
        return jsonify(_shown(row))

    @routes.post(
        "/subscriptions/<string:subscription_id>/resync",
        summary="Subscribe its topic anew",
        responses={202: Subscription, 401: Error, 404: Error, 409: Error, 503: Error},
    )
    def resync(path: SubscriptionPath) -> tuple[Response, int]:
        """The worker leaves that one topic and asks for it again, for all who hold it: a book or ticker gets a new snapshot."""
        identity = _identity(path)
        with parts.pool.connection() as connection:
            row = store.find(connection, identity)
            if row is None:
                raise _not_found(path)
            _check_can_be_left(row)
            row = store.resync(connection, identity, by=caller())
        if row is None:
            raise _conflict(CANCELLED)
        log.info(
            "api resync_asked service=%s topic=%s id=%s", row["requesting_service"], row["topic"], row["id"],
            extra={"trace_id": g.trace_id},
        )  # fmt: skip
        return jsonify(_shown(row)), 202

    @routes.delete("/subscriptions/<string:subscription_id>", summary="Cancel", responses={200: Cancelled, 401: Error, 404: Error})
    def cancel(path: SubscriptionPath) -> Response:
        """Other services that hold the topic keep it. Cancelling twice is no error."""
        identity = _identity(path)
        with parts.pool.connection() as connection:
            rows = store.cancel(connection, subscription_id=identity, by=caller())
            if not rows and store.find(connection, identity) is None:
                raise _not_found(path)
            _tidy(parts, connection, rows)
        return jsonify({"message": "cancelled", "subscription_id": str(identity)})

    @routes.delete(
        "/subscriptions/by-service/<string:service>",
        summary="Cancel all of a service",
        responses={200: CancelledAll, 400: Error, 401: Error},
    )
    def cancel_service(path: ServicePath) -> Response:
        """How many were active."""
        with parts.pool.connection() as connection:
            rows = store.cancel(connection, service=path.service, by=caller())
            _tidy(parts, connection, rows)
        return jsonify({"message": "cancelled", "cancelled_count": len(rows)})

    return routes


def service_of(parts: Parts, subscription_id: str) -> str | None:
    """Whose subscription it is; None where there is none."""
    try:
        identity = UUID(subscription_id)
    except ValueError:
        return None
    with parts.pool.connection() as connection:
        row = store.find(connection, identity)
    return row["requesting_service"] if row else None


def _check_can_be_left(row: Row) -> None:
    """Whether the row's topic can be left and asked for again without harm."""
    if not row["is_active"]:
        raise _conflict(CANCELLED)
    if row["endpoint"] in NOT_LEFT:
        raise _conflict(NOT_LEFT[row["endpoint"]].format(topic=row["topic"]))
    if selectors.is_pattern(row["symbol"]):
        raise _conflict(f"found the pattern {row['symbol']!r}, which is many topics; expected a subscription of one instrument")


@contextmanager
def _broker(parts: Parts) -> Iterator[Topology | None]:
    """A conversation with the broker; None while it is away. Reached before any lock: a silent broker is waited for until it times out."""
    with ExitStack() as stack:
        try:
            topology = stack.enter_context(parts.topology())
        except SinkAway as fault:
            log.warning("api broker_away reason=%s", fault, extra={"trace_id": g.trace_id})
            topology = None
        yield topology


def _added(connection: Connection, topology: Topology | None, wish: dict[str, Any]) -> tuple[Row, bool]:
    """The wish's row, and whether it is new. Of a pattern, workers are told what its queue was bound to."""
    follows = selectors.is_pattern(wish["symbol"])
    in_sight = listings.in_sight(connection, [wish["category"]]) if follows else {}
    row, is_new = store.add_subscription(connection, wish, lambda: _declare(connection, topology, wish), by=caller())
    if is_new and row["queue_state"] == "ready":
        listings.set_bound(connection, [row["id"]], in_sight)
    return row, is_new


def _declare(connection: Connection, topology: Topology | None, wish: dict[str, Any]) -> str:
    """Make the queue before anybody can send to it; the router does it later when the broker is away."""
    if topology is None:
        return "pending"
    try:
        topology.bind_service(wish["queue"], bindings_of(connection, wish))
    except SinkAway as fault:
        log.warning("api queue_pending queue=%s reason=%s", wish["queue"], fault, extra={"trace_id": g.trace_id})
        return "pending"
    return "ready"


def _tidy(parts: Parts, connection: Any, rows: list[Row]) -> None:
    """Take idle queues and a few bindings away; what cannot be done now, the router does."""
    if not rows:
        return
    with _broker(parts) as topology:
        if topology is None:
            return
        try:
            for queue in sorted({row["queue"] for row in rows}):
                queues.leave(connection, topology, queue)
        except SinkAway as fault:
            log.warning("api queues_left reason=%s", fault, extra={"trace_id": g.trace_id})


def _shown(row: Row) -> dict[str, Any]:
    return plain({key: value for key, value in row.items() if key not in _HIDDEN})


def _identity(path: SubscriptionPath) -> UUID:
    """What is no UUID is nobody's id."""
    try:
        return UUID(path.subscription_id)
    except ValueError as fault:
        raise _not_found(path) from fault


def _conflict(message: str) -> RequestError:
    return RequestError(message, code="CONFLICT", status=409)


def _not_found(path: SubscriptionPath) -> RequestError:
    return RequestError(f"found no subscription {path.subscription_id}", code="SUBSCRIPTION_NOT_FOUND", status=404)
