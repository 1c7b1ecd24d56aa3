"""Through proxies of both kinds to streams and to REST; refused, dead, trickling; never passed by."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from exchanges import Authority, exchange, visit
from listener import PATIENCE_S, Line, Listener, open_files
from proxies import NAME, HttpProxy, Proxy, SocksProxy

from gateway.errors import LinkLost
from gateway.proxy import proxy_of
from workers.dial import Connection
from workers.route import Route

ROOT = Path(__file__).resolve().parents[2]
KINDS = (HttpProxy, SocksProxy)
SCHEMES = ("ws", "wss", "http", "https")
USER, PASSWORD = "us er", "s:cr@t/é"
LOGIN = "us%20er:s%3Acr%40t%2F%C3%A9@"

both = pytest.mark.parametrize("kind", KINDS)
every = pytest.mark.parametrize("scheme", SCHEMES)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@contextmanager
def doors(authority: Authority, scheme: str) -> Iterator[Listener]:
    """An exchange for the scheme, under the name that only the proxies know, and as loopback."""
    secure = scheme in ("wss", "https")
    with Listener(exchange, context=authority.context(NAME, "localhost", "127.0.0.1") if secure else None) as listener:
        yield listener


def refusal(scheme: str, address: str, proxy: str, ca_file: str = "") -> str:
    with pytest.raises(LinkLost) as fault:
        visit(scheme, address, proxy=proxy, ca_file=ca_file)
    words = str(fault.value)
    assert "s:cr" not in words
    assert "s%3Acr" not in words
    return words


def dead_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@both
@every
def test_every_door_is_reached_and_the_name_goes_out_unresolved(kind: type[Proxy], scheme: str, authority: Authority) -> None:
    with doors(authority, scheme) as listener, kind() as proxy:
        visit(scheme, f"{NAME}:{listener.port}", ca_file=authority.ca_file, proxy=proxy.url())
        assert proxy.asked == [f"{NAME}:{listener.port}"]
        assert listener.count == 1


@both
@every
def test_user_and_password_open_the_way(kind: type[Proxy], scheme: str, authority: Authority) -> None:
    with doors(authority, scheme) as listener, kind(USER, PASSWORD) as proxy:
        visit(scheme, f"{NAME}:{listener.port}", ca_file=authority.ca_file, proxy=proxy.url(LOGIN))
        assert proxy.asked == [f"{NAME}:{listener.port}"]


@both
@every
@pytest.mark.parametrize("login", ["", "us%20er:wrong@"])
def test_wrong_login_is_refused_in_words_without_it(kind: type[Proxy], scheme: str, login: str, authority: Authority) -> None:
    with doors(authority, scheme) as listener, kind(USER, PASSWORD) as proxy:
        words = refusal(scheme, f"{NAME}:{listener.port}", proxy.url(login))
        assert proxy.asked == []
        assert listener.count == 0
    assert "wrong" not in words
    if scheme in ("ws", "wss"):
        expected = {
            HttpProxy: "answered HTTP 407 Proxy Authentication Required",
            SocksProxy: "user and password" if login else "a user and a password",
        }
        assert words.startswith(f"the proxy {proxy.url()} ")
        assert expected[kind] in words


@every
@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        (HttpProxy(refusal=403), "403"),
        (HttpProxy(refusal=502), "502"),
        (SocksProxy(refusal=2), "not allow"),
        (SocksProxy(refusal=5), "refused"),
        (SocksProxy(refusal=99), ""),
    ],
    ids=["http 403", "http 502", "socks 2", "socks 5", "socks 99"],
)
def test_refusing_proxy_is_named_and_not_passed_by(proxy: Proxy, words: str, scheme: str, authority: Authority) -> None:
    with doors(authority, scheme) as listener:
        with type(proxy)(refusal=proxy.refusal) as running:
            found = refusal(scheme, f"127.0.0.1:{listener.port}", running.url(), authority.ca_file)
        assert listener.count == 0
    assert words in found


@both
@every
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_dead_proxy_is_never_passed_by(kind: type[Proxy], scheme: str, host: str, authority: Authority) -> None:
    port = dead_port()
    with doors(authority, scheme) as listener:
        words = refusal(scheme, f"{host}:{listener.port}", f"{kind.scheme}://{LOGIN}127.0.0.1:{port}", authority.ca_file)
        assert listener.count == 0
    assert "Connection refused" in words
    assert f"127.0.0.1:{port}" in words, "the sentence must say that it is the proxy"


@both
@every
def test_loopback_goes_through_the_proxy_too(kind: type[Proxy], scheme: str, authority: Authority) -> None:
    with doors(authority, scheme) as listener, kind() as proxy:
        visit(scheme, f"127.0.0.1:{listener.port}", ca_file=authority.ca_file, proxy=proxy.url())
        assert proxy.asked == [f"127.0.0.1:{listener.port}"]


@both
@every
def test_environment_neither_bypasses_nor_replaces_the_setting(kind: type[Proxy], scheme: str, authority: Authority) -> None:
    other = f"http://127.0.0.1:{dead_port()}"
    environ = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), other)
    environ |= {"no_proxy": "*", "NO_PROXY": "*", "PATH": os.environ["PATH"]}
    environ["PYTHONPATH"] = f"{ROOT}:{ROOT / 'tests'}:{ROOT / 'tests' / 'integration'}"
    with doors(authority, scheme) as listener, kind() as proxy:
        address, more = f"localhost:{listener.port}", f"ca_file={authority.ca_file!r}, proxy={proxy.url()!r}"
        program = f"from exchanges import visit; visit({scheme!r}, {address!r}, {more}); print('there')"
        done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False, timeout=60)
        assert proxy.asked == [address]
    assert (done.stdout, done.returncode) == ("there\n", 0), done.stderr


@both
@pytest.mark.parametrize("scheme", ["wss", "https"])
def test_certificates_are_verified_through_a_proxy(kind: type[Proxy], scheme: str, authority: Authority) -> None:
    with doors(authority, scheme) as listener, kind() as proxy:
        words = refusal(scheme, f"{NAME}:{listener.port}", proxy.url())
    assert "the certificate is refused" in words


@both
def test_ipv6_address_goes_through(kind: type[Proxy]) -> None:
    with Listener(exchange, host="::1") as listener, kind() as proxy:
        visit("ws", f"[::1]:{listener.port}", proxy=proxy.url())
        assert proxy.asked == [f"::1:{listener.port}"]


@both
@pytest.mark.parametrize(
    "answer", [b"", b"\x05", b"HTTP/1.1 20", b"SSH-2.0\r\n\r\n", b"\x04\x00" * 10, b"\x05\x00\x05\x00\x00\x03"]
)
def test_proxy_that_talks_nonsense_is_named(kind: type[Proxy], answer: bytes) -> None:
    def play(line: Line) -> None:
        line.recv()
        line.send(answer)
        line.end()
        line.rest()

    with Listener(play) as listener:
        words = refusal("ws", f"{NAME}:80", f"{kind.scheme}://{LOGIN}127.0.0.1:{listener.port}")
    assert words.startswith(f"the proxy {kind.scheme}://127.0.0.1:{listener.port} ")


@both
@pytest.mark.parametrize("pieces", [0, 10_000], ids=["silent", "trickling"])
def test_slow_proxy_holds_nobody(kind: type[Proxy], pieces: int) -> None:
    done = threading.Event()

    def play(line: Line) -> None:
        answer = b"HTTP/1.1 200 OK\r\nX:" if kind is HttpProxy else b"\x05\x00\x05\x00\x00\x03\xff"
        for at in range(pieces):
            line.send(answer[at : at + 1] or b"x")
            done.wait(0.02)
        done.wait(PATIENCE_S)

    with Listener(play) as listener:
        started = time.monotonic()
        with pytest.raises(LinkLost, match="gave no answer: it took too long"):
            Connection(Route(f"ws://{NAME}:80", proxy=f"{kind.scheme}://127.0.0.1:{listener.port}"), within_s=0.4)
        assert time.monotonic() - started < 4.0
        done.set()


@both
def test_refusals_leave_nothing_behind(kind: type[Proxy]) -> None:
    before = open_files()
    with kind(refusal=403 if kind is HttpProxy else 2) as proxy:
        for _ in range(100):
            refusal("ws", f"{NAME}:80", proxy.url())
    assert open_files() <= before


def test_setting_is_read_whole() -> None:
    proxy = proxy_of("socks5h://us%20er:s%3Acr%40t@[::1]")
    assert proxy is not None
    assert (proxy.scheme, proxy.host, proxy.port, proxy.user, proxy.password) == ("socks5h", "::1", 1080, "us er", "s:cr@t")
    assert str(proxy) == "socks5h://[::1]:1080"
    assert "s:cr" not in repr(proxy)
    assert proxy_of("") is None


def test_other_kind_of_proxy_is_refused() -> None:
    with pytest.raises(LinkLost, match="the proxy's scheme is 'https'; expected http or socks5h"):
        proxy_of("https://127.0.0.1:1")
