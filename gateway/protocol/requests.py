"""What we say to the exchange, as text. Shapes: protocol notes, sections 3 to 5."""

from collections.abc import Callable, Sequence

import msgspec

#: Signs a text with the account's secret; see `gateway/exchange/signing.py`.
Sign = Callable[[str], str]

_encode = msgspec.json.Encoder().encode


def auth(key: str, expires_ms: int, sign: Sign) -> str:
    """Log in. The exchange refuses an expiry at or before its own clock."""
    return _text({"op": "auth", "args": [key, expires_ms, sign(f"GET/realtime{expires_ms}")]})


def subscribe(topics: Sequence[str], req_id: str) -> str:
    return _text({"req_id": req_id, "op": "subscribe", "args": topics})


def unsubscribe(topics: Sequence[str], req_id: str) -> str:
    return _text({"req_id": req_id, "op": "unsubscribe", "args": topics})


def ping(req_id: str) -> str:
    return _text({"req_id": req_id, "op": "ping"})


def _text(message: dict[str, object]) -> str:
    return _encode(message).decode()
