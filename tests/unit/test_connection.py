"""A connection's life, before servers that trickle, flood, take nothing and talk nonsense; and what it does at its end."""

import select
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listener import PATIENCE_S, Line, Listener
from plays import after_handshake, trickle

from gateway.errors import LinkLost
from workers.dial import READ_S, SEND_S, Connection
from workers.route import Route


def exhaust(connection: Connection) -> None:
    for _ in range(1_000):
        if connection.pending() or select.select([connection], [], [], PATIENCE_S)[0]:
            connection.receive()


def test_trickling_frame_holds_no_receive_and_is_whole_in_the_end() -> None:
    payload = b"*" * 100

    def play(line: Line) -> None:
        line.shake_hands()
        trickle(line, b"\x81" + bytes([len(payload)]) + payload)
        line.rest()

    with Listener(play) as listener:
        connection = Connection(Route(listener.url()))
        waits, message = [], None
        while message is None:
            assert select.select([connection], [], [], PATIENCE_S)[0]
            started = time.monotonic()
            message = connection.receive()
            waits.append(time.monotonic() - started)
        connection.close()
    assert message == payload
    assert len(waits) > 2
    assert max(waits) < READ_S + 1.0


def test_endless_fragments_give_every_turn_back() -> None:
    def play(line: Line) -> None:
        line.shake_hands(b"\x01\x00")
        while True:
            line.send(b"\x00\x00" * 1_000)

    with Listener(play) as listener:
        connection = Connection(Route(listener.url()))
        for _ in range(1_000):
            assert connection.pending() or select.select([connection], [], [], PATIENCE_S)[0]
            assert connection.receive() is None
        connection.close()


def test_exchange_that_takes_nothing_is_lost() -> None:
    done = threading.Event()

    def play(line: Line) -> None:
        line.shake_hands()
        done.wait(PATIENCE_S)

    with Listener(play) as listener:
        connection = Connection(Route(listener.url()))
        with pytest.raises(LinkLost, match=f"the exchange took nothing for {SEND_S:g} s"):
            connection.send("x" * 100_000_000)
        connection.close()
        done.set()


def test_after_its_end_a_connection_only_says_that_it_is_lost() -> None:
    with Listener(after_handshake()) as listener:
        connection = Connection(Route(listener.url()))
        connection.close()
        connection.close()
        for use in (connection.fileno, connection.receive, lambda: connection.send("x")):
            with pytest.raises(LinkLost):
                use()
        assert not connection.pending()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=30), max_size=10))
def test_any_bytes_after_the_handshake_end_in_a_lost_link(pieces: list[bytes]) -> None:
    def play(line: Line) -> None:
        line.shake_hands(b"".join(pieces))
        line.end()
        line.rest()

    with Listener(play) as listener:
        connection = Connection(Route(listener.url()))
        with pytest.raises(LinkLost):
            exhaust(connection)
        connection.close()
