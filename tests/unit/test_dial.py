"""Dialling, before servers that stall, trickle, flood, refuse and talk nonsense."""

import os
import select
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listener import PATIENCE_S, Line, Listener, open_files, switching
from plays import after_handshake, said, trickle

from gateway.errors import LinkLost
from workers.dial import CONNECT_S, Connection
from workers.route import Route
from workers.stream import HEAD_BYTES, Addresses, connected

ROOT = Path(__file__).resolve().parents[2]
TEXT = b"\x81\x05hello"
#: For a client that is meant to give up; seconds.
SHORT_S = 0.4
#: More than SHORT_S by what a busy machine may add; seconds.
SOON_S = SHORT_S + 3.0


def next_message(connection: Connection) -> bytes:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if connection.pending() or select.select([connection], [], [], 1)[0]:
            message = connection.receive()
            if message is not None:
                return message
    raise AssertionError("no message came")


def lost(listener: Listener, within_s: float = CONNECT_S, scheme: str = "ws") -> str:
    """Why no connection came about."""
    with pytest.raises(LinkLost) as fault:
        Connection(Route(listener.url(scheme)), within_s=within_s)
    return str(fault.value)


def test_frame_glued_to_the_handshake_is_not_lost() -> None:
    with Listener(after_handshake(TEXT * 2)) as listener:
        connection = Connection(Route(listener.url()))
        assert connection.pending()
        assert [connection.receive(), connection.receive()] == [b"hello", b"hello"]
        assert not connection.pending()
        connection.close()


def test_half_a_frame_glued_to_the_handshake_is_not_lost() -> None:
    def play(line: Line) -> None:
        line.shake_hands(TEXT[:3])
        line.until(b"\x89")  # the client's next frame would be a ping; it leaves instead
        line.rest()

    with Listener(play) as listener:
        connection = Connection(Route(listener.url()), read_s=0)
        assert connection.pending()
        assert connection.receive() is None
        assert not connection.pending()
        connection.close()


def test_texts_at_hand_are_given_in_order_up_to_what_is_no_plain_text() -> None:
    ping, half = b"\x89\x00", TEXT[:4]
    with Listener(after_handshake(TEXT + b"\x81\x03two" + b"\x81\x00" + ping + TEXT + half)) as listener:
        connection = Connection(Route(listener.url()), read_s=0)
        assert connection.receive() == b"hello"
        assert list(connection.at_hand()) == [b"two", b""]
        assert list(connection.at_hand()) == []
        assert connection.receive() is None  # the ping
        assert list(connection.at_hand()) == [b"hello"]
        assert connection.receive() is None  # half a frame
        connection.close()


def test_a_text_at_hand_that_nobody_took_stays() -> None:
    with Listener(after_handshake(TEXT + b"\x81\x03two" + b"\x81\x05three")) as listener:
        connection = Connection(Route(listener.url()))
        assert next(connection.at_hand()) == b"hello"
        assert connection.receive() == b"two"
        assert list(connection.at_hand()) == [b"three"]
        connection.close()


def test_nothing_is_at_hand_amid_a_message_of_several_frames() -> None:
    with Listener(after_handshake(b"\x01\x02he" + b"\x80\x03llo" + TEXT)) as listener:
        connection = Connection(Route(listener.url()))
        assert connection.receive() is None
        assert list(connection.at_hand()) == []
        assert connection.receive() == b"hello"
        assert list(connection.at_hand()) == [b"hello"]
        connection.close()


def test_ipv6_loopback() -> None:
    with Listener(after_handshake(TEXT), host="::1") as listener:
        connection = Connection(Route(listener.url(host="[::1]") + "/v5/public"))
        assert next_message(connection) == b"hello"
        connection.close()


def test_request_names_host_and_path_and_no_origin() -> None:
    requests = []

    def play(line: Line) -> None:
        requests.append(line.shake_hands())
        line.rest()

    with Listener(play) as listener:
        Connection(Route(listener.url() + "/v5/public/linear?x=1")).close()
    head = requests[0].decode()
    assert head.startswith("GET /v5/public/linear?x=1 HTTP/1.1\r\n")
    assert f"\r\nHost: 127.0.0.1:{listener.port}\r\n" in head
    assert "Origin" not in head
    assert "Extensions" not in head


@pytest.mark.parametrize("status", [200, 204, 301, 302, 307, 400, 401, 403, 404, 407, 429, 500, 503])
@pytest.mark.parametrize(
    "body", ["", "Content-Length: 5\r\n\r\nsorry", "Content-Length: 999999999\r\n\r\nsorry", "Content-Length: x\r\n\r\n"]
)
def test_other_status_is_named_at_once(status: int, body: str) -> None:
    answer = f"HTTP/1.1 {status} Because\r\nLocation: ws://127.0.0.1:1/\r\n{body or chr(13) + chr(10)}".encode()
    done = threading.Event()

    def play(line: Line) -> None:
        line.until(b"\r\n\r\n")
        line.send(answer)
        done.wait(PATIENCE_S)  # the rest of the body does not come, nor does the end

    with Listener(play) as listener:
        started = time.monotonic()
        assert lost(listener) == f"the handshake was answered with HTTP {status}; expected 101"
        assert time.monotonic() - started < CONNECT_S / 2
        done.set()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "closed within an HTTP head, after 0 bytes"),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "answered with b'SSH-2.0-OpenSSH_9"),
        (b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n", "expected HTTP"),
        (b"\r\n\r\n", "expected HTTP"),
        (b"HTTP/1.1 abc\r\n\r\n", "expected HTTP"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "the handshake failed"),
        (b"HTTP/1.1 101 Switching Protocols\r\nnonsense\r\n\r\n", "the handshake failed"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\xff\xfe: \xff\r\n\r\n", "the handshake failed"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "the handshake failed"),
    ],
)
def test_answer_that_is_no_handshake(answer: bytes, words: str) -> None:
    with Listener(said(answer)) as listener:
        assert words in lost(listener)


@pytest.mark.parametrize("accept", ["", "x", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="])
def test_wrong_accept_is_refused(accept: str) -> None:
    def play(line: Line) -> None:
        line.send(switching(line.until(b"\r\n\r\n"), accept=accept))
        line.rest()

    with Listener(play) as listener:
        assert "the handshake failed" in lost(listener)


@pytest.mark.parametrize("header", ["Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: chat"])
def test_what_was_not_asked_for_is_refused(header: str) -> None:
    def play(line: Line) -> None:
        line.send(switching(line.until(b"\r\n\r\n"), headers=f"{header}\r\n"))
        line.rest()

    with Listener(play) as listener:
        assert "which was not asked for" in lost(listener)


def test_handshake_cut_at_every_byte_leaves_nothing_behind() -> None:
    whole = len(switching(b""))
    before = open_files()
    for at in range(whole):

        def play(line: Line, at: int = at) -> None:
            line.send(switching(line.until(b"\r\n\r\n"))[:at])
            line.end()
            line.rest()

        with Listener(play) as listener:
            assert f"closed within an HTTP head, after {at} bytes" in lost(listener)
    assert open_files() <= before


def test_two_hundred_connections_leave_nothing_behind() -> None:
    before, threads = open_files(), threading.active_count()
    with Listener(after_handshake(TEXT)) as listener:
        for _ in range(200):
            connection = Connection(Route(listener.url()))
            assert next_message(connection) == b"hello"
            connection.close()
    assert open_files() <= before
    assert threading.active_count() <= threads


def test_reset_amid_the_handshake() -> None:
    def play(line: Line) -> None:
        line.until(b"\r\n\r\n")
        line.reset()

    with Listener(play) as listener:
        assert "the handshake failed" in lost(listener)


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_silent_server_holds_nobody(scheme: str) -> None:
    done = threading.Event()
    with Listener(lambda _: done.wait(PATIENCE_S)) as listener:
        started = time.monotonic()
        assert "it took too long" in lost(listener, SHORT_S, scheme)
        assert time.monotonic() - started < SOON_S
        done.set()


@pytest.mark.parametrize(
    ("scheme", "answer"),
    [
        ("ws", b"HTTP/1.1 101 Switching Protocols\r\n" + b"X: y\r\n" * 1_000),
        ("wss", b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc" + bytes(16_384)),
    ],
    ids=["ws", "wss"],
)
def test_trickling_server_holds_nobody(scheme: str, answer: bytes) -> None:
    with Listener(lambda line: trickle(line, answer)) as listener:
        started = time.monotonic()
        assert "it took too long" in lost(listener, SHORT_S, scheme)
        assert time.monotonic() - started < SOON_S


def test_endless_head_is_refused_long_before_the_time_is_up() -> None:
    def play(line: Line) -> None:
        while True:
            line.send(b"HTTP/1.1 101 Switching Protocols\r\nX-Long: " + b"y" * 65_536)

    with Listener(play) as listener:
        started = time.monotonic()
        assert f"more than {HEAD_BYTES} bytes" in lost(listener)
        assert time.monotonic() - started < CONNECT_S / 2


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(LinkLost, match=f"^cannot connect to 127.0.0.1:{port}: Connection refused$"):
        Connection(Route(f"ws://127.0.0.1:{port}"))


def v4(port: int) -> tuple[int, int, int, str, Any]:
    return (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))


def test_second_address_is_taken_when_the_first_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        dead = free.getsockname()[1]
    with Listener(lambda line: line.rest()) as listener:
        connected("exchange.test", 80, time.monotonic() + CONNECT_S, lambda *_: [v4(dead), v4(listener.port)]).close()


def test_resolver_that_does_not_answer_holds_nobody() -> None:
    done = threading.Event()

    def stuck(host: str, port: int) -> Addresses:
        done.wait(PATIENCE_S)
        return []

    started = time.monotonic()
    with pytest.raises(LinkLost, match="the address of exchange.test was not found in time"):
        connected("exchange.test", 443, time.monotonic() + SHORT_S, stuck)
    assert time.monotonic() - started < SOON_S
    done.set()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), "was not found: Name or service not known"),
        (UnicodeError("label too long"), "was not found: it is no name of a host"),
    ],
)
def test_name_that_is_not_found(fault: Exception, words: str) -> None:
    def lookup(host: str, port: int) -> Addresses:
        raise fault

    with pytest.raises(LinkLost, match=words):
        connected("exchange.test", 443, time.monotonic() + CONNECT_S, lookup)


def test_name_without_addresses() -> None:
    with pytest.raises(LinkLost, match="cannot connect to exchange.test:443"):
        connected("exchange.test", 443, time.monotonic() + CONNECT_S, lambda *_: [])


def test_host_name_that_nobody_can_resolve_is_a_lost_link() -> None:
    with pytest.raises(LinkLost, match="it is no name of a host"):
        Connection(Route(f"ws://{'x' * 64}.test/"))


def test_environment_names_no_proxy_of_ours() -> None:
    """Neither used when the setting names none; that it does not bypass one is a test of the proxies."""
    with Listener(after_handshake(TEXT)) as listener:
        dead = "http://127.0.0.1:9"
        program = f"from workers.dial import *; c = Connection(Route('{listener.url()}')); print(c.receive()); c.close()"
        names = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **dict.fromkeys(names, dead)}
        done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "b'hello'\n"


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(st.binary(max_size=200), st.builds(lambda tail: b"HTTP/1.1 101 x\r\n" + tail + b"\r\n\r\n", st.binary(max_size=200)))
)
def test_any_answer_to_the_handshake_is_a_lost_link(answer: bytes) -> None:
    with Listener(said(answer)) as listener:
        assert lost(listener)
