"""/health and /connections: what the processes said of themselves. Nothing is asked of anybody."""

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag

from api.access import NEEDS_KEY
from api.parts import Parts
from api.shapes import Connections, Error, Health, Liveness, NotReady, Readiness, Unhealthy
from gateway.health import health

_TAG = Tag(name="health")


def blueprint(parts: Parts, prefix: str) -> APIBlueprint:
    """Under the root, and under /api/v1 like the rest."""
    name = f"health{prefix.replace('/', '_')}"
    routes = APIBlueprint(name, __name__, url_prefix=prefix or None, abp_tags=[_TAG])

    @routes.get("/health", summary="Health", operation_id=f"{name}_all", responses={200: Health, 503: Unhealthy})
    def all_of_it() -> tuple[Response, int]:
        """200 healthy or degraded, 503 unhealthy, each with its reasons."""
        status, body = health.health(parts.known())
        return jsonify(body), status

    @routes.get("/health/live", summary="This process answers", operation_id=f"{name}_live", responses={200: Liveness})
    def live() -> Response:
        return jsonify({"status": "live"})

    @routes.get(
        "/health/ready", summary="Events can be delivered", operation_id=f"{name}_ready", responses={200: Readiness, 503: NotReady}
    )
    def ready() -> tuple[Response, int]:
        """Whether broker and database are connected, by the router's words, and there is room for what is read."""
        known = parts.known()
        _, body = health.health(known)
        is_ready = health.is_ready(known)
        return jsonify({"status": "ready" if is_ready else "not_ready", "reasons": body["reasons"]}), 200 if is_ready else 503

    return routes


def connections_blueprint(parts: Parts) -> APIBlueprint:
    routes = APIBlueprint("connections", __name__, url_prefix="/api/v1", abp_tags=[_TAG], abp_security=NEEDS_KEY)

    @routes.get("/connections", summary="Every worker connection", responses={200: Connections, 401: Error})
    def connections() -> Response:
        """By process name."""
        return jsonify({"connections": health.connections(parts.known())})

    return routes
