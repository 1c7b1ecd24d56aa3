"""The form of a request, whatever it asks: where its keys stand, which fields its query may have, and what a body is."""

import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import msgspec
from flask import Response, g, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected

from api import unreadable
from api.errors import answer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

#: No request of ours needs more: 1,000 wishes of a replacement, each with all its fields; bytes.
LARGEST_BODY = 256 * 1024
#: One more than allowed: a body without a length is cut there, without a word, and must be seen to be too long.
LONGEST_READ = LARGEST_BODY + 1
#: What is taken in of a longer one, so that the connection can go on; bytes.
MOST_DISCARDED = 1024 * 1024
#: Methods whose calls say something in their body …
WITH_BODY = ("POST", "PUT", "PATCH")
#: … but for those that say all in their path.
BODILESS = re.compile(r"/api/v1/(subscriptions/([^/]+/(resync|heartbeat)|by-service/[^/]+/heartbeat)|balances/sync)")
#: The field of a query that may hold a key.
KEY_FIELD = "api_key"

_TAKEN = "ws_gateway.api_key"


def path_of(rule: str) -> str:
    """Flask's rule as the OpenAPI document writes it."""
    return re.sub(r"<(?:[a-z]+:)?(\w+)>", r"{\1}", rule)


def without_key(application: "WSGIApplication") -> "WSGIApplication":
    """Take the key out of the query before anything else sees the URL, so that nothing that shows a URL shows a key."""

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        fields = environ.get("QUERY_STRING", "").split("&")
        kept = [field for field in fields if unquote_plus(field.partition("=")[0]) != KEY_FIELD]
        if len(kept) < len(fields):
            environ[_TAKEN] = [unquote_plus(field.partition("=")[2]) for field in fields if field not in kept]
            environ["QUERY_STRING"] = "&".join(kept)
            for name in ("RAW_URI", "REQUEST_URI"):
                environ.pop(name, None)
        return application(environ, start_response)

    return serve


def keys() -> list[str]:
    """What the request offers as a key, in every place where one may stand."""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    offered = [
        request.headers.get("X-API-Key", ""),
        bearer.strip() if scheme.lower() == "bearer" else "",
        *request.environ.get(_TAKEN, ()),
    ]
    return [key for key in offered if key]


def body() -> Mapping[str, Any]:
    """The body that `check` has read; empty where there is none."""
    found: Mapping[str, Any] = g.get("body") or {}
    return found


def check(query_fields: Mapping[tuple[str, str], Collection[str]]) -> Response | None:
    """What is wrong with the request's form, if anything. A call that is not there says so itself, whatever its form.

    query_fields  path and method of the OpenAPI document → the fields that its query may have
    """
    if any("\0" in text for text in (request.path, *request.args.values())):
        return answer(400, "found a NUL character in the path or the query; expected text")
    if request.url_rule is None or request.routing_exception is not None:
        return None
    method = "GET" if request.method == "HEAD" else request.method
    allowed = query_fields.get((path_of(request.url_rule.rule), method), request.args if method == "OPTIONS" else ())
    for field, values in request.args.lists():
        if field not in allowed:
            return answer(400, f"the field {field[:100]} is unknown")
        if len(values) > 1:
            return answer(400, f"found the field {field} {len(values)} times; expected it once")
    return _check_body() if request.method in WITH_BODY else None


def _check_body() -> Response | None:
    """A body is one JSON object, said to be JSON, in UTF-8. Where it would say nothing, there may be none."""
    if BODILESS.fullmatch(request.path) and not request.content_length and "Transfer-Encoding" not in request.headers:
        return None
    charset = request.mimetype_params.get("charset", "utf-8")
    if request.mimetype != "application/json" or charset.lower() != "utf-8":
        found = request.content_type or "no content type"
        return answer(415, f"found {found[:100]}; expected application/json")
    if request.content_length is not None and request.content_length > LARGEST_BODY:
        _discard(request.content_length)
        return answer(413, f"found a body of {request.content_length} bytes; expected at most {LARGEST_BODY}")
    try:
        text = request.get_data()
    except (ParseException, ClientDisconnected) as fault:
        return _unreadable(fault)
    if len(text) > LARGEST_BODY:
        return answer(413, f"found a body without a length that is longer; expected at most {LARGEST_BODY} bytes")
    if request.content_length is not None and len(text) != request.content_length:
        return answer(400, f"found a body of {len(text)} bytes; expected {request.content_length}, as Content-Length says")
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as fault:
        return answer(400, f"the body is not JSON: {fault}")
    if not isinstance(found, dict):
        return answer(400, f"found {type(found).__name__} as body; expected a JSON object")
    if any("\0" in text for text in _texts(found)):
        return answer(400, "found a NUL character in the body; expected text")
    g.body = found
    return None


def _unreadable(fault: ParseException | ClientDisconnected) -> Response:
    """Raised while the body is read, in the midst of the application; a line of the log, as for what cannot be read before."""
    if isinstance(fault, ParseException):
        status, words = unreadable.answer_of(fault)
    else:
        status, words = HTTPStatus.BAD_REQUEST, "found a body that ends in the midst of a chunk; expected a last one of size 0"
    reason, trace_id = type(fault).__name__, g.get("trace_id")
    log.warning("api unreadable_request address=%s reason=%s", request.remote_addr, reason, extra={"trace_id": trace_id})
    return answer(status, words)


def _discard(length: int) -> None:
    """Take in a body that nobody reads, unless it is huge: gunicorn ends a connection on which more than a little of one is left."""
    left = min(length, MOST_DISCARDED)
    while left > 0 and (chunk := request.environ["wsgi.input"].read(min(left, LARGEST_BODY))):
        left -= len(chunk)


def _texts(value: Any) -> Iterator[str]:
    """Every text in it, however deep; names of fields too."""
    left = [value]
    while left:
        found = left.pop()
        if isinstance(found, str):
            yield found
        elif isinstance(found, dict):
            left += [*found, *found.values()]
        elif isinstance(found, list):
            left += found
