"""One client's conversation: login, subscribe, unsubscribe, ping, and the pushes it asked for."""

import asyncio
import hashlib
import hmac
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from simulator.dialect import Dialect, Message, compact, now_ms
from simulator.ledger import Ledger

#: A client that takes nothing while this many texts wait is cut, as the exchange does with slow readers.
MOST_WAITING = 20_000
#: A connection without any message from the client is cut after this; seconds. Source: protocol notes, section 2.
IDLE_S = 600.0
#: Bound of the summed topic names on one public connection. Source: protocol notes, section 2.
MOST_CHARACTERS = 21_000

PRIVATE_TOPICS = ("order", "execution", "position", "wallet", "greeks", "execution.fast")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the conversation asks of the rest of the exchange.

    exists   whether a topic exists in a category
    first    the frames that a new subscriber gets at once
    """

    api_key: str
    api_secret: str
    exists: Callable[[str | None, str], bool]
    first: Callable[[str | None, str, int], list[Message]]


@dataclass(eq=False, slots=True)
class Connection:
    """An open WebSocket. Texts leave through one queue, in order, and are written into the ledger as they leave."""

    number: int
    dialect: Dialect
    socket: web.WebSocketResponse
    ledger: Ledger
    rules: Rules
    authenticated: bool = False
    topics: dict[str, None] = field(default_factory=dict)
    conn_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    _out: asyncio.Queue[tuple[str, str]] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))

    async def converse(self) -> None:
        """Until either side ends it."""
        writer = asyncio.create_task(self._write())
        try:
            while True:
                message = await self.socket.receive(timeout=IDLE_S)
                if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                    return
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    text = message.data if isinstance(message.data, str) else message.data.decode(errors="replace")
                    self.ledger.write(self.number, self.dialect.endpoint, "received", "", text)
                    self._answer(text)
        except TimeoutError:
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
        transport = self.socket._req.transport if self.socket._req is not None else None
        if transport is not None:
            transport.abort()

    async def _write(self) -> None:
        while True:
            topic, text = await self._out.get()
            try:
                await self.socket.send_str(text)
            except ConnectionError:
                return
            self.ledger.write(self.number, self.dialect.endpoint, "sent", topic, text)

    def _answer(self, text: str) -> None:
        try:
            message = msgspec.json.decode(text)
        except msgspec.DecodeError:
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("op"), str):
            self._say({"success": False, "ret_msg": "Params Error", "conn_id": self.conn_id, "op": ""})
            return
        req_id = message.get("req_id") if isinstance(message.get("req_id"), str) else None
        op, args = message["op"], message.get("args")
        if op == "ping":
            self._say(self.dialect.pong(self.conn_id, req_id))
        elif op == "auth" and self.dialect.endpoint == "private":
            self._login(req_id, args)
        elif op in ("subscribe", "unsubscribe") and isinstance(args, list) and args and all(isinstance(arg, str) for arg in args):
            self._subscribe(op, req_id, args)
        else:
            self._say({"op": op, "success": False, "conn_id": self.conn_id, "ret_msg": "Params Error"})

    def _login(self, req_id: str | None, args: Any) -> None:
        ok = isinstance(args, list) and len(args) == 3 and isinstance(args[1], int) and self._signed(args)
        self.authenticated = self.authenticated or ok
        echo = {} if req_id is None else {"req_id": req_id}
        self._say({**echo, "success": ok, "ret_msg": "" if ok else "Params Error", "op": "auth", "conn_id": self.conn_id})

    def _signed(self, args: Sequence[Any]) -> bool:
        key, expires, signature = args
        expected = hmac.new(self.rules.api_secret.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()
        return bool(key == self.rules.api_key and signature == expected and expires > now_ms())

    def _subscribe(self, op: str, req_id: str | None, topics: list[str]) -> None:
        accepted, refused, words = self._judge(op, topics)
        for topic in accepted:
            if op == "subscribe":
                self.topics[topic] = None
            else:
                self.topics.pop(topic, None)
        self._say(self.dialect.ack(op, self.conn_id, req_id, accepted, refused, words))
        if op == "subscribe":
            for topic in accepted:
                for frame in self.rules.first(self.dialect.category, topic, now_ms()):
                    self.push(topic, compact(frame))

    def _judge(self, op: str, topics: list[str]) -> tuple[list[str], list[str], str]:
        """Which topics are accepted, which refused, and the words of a refusal of the whole request."""
        dialect = self.dialect
        if dialect.most_topics is not None and len(topics) > dialect.most_topics:
            return [], topics, f"args size >{dialect.most_topics}"
        if op == "unsubscribe":
            return topics, [], ""
        if dialect.endpoint == "private" and not self.authenticated:
            return [], topics, "Request not authorized"
        if dialect.endpoint != "private" and sum(map(len, [*self.topics, *topics])) > MOST_CHARACTERS:
            return [], topics, "args size too large"
        bad = [topic for topic in topics if not self._exists(topic)]
        if dialect.all_or_none:
            if bad:
                return [], topics, dialect.unknown.format(topic=bad[0])
            again = [topic for topic in topics if topic in self.topics]
            if again:
                return [], topics, f"error:already subscribed,topic:{again[0]}"
        return [topic for topic in topics if topic not in bad], bad, ""

    def _exists(self, topic: str) -> bool:
        if self.dialect.endpoint == "private":
            return topic in PRIVATE_TOPICS or topic.partition(".")[0] in ("order", "execution", "position")
        if self.dialect.endpoint == "status":
            return topic == "system.status"
        return self.rules.exists(self.dialect.category, topic)

    def _say(self, message: Message) -> None:
        self.push("", compact(message))
