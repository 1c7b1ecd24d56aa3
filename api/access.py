"""Who may call what, and the trace id of every answer.

request ─▶ open? ─ no ─▶ a key that fits? ─▶ its scope? ─▶ query and body in form? ─▶ its service? ─▶ route
                              └ 401, 429, 503      └ 403        └ 400, 413, 415         └ 403
"""

import logging
import math
import re
import secrets
import time
from collections.abc import Callable, Collection, Mapping

from flask import Flask, Response, g, request

from api import forms
from api.errors import answer
from gateway.database.api_keys import Caller
from gateway.database.audit import By
from gateway.disk.attempts import Attempts
from gateway.errors import RequestError, StoreAway
from gateway.keyring import Keyring

log = logging.getLogger(__name__)

#: Paths that need no key. Source: the public contract, section 5.
OPEN = re.compile(r"(/api/v1)?/(health(/live|/ready)?|(open|async)api\.json|schemas(/[^/]*)?|docs(/.*)?|static/.*)|/(metrics)?")
#: What only an administrator may see.
ADMIN_ONLY = re.compile(r"/api/v1/audit")
#: Methods that change nothing.
SAFE = ("GET", "HEAD", "OPTIONS")
#: For the OpenAPI document: an operation that needs a key. Which scope is filled in for all of them at once.
NEEDS_KEY: list[dict[str, list[str]]] = [{"key": []}]

_TRACE = re.compile(r"[A-Za-z0-9_.:-]{1,100}")


def trace(app: Flask) -> None:
    """Before anything else that looks at requests: the trace id of each, the caller's where it is sane; it is on every answer."""

    @app.before_request
    def begin() -> None:
        offered = request.headers.get("X-Trace-Id", "")
        g.trace_id = offered if _TRACE.fullmatch(offered) else secrets.token_hex(8)
        g.began = time.monotonic()

    @app.after_request
    def mark(response: Response) -> Response:
        response.headers["X-Trace-Id"] = g.trace_id
        if log.isEnabledFor(logging.DEBUG):
            log.debug(
                "api answered method=%s path=%.100s status=%d ms=%.1f",
                request.method, request.path, response.status_code, (time.monotonic() - g.began) * 1000,
                extra={"trace_id": response.headers["X-Trace-Id"]},
            )  # fmt: skip
        return response


def register(
    app: Flask,
    keyring: Keyring,
    attempts: Attempts,
    service_of: Callable[[str], str | None],
    query_fields: Mapping[tuple[str, str], Collection[str]],
) -> None:
    """Checks before every request that is let in.

    service_of    subscription id → whose it is; None where there is none
    query_fields  rule and method → the fields that its query may have
    """
    app.config["MAX_CONTENT_LENGTH"] = forms.LONGEST_READ
    app.wsgi_app = forms.without_key(app.wsgi_app)  # type: ignore[assignment, method-assign] # Flask's own way

    @app.before_request
    def check() -> Response | None:
        refusal = None if OPEN.fullmatch(request.path) else _admit(keyring, attempts)
        if refusal is None:
            refusal = forms.check(query_fields)
        if refusal is None and not OPEN.fullmatch(request.path) and request.routing_exception is None:
            _check_service(service_of)
        return refusal


def caller() -> By:
    """Whose request this is, for the audit."""
    return By(g.caller.name, g.trace_id, g.caller.key_id)


def scope_of(path: str, method: str) -> str:
    """What a key must be allowed for a call."""
    if ADMIN_ONLY.fullmatch(path):
        return "admin"
    return "read" if method in SAFE else "write"


def _admit(keyring: Keyring, attempts: Attempts) -> Response | None:
    """Find out who calls. A key that fits is never refused for the failures of others at its address."""
    offered = forms.keys()
    if not offered:
        return answer(401, "found no API key; expected one in the header X-API-Key or Authorization: Bearer")
    try:
        found = keyring.caller(offered)
    except StoreAway as fault:
        log.warning("api key_not_checked reason=%s", fault, extra={"trace_id": g.trace_id})
        return answer(503, "PostgreSQL cannot be asked about this API key now; try again")
    if found is None:
        return _refused(attempts)
    g.caller = found
    scope = scope_of(request.path, request.method)
    if request.routing_exception is None and not found.may(scope):
        return answer(403, f"found a key of scope {found.scope}; expected scope {scope} for {request.method} {request.path}")
    return None


def _refused(attempts: Attempts) -> Response:
    address = request.remote_addr or "unknown"
    wait_s = attempts.wait_s(address, time.time())
    if wait_s:
        response = answer(429, f"found too many wrong API keys from {address}; expected the next try in {math.ceil(wait_s)} s")
        response.headers["Retry-After"] = str(math.ceil(wait_s))
        return response
    log.warning(
        "api key_refused address=%s method=%s path=%.100s", address, request.method, request.path, extra={"trace_id": g.trace_id}
    )
    return answer(401, "found no valid API key; expected one in the header X-API-Key or Authorization: Bearer")


def _check_service(service_of: Callable[[str], str | None]) -> None:
    """A key of one service changes nothing else: also no call that names no service, such as one that concerns all of them."""
    holder: Caller = g.caller
    if holder.service is None or request.method in SAFE:
        return
    given = request.view_args or {}
    if "subscription_id" in given:
        named = service_of(given["subscription_id"])
        if named is None:
            return  # the route says that there is none
    else:
        named = given.get("service", forms.body().get("requesting_service"))
    if named != holder.service:
        what = "no service" if named is None else f"service {named!r:.110}"
        raise RequestError(f"found {what}; expected {holder.service!r}, all that this key may change", code="FORBIDDEN", status=403)
