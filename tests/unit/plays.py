"""What a server plays to whoever dials it: it trickles, says one thing, or shakes hands and rests."""

import threading
from collections.abc import Callable

from listener import Line

#: Between the bytes of a server that trickles; seconds.
PACE_S = 0.02


def trickle(line: Line, data: bytes) -> None:
    """Byte by byte, until the client leaves."""
    pace = threading.Event()
    for at in range(len(data)):
        line.send_raw(data[at : at + 1])
        pace.wait(PACE_S)


def said(data: bytes) -> Callable[[Line], None]:
    """A server that says this to any request and then ends."""

    def play(line: Line) -> None:
        line.until(b"\r\n\r\n")
        line.send(data)
        line.end()
        line.rest()

    return play


def after_handshake(data: bytes = b"") -> Callable[[Line], None]:
    def play(line: Line) -> None:
        line.shake_hands(data)
        line.rest()

    return play
