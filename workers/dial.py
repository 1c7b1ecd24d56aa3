"""The exchange's socket: the only place that knows websocket-client. Everything that goes wrong becomes LinkLost, once.

The plain `WebSocket` without UTF-8 validation, which the JSON codec does anyway: measured at 150,000 frames/s against 21,000 with it.
Whole texts are taken out of what was read in one go, and the library sees only what is anything else; a half-read frame survives a
receive that ran out of time.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from typing import TypeVar

import websocket
from websocket import ABNF

from gateway.errors import LinkLost
from gateway.tls import trouble
from workers.route import Route, reached
from workers.stream import Stream

#: Name, TCP, proxy, TLS and handshake together; seconds.
CONNECT_S = 5.0
#: A frame whose first byte is here must be complete within this, or is finished in the next turn; seconds.
READ_S = 0.25
#: The exchange must take what we send within this; seconds.
SEND_S = 2.0
#: The largest message we take, whole or summed over its fragments; the exchange's largest are below 1 MiB.
MESSAGE_BYTES = 16 << 20

#: Why we close. Source: RFC 6455, section 7.4.1.
_NORMAL, _PROTOCOL, _BAD_TEXT, _TOO_BIG = 1000, 1002, 1007, 1009
_DATA = (ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY)
_FAULTS: tuple[type[Exception], ...] = (websocket.WebSocketException, OSError, EOFError, UnicodeError, ValueError)
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})\b")
#: Set in the opcode of every control frame.
_CONTROL = 0x8
#: The first byte of a text in one frame.
_WHOLE_TEXT = 0x81

T = TypeVar("T")


class Connection:
    """One open WebSocket. `receive` is called when `fileno` is readable or `pending` says so; all calls raise LinkLost."""

    def __init__(self, route: Route, *, within_s: float = CONNECT_S, read_s: float = READ_S) -> None:
        """Connect and shake hands, all of it within so many seconds; `receive` waits `read_s` for the rest of a frame."""
        self._read_s = read_s
        until = time.monotonic() + within_s
        self._stream = reached(route, until)
        self._ws = websocket.WebSocket(skip_utf8_validation=True, enable_multithread=False)
        self._frames = self._ws.frame_buffer = _Frames(self._stream)
        self._begun: bytearray | None = None  # a fragmented message's first part
        self._said_goodbye = False
        with ExitStack() as unless_opened:
            unless_opened.callback(self._stream.close)
            _shake_hands(self._ws, self._stream, route.url)
            unless_opened.pop_all()
        self._ws.sock = self._stream
        #: Whether bytes wait on our side of the socket, where a poll cannot see them.
        self.pending = self._stream.pending

    def fileno(self) -> int:
        found = self._stream.fileno()
        if found < 0:
            raise LinkLost("the socket is closed")
        return found

    def receive(self) -> bytes | None:
        """The next message; None when it was a control frame or is not complete yet."""
        frames, is_between = self._frames, self._begun is None
        if is_between and (text := frames.text()) is not None:
            return text
        self._stream.until = time.monotonic() + self._read_s
        try:
            if is_between and frames.has_read() and (text := frames.text()) is not None:
                return text
            frame = self._ws.recv_frame()
        except websocket.WebSocketTimeoutException:
            return None
        except (websocket.WebSocketProtocolException, websocket.WebSocketPayloadException) as fault:
            too_big = isinstance(fault, websocket.WebSocketPayloadException)
            raise self._refused(_TOO_BIG if too_big else _PROTOCOL, str(fault)) from fault
        except _FAULTS as fault:
            self._said_goodbye = True  # nobody is there to hear one
            raise LinkLost(_words(fault)) from fault
        if frame.opcode in _DATA or frame.opcode == ABNF.OPCODE_CONT:
            return self._message(frame)
        if frame.opcode == ABNF.OPCODE_CLOSE:
            raise self._closed(bytes(frame.data))
        if frame.opcode == ABNF.OPCODE_PING:
            self._send(frame.data, ABNF.OPCODE_PONG)
        return None

    def at_hand(self) -> Iterator[bytes]:
        """The messages that are here already, up to one that is not whole or no plain text; each is taken when it is given."""
        return self._frames.texts() if self._begun is None else iter(())

    def send(self, text: str) -> None:
        self._send(text.encode(), ABNF.OPCODE_TEXT)

    def close(self) -> None:
        """Say goodbye without waiting for the answer. Never raises."""
        self._say_goodbye(_NORMAL)
        self._stream.close()

    def _message(self, frame: ABNF) -> bytes | None:
        if (frame.opcode == ABNF.OPCODE_CONT) != (self._begun is not None):
            found = "a continuation of nothing" if self._begun is None else "a new message within a fragmented one"
            raise self._refused(_PROTOCOL, found)
        if self._begun is None:
            if frame.fin:
                return bytes(frame.data)
            self._begun = bytearray()
        if len(self._begun) + len(frame.data) > MESSAGE_BYTES:
            raise self._refused(_TOO_BIG, f"a message of more than {MESSAGE_BYTES} bytes in fragments")
        self._begun += frame.data
        if not frame.fin:
            return None
        whole, self._begun = bytes(self._begun), None
        return whole

    def _send(self, data: bytes, opcode: int, within_s: float = SEND_S) -> None:
        if self._said_goodbye:
            raise LinkLost("the connection is closed")
        self._stream.until = time.monotonic() + within_s
        try:
            self._ws.send(data, opcode)
        except websocket.WebSocketTimeoutException as fault:
            self._said_goodbye = True  # perhaps half of it went out: nothing may follow
            raise LinkLost(f"the exchange took nothing for {within_s:g} s") from fault
        except _FAULTS as fault:
            raise LinkLost(_words(fault)) from fault

    def _refused(self, code: int, found: str) -> LinkLost:
        self._say_goodbye(code)
        return LinkLost(f"the exchange sent {found}")

    def _closed(self, data: bytes) -> LinkLost:
        code = int.from_bytes(data[:2], "big") if data else None
        try:
            reason = data[2:].decode()
        except UnicodeDecodeError:
            return self._refused(_BAD_TEXT, "a reason to close that is no UTF-8")
        self._say_goodbye(code or _NORMAL)
        return LinkLost(f"closed by the exchange, code {code}" + (f": {reason}" if reason else ""))

    def _say_goodbye(self, code: int) -> None:
        with suppress(LinkLost):
            self._send(code.to_bytes(2, "big"), ABNF.OPCODE_CLOSE, READ_S)
        self._said_goodbye = True


class _Frames(websocket.frame_buffer):  # type: ignore[misc] # the library ships no types
    """Takes whole texts out of what was read. Of other frames it refuses by their heads what cannot be: nothing is waited for and nothing
    stored of it; the rest is the library's.
    """

    def __init__(self, stream: Stream) -> None:
        super().__init__(partial(_some_of, stream), True)  # skip_utf8_validation
        self._stream = stream

    def text(self) -> bytes | None:
        """The next frame, if it is a whole text, as nearly all are, and all of it is here."""
        return next(self.texts(), None)

    def texts(self) -> Iterator[bytes]:
        """All such frames, up to one that is none. Source of their form: RFC 6455, section 5.2."""
        stream = self._stream
        here, at = stream.here, stream.at
        size = len(here)
        if self.header is not None or self.recv_buffer:
            return
        while size - at > 1 and here[at] == _WHOLE_TEXT:
            length, start = here[at + 1], at + 2
            if length > 125:
                if length > 126 or size - at < 4:
                    return
                length, start = here[at + 2] << 8 | here[at + 3], at + 4
                if length < 126:
                    return
            at = start + length
            if at > size:
                return
            stream.at = at
            yield here[start:at]

    def has_read(self) -> bool:
        """Where nothing is here: wait for what comes next, and read all that is there. Whether that was done."""
        if self._stream.pending():
            return False
        _translated(self._stream.fill)
        return True

    def recv_length(self) -> None:
        super().recv_length()
        fin, rsv1, rsv2, rsv3, opcode, masked, bits = self.header
        if rsv1 or rsv2 or rsv3:
            raise websocket.WebSocketProtocolException("a frame with a reserved bit, though no extension was agreed on")
        if opcode not in ABNF.OPCODES:
            raise websocket.WebSocketProtocolException(f"a frame with the reserved opcode {opcode}")
        if masked:
            raise websocket.WebSocketProtocolException("a masked frame, which only clients send")
        if opcode & _CONTROL and (bits > 125 or not fin):
            raise websocket.WebSocketProtocolException("a control frame that is fragmented or longer than 125 bytes")
        if (bits == 126 and self.length < 126) or (bits == 127 and self.length <= 0xFFFF):
            raise websocket.WebSocketProtocolException("a length that is not written in the shortest form")
        if self.length > MESSAGE_BYTES:
            raise websocket.WebSocketPayloadException(f"a frame of {self.length} bytes; at most {MESSAGE_BYTES} are taken")


class _Answer:
    """What the library may read while it shakes hands: the head of the answer, and of what follows it no byte that is not here yet.

    head  all of it, once it came; b"" before
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.head = b""
        self.send = stream.send
        self.close = stream.close
        self.gettimeout = stream.gettimeout

    def recv(self, most: int) -> bytes:
        if not self.head:
            self.head = self._stream.head()
        return self._stream.taken(most)


def _translated(read: Callable[[], T]) -> T:
    """What a read gives; the end of its time is the library's exception."""
    try:
        return read()
    except TimeoutError as fault:
        raise websocket.WebSocketTimeoutException(str(fault)) from fault


def _some_of(stream: Stream, most: int) -> bytes:
    """As the library's own reader has it: the end of the stream is its exception, too."""
    part = _translated(lambda: stream.recv(most))
    if not part:
        raise websocket.WebSocketConnectionClosedException("closed by the exchange without a goodbye")
    return part


def _shake_hands(ws: websocket.WebSocket, stream: Stream, url: str) -> None:
    answer = _Answer(stream)
    try:
        ws.connect(url, socket=answer, redirect_limit=0, suppress_origin=True)
    except _FAULTS as fault:
        status = _STATUS.match(answer.head)
        if answer.head and status is None:
            raise LinkLost(f"the handshake was answered with {answer.head[:40]!r}; expected HTTP") from fault
        if status and status[1] != b"101":
            raise LinkLost(f"the handshake was answered with HTTP {status[1].decode()}; expected 101") from fault
        raise LinkLost(f"the handshake failed: {_words(fault)}") from fault
    unasked = [name for name in ("sec-websocket-extensions", "sec-websocket-protocol") if ws.headers.get(name)]
    if unasked:
        raise LinkLost(f"the handshake was answered with {unasked[0]}, which was not asked for")


def _words(fault: Exception) -> str:
    if isinstance(fault, websocket.WebSocketTimeoutException):
        return "it took too long"
    return trouble(fault) if isinstance(fault, OSError) else str(fault) or type(fault).__name__
