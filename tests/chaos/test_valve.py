"""The valve passes, delays, swallows and cuts, and stands again as it stood."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.chaos.valve import Flow, Valve
from tests.integration.running import wait_for

SLOW_S = 0.2


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that says what it hears."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve(sock: socket.socket) -> None:
        with sock, suppress(OSError):
            while piece := sock.recv(65_536):
                sock.sendall(piece)

    def listen() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(5.0)


@pytest.fixture
def valve(echo: int) -> Iterator[Valve]:
    with Valve(echo, slow_s=SLOW_S) as valve:
        yield valve


def client(valve: Valve, seconds: float = 10.0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", valve.port), timeout=seconds)


def said(sock: socket.socket, data: bytes) -> bytes:
    """What comes back: all of it, or less where the line ends. Only one of who sends and who reads is told that it was reset."""

    def send() -> None:
        with suppress(OSError):
            sock.sendall(data)

    sender = threading.Thread(target=send)
    sender.start()
    found = b""
    try:
        while len(found) < len(data) and (piece := sock.recv(65_536)):
            found += piece
    finally:
        sender.join()
    return found


def test_an_open_valve_passes_megabytes_unchanged_and_ends_with_its_server(valve: Valve) -> None:
    data = bytes(range(256)) * 20_000
    with client(valve) as sock:
        assert said(sock, data) == data
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""
    assert valve.taken == 1


def test_a_slow_valve_is_late_each_way_and_loses_nothing(valve: Valve) -> None:
    with client(valve) as sock:
        valve.turn(Flow.SLOW)
        began = time.monotonic()
        assert said(sock, b"slowly") == b"slowly"
        assert 2 * SLOW_S <= time.monotonic() - began < 10 * SLOW_S


def test_a_swallowing_valve_closes_nothing_and_answers_nothing_until_it_is_opened_and_knows_the_connection_no_more(
    valve: Valve,
) -> None:
    with client(valve) as old, client(valve) as untouched:
        assert said(old, b"before") == b"before"
        assert said(untouched, b"before") == b"before"
        valve.turn(Flow.SWALLOW)
        old.settimeout(0.3)
        old.sendall(b"lost")
        with pytest.raises(TimeoutError):
            old.recv(1)
        with client(valve, 0.3) as new, pytest.raises(TimeoutError):
            said(new, b"nobody is there")
        valve.turn(Flow.OPEN)
        old.settimeout(10.0)
        with pytest.raises(ConnectionResetError):
            old.recv(1)
        assert said(untouched, b"after") == b"after"
        with client(valve) as new:
            assert said(new, b"after") == b"after"


def test_a_closed_valve_resets_old_and_new_connections(valve: Valve) -> None:
    with client(valve) as old:
        assert said(old, b"before") == b"before"
        valve.turn(Flow.CLOSED)
        with pytest.raises(ConnectionResetError):
            old.recv(1)

    def is_reset() -> bool:
        try:
            with client(valve) as new:
                return said(new, b"x") == b""
        except (ConnectionResetError, BrokenPipeError):
            return True

    wait_for(is_reset, "a new connection is reset")
    valve.turn(Flow.OPEN)
    with client(valve) as new:
        assert said(new, b"after") == b"after"


def test_a_url_leads_by_way_of_the_valve(valve: Valve, echo: int) -> None:
    assert valve.url(f"amqp://user:secret@127.0.0.1:{echo}/host") == f"amqp://user:secret@127.0.0.1:{valve.port}/host"
