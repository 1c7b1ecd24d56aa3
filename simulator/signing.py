"""What the exchange demands of a signed REST request. Source: protocol notes, sections 9.1 and 9.2."""

import hashlib
import hmac
from collections.abc import Mapping

#: A request dated this far ahead of our clock is refused; milliseconds.
AHEAD_MS = 1000
#: Milliseconds; used where a request names none.
RECV_WINDOW = "5000"


class Refused(Exception):
    """An answer with a code other than 0."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


def check(headers: Mapping[str, str], query: str, *, api_key: str, api_secret: str, now_ms: int) -> None:
    """Raises Refused: 10003 key, 10001 unreadable times, 10002 clock, 10004 signature, in this order. query: as it was sent."""
    if headers.get("X-BAPI-API-KEY") != api_key:
        raise Refused(10003, "API key is invalid.")
    stamp, window = headers.get("X-BAPI-TIMESTAMP", ""), headers.get("X-BAPI-RECV-WINDOW", RECV_WINDOW)
    if not _is_number(stamp) or not _is_number(window):
        raise Refused(10001, "params error: timestamp or recv_window invalid")
    if not now_ms - int(window) <= int(stamp) < now_ms + AHEAD_MS:
        raise Refused(
            10002,
            "invalid request, please check your server timestamp or recv_window param. "
            f"req_timestamp[{stamp}],server_timestamp[{now_ms}],recv_window[{window}]",
        )
    origin = f"{stamp}{api_key}{window}{query}"
    if headers.get("X-BAPI-SIGN") != hmac.new(api_secret.encode(), origin.encode(), hashlib.sha256).hexdigest():
        raise Refused(10004, f"error sign! origin_string[{origin}]")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18
