"""A server made of a raw socket, for what no good server would say: loopback, a thread of its own, WebSocket and TLS by hand.

Listener   takes connections, one after the other, and gives each to what plays the other side
Line       one connection as the server sees it
ok         what a good server answers over HTTP
"""

import base64
import gc
import hashlib
import os
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

#: Nothing here may wait longer; seconds.
PATIENCE_S = 20.0

_KEY = re.compile(rb"\r\nSec-WebSocket-Key: *([^\r\n]+)", re.IGNORECASE)


def open_files() -> int:
    """Of this process; without those that earlier tests left for the garbage collector."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


class Line:
    """The server's end. With a context, TLS is spoken over bytes that can be seen and cut: `wire` encrypts, `send_raw` sends."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext | None = None) -> None:
        self._sock = sock
        self._sock.settimeout(PATIENCE_S)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True) if context else None
        self._extra = b""
        if self._tls is not None:
            self._turn(self._tls.do_handshake)

    def wire(self, data: bytes) -> bytes:
        """What goes over the wire for these bytes."""
        if self._tls is None:
            return data
        self._tls.write(data)
        return self._out.read()

    def send_raw(self, data: bytes) -> None:
        self._sock.sendall(data)

    def send(self, data: bytes) -> None:
        self.send_raw(self.wire(data))

    def recv(self) -> bytes:
        """Some bytes; b"" at the end, however it came."""
        if self._extra:
            found, self._extra = self._extra, b""
            return found
        try:
            return self._sock.recv(65_536) if self._tls is None else bytes(self._turn(self._tls.read, 65_536))
        except (ConnectionError, ssl.SSLError):
            return b""

    def until(self, mark: bytes) -> bytes:
        """All up to the mark; what follows is kept."""
        found = b""
        while mark not in found:
            part = self.recv()
            if not part:
                raise ConnectionError(f"the client left after {found!r}")
            found += part
        head, _, self._extra = found.partition(mark)
        return head + mark

    def rest(self) -> bytes:
        """All until the client ends its side."""
        return b"".join(iter(self.recv, b""))

    def exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            part = self.recv()
            if not part:
                raise ConnectionError(f"the client left after {len(found)} of {count} bytes")
            found += part
        found, self._extra = found[:count], found[count:]
        return found

    def shake_hands(self, glued: bytes = b"") -> bytes:
        """Answer the WebSocket handshake, with further bytes in the same segment; answers the request."""
        request = self.until(b"\r\n\r\n")
        self.greet(request, glued)
        return request

    def greet(self, request: bytes, glued: bytes = b"") -> None:
        """Answer a handshake that was read already."""
        self.send(switching(request) + glued)

    def end(self) -> None:
        """No more comes from here."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Leave without a goodbye, in TCP too."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def pass_on(self, other: socket.socket) -> None:
        """Both ways, until both sides have ended."""

        def back() -> None:
            with suppress(OSError):
                while part := other.recv(65_536):
                    self.send_raw(part)
            self.end()

        thread = threading.Thread(target=back, daemon=True)
        thread.start()
        while part := self.recv():
            with suppress(OSError):
                other.sendall(part)
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)
        thread.join(PATIENCE_S)

    def _turn(self, step: Callable[..., Any], *given: Any) -> Any:
        while True:
            try:
                result = step(*given)
            except ssl.SSLWantReadError:
                self._flush()
                part = self._sock.recv(65_536)
                if part:
                    self._in.write(part)
                else:
                    self._in.write_eof()
            except ssl.SSLError:
                self._flush()
                raise
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        if self._out.pending:
            self._sock.sendall(self._out.read())


class Listener:
    """Listens while it is entered. Each connection has a thread, so that a client may come again before the last one is done.

    port   of the loopback address
    count  connections taken
    """

    def __init__(self, play: Callable[[Line], object], *, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self._play = play
        self._context = context
        self._socket = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._lines: list[tuple[socket.socket, threading.Thread]] = []
        self.port: int = self._socket.getsockname()[1]
        self.count = 0

    def __enter__(self) -> "Listener":
        self._take = threading.Thread(target=self._listen, daemon=True)
        self._take.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._take.join(PATIENCE_S)
        self._socket.close()
        for sock, thread in self._lines:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # a client may keep its connection for another request
            thread.join(PATIENCE_S)

    def url(self, scheme: str = "ws", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}"

    def _listen(self) -> None:
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            self.count += 1
            thread = threading.Thread(target=self._converse, args=(sock,), daemon=True)
            self._lines = [*(line for line in self._lines if line[1].is_alive()), (sock, thread)]
            thread.start()

    def _converse(self, sock: socket.socket) -> None:
        with sock, suppress(ConnectionError, ssl.SSLError):  # the client may leave at any time
            self._play(Line(sock, self._context))


def ok(body: bytes) -> bytes:
    """HTTP 200 with a body, which says that it is JSON."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def switching(request: bytes, *, accept: str | None = None, headers: str = "") -> bytes:
    """HTTP 101 for a request, or with another accept than the right one."""
    key = _KEY.search(request)
    right = base64.b64encode(hashlib.sha1((key[1] if key else b"") + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()  # noqa: S324 # the protocol's
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {right if accept is None else accept}\r\n{headers}\r\n"
    ).encode()
