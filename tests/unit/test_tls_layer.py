"""TLS in memory: all whole records of a read at once, and every way in which it ends."""

import ssl
from collections.abc import Callable
from contextlib import suppress

import pytest
import trustme

from workers.tls_layer import RECORD_BYTES, TlsLayer


class Other:
    """The server's end, in memory too."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    def says(self, *texts: bytes) -> bytes:
        """Each in a record of its own."""
        for text in texts:
            self.tls.write(text)
        return self.outgoing.read()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def pair(authority: trustme.CA, name: str = "127.0.0.1") -> tuple[TlsLayer, Other]:
    """Both ends before they have shaken hands."""
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(name).configure_cert(server)
    authority.configure_trust(client)
    return TlsLayer(client, "127.0.0.1"), Other(server)


def shaken(authority: trustme.CA) -> tuple[TlsLayer, Other]:
    layer, other = pair(authority)
    while not layer.has_shaken_hands():
        other.incoming.write(layer.to_send())
        with suppress(ssl.SSLWantReadError):  # it has answered
            other.tls.do_handshake()
        layer.read(other.outgoing.read())
    other.incoming.write(layer.to_send())
    other.tls.do_handshake()
    layer.read(other.outgoing.read())
    assert layer.opened() == b""
    return layer, other


def test_all_records_of_a_read_are_opened_at_once_and_halves_wait(authority: trustme.CA) -> None:
    layer, other = shaken(authority)
    wire = other.says(b"one", b"two", b"x" * (RECORD_BYTES + 5))
    layer.read(wire[:-1])
    assert layer.opened() == b"onetwo" + b"x" * RECORD_BYTES
    assert (layer.opened(), layer.has_news) == (b"", False)
    layer.read(wire[-1:])
    assert layer.opened() == b"x" * 5


def test_what_is_sealed_is_what_the_other_side_reads(authority: trustme.CA) -> None:
    layer, other = shaken(authority)
    other.incoming.write(layer.sealed(b"ping"))
    assert other.tls.read(100) == b"ping"


def goodbye(layer: TlsLayer, other: Other) -> bytes:
    with pytest.raises(ssl.SSLWantReadError):
        other.tls.unwrap()
    return other.outgoing.read()


@pytest.mark.parametrize("end", [goodbye, lambda _layer, _other: b""], ids=["goodbye", "no goodbye"])
def test_an_end_is_told_behind_what_came_before_it(end: Callable[[TlsLayer, Other], bytes], authority: trustme.CA) -> None:
    layer, other = shaken(authority)
    layer.read(other.says(b"last"))
    layer.read(end(layer, other))
    assert layer.opened() == b"last"
    assert (layer.is_over, layer.has_news, layer.opened()) == (True, True, b"")


def test_a_record_that_is_damaged_is_a_fault_behind_those_that_are_not(authority: trustme.CA) -> None:
    layer, other = shaken(authority)
    damaged = bytearray(other.says(b"good") + other.says(b"bad"))
    damaged[-1] ^= 1
    layer.read(bytes(damaged))
    assert layer.opened() == b"good"
    assert layer.has_news
    for _ in range(2):
        with pytest.raises(ssl.SSLError):
            layer.opened()


def test_a_certificate_of_another_name_is_refused_and_the_other_side_told(authority: trustme.CA) -> None:
    layer, other = pair(authority, "127.0.0.2")
    assert not layer.has_shaken_hands()
    other.incoming.write(layer.to_send())
    with pytest.raises(ssl.SSLWantReadError):
        other.tls.do_handshake()
    layer.read(other.outgoing.read())
    with pytest.raises(ssl.SSLCertVerificationError):
        layer.has_shaken_hands()
    other.incoming.write(layer.to_send())
    with pytest.raises(ssl.SSLError, match="alert"):
        other.tls.do_handshake()
