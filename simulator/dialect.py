"""How each endpoint speaks: one row an endpoint, with the shapes of its pongs and acknowledgements.

Source: protocol notes, sections 3 to 5. Key order and missing keys are as recorded.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

Message = dict[str, Any]
#: (conn_id, req_id or None) → the answer to a ping.
Pong = Callable[[str, str | None], Message]
#: (op, conn_id, req_id or None, accepted, refused, words) → the answer to a subscribe or unsubscribe.
Ack = Callable[[str, str, str | None, Sequence[str], Sequence[str], str], Message]

_encode = msgspec.json.Encoder().encode


def compact(message: Message) -> str:
    """JSON without spaces, keys in the order given, as on the wire."""
    return _encode(message).decode()


def plain(number: Decimal) -> str:
    """A decimal as the exchange writes it: never with an exponent."""
    return f"{number:f}"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def _spot_pong(conn_id: str, req_id: str | None) -> Message:
    echo = {} if req_id is None else {"req_id": req_id}
    return {"success": True, "ret_msg": "pong", "conn_id": conn_id, **echo, "op": "ping"}


def _linear_pong(conn_id: str, req_id: str | None) -> Message:
    return {"success": True, "ret_msg": "pong", "conn_id": conn_id, "req_id": req_id or "", "op": "ping"}


def _option_pong(_conn_id: str, _req_id: str | None) -> Message:
    return {"args": [str(now_ms())], "op": "pong"}


def _private_pong(conn_id: str, req_id: str | None) -> Message:
    echo = {} if req_id is None else {"req_id": req_id}
    return {**echo, "op": "pong", "args": [str(now_ms())], "conn_id": conn_id}


def _spot_ack(op: str, conn_id: str, req_id: str | None, _accepted: Sequence[str], _refused: Sequence[str], words: str) -> Message:
    echo = {} if req_id is None else {"req_id": req_id}
    return {"success": not words, "ret_msg": words or op, "conn_id": conn_id, **echo, "op": op}


def _linear_ack(
    op: str, conn_id: str, req_id: str | None, _accepted: Sequence[str], _refused: Sequence[str], words: str
) -> Message:
    return {"success": not words, "ret_msg": words, "conn_id": conn_id, "req_id": req_id or "", "op": op}


def _option_ack(
    _op: str, conn_id: str, _req_id: str | None, accepted: Sequence[str], refused: Sequence[str], words: str
) -> Message:
    data = {"failTopics": list(refused), "successTopics": list(accepted)}
    return {"success": not words and not refused, "conn_id": conn_id, "data": data, "type": "COMMAND_RESP"}


def _private_ack(op: str, conn_id: str, req_id: str | None, accepted: Sequence[str], refused: Sequence[str], words: str) -> Message:
    if refused and not words:
        words = (
            "Batch subscription partially succeeded and partially failed.Successful subscriptions are as follows:"
            f"[{','.join(accepted)}]. Subscription to the following topics failed because the topic does not exist or there is a "
            f"subscription conflict:[{','.join(refused)}]."
        )
    echo = {} if req_id is None else {"req_id": req_id}
    return {"success": not words, "ret_msg": words, "op": op, "conn_id": conn_id, **echo}


@dataclass(frozen=True, slots=True)
class Dialect:
    """One endpoint's manners.

    category     of its instruments; None where there are none
    most_topics  in one request; None: no limit
    all_or_none  one bad or repeated topic sinks the whole request
    unknown      the words for a topic that does not exist, `{topic}` filled in
    """

    endpoint: str
    path: str
    category: str | None
    pong: Pong
    ack: Ack
    most_topics: int | None
    all_or_none: bool
    unknown: str


HANDLER = "error:handler not found,topic:{topic}"

DIALECTS: dict[str, Dialect] = {
    row.endpoint: row
    for row in (
        Dialect("spot", "/v5/public/spot", "spot", _spot_pong, _spot_ack, 10, True, "Invalid symbol :[{topic}]"),
        Dialect("linear", "/v5/public/linear", "linear", _linear_pong, _linear_ack, None, True, HANDLER),
        Dialect("inverse", "/v5/public/inverse", "inverse", _linear_pong, _linear_ack, None, True, HANDLER),
        Dialect("option", "/v5/public/option", "option", _option_pong, _option_ack, None, False, ""),
        Dialect("spread", "/v5/public/spread", "spread", _option_pong, _option_ack, None, False, ""),
        Dialect("status", "/v5/public/misc/status", None, _linear_pong, _linear_ack, None, True, HANDLER),
        Dialect("private", "/v5/private", None, _private_pong, _private_ack, None, False, ""),
    )
}
