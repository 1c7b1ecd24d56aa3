"""Two small real proxies on loopback: HTTP with CONNECT and with whole URLs, and SOCKS5. They keep what they were asked for.

Names are resolved by them and by nobody else: what they are told unresolved shows in `asked`.
"""

import base64
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable

from listener import PATIENCE_S, Line, Listener

#: The only name that they know, and no system's resolver does.
NAME = "exchange.test"
_KNOWN = {NAME: "127.0.0.1", "localhost": "127.0.0.1"}

HTTP_WORDS = {403: "Forbidden", 407: "Proxy Authentication Required", 502: "Bad Gateway"}


class Proxy(ABC):
    """One proxy.

    asked    "host:port" of each request, as it came
    refusal  what it answers instead of connecting: an HTTP status, or a SOCKS5 reply; 0: it connects
    """

    scheme = ""

    def __init__(self, user: str = "", password: str = "", refusal: int = 0) -> None:
        self.asked: list[str] = []
        self._login = (user, password)
        self.refusal = refusal
        self._listener = Listener(self.play)

    @abstractmethod
    def play(self, line: Line) -> None:
        """Be the proxy of one connection."""

    def url(self, login: str = "") -> str:
        """`login`: "user:password@", or nothing."""
        return f"{self.scheme}://{login}127.0.0.1:{self._listener.port}"

    def __enter__(self) -> "Proxy":
        self._listener.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.__exit__()

    def _reach(self, host: str, port: int) -> socket.socket:
        self.asked.append(f"{host}:{port}")
        return socket.create_connection((_KNOWN.get(host, host), port), timeout=PATIENCE_S)


class HttpProxy(Proxy):
    scheme = "http"

    def play(self, line: Line) -> None:
        head = line.until(b"\r\n\r\n").decode()
        request, _, headers = head.partition("\r\n")
        method, target, _ = request.split()
        wanted = base64.b64encode(":".join(self._login).encode()).decode()
        if self._login[0] and f"\r\nproxy-authorization: basic {wanted}\r\n".lower() not in head.lower():
            self._refuse(line, 407)
            return
        if self.refusal:
            self._refuse(line, self.refusal)
            return
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            path = ""
        else:
            host, _, path = target.removeprefix("http://").partition("/")
            host, _, port = host.rpartition(":")
        try:
            other = self._reach(host.strip("[]"), int(port))
        except OSError:
            self._refuse(line, 502)
            return
        with other:
            if method == "CONNECT":
                line.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                other.sendall(f"{method} /{path} HTTP/1.1\r\n{headers}".encode())
            line.pass_on(other)

    def _refuse(self, line: Line, status: int) -> None:
        line.send(f"HTTP/1.1 {status} {HTTP_WORDS[status]}\r\nContent-Length: 6\r\n\r\nsorry\n".encode())
        line.end()
        line.rest()


class SocksProxy(Proxy):
    """SOCKS5. Source: RFC 1928, RFC 1929."""

    scheme = "socks5h"

    def play(self, line: Line) -> None:
        if not self._log_in(line):
            line.end()
            line.rest()
            return
        kind = line.exactly(4)[3]
        reader: dict[int, Callable[[], str]] = {
            1: lambda: socket.inet_ntop(socket.AF_INET, line.exactly(4)),
            3: lambda: line.exactly(line.exactly(1)[0]).decode(),
            4: lambda: socket.inet_ntop(socket.AF_INET6, line.exactly(16)),
        }
        host = reader[kind]()
        port = int.from_bytes(line.exactly(2), "big")
        if self.refusal:
            self._answer(line, self.refusal)
            return
        try:
            other = self._reach(host, port)
        except OSError:
            self._answer(line, 5)
            return
        with other:
            line.send(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
            line.pass_on(other)

    def _log_in(self, line: Line) -> bool:
        ways = line.exactly(line.exactly(2)[1])
        way = 2 if self._login[0] else 0
        if way not in ways:
            line.send(b"\x05\xff")
            return False
        line.send(bytes([5, way]))
        if not way:
            return True
        user = line.exactly(line.exactly(2)[1]).decode()
        password = line.exactly(line.exactly(1)[0]).decode()
        line.send(bytes([1, (user, password) != self._login]))
        return (user, password) == self._login

    def _answer(self, line: Line, reply: int) -> None:
        line.send(bytes([5, reply, 0, 1, 0, 0, 0, 0, 0, 0]))
        line.end()
        line.rest()
