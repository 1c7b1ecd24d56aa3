"""Frames cut at every byte, over TCP and over TLS: the same messages come out whole, in order and once, whatever arrived when.

The client never waits here (`read_s=0`): every cut makes a receive run out of time with half a frame in its hands.
"""

import select
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations, pairwise
from pathlib import Path
from queue import SimpleQueue

import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from listener import PATIENCE_S, Line, Listener
from wire import BINARY, CONT, PING, PONG, TEXT, fragments, frame, sent_by_client, text

from workers.dial import Connection
from workers.route import Route

#: Name → (what is sent, messages, pongs). Short, for each is cut everywhere.
STREAMS = {
    "texts": (text("one") + text("two") + text("three"), [b"one", b"two", b"three"], []),
    "kinds": (text("t") + frame(BINARY, b"\x00\xff") + frame(PING, b"p") + frame(PONG, b"q"), [b"t", b"\x00\xff"], [b"p"]),
    "empty": (text() + frame(PING) + frame(BINARY) + frame(PONG) + text(), [b"", b"", b""], [b""]),
    "fragments": (fragments(TEXT, b"ab", b"", b"cd") + fragments(BINARY, b"", b"e"), [b"abcd", b"e"], []),
    "ping amid": (
        frame(TEXT, b"ab", fin=False)
        + frame(PING, b"1")
        + frame(CONT, b"c", fin=False)
        + frame(PONG)
        + frame(CONT, b"d")
        + text("e"),
        [b"abcd", b"e"],
        [b"1"],
    ),
    "length in two bytes": (text(b"*" * 126) + text("x"), [b"*" * 126, b"x"], []),
    "text beyond ASCII": (
        text("κόσμε") + fragments(TEXT, "κ".encode()[:1], "κ".encode()[1:]),
        ["κόσμε".encode(), "κ".encode()],
        [],
    ),
}
LONG = text(b"*" * 65_536) + fragments(BINARY, b"#" * 65_536, b"+") + text("end")

FRAMES = st.one_of(
    st.tuples(st.sampled_from([TEXT, BINARY]), st.lists(st.binary(max_size=140), min_size=1, max_size=4)),
    st.tuples(st.sampled_from([PING, PONG]), st.lists(st.binary(max_size=125), min_size=1, max_size=1)),
)


class Pair:
    """Both ends of one open connection, in the hands of one thread."""

    def __init__(self, connection: Connection, line: Line) -> None:
        self.connection = connection
        self.line = line

    def drain(self) -> list[bytes]:
        """What can be had without waiting."""
        found = []
        while self.connection.pending() or select.select([self.connection], [], [], 0)[0]:
            message = self.connection.receive()
            if message is not None:
                found.append(message)
        return found

    def feed(self, *pieces: bytes) -> list[bytes]:
        """Send each piece of wire bytes when the last one has been taken in; answers the messages that came of it."""
        found = []
        for piece in pieces:
            if piece:
                self.line.send_raw(piece)
                assert select.select([self.connection], [], [], PATIENCE_S)[0], "what was sent did not arrive"
                found += self.drain()
        return found

    def pongs(self, count: int) -> list[bytes]:
        """As many as there must be; a text of ours after them shows that there are no more."""
        self.connection.send("mark")
        data = b""
        while not data or sum(1 for _ in frames_of(data)) < count + 1:
            part = self.line.recv()
            assert part, "the client left"
            data += part
        opcodes = frames_of(data)
        assert opcodes[-1] == (TEXT, b"mark")
        assert all(opcode == PONG for opcode, _ in opcodes[:-1])
        return [payload for _, payload in opcodes[:-1]]


def frames_of(data: bytes) -> list[tuple[int, bytes]]:
    try:
        return sent_by_client(data)
    except (ValueError, IndexError):
        return []


class Certified:
    """An authority for one session, and what it certifies."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca_file = str(folder / "authority.pem")
        authority.cert_pem.write_to_path(self.ca_file)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self.context)


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return Certified(tmp_path_factory.mktemp("authority"))


@contextmanager
def pair(certified: Certified | None) -> Iterator[Pair]:
    lines: SimpleQueue[Line] = SimpleQueue()
    done = threading.Event()

    def play(line: Line) -> None:
        line.shake_hands()
        lines.put(line)
        done.wait(PATIENCE_S)

    with Listener(play, context=certified.context if certified else None) as listener:
        route = Route(listener.url("wss" if certified else "ws"), ca_file=certified.ca_file if certified else "")
        connection = Connection(route, read_s=0)
        try:
            both = Pair(connection, lines.get(timeout=PATIENCE_S))
            both.drain()  # TLS session tickets
            yield both
        finally:
            done.set()
            connection.close()


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("name", STREAMS)
def test_stream_cut_in_two_at_every_byte(name: str, secure: bool, certified: Certified) -> None:
    sends, messages, pongs = STREAMS[name]
    with pair(certified if secure else None) as both:
        for at in range(len(sends) + 1):
            assert both.feed(*(both.line.wire(part) for part in (sends[:at], sends[at:]) if part)) == messages, f"cut at {at}"
            assert both.pongs(len(pongs)) == pongs, f"cut at {at}"


@pytest.mark.parametrize("name", STREAMS)
def test_stream_cut_in_two_at_every_byte_of_its_tls_records(name: str, certified: Certified) -> None:
    sends, messages, pongs = STREAMS[name]
    with pair(certified) as both:
        wire = both.line.wire(sends)
        assert both.feed(wire) == messages
        assert both.pongs(len(pongs)) == pongs
        for at in range(1, len(wire)):
            wire = both.line.wire(sends)
            assert both.feed(wire[:at], wire[at:]) == messages, f"cut at {at}"
            assert both.pongs(len(pongs)) == pongs, f"cut at {at}"


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("name", STREAMS)
def test_stream_comes_in_single_bytes(name: str, secure: bool, certified: Certified) -> None:
    sends, messages, pongs = STREAMS[name]
    with pair(certified if secure else None) as both:
        wire = both.line.wire(sends)
        assert both.feed(*(wire[at : at + 1] for at in range(len(wire)))) == messages
        assert both.pongs(len(pongs)) == pongs


@pytest.mark.parametrize("name", [name for name, (sends, _, _) in STREAMS.items() if len(sends) < 50])
def test_stream_cut_in_three_at_every_two_bytes(name: str) -> None:
    sends, messages, pongs = STREAMS[name]
    with pair(None) as both:
        for first, second in combinations(range(1, len(sends)), 2):
            assert both.feed(sends[:first], sends[first:second], sends[second:]) == messages, f"cut at {first} and {second}"
            assert both.pongs(len(pongs)) == pongs, f"cut at {first} and {second}"


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("step", [1_000, 16_384, 16_385, 65_536, 65_541])
def test_long_frames_cut_at_the_sizes_of_buffers(step: int, secure: bool, certified: Certified) -> None:
    with pair(certified if secure else None) as both:
        wire = both.line.wire(LONG)
        found = both.feed(*(wire[at : at + step] for at in range(0, len(wire), step)))
    assert found == [b"*" * 65_536, b"#" * 65_536 + b"+", b"end"]


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=st.lists(FRAMES, min_size=1, max_size=8), data=st.data())
def test_any_frames_cut_anywhere(
    script: list[tuple[int, list[bytes]]], data: st.DataObject, secure: bool, certified: Certified
) -> None:
    sends = b"".join(fragments(opcode, *parts) for opcode, parts in script)
    messages = [b"".join(parts) for opcode, parts in script if opcode in (TEXT, BINARY)]
    pongs = [parts[0] for opcode, parts in script if opcode == PING]
    with pair(certified if secure else None) as both:
        wire = both.line.wire(sends)
        cuts = sorted(data.draw(st.sets(st.integers(1, len(wire) - 1), max_size=40), label="cuts"))
        edges = [0, *cuts, len(wire)]
        assert both.feed(*(wire[start:end] for start, end in pairwise(edges))) == messages
        assert both.pongs(len(pongs)) == pongs
