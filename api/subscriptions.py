"""/subscriptions: wishes of services."""

import logging
from functools import partial
from typing import Any
from uuid import UUID

from flask import Response, g, jsonify
from flask_openapi3 import APIBlueprint, Tag

from api import broker
from api.access import NEEDS_KEY, caller
from api.asked import Asked
from api.parts import Parts
from api.shapes import Error
from api.subscription_shapes import (
    STATES,
    Cancelled,
    Subscription,
    SubscriptionFilter,
    SubscriptionPath,
    SubscriptionRequest,
    Subscriptions,
    shown,
)
from api.wishes import wish_of
from gateway.database import leases, listings, store
from gateway.database.db import Connection, Row
from gateway.errors import RequestError
from gateway.protocol import selectors
from gateway.protocol.channels import CHANNELS
from gateway.protocol.endpoints import CATEGORIES
from gateway.sinks.topology import Topology

log = logging.getLogger(__name__)

CANCELLED = "found a cancelled subscription; expected an active one"
#: What a filter may look for.
FILTERS = {"channel_type": [row.channel_type for row in CHANNELS], "category": CATEGORIES, "state": STATES}
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
        """201 for a new wish; 200 when the service already holds it: the settings that this one names (`snapshot_seconds`, `ttl_seconds`,
        `delivery`) then count, and its lease begins anew. The queue exists when this answers, or is `pending`. All subscriptions of one
        queue have one `delivery`: another is 409, and PUT changes them together.
        """
        with parts.pool.connection() as connection:
            wish = wish_of(Asked(**body.model_dump()), parts.rules, partial(parts.resolver.resolve, connection))
            row, is_new = store.held(connection, wish, by=caller()), False
        if row is None:
            with parts.door.reached() as topology, parts.pool.connection() as connection:
                row, is_new = _added(connection, topology, wish)
        if is_new:
            log.info(
                "api subscribed service=%s topic=%s category=%s category_source=%s id=%s",
                row["requesting_service"], row["topic"], row["category"], row["category_source"], row["id"],
                extra={"trace_id": g.trace_id},
            )  # fmt: skip
        return jsonify(shown(row)), 201 if is_new else 200

    @routes.get("/subscriptions", summary="List subscriptions", responses={200: Subscriptions, 400: Error, 401: Error, 503: Error})
    def list_subscriptions(query: SubscriptionFilter) -> Response:
        """Oldest first, cancelled ones too; `total` counts all matches."""
        _check_filter(query)
        with parts.pool.connection() as connection:
            rows, total = store.find_all(connection, query.model_dump(), limit=query.limit, offset=query.offset)
        return jsonify({"subscriptions": [shown(row) for row in rows], "total": total})

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
        return jsonify(shown(row))

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
        return jsonify(shown(row)), 202

    @routes.delete("/subscriptions/<string:subscription_id>", summary="Cancel", responses={200: Cancelled, 401: Error, 404: Error})
    def cancel(path: SubscriptionPath) -> Response:
        """Other services that hold the topic keep it. Cancelling twice is no error."""
        identity = _identity(path)
        with parts.pool.connection() as connection:
            rows = store.cancel(connection, subscription_id=identity, by=caller())
            if not rows and store.find(connection, identity) is None:
                raise _not_found(path)
        broker.tidy(parts, rows)
        for row in rows:
            log.info(
                "api cancelled service=%s topic=%s id=%s", row["requesting_service"], row["topic"], row["id"],
                extra={"trace_id": g.trace_id},
            )  # fmt: skip
        return jsonify({"message": "cancelled", "subscription_id": str(identity)})

    @routes.post(
        "/subscriptions/<string:subscription_id>/heartbeat",
        summary="Renew its lease",
        responses={200: Subscription, 401: Error, 404: Error, 409: Error, 503: Error},
    )
    def heartbeat(path: SubscriptionPath) -> Response:
        """It ends `ttl_seconds` from now, unless it is renewed again. One without a lease stays as it is."""
        identity = _identity(path)
        with parts.pool.connection() as connection:
            renewed = leases.renew(connection, subscription_id=identity)
            row = renewed[0] if renewed else store.find(connection, identity)
        if row is None:
            raise _not_found(path)
        if not row["is_active"]:
            raise _conflict(CANCELLED)
        return jsonify(shown(row))

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


def _check_filter(query: SubscriptionFilter) -> None:
    """A word that no subscription can have is a mistake, not a list without entries."""
    for name, known in FILTERS.items():
        found = getattr(query, name)
        if found is not None and found not in known:
            raise RequestError(f"found {name} {found!r}; expected one of {', '.join(known)}")


def _added(connection: Connection, topology: Topology | None, wish: dict[str, Any]) -> tuple[Row, bool]:
    """The wish's row, and whether it is new. Of a pattern, workers are told what its queue was bound to."""
    follows = selectors.is_pattern(wish["symbol"])
    in_sight = listings.in_sight(connection, [wish["category"]]) if follows else {}
    declare = partial(broker.declared, connection, topology, wish["queue"], [wish])
    row, is_new = store.add_subscription(connection, wish, declare, by=caller())
    if is_new and row["queue_state"] == "ready":
        listings.set_bound(connection, [row["id"]], in_sight)
    return row, is_new


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
