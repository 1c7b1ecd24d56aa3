"""What all calls have in common, written into the OpenAPI document, and what is read from it: fields of queries."""

from collections.abc import Mapping
from typing import Any

from api import access, forms, refusal_examples

#: Where a key may stand, by the names of the document.
SCHEMES: dict[str, Any] = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "query": {"type": "apiKey", "in": "query", "name": forms.KEY_FIELD},
}
#: Any call that needs a key may be answered so, and one with a body so, too.
NEEDING_KEY = {
    "401": "No key, or a wrong one",
    "429": "Too many wrong keys",
    "503": "PostgreSQL is away, or too many requests wait already",
}
#: A key that reads, reads everything.
NOT_FOR_READING = {"403": "The key may not do this"}
WITH_BODY = {"413": "Body too long", "415": "Not JSON"}
_ERROR = {"$ref": "#/components/schemas/Error"}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}


def complete(document: dict[str, Any]) -> None:
    """Fill in which scope each call that needs a key asks of it, and how it may be refused."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            operation["responses"]["400"] = _error("Not in form")
            if operation.get("parameters"):
                operation["responses"]["414"] = _error("Request line too long")
            if "security" not in operation:
                continue
            scope = access.scope_of(path, method.upper())
            operation["security"] = [{name: [scope]} for name in SCHEMES]
            errors = NEEDING_KEY | (WITH_BODY if method.upper() in forms.WITH_BODY else {})
            errors |= {} if scope == "read" else NOT_FOR_READING
            operation["responses"] |= {status: _error(words) for status, words in errors.items()}
            operation["responses"]["429"]["headers"] = _RETRY_AFTER
    _show_refusals(document)


def query_fields(document: Mapping[str, Any]) -> dict[tuple[str, str], frozenset[str]]:
    """Path and method → the fields that its query may have."""
    return {
        (path, method.upper()): frozenset(field["name"] for field in operation.get("parameters", ()) if field["in"] == "query")
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def _show_refusals(document: Mapping[str, Any]) -> None:
    """An example in each answer that has the shape of an error."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for status, response in operation["responses"].items():
                content = response["content"].get("application/json", {})
                if content.get("schema") == _ERROR:
                    shown = {**content, "example": refusal_examples.of(int(status), method.upper(), path)}
                    operation["responses"][status] = {**response, "content": {"application/json": shown}}


def _error(words: str) -> dict[str, Any]:
    return {"description": words, "content": {"application/json": {"schema": _ERROR}}}
