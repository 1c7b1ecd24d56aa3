"""A TCP proxy on loopback that a test turns: what passes, what is slow, what is swallowed, what is cut.

clients ══▶ valve ══▶ server
"""

import selectors
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum, auto

CHUNK_BYTES = 65_536
#: Bytes that wait for a side that does not read; beyond them the other side is not read either.
WAITING_BYTES = 1 << 20


class Flow(StrEnum):
    """How the valve stands.

    OPEN     all passes
    SLOW     all passes, each piece later by `slow_s`
    SWALLOW  nothing passes and nothing is closed: what arrives is gone for good. A connection that lost something is reset when the
             valve stands otherwise again, as a machine answers that knows nothing of it any more
    CLOSED   connections are reset, new ones too
    """

    OPEN = auto()
    SLOW = auto()
    SWALLOW = auto()
    CLOSED = auto()


@dataclass(eq=False, slots=True)
class _Side:
    """One end of a connection.

    waiting  (when it is due, bytes) for this end
    deaf     something for this end was swallowed
    """

    sock: socket.socket
    other: "_Side | None" = None
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)
    waiting_bytes: int = 0
    deaf: bool = False


class Valve:
    """Listens while it is entered, in a thread of its own.

    port   of the loopback address
    taken  connections so far
    """

    def __init__(self, to_port: int, *, slow_s: float = 0.0) -> None:
        self._to_port = to_port
        self._flow, self._slow_s = Flow.OPEN, slow_s
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=200)
        self._listening.setblocking(False)
        self._sides: set[_Side] = set()
        self._selector = selectors.DefaultSelector()
        self._inner, self._outer = socket.socketpair()
        self._done = False
        self.port: int = self._listening.getsockname()[1]
        self.taken = 0

    def __enter__(self) -> "Valve":
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._selector.register(self._inner, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done = True
        self._outer.send(b"x")
        self._thread.join(10.0)
        for sock in (self._listening, self._inner, self._outer):
            sock.close()
        self._selector.close()

    def turn(self, flow: Flow) -> None:
        self._flow = flow
        self._outer.send(b"x")

    def url(self, url: str) -> str:
        """The server's URL, by way of the valve."""
        return url.replace(f":{self._to_port}/", f":{self.port}/")

    def _run(self) -> None:
        while not self._done:
            for key, _ in self._selector.select(self._soonest()):
                if key.fileobj is self._inner:
                    self._inner.recv(CHUNK_BYTES)
                elif key.fileobj is self._listening:
                    self._take()
                elif key.data in self._sides:
                    self._read(key.data)
            if self._flow is not Flow.SWALLOW:
                self._reset(lambda side: self._flow is Flow.CLOSED or side.deaf)
            for side in list(self._sides):
                self._write(side)
        self._reset(lambda _: True)

    def _soonest(self) -> float | None:
        """Until the next piece is due, or until a side that was full may be written to again; seconds."""
        due = [side.waiting[0][0] for side in self._sides if side.waiting]
        return max(0.001, min(due) - time.monotonic()) if due else None

    def _take(self) -> None:
        sock, _ = self._listening.accept()
        self.taken += 1
        near = _Side(sock)
        try:
            if self._flow is Flow.CLOSED:
                raise ConnectionRefusedError
            far = _Side(socket.create_connection(("127.0.0.1", self._to_port), timeout=5.0))
        except OSError:
            reset(sock)
            return
        near.other, far.other = far, near
        for side in (near, far):
            side.sock.setblocking(False)
            side.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sides.add(side)
            self._selector.register(side.sock, selectors.EVENT_READ, side)

    def _read(self, side: _Side) -> None:
        other = side.other
        assert other is not None
        try:
            piece = side.sock.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if self._flow is Flow.SWALLOW:
            other.deaf = True
            if not piece:
                self._selector.unregister(side.sock)  # its end is not told either
                self._sides.discard(side)
                side.sock.close()
            return
        if not piece:
            self._part(side)
            return
        other.waiting.append((time.monotonic() + (self._slow_s if self._flow is Flow.SLOW else 0.0), piece))
        other.waiting_bytes += len(piece)
        if other.waiting_bytes > WAITING_BYTES:
            self._selector.unregister(side.sock)

    def _write(self, side: _Side) -> None:
        while side.waiting and side.waiting[0][0] <= time.monotonic():
            due, piece = side.waiting.popleft()
            try:
                sent = side.sock.send(piece)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._part(side)
                return
            side.waiting_bytes -= sent
            if sent < len(piece):
                side.waiting.appendleft((due, piece[sent:]))
                break
        other = side.other
        if other in self._sides and side.waiting_bytes <= WAITING_BYTES and other.sock not in self._selector.get_map():
            self._selector.register(other.sock, selectors.EVENT_READ, other)

    def _part(self, side: _Side) -> None:
        """One end has gone: what waits for the other is written, then it is closed too."""
        for end in (side, side.other):
            if end in self._sides:
                with suppress(KeyError):
                    self._selector.unregister(end.sock)
                self._sides.discard(end)
                with suppress(OSError):
                    end.sock.setblocking(True)
                    end.sock.settimeout(1.0)
                    if end is not side:
                        end.sock.sendall(b"".join(piece for _, piece in end.waiting))
                end.sock.close()

    def _reset(self, is_to_go: Callable[[_Side], bool]) -> None:
        """Both ends of each connection of which one end is to go."""
        for side in [each for each in self._sides if is_to_go(each)]:
            for end in (side, side.other):
                if end in self._sides:
                    with suppress(KeyError):
                        self._selector.unregister(end.sock)
                    self._sides.discard(end)
                    reset(end.sock)


def reset(sock: socket.socket) -> None:
    """Leave without a goodbye."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
