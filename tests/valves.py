"""A way to a server that a test can shut: bytes stop, and nobody is told. What was sent meanwhile comes through when it opens."""

import socket
import threading
from contextlib import suppress

from tests.listener import PATIENCE_S, Line, Listener


class Valve:
    """Passes connections on to a port of the loopback address; entered as a context.

    count  connections taken
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._open = threading.Event()
        self._open.set()
        self._listener = Listener(self._pass_on)

    def __enter__(self) -> "Valve":
        self._listener.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.set()
        self._listener.__exit__()

    @property
    def port(self) -> int:
        return self._listener.port

    @property
    def count(self) -> int:
        return self._listener.count

    def through(self, url: str) -> str:
        """The URL of the server behind it, by this way."""
        return url.replace(f":{self._to}/", f":{self.port}/")

    def shut(self) -> None:
        """From now on both sides are silent to each other; new connections are taken, and get no word either."""
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def _pass_on(self, line: Line) -> None:
        with socket.create_connection(("127.0.0.1", self._to), timeout=PATIENCE_S) as other:
            other.settimeout(None)

            def back() -> None:
                with suppress(OSError):
                    while part := other.recv(65_536):
                        self._open.wait(PATIENCE_S)
                        line.send_raw(part)
                line.end()

            thread = threading.Thread(target=back, daemon=True)
            thread.start()
            with suppress(OSError):
                while part := line.recv():
                    self._open.wait(PATIENCE_S)
                    other.sendall(part)
            with suppress(OSError):
                other.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE_S)
