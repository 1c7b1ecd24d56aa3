"""Text from the exchange → Frame. Total: any input yields a value, and the unreadable is a value too.

The shapes per endpoint are in protocol notes, sections 3 to 7; the recorded samples are the golden cases.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec

from gateway.models import Json


class Data(msgspec.Struct):
    """A push.

    kind        snapshot, delta or None where the topic has no type
    ts_ms       `ts`, else `creationTime`; 0 where the frame has neither
    data        the rows or the object as they came, amounts as strings; or payloads of them
    frame       the whole frame; nothing beside payloads
    text        the same as it came
    unknown     keys of its records that no table knows, put here by whoever reads them
    is_named    `data` holds payloads: what `Fields` would make of the records
    raws        its records exactly as they came, once somebody has asked for one; see `raw_records.py`
    """

    topic: str
    kind: str | None
    ts_ms: int
    data: Json
    frame: dict[str, Json]
    text: bytes = b""
    unknown: list[str] = []
    is_named: bool = False
    raws: list[msgspec.Raw | None] | None = None


class Ack(msgspec.Struct):
    """The answer to a subscribe or unsubscribe.

    op         None in a COMMAND_RESP, which does not say what it answers
    req_id     None where the endpoint sends none
    message    the exchange's words, "" where it has none
    succeeded  topics listed as accepted; None where the answer lists none
    failed     topics listed as refused; None where the answer lists none
    """

    op: Literal["subscribe", "unsubscribe"] | None
    success: bool
    req_id: str | None
    message: str
    succeeded: tuple[str, ...] | None = None
    failed: tuple[str, ...] | None = None


class AuthReply(msgspec.Struct):
    """The answer to a login; there is no code on the private stream, only words."""

    success: bool
    message: str


class Pong(msgspec.Struct):
    """The answer to our ping; server_ms is its clock where the endpoint sends it."""

    server_ms: int | None


class Unknown(msgspec.Struct):
    """A frame that is none of the above; kept so that it can be counted and looked at.

    reason  one sentence: what was found
    text    as it came
    """

    reason: str
    text: bytes


Frame: TypeAlias = Data | Ack | AuthReply | Pong | Unknown

#: JSON of the exchange, whose numbers with a fraction keep their digits: each becomes the text that arrived, as the amounts that come
#: as strings. Raises msgspec.DecodeError, UnicodeDecodeError, RecursionError.
decode: Callable[[bytes | msgspec.Raw], Json] = msgspec.json.Decoder(float_hook=str).decode

#: Lists and objects within each other in one frame; the exchange's go five deep. What goes deeper than the interpreter follows would
#: raise in whoever walks it, prints it or encodes it.
DEEPEST = 200
#: Characters of what was found that a reason shows.
SHOWN = 100

_OPS: dict[str, Literal["subscribe", "unsubscribe"]] = {"subscribe": "subscribe", "unsubscribe": "unsubscribe"}


def parse(text: bytes) -> Frame:
    """Sort one text message. Never raises."""
    try:
        frame = decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as fault:
        return Unknown(f"not JSON: {fault}", text)
    if not isinstance(frame, dict):
        return Unknown(f"expected a JSON object, found {type(frame).__name__}", text)
    if is_too_deep(text, frame):
        return Unknown(f"lists and objects within each other; expected at most {DEEPEST}", text)
    topic = frame.get("topic")
    if isinstance(topic, str) and topic and "data" in frame:
        return Data(topic, _text(frame.get("type")), _milliseconds(frame), frame["data"], frame, text)
    return _control(frame, text)


def is_too_deep(text: bytes, found: dict[str, Json]) -> bool:
    """Of an object and its JSON. A text with few brackets cannot be deep; counting them costs next to nothing."""
    return text.count(b"{") + text.count(b"[") > DEEPEST and _is_deep(found)


def short(found: Json) -> str:
    """A value as a reason shows it."""
    shown = repr(found)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"


def _is_deep(frame: dict[str, Json]) -> bool:
    layer: list[Json] = [frame]
    for _ in range(DEEPEST):
        parts = (part for holder in layer for part in (holder.values() if isinstance(holder, dict) else holder))
        layer = [part for part in parts if isinstance(part, (dict, list))]
        if not layer:
            return False
    return True


def _control(frame: dict[str, Json], text: bytes) -> Frame:
    op = _text(frame.get("op"))
    message = _text(frame.get("ret_msg")) or _text(frame.get("retMsg")) or ""
    if op == "pong" or message == "pong":
        return Pong(_first_number(frame.get("args")))
    if op == "auth":
        return AuthReply(_succeeded(frame), message)
    if op is not None and op in _OPS:
        return Ack(_OPS[op], _succeeded(frame), _text(frame.get("req_id")) or None, message)
    if frame.get("type") == "COMMAND_RESP":
        data = frame.get("data")
        lists = data if isinstance(data, dict) else {}
        return Ack(
            None,
            _succeeded(frame),
            _text(frame.get("req_id")) or None,
            message,
            succeeded=_texts(lists.get("successTopics")),
            failed=_texts(lists.get("failTopics")),
        )
    return Unknown(f"neither a topic nor a known op: {short(message or op)}", text)


def _succeeded(frame: dict[str, Json]) -> bool:
    """`success` decides; one client's recordings carry `retCode` instead (protocol notes, section 4)."""
    success = frame.get("success")
    return success if isinstance(success, bool) else frame.get("retCode") == 0


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: Json) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _first_number(value: Json) -> int | None:
    if isinstance(value, list) and value and isinstance(value[0], str) and value[0].isascii() and value[0].isdigit():
        return int(value[0][:18])
    return None


def _milliseconds(frame: dict[str, Json]) -> int:
    for key in ("ts", "creationTime"):
        value = frame.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return 0
