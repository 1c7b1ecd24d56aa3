"""Errors as examples for the OpenAPI document: of each call and status one that can come, in the words in which it comes."""

import re
from typing import Any

from api import errors
from gateway.schemas import schemas

_ID = "6d1a5c1e-6a3f-4a83-9d0e-0c8d4a7c2f11"
_BUSY = "found another sync of the account under way; expected one at a time: its rows are there in a moment"
_CLASH = "found topic 'order.linear' while 'order' is held; expected one form of it: the exchange refuses both together"

#: Status, which calls, code where it is not the status' own, words, details. The first that fits counts.
ROWS: tuple[tuple[int, str, str | None, str, dict[str, Any]], ...] = (
    (
        400, r"POST /api/v1/subscriptions", "UNKNOWN_SYMBOL",
        "found symbol 'btcusdt'; expected an instrument's name in upper case, such as BTCUSDT", {},
    ),
    (
        400, r"PUT .*", None, "subscriptions.0.ttl_seconds: found '60'; Input should be a valid number",
        {"problems": [{"field": "subscriptions.0.ttl_seconds", "problem": "Input should be a valid number", "found": "'60'"}]},
    ),
    (
        400, r"GET /api/v1/(audit|balances/history|events|gaps)", "INVALID_TIME_RANGE",
        "found from 'yesterday'; expected ISO 8601, such as 2026-01-31, 2026-01-31T12:00:00Z or 2026-01-31T12:00:00.5+02:00", {},
    ),
    (400, r".*", None, "the field colour is unknown", {}),
    (401, r".*", None, "found no API key; expected one in the header X-API-Key or Authorization: Bearer", {}),
    (403, r"GET /api/v1/audit", None, "found a key of scope write; expected scope admin for GET /api/v1/audit", {}),
    (403, r".*/balances/sync", None, "found no service; expected 'my-service', all that this key may change", {}),
    (403, r".*", None, "found service 'other-service'; expected 'my-service', all that this key may change", {}),
    (404, r".*/schemas/.*", None, f"found no event class 'moon'; expected one of {', '.join(schemas.all_schemas())}", {}),
    (404, r".*", "SUBSCRIPTION_NOT_FOUND", f"found no subscription {_ID}", {}),
    (409, r".*/balances/sync", "CONFLICT", _BUSY, {}),
    (409, r".*/(resync|heartbeat)", "CONFLICT", "found a cancelled subscription; expected an active one", {}),
    (409, r"PUT .*", "CONFLICT", f"subscriptions.0: {_CLASH}", {"index": 0}),
    (409, r".*", "CONFLICT", _CLASH, {}),
    (413, r".*", None, "found a body of 300000 bytes; expected at most 262144", {}),
    (414, r".*", None, "found a longer request line; expected at most 8190 bytes", {}),
    (415, r".*", None, "found text/plain; expected application/json", {}),
    (429, r".*", None, "found too many wrong API keys from 192.0.2.1; expected the next try in 2 s", {}),
    (
        502, r".*", "EXCHANGE_ERROR", "the exchange answered 10006: Too many visits!", {"ret_code": 10006, "ret_msg": "Too many visits!"},
    ),
    (503, r".*", None, "PostgreSQL cannot be asked now; try again", {}),
)  # fmt: skip


def of(status: int, method: str, path: str) -> dict[str, Any]:
    """What that call may answer with that status; StopIteration where no row fits."""
    call = f"{method} {path}"
    code, words, details = next(row[2:] for row in ROWS if row[0] == status and re.fullmatch(row[1], call))
    return errors.shape(status, words, code=code, details=details)
