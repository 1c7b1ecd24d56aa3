"""What the exchange demands of a signed REST request. Source: protocol notes, sections 9.1 and 9.2."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

#: A request dated this far ahead of our clock is refused; milliseconds.
AHEAD_MS = 1000
#: Milliseconds; used where a request names none.
RECV_WINDOW = "5000"
#: Without one of these nothing is looked at.
REQUIRED = ("X-BAPI-API-KEY", "X-BAPI-TIMESTAMP", "X-BAPI-SIGN")
#: A secret that begins so is the public half of an RSA key.
PEM = "-----BEGIN"


class Refused(Exception):
    """An answer with a code other than 0."""

    def __init__(self, code: int, words: str, *, http_status: int = 200) -> None:
        super().__init__(words)
        self.code = code
        self.http_status = http_status


def check(headers: Mapping[str, str], payload: str, *, key_pairs: Mapping[str, str], now_ms: int) -> None:
    """Raises Refused: HTTP 401 for a missing header, then 10003 key, 10001 unreadable times, 10002 clock, 10004 signature.

    key_pairs  API key → secret
    payload    the query string of a GET, the body of a POST, as sent
    """
    if any(not headers.get(name) for name in REQUIRED):
        raise Refused(10003, "API key is invalid.", http_status=401)
    api_key = headers["X-BAPI-API-KEY"]
    if api_key not in key_pairs:
        raise Refused(10003, "API key is invalid.")
    stamp, window = headers["X-BAPI-TIMESTAMP"], headers.get("X-BAPI-RECV-WINDOW", RECV_WINDOW)
    if not is_number(stamp) or not is_number(window):
        raise Refused(10001, "params error: timestamp or recv_window invalid")
    if not now_ms - int(window) <= int(stamp) < now_ms + AHEAD_MS:
        raise Refused(
            10002,
            "invalid request, please check your server timestamp or recv_window param. "
            f"req_timestamp[{stamp}],server_timestamp[{now_ms}],recv_window[{window}]",
        )
    origin = f"{stamp}{api_key}{window}{payload}"
    if not is_signed(origin, headers["X-BAPI-SIGN"], key_pairs[api_key]):
        raise Refused(10004, f"error sign! origin_string[{origin}]")


def is_signed(origin: str, signature: str, api_secret: str) -> bool:
    """HMAC-SHA256 in lower-case hex; with a public key in place of the secret, RSA PKCS#1 v1.5 SHA-256 in base64."""
    if not api_secret.startswith(PEM):
        return hmac.compare_digest(
            signature.encode(), hmac.new(api_secret.encode(), origin.encode(), hashlib.sha256).hexdigest().encode()
        )
    key = serialization.load_pem_public_key(api_secret.encode())
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    try:
        key.verify(base64.b64decode(signature, validate=True), origin.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18
