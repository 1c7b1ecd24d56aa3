"""A connected socket whose every call ends in time, with TLS or without.

Reads are large and kept; what a caller did not take is `pending`. The time is one deadline for all calls until it is set anew, so
that a byte now and then buys the other side nothing.
"""

import re
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from gateway.errors import LinkLost
from gateway.tls import trouble
from workers.tls_layer import TlsLayer

#: Bytes asked of the kernel at once.
CHUNK_BYTES = 65_536
#: An HTTP answer's status line and headers together.
HEAD_BYTES = 16_384
#: A send that the other side does not take; milliseconds.
USER_TIMEOUT_MS = 15_000
#: Bytes that are thrown away when a stream is closed; unread ones would make the kernel answer with a reset that overtakes our last words.
DRAIN_BYTES = 1 << 20

_TCP = socket.IPPROTO_TCP
_OPTIONS = (
    (_TCP, socket.TCP_NODELAY, 1),
    (_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (_TCP, socket.TCP_KEEPIDLE, 30),
    (_TCP, socket.TCP_KEEPINTVL, 10),
    (_TCP, socket.TCP_KEEPCNT, 3),
)
_HEAD_END = re.compile(rb"\r?\n\r?\n")

#: What `socket.getaddrinfo` answers.
Addresses = list[tuple[int, int, int, str, Any]]
Lookup = Callable[[str, int], Addresses]


class Stream:
    """One TCP connection, perhaps with TLS. Raises TimeoutError past `until`, other OSErrors as they come.

    until     monotonic seconds; set before each use
    here, at  what was read; from `at` on it is still to be taken
    """

    def __init__(self, sock: socket.socket, until: float) -> None:
        self.until = until
        self._sock = sock
        self._sock.setblocking(False)
        self._tls: TlsLayer | None = None
        self.here = b""
        self.at = 0

    def fileno(self) -> int:
        """-1 once closed."""
        return self._sock.fileno()

    def pending(self) -> bool:
        """Whether bytes wait here, or an end inside the TLS layer, where a poll cannot see them."""
        return self.at < len(self.here) or (self._tls is not None and self._tls.has_news)

    def fill(self) -> None:
        """Read on, when all that was here is taken."""
        self.here, self.at = self._read(), 0

    def recv(self, most: int) -> bytes:
        """At least one byte; b"" at the end."""
        if self.at >= len(self.here):
            self.fill()
        return self.taken(most)

    def taken(self, most: int) -> bytes:
        """Of what is already here; b"" when nothing is."""
        part = self.here[self.at : self.at + most]
        self.at += len(part)
        return part

    def exactly(self, count: int) -> bytes:
        """Raises EOFError when the other side ends before."""
        found = b""
        while len(found) < count:
            part = self.recv(count - len(found))
            if not part:
                raise EOFError(f"the connection was closed after {len(found)} of {count} bytes")
            found += part
        return found

    def head(self) -> bytes:
        """All up to the blank line that ends an HTTP head; it and what came after stays to be read. Raises EOFError, LinkLost."""
        while (end := _HEAD_END.search(self.here, self.at)) is None:
            if len(self.here) - self.at > HEAD_BYTES:
                raise LinkLost(f"more than {HEAD_BYTES} bytes without the end of an HTTP head")
            part = self._read()
            if not part:
                raise EOFError(f"the connection was closed within an HTTP head, after {len(self.here) - self.at} bytes")
            self.here, self.at = self.here[self.at :] + part, 0
        return self.here[self.at : end.end()]

    def send(self, data: bytes) -> int:
        """All of it."""
        self._send(data if self._tls is None else self._tls.sealed(data))
        return len(data)

    def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        if self.pending():
            raise LinkLost("bytes came before TLS began")
        tls = TlsLayer(context, host)
        try:
            while not tls.has_shaken_hands():
                self._send(tls.to_send())
                tls.read(self._received())
        finally:
            with suppress(OSError):  # where it failed, the other side is told why
                self._send(tls.to_send())
        self._tls = tls

    def close(self) -> None:
        """Never raises. What was not taken is forgotten."""
        self.here, self.at, self._tls = b"", 0, None
        with suppress(OSError, ValueError):
            self._sock.shutdown(socket.SHUT_WR)
            for _ in range(DRAIN_BYTES // CHUNK_BYTES):
                if not self._sock.recv(CHUNK_BYTES):
                    break
        self._sock.close()

    def gettimeout(self) -> float:
        """websocket-client asks; whatever is not 0 makes it leave the waiting to us."""
        return 1.0

    def _read(self) -> bytes:
        tls = self._tls
        if tls is None:
            return self._received()
        while not (text := tls.opened()) and not tls.is_over:
            tls.read(self._received())
        if own := tls.to_send():
            try:
                self._send(own)
            except TimeoutError as fault:  # perhaps half of it went out
                raise ConnectionError("what TLS itself had to say was not taken") from fault
        return text

    def _received(self) -> bytes:
        while True:
            try:
                return self._sock.recv(CHUNK_BYTES)
            except BlockingIOError:
                self._wait(select.POLLIN)

    def _send(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[self._sock.send(left) :]
            except BlockingIOError:
                self._wait(select.POLLOUT)

    def _wait(self, event: int) -> None:
        poll = select.poll()
        poll.register(self._sock, event)
        if not poll.poll(self._left() * 1000):
            raise TimeoutError("it took too long")

    def _left(self) -> float:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("it took too long")
        return left


def addresses(host: str, port: int) -> Addresses:
    """What the system's resolver knows; it has no deadline."""
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


def connected(host: str, port: int, until: float, lookup: Lookup = addresses) -> Stream:
    """To the first of the host's addresses that answers; each gets its share of the time. Raises LinkLost."""
    fault: OSError = TimeoutError("it took too long")
    found = _looked_up(host, port, until, lookup)
    for number, (family, kind, protocol, _, address) in enumerate(found):
        left = until - time.monotonic()
        if left <= 0:
            break
        sock = socket.socket(family, kind, protocol)
        try:
            for option in _OPTIONS:
                sock.setsockopt(*option)
            sock.settimeout(left / (len(found) - number))
            sock.connect(address)
        except OSError as refusal:
            sock.close()
            fault = refusal
            continue
        return Stream(sock, until)
    raise LinkLost(f"cannot connect to {host}:{port}: {trouble(fault)}") from fault


def _looked_up(host: str, port: int, until: float, lookup: Lookup) -> Addresses:
    """In a thread, for the system's resolver knows no deadline; it ends when the resolver gives up, whether we still wait or not."""
    answers: SimpleQueue[Addresses | OSError | UnicodeError] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(lookup(host, port))
        except (OSError, UnicodeError) as fault:
            answers.put(fault)

    threading.Thread(target=ask, name="lookup", daemon=True).start()
    try:
        answer = answers.get(timeout=max(0.0, until - time.monotonic()))
    except Empty:
        raise LinkLost(f"the address of {host} was not found in time") from None
    if isinstance(answer, Exception):
        words = trouble(answer) if isinstance(answer, OSError) else "it is no name of a host"
        raise LinkLost(f"the address of {host} was not found: {words}") from answer
    return answer
