"""One client of the generator: handshake, TLS where asked, requests and their answers. Bytes go in, bytes come out; no socket here."""

import base64
import hashlib
import json
import re
import ssl
import time
import uuid
from collections.abc import Callable

from bench.generator.frames import first, framed
from simulator.dialect import DIALECTS, compact

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = re.compile(rb"(?i)\r\nsec-websocket-key:\s*(\S+)\r\n")
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_PATHS = {dialect.path: dialect for dialect in DIALECTS.values()}


class Refused(Exception):
    """What this client sends is none of what the exchange understands."""


class Connection:
    """out     what is to be sent
    topics  that it holds
    """

    def __init__(self, context: ssl.SSLContext | None, changed: Callable[[], None]) -> None:
        """`changed`: called when its topics did."""
        self.out = bytearray()
        self.topics: dict[str, None] = {}
        self.endpoint = ""
        self._changed = changed
        self._in = bytearray()
        self._id = str(uuid.uuid4())
        self._tls_in, self._tls_out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._tls_in, self._tls_out, server_side=True) if context else None
        self._is_shaking = self._tls is not None
        self.put: Callable[[bytes], None] = self._put_encrypted if self._tls else self.out.extend

    def flush(self) -> None:
        """After some were put."""
        if self._tls and self._tls_out.pending:
            self.out += self._tls_out.read()

    def _put_encrypted(self, frame: bytes) -> None:
        """Each frame is a record of its own, as the exchange has it."""
        assert self._tls is not None
        self._tls.write(frame)

    def receive(self, data: bytes) -> None:
        """Raises Refused, and ssl.SSLError."""
        if self._tls is None:
            self._in += data
        else:
            self._decrypt(data)
        if not self.endpoint:
            self._upgrade()
        while self.endpoint and (message := self._message()) is not None:
            self._answer(*message)
        self.flush()

    def _decrypt(self, data: bytes) -> None:
        assert self._tls is not None
        self._tls_in.write(data)
        try:
            if self._is_shaking:
                self._tls.do_handshake()
                self._is_shaking = False
            while True:
                part = self._tls.read(1 << 16)
                if not part:
                    return
                self._in += part
        except ssl.SSLWantReadError:
            pass

    def _upgrade(self) -> None:
        end = self._in.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._in[: end + 2])
        del self._in[: end + 4]
        key, path = _KEY.search(head), head.split(b" ", 2)[1].partition(b"?")[0].decode()
        if key is None or path not in _PATHS:
            raise Refused(f"found a request for {path!r}; expected a WebSocket on a path of the exchange")
        self.endpoint = _PATHS[path].endpoint
        accept = base64.b64encode(hashlib.sha1(key[1] + _GUID, usedforsecurity=False).digest())
        self.put(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
            + accept
            + b"\r\n\r\n"
        )

    def _message(self) -> tuple[int, bytes] | None:
        """The next whole message of the client, unmasked. Clients of the exchange do not split theirs."""
        found = self._in
        if len(found) < 2:
            return None
        size, at = found[1] & 0x7F, 2
        if size >= 126:
            wide = 2 if size == 126 else 8
            size, at = int.from_bytes(found[2 : 2 + wide]), 2 + wide
        if not found[1] & 0x80 or size > 1 << 20:
            raise Refused("found a frame that is not masked, or larger than any request")
        if len(found) < at + 4 + size:
            return None
        mask, body = found[at : at + 4], found[at + 4 : at + 4 + size]
        text = bytes(byte ^ mask[place & 3] for place, byte in enumerate(body))
        opcode = found[0] & 0x0F
        del found[: at + 4 + size]
        return opcode, text

    def _answer(self, opcode: int, text: bytes) -> None:
        if opcode == _PING:
            self.put(bytes((0x80 | _PONG, len(text))) + text)
        elif opcode == _CLOSE:
            raise Refused("the client closes")
        elif opcode == _TEXT:
            self._request(json.loads(text))

    def _request(self, asked: dict[str, object]) -> None:
        dialect, op, now_ms = DIALECTS[self.endpoint], asked.get("op"), time.time_ns() // 1_000_000
        req_id = asked.get("req_id")
        req_id = req_id if isinstance(req_id, str) else None
        if op == "ping":
            self._say(dialect.pong(self._id, req_id, now_ms))
            return
        args = asked.get("args")
        if op not in ("subscribe", "unsubscribe") or not isinstance(args, list):
            raise Refused(f"found op {op!r}; expected subscribe, unsubscribe or ping")
        new = [topic for topic in map(str, args) if topic not in self.topics]
        characters = sum(map(len, (*self.topics, *new)))
        words = "" if dialect.characters is None or characters <= dialect.characters or op == "unsubscribe" else "too many topics"
        self._say(dialect.ack(op, self._id, req_id, args, (), words))
        if words:
            return
        if op == "unsubscribe":
            for topic in args:
                self.topics.pop(topic, None)
        else:
            self.topics |= dict.fromkeys(new)
            for topic in new:
                self.put(first(topic, now_ms) or b"")
        self._changed()

    def _say(self, answer: dict[str, object]) -> None:
        self.put(framed(compact(answer).encode()))
