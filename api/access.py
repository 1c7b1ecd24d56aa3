"""Who may call what, what a body may be, and the trace id of every answer."""

import re
import secrets
from collections.abc import Iterator
from typing import Any

import msgspec
from flask import Flask, Response, g, request

from api.errors import answer
from gateway import keys

#: No request of ours needs more; bytes.
LARGEST_BODY = 64 * 1024
#: Paths that need no key. Source: the public contract, section 5.
OPEN = re.compile(r"(/api/v1)?/(health(/live|/ready)?|(open|async)api\.json|schemas(/[^/]*)?|docs(/.*)?|static/.*)|/docs")
#: Calls that say all in their path.
BODILESS = re.compile(r"/api/v1/(subscriptions/([^/]+/(resync|heartbeat)|by-service/[^/]+/heartbeat)|balances/sync)")
#: For the OpenAPI document: an operation that needs the key.
NEEDS_KEY: list[dict[str, list[str]]] = [{"key": []}]
_TRACE = re.compile(r"[A-Za-z0-9_.:-]{1,100}")


def register(app: Flask, admin_key: str) -> None:
    """Checks before every request, headers on every answer."""
    # One more than allowed: a body without a length is cut there, without a word, and must be seen to be too long.
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY + 1

    @app.before_request
    def check() -> Response | None:
        offered = request.headers.get("X-Trace-Id", "")
        g.trace_id = offered if _TRACE.fullmatch(offered) else secrets.token_hex(8)
        if not OPEN.fullmatch(request.path) and not _has_key(admin_key):
            return answer(401, "found no valid API key; expected one in the header X-API-Key or Authorization: Bearer")
        if any("\0" in text for text in (request.path, *request.args.values())):
            return answer(400, "found a NUL character in the path or the query; expected text")
        has_route = request.routing_exception is None  # else 404 or 405, whatever the body
        return _check_body() if has_route and request.method in ("POST", "PUT", "PATCH") else None

    @app.after_request
    def mark(response: Response) -> Response:
        response.headers["X-Trace-Id"] = g.get("trace_id") or secrets.token_hex(8)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        return response


def _has_key(admin_key: str) -> bool:
    """Every place a key may stand; compared in constant time."""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    offered = (
        request.headers.get("X-API-Key"),
        bearer.strip() if scheme.lower() == "bearer" else None,
        request.args.get("api_key"),
    )
    return any(keys.is_admin(key, admin_key) for key in offered if key)


def _check_body() -> Response | None:
    """A body is one JSON object, said to be JSON. Where it would say nothing, there may be none."""
    if BODILESS.fullmatch(request.path) and not request.content_length and "Transfer-Encoding" not in request.headers:
        return None
    if request.mimetype != "application/json":
        found = request.mimetype or "no content type"
        return answer(415, f"found {found}; expected application/json")
    if request.content_length is not None and request.content_length > LARGEST_BODY:
        return answer(413, f"found a body of {request.content_length} bytes; expected at most {LARGEST_BODY}")
    text = request.get_data()
    if len(text) > LARGEST_BODY:
        return answer(413, f"found a body without a length that is longer; expected at most {LARGEST_BODY} bytes")
    try:
        body = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as fault:
        return answer(400, f"the body is not JSON: {fault}")
    if not isinstance(body, dict):
        return answer(400, f"found {type(body).__name__} as body; expected a JSON object")
    if any("\0" in text for text in _texts(body)):
        return answer(400, "found a NUL character in the body; expected text")
    return None


def _texts(body: Any) -> Iterator[str]:
    """Every text in it, however deep."""
    left = [body]
    while left:
        found = left.pop()
        if isinstance(found, str):
            yield found
        elif isinstance(found, dict | list):
            left.extend(found.values() if isinstance(found, dict) else found)
