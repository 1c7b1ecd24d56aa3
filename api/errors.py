"""Every error of the API in one shape: {"error", "code", "details"}. Source: the public contract, section 5."""

import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, jsonify, request
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from werkzeug.exceptions import HTTPException

from gateway.errors import RequestError, StoreAway, StoreBusy, StoreRefused

log = logging.getLogger(__name__)

#: HTTP status → the contract's word, where no more special one is given. Any other has its name of HTTP: 417 EXPECTATION_FAILED.
CODES = {
    400: "INVALID_REQUEST",
    401: "AUTHENTICATION_FAILED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "PAYLOAD_TOO_LARGE",
    414: "URI_TOO_LONG",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "RATE_LIMITED",
    431: "HEADERS_TOO_LARGE",
    500: "INTERNAL_ERROR",
    503: "SERVICE_UNAVAILABLE",
}


def shape(status: int, message: str, *, code: str | None = None, details: dict[str, Any] | None = None) -> dict[str, Any]:
    """An error as the contract shapes it."""
    return {"error": message, "code": code or CODES.get(status) or HTTPStatus(status).name, "details": details or {}}


def answer(status: int, message: str, *, code: str | None = None, details: dict[str, Any] | None = None) -> Response:
    """An error with its status."""
    response = jsonify(shape(status, message, code=code, details=details))
    response.status_code = status
    return response


def not_valid(fault: ValidationError) -> Response:
    """The first thing that pydantic found wrong, in one sentence; all of them as details."""
    problems = [_problem(error) for error in fault.errors(include_url=False, include_context=False)]
    first = problems[0]
    words = "{field}: found {found}; {problem}" if "found" in first else "the field {field} is unknown"
    return answer(400, words.format(**first), details={"problems": problems})


def register(app: Flask) -> None:
    """Handlers for all that can go wrong in a request."""

    @app.errorhandler(RequestError)
    def refused(fault: RequestError) -> Response:
        return answer(fault.status, str(fault), code=fault.code, details=fault.details)

    @app.errorhandler(StoreAway)
    def away(fault: StoreAway) -> Response:
        log.warning("api store_away path=%s reason=%s", request.path, fault, extra={"trace_id": g.get("trace_id")})
        reason = str(fault) if isinstance(fault, StoreBusy) else "PostgreSQL cannot be asked now"
        return answer(503, f"{reason}; try again")

    @app.errorhandler(StoreRefused)
    def unstorable(fault: StoreRefused) -> Response:
        log.warning("api store_refused path=%s reason=%s", request.path, fault, extra={"trace_id": g.get("trace_id")})
        return answer(400, "a value of the request cannot be stored or looked up")

    @app.errorhandler(HTTPException)
    def http(fault: HTTPException) -> Response:
        status = fault.code or 500
        words = {
            404: f"found no {request.path}; expected a path of /openapi.json",
            405: f"found {request.method} {request.path}; expected {', '.join(sorted(getattr(fault, 'valid_methods', None) or []))}",
        }
        response = answer(status, words.get(status, fault.description or fault.name))
        if status == 405:
            response.headers["Allow"] = ", ".join(sorted(getattr(fault, "valid_methods", None) or []))
        return response


def _problem(error: ErrorDetails) -> dict[str, str]:
    """What stands in a field that is unknown, or within a wrong value, is never repeated: it may be a key."""
    said = {"field": ".".join(map(str, error["loc"])) or "body", "problem": str(error["msg"])}
    if error["type"] == "extra_forbidden":
        return said
    return said | {"found": "nothing" if error["type"] == "missing" else _short(error["input"])}


def _short(value: Any) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"
