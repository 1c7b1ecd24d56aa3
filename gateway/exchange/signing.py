"""Signatures of the account: HMAC with a secret, RSA with a PEM private key. Source: protocol notes, sections 4 and 9.1."""

import base64
import hashlib
import hmac
from collections.abc import Callable

from gateway.errors import SettingError

#: A REST call is good from this long before the exchange's clock until a second after it; always sent, for the exchange's documents
#: do not say what is signed without it. Milliseconds.
RECV_WINDOW_MS = "5000"


def signer(secret: str) -> Callable[[str], str]:
    """A function that signs texts: HMAC-SHA256 in lower-case hex, or RSA PKCS#1 v1.5 with SHA-256 in base64.

    Raises SettingError for a PEM text that holds no usable RSA private key.
    """
    if secret.lstrip().startswith("-----BEGIN"):
        return _rsa(secret.lstrip().encode())
    key = secret.encode()
    return lambda text: hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _rsa(pem: bytes) -> Callable[[str], str]:
    # Imported here: 15 MB that a worker without an RSA key does not need.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as fault:
        raise SettingError("BYBIT_API_SECRET is a PEM text that cannot be read; expected an unencrypted RSA private key") from fault
    if not isinstance(key, rsa.RSAPrivateKey):
        raise SettingError("BYBIT_API_SECRET is a PEM key of another kind; expected an RSA private key")
    return lambda text: base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def rest_headers(key: str, sign: Callable[[str], str], *, timestamp_ms: int, payload: str) -> dict[str, str]:
    """Those of a signed REST call. payload: the query string of a GET, byte for byte as it is sent."""
    stamp = str(timestamp_ms)
    return {
        "X-BAPI-API-KEY": key,
        "X-BAPI-TIMESTAMP": stamp,
        "X-BAPI-RECV-WINDOW": RECV_WINDOW_MS,
        "X-BAPI-SIGN": sign(f"{stamp}{key}{RECV_WINDOW_MS}{payload}"),
        "X-BAPI-SIGN-TYPE": "2",
    }
