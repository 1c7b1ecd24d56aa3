"""Certificates: what is trusted, what is refused and in which words; the same for the streams and for REST."""

import ssl
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from exchanges import Authority, exchange, visit
from listener import PATIENCE_S, Line, Listener

from gateway.errors import LinkLost
from gateway.exchange.rest import Rest
from gateway.tls import client_context

ROOT = Path(__file__).resolve().parents[2]
SCHEMES = ("wss", "https")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("theirs"))


@contextmanager
def server(context: ssl.SSLContext | None) -> Iterator[Listener]:
    with Listener(exchange, context=context) as listener:
        yield listener


def refusal(scheme: str, listener: Listener, ca_file: str) -> str:
    with pytest.raises(LinkLost) as fault:
        visit(scheme, f"127.0.0.1:{listener.port}", ca_file=ca_file)
    return str(fault.value)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_further_authority_is_trusted(scheme: str, name: str, authority: Authority) -> None:
    with server(authority.context(name)) as listener:
        visit(scheme, f"{name}:{listener.port}", ca_file=authority.ca_file)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("given", ["none", "another"])
def test_unknown_authority_is_refused(scheme: str, given: str, authority: Authority, stranger: Authority) -> None:
    with server(stranger.context("127.0.0.1")) as listener:
        words = refusal(scheme, listener, authority.ca_file if given == "another" else "")
    assert "the certificate is refused: unable to get local issuer certificate" in words


@pytest.mark.parametrize("scheme", SCHEMES)
def test_certificate_of_another_host_is_refused(scheme: str, authority: Authority) -> None:
    with server(authority.context("elsewhere.test")) as listener:
        words = refusal(scheme, listener, authority.ca_file)
    assert "the certificate is refused: IP address mismatch, certificate is not valid for '127.0.0.1'" in words


@pytest.mark.parametrize("scheme", SCHEMES)
def test_expired_certificate_is_refused(scheme: str, authority: Authority) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with server(authority.context("127.0.0.1", not_after=yesterday)) as listener:
        words = refusal(scheme, listener, authority.ca_file)
    assert "the certificate is refused: certificate has expired" in words


@pytest.mark.parametrize("scheme", SCHEMES)
def test_server_without_tls_is_named(scheme: str, authority: Authority) -> None:
    def plain(line: Line) -> None:
        line.recv()
        line.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        line.end()
        line.rest()

    with Listener(plain) as listener:
        assert "the other side does not speak TLS" in refusal(scheme, listener, authority.ca_file)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_server_that_hangs_up_within_tls_is_named(scheme: str, authority: Authority) -> None:
    def hang_up(line: Line) -> None:
        line.recv()
        line.end()
        line.rest()

    with Listener(hang_up) as listener:
        assert "the other side closed the connection in the middle" in refusal(scheme, listener, authority.ca_file)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_refused(scheme: str, version: ssl.TLSVersion, authority: Authority) -> None:
    context = authority.context("127.0.0.1")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it is meant to be old
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = version
    with server(context) as listener:
        assert "no version of TLS that we accept" in refusal(scheme, listener, authority.ca_file)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_today_s_tls_is_spoken(scheme: str, version: ssl.TLSVersion, authority: Authority) -> None:
    context = authority.context("127.0.0.1")
    context.minimum_version = context.maximum_version = version
    with server(context) as listener:
        visit(scheme, f"127.0.0.1:{listener.port}", ca_file=authority.ca_file)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_system_s_authorities_stay_trusted_beside_the_further_one(scheme: str, authority: Authority, stranger: Authority) -> None:
    """OpenSSL takes the system's authorities from where SSL_CERT_FILE says; here it is the stranger."""
    with server(authority.context("127.0.0.1")) as ours, server(stranger.context("127.0.0.1")) as theirs:
        visits = "".join(
            f"visit({scheme!r}, '127.0.0.1:{port}', ca_file={authority.ca_file!r});" for port in (ours.port, theirs.port)
        )
        folders = f"{ROOT}:{ROOT / 'tests'}:{ROOT / 'tests' / 'integration'}"
        done = subprocess.run(
            [sys.executable, "-c", f"from exchanges import visit; {visits} print('both')"],
            env={"PYTHONPATH": folders, "SSL_CERT_FILE": stranger.ca_file},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert (done.stdout, done.returncode) == ("both\n", 0), done.stderr


@pytest.mark.parametrize("content", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_authorities_that_cannot_be_read_are_named(scheme: str, content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "authorities.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(LinkLost, match=f"the authorities in {path} cannot be used: "):
        visit(scheme, "127.0.0.1:9", ca_file=str(path))


def test_contexts_verify_and_refuse_old_versions() -> None:
    context = client_context("")
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def answered(data: bytes) -> Listener:
    def play(line: Line) -> None:
        line.until(b"\r\n\r\n")
        line.send(data)
        line.end()
        line.rest()

    return Listener(play)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "gives no answer"),
        (b"garbage\r\n\r\n", "gives no answer"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n", "answered HTTP 302 without JSON"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\n<ht>", "answered HTTP 403 without JSON: b'<ht>'"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "answered HTTP 200 without a retCode"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"retCode":"x"}', "answered HTTP 200 without a retCode"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "gives no answer"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"retCode":0}', "tells no time"),
    ],
)
def test_rest_answer_that_cannot_be_used_is_named(data: bytes, words: str) -> None:
    with answered(data) as listener, pytest.raises(LinkLost) as fault:
        Rest(listener.url("http")).server_time_ms()
    assert words in str(fault.value)


def test_silent_rest_server_is_given_up() -> None:
    done = threading.Event()
    with Listener(lambda _: done.wait(PATIENCE_S)) as listener:
        started = time.monotonic()
        with pytest.raises(LinkLost, match="gives no answer: it took too long"):
            Rest(listener.url("http")).server_time_ms()
        assert time.monotonic() - started < PATIENCE_S / 2
        done.set()
