"""What we say to the exchange, and how it is signed. Vectors and shapes: protocol notes, sections 3 to 5."""

import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from gateway.errors import SettingError
from gateway.exchange.signing import signer
from gateway.protocol import requests


def pem(key: PrivateKeyTypes) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()  # fmt: skip


def test_the_login_of_the_published_vector() -> None:
    message = json.loads(requests.auth("test_api_key", 1_700_000_000_000, signer("test_secret")))
    signature = "bacffe7500499eb829bb58c45d36d1b3e5ac67c14eaeba91df5e99ccee013925"
    assert message == {"op": "auth", "args": ["test_api_key", 1_700_000_000_000, signature]}


def test_an_rsa_key_signs_with_pkcs1_and_sha256_in_base64() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signature = base64.b64decode(signer(pem(key))("GET/realtime1"))
    key.public_key().verify(signature, b"GET/realtime1", padding.PKCS1v15(), hashes.SHA256())


def test_a_pem_text_that_is_no_rsa_key_is_one_sentence_without_the_secret() -> None:
    for secret in ("-----BEGIN PRIVATE KEY-----\nsecret\n", pem(ec.generate_private_key(ec.SECP256R1()))):
        with pytest.raises(SettingError, match=r"expected an .*RSA private key") as caught:
            signer(secret)
        assert "secret" not in str(caught.value)


def test_requests_have_the_documented_shapes() -> None:
    assert json.loads(requests.subscribe(("a", "b"), "1")) == {"req_id": "1", "op": "subscribe", "args": ["a", "b"]}
    assert json.loads(requests.unsubscribe(("a",), "2")) == {"req_id": "2", "op": "unsubscribe", "args": ["a"]}
    assert json.loads(requests.ping("p")) == {"req_id": "p", "op": "ping"}
    assert " " not in requests.subscribe(("a", "b"), "1")
