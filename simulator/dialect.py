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
#: (conn_id, req_id or None, the exchange's clock in Unix milliseconds) → the answer to a ping.
Pong = Callable[[str, str | None, int], Message]
#: (op, conn_id, req_id or None, accepted, refused, words) → the answer to a subscribe or unsubscribe.
Ack = Callable[[str, str, str | None, Sequence[str], Sequence[str], str], Message]

_encode = msgspec.json.Encoder().encode


def compact(message: Message) -> str:
    """JSON without spaces, keys in the order given, as on the wire."""
    return _encode(message).decode()


def escaped(text: str) -> str:
    """As the exchange writes its answers: `>` and its like as JSON escapes. Source: protocol notes, section 5 (recorded on spot)."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def plain(number: Decimal) -> str:
    """A decimal as the exchange writes it: never with an exponent."""
    return f"{number:f}"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def _spot_pong(conn_id: str, req_id: str | None, _now_ms: int) -> Message:
    echo = {} if req_id is None else {"req_id": req_id}
    return {"success": True, "ret_msg": "pong", "conn_id": conn_id, **echo, "op": "ping"}


def _linear_pong(conn_id: str, req_id: str | None, _now_ms: int) -> Message:
    return {"success": True, "ret_msg": "pong", "conn_id": conn_id, "req_id": req_id or "", "op": "ping"}


def _option_pong(_conn_id: str, _req_id: str | None, now_ms: int) -> Message:
    return {"args": [str(now_ms)], "op": "pong"}


def _private_pong(conn_id: str, req_id: str | None, now_ms: int) -> Message:
    if req_id is None:
        return {"args": [str(now_ms)], "conn_id": conn_id, "op": "pong"}
    return {"req_id": req_id, "op": "pong", "args": [str(now_ms)], "conn_id": conn_id}


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


#: Bound of the summed topic names on one public connection. Source: protocol notes, section 2.
PUBLIC = 21_000


@dataclass(frozen=True, slots=True)
class Dialect:
    """One endpoint's manners.

    category     of its instruments; None where there are none
    most_topics  in one request; None: no limit
    most_held    on one connection; None: no limit
    characters   of all topic names on one connection; None: no limit
    all_or_none  one bad or repeated topic sinks the whole request
    unknown      the words for a topic that does not exist, `{topic}` filled in
    """

    endpoint: str
    path: str
    category: str | None
    pong: Pong
    ack: Ack
    most_topics: int | None
    most_held: int | None
    characters: int | None
    all_or_none: bool
    unknown: str


INVALID = "Invalid symbol :[{topic}]"
HANDLER = "error:handler not found,topic:{topic}"
REPEATED = "error:already subscribed,topic:{topic}"

DIALECTS: dict[str, Dialect] = {
    row.endpoint: row
    for row in (
        #       endpoint   path                      category   pong           ack           request held   chars   all?   unknown
        Dialect("spot",    "/v5/public/spot",        "spot",    _spot_pong,    _spot_ack,    10,     None,  PUBLIC, True,  INVALID),
        Dialect("linear",  "/v5/public/linear",      "linear",  _linear_pong,  _linear_ack,  None,   None,  PUBLIC, True,  HANDLER),
        Dialect("inverse", "/v5/public/inverse",     "inverse", _linear_pong,  _linear_ack,  None,   None,  PUBLIC, True,  HANDLER),
        Dialect("option",  "/v5/public/option",      "option",  _option_pong,  _option_ack,  None,   2_000, PUBLIC, False, ""),
        Dialect("spread",  "/v5/public/spread",      "spread",  _option_pong,  _option_ack,  None,   None,  PUBLIC, False, ""),
        Dialect("status",  "/v5/public/misc/status", None,      _linear_pong,  _linear_ack,  None,   None,  PUBLIC, True,  HANDLER),
        Dialect("rfq",     "/v5/public/rfq",         None,      _linear_pong,  _linear_ack,  None,   None,  PUBLIC, True,  HANDLER),
        Dialect("private", "/v5/private",            None,      _private_pong, _private_ack, None,   None,  None,   False, ""),
    )
}  # fmt: skip

STATUS_TOPIC, RFQ_TOPIC = "system.status", "rfq.open.public.trades"
#: Endpoint → the one topic that it has.
LONE_TOPICS = {"status": STATUS_TOPIC, "rfq": RFQ_TOPIC}

_ALL = ("spot", "linear", "inverse", "option")

#: Private families and the categories of their narrower forms, `order.linear`. Source: protocol notes, section 7.
PRIVATE_FAMILIES: dict[str, tuple[str, ...]] = {
    "order": _ALL,
    "execution": _ALL,
    "execution.fast": _ALL,
    "position": ("linear", "inverse", "option"),
    **dict.fromkeys(("wallet", "greeks", "strategy", "spread.order", "spread.execution"), ()),
    **dict.fromkeys(("rfq.open.rfqs", "rfq.open.quotes", "rfq.open.trades"), ()),
    **dict.fromkeys(("dcp.future", "dcp.spot", "dcp.option"), ()),
}
#: Topic → its family and the category it is narrowed to, None for all.
PRIVATE_TOPICS: dict[str, tuple[str, str | None]] = {
    **{family: (family, None) for family in PRIVATE_FAMILIES},
    **{f"{family}.{category}": (family, category) for family, several in PRIVATE_FAMILIES.items() for category in several},
}


def conflicts(topic: str, held: Sequence[str]) -> bool:
    """A private topic that is held already, or whose all-in-one and narrower forms would meet (protocol notes, section 5)."""
    family, category = PRIVATE_TOPICS[topic]
    others = (PRIVATE_TOPICS[other] for other in held)
    return any(family == other and (category is None or narrower in (None, category)) for other, narrower in others)


def narrowed(frame: Message, topic: str) -> Message | None:
    """A private frame as the holder of a topic sees it; None where nothing in it is for them."""
    family, category = PRIVATE_TOPICS[topic]
    if family != frame["topic"]:
        return None
    if category is None:
        return frame
    rows = [row for row in frame["data"] if row.get("category") == category]
    return {**frame, "topic": topic, "data": rows} if rows else None
