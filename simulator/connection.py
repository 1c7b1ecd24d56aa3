"""One client's conversation: login, subscribe, unsubscribe, ping, and the pushes it asked for."""

import asyncio
import hashlib
import hmac
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from simulator.dialect import (
    NO_LOGIN,
    PRIVATE_TOPICS,
    REFUSAL,
    REPEATED,
    STATUS_TOPIC,
    TOO_LARGE,
    Dialect,
    Message,
    compact,
    conflicts,
    escaped,
    now_ms,
)
from simulator.ledger import Ledger

#: A client that takes nothing while this many texts wait is cut, as the exchange does with slow readers.
MOST_WAITING = 20_000
ENDED = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the conversation asks of the rest of the exchange.

    idle_s   a connection without a ping for this long is cut
    exists   whether a topic exists in a category
    first    the frames that a new subscriber gets at once
    """

    api_key: str
    api_secret: str
    idle_s: float
    exists: Callable[[str | None, str], bool]
    first: Callable[[str | None, str, int], list[Message]]


@dataclass(eq=False, slots=True)
class Connection:
    """An open WebSocket. Texts leave through one queue, in order, and are written into the ledger as they leave."""

    number: int
    dialect: Dialect
    socket: web.WebSocketResponse
    transport: asyncio.BaseTransport
    ledger: Ledger
    rules: Rules
    authenticated: bool = False
    topics: dict[str, None] = field(default_factory=dict)
    conn_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    _out: asyncio.Queue[tuple[str, str]] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))

    async def converse(self) -> None:
        """Until either side ends it. Cuts the line when no ping came for too long: neither a JSON one nor a control frame."""
        writer = asyncio.create_task(self._write())
        clock = asyncio.get_running_loop().time
        pinged = clock()
        try:
            while True:
                message = await self.socket.receive(timeout=max(0.001, pinged + self.rules.idle_s - clock()))
                if message.type in ENDED:
                    return
                if message.type is WSMsgType.PING:
                    pinged = clock()
                    await self.socket.pong(message.data)
                elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    text = message.data if isinstance(message.data, str) else message.data.decode(errors="replace")
                    self.ledger.write(self.number, self.dialect.endpoint, "received", "", text)
                    pinged = clock() if self._answer(text) == "ping" else pinged
        except TimeoutError:
            self.abort()
        except ConnectionError:
            return
        finally:
            writer.cancel()

    def push(self, topic: str, text: str) -> None:
        """Send a text; a client that does not read is cut."""
        try:
            self._out.put_nowait((topic, text))
        except asyncio.QueueFull:
            self.abort()

    def abort(self) -> None:
        """Cut the line without a word."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    async def close(self, code: int) -> None:
        """End it with a close frame."""
        await self.socket.close(code=code)

    async def _write(self) -> None:
        """Into the ledger first: sending may wait for the client, and who asks the ledger then must find the text."""
        while True:
            topic, text = await self._out.get()
            if self.socket.closed or self.transport.is_closing():
                return
            self.ledger.write(self.number, self.dialect.endpoint, "sent", topic, text)
            try:
                await self.socket.send_str(text)
            except ConnectionError:
                return

    def _answer(self, text: str) -> str:
        """Answer one request, and say what was asked: the op, "" for the unreadable."""
        try:
            message = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("op"), str):
            self._say({"success": False, "ret_msg": REFUSAL, "conn_id": self.conn_id, "op": ""})
            return ""
        req_id = message.get("req_id") if isinstance(message.get("req_id"), str) else None
        op, args = message["op"], message.get("args")
        if op == "ping":
            self._say(self.dialect.pong(self.conn_id, req_id))
        elif op == "auth" and self.dialect.endpoint == "private":
            self._login(req_id, args)
        elif op in ("subscribe", "unsubscribe") and isinstance(args, list) and args and all(isinstance(arg, str) for arg in args):
            self._subscribe(op, req_id, args)
        else:
            self._say({"op": op, "success": False, "conn_id": self.conn_id, "ret_msg": REFUSAL})
        return str(op)

    def _login(self, req_id: str | None, args: Any) -> None:
        """A second login that fails takes nothing away; the line stays open (protocol notes, section 13: open choices)."""
        ok = self._is_signed(args)
        self.authenticated = self.authenticated or ok
        echo = {} if req_id is None else {"req_id": req_id}
        self._say({**echo, "success": ok, "ret_msg": "" if ok else REFUSAL, "op": "auth", "conn_id": self.conn_id})

    def _is_signed(self, args: Any) -> bool:
        match args:
            case [str(key), int(expires), str(signature)]:
                text = f"GET/realtime{expires}"
                expected = hmac.new(self.rules.api_secret.encode(), text.encode(), hashlib.sha256).hexdigest()
                return key == self.rules.api_key and signature == expected and expires > now_ms()
        return False

    def _subscribe(self, op: str, req_id: str | None, topics: list[str]) -> None:
        accepted, refused, words = self._judge(op, topics)
        new = [topic for topic in dict.fromkeys(accepted) if op == "subscribe" and topic not in self.topics]
        for topic in accepted:
            if op == "subscribe":
                self.topics[topic] = None
            else:
                self.topics.pop(topic, None)
        self._say(self.dialect.ack(op, self.conn_id, req_id, accepted, refused, words))
        for topic in new:
            for frame in self.rules.first(self.dialect.category, topic, now_ms()):
                self.push(topic, compact(frame))

    def _judge(self, op: str, topics: list[str]) -> tuple[list[str], list[str], str]:
        """Which topics are accepted, which refused, and the words of a refusal of the whole request."""
        words = self._refusal(op, topics)
        if words:
            return [], topics, words
        if op == "unsubscribe" or self.dialect.all_or_none:
            return topics, [], ""
        accepted: list[str] = []
        refused: list[str] = []
        for topic in topics:
            clashes = self.dialect.endpoint == "private" and self._exists(topic) and conflicts(topic, [*self.topics, *accepted])
            (accepted if self._exists(topic) and not clashes else refused).append(topic)
        return accepted, refused, ""

    def _refusal(self, op: str, topics: list[str]) -> str:
        """Why the whole request is refused; "" where it is not."""
        dialect, held = self.dialect, dict.fromkeys([*self.topics, *topics])
        if dialect.most_topics is not None and len(topics) > dialect.most_topics:
            return f"args size >{dialect.most_topics}"
        if dialect.endpoint == "private" and not self.authenticated:
            return NO_LOGIN
        if op == "unsubscribe":
            return ""
        if dialect.characters is not None and sum(map(len, held)) > dialect.characters:
            return TOO_LARGE
        if dialect.most_held is not None and len(held) > dialect.most_held:
            return TOO_LARGE
        if not dialect.all_or_none:
            return ""
        for topic in topics:
            if not self._exists(topic):
                return dialect.unknown.format(topic=topic)
        for place, topic in enumerate(topics):
            if topic in self.topics or topic in topics[:place]:
                return REPEATED.format(topic=topic)
        return ""

    def _exists(self, topic: str) -> bool:
        if self.dialect.endpoint == "private":
            return topic in PRIVATE_TOPICS
        if self.dialect.endpoint == "status":
            return topic == STATUS_TOPIC
        return self.rules.exists(self.dialect.category, topic)

    def _say(self, message: Message) -> None:
        self.push("", escaped(compact(message)))
