"""Clients of a replay: who is connected, which topics they hold, and the answers to what they ask."""

import asyncio
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from gateway.protocol.forms import is_form_of_any
from simulator.dialect import REPEATED, Dialect, Message, compact, escaped, now_ms

#: A client that does not go although its line has ended is cut; seconds.
END_S = 60.0


@dataclass(eq=False, slots=True)
class Client:
    """One connection. Any login is let in, and any topic is acknowledged: what is known of them is in the recording.

    gone  it has ended, whoever ended it
    """

    dialect: Dialect
    socket: web.WebSocketResponse
    transport: asyncio.WriteTransport
    topics: dict[str, None] = field(default_factory=dict)
    conn_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    is_ending: bool = False

    def answer(self, text: str | bytes) -> str:
        """To one request; what it asks for holds from now on."""
        try:
            message = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            message = None
        op = message.get("op") if isinstance(message, dict) else None
        req_id = message.get("req_id") if isinstance(message, dict) else None
        args = message.get("args") if isinstance(message, dict) else None
        return escaped(compact(self._answer(op, req_id if isinstance(req_id, str) else None, args)))

    def _answer(self, op: Any, req_id: str | None, args: Any) -> Message:
        if op == "ping":
            return self.dialect.pong(self.conn_id, req_id, now_ms())
        if op == "auth":
            echo = {} if req_id is None else {"req_id": req_id}
            return {**echo, "success": True, "ret_msg": "", "op": "auth", "conn_id": self.conn_id}
        if op in ("subscribe", "unsubscribe") and isinstance(args, list) and all(isinstance(arg, str) for arg in args):
            return self._move(op, req_id, args)
        return {"success": False, "ret_msg": "Params Error", "conn_id": self.conn_id, "op": str(op or "")}

    def _move(self, op: str, req_id: str | None, topics: list[str]) -> Message:
        held = next((topic for topic in topics if topic in self.topics), None) if op == "subscribe" else None
        if held is not None and self.dialect.all_or_none:
            return self.dialect.ack(op, self.conn_id, req_id, [], topics, REPEATED.format(topic=held))
        for topic in topics:
            if op == "subscribe":
                self.topics[topic] = None
            else:
                self.topics.pop(topic, None)
        return self.dialect.ack(op, self.conn_id, req_id, topics, [], "")

    def reads(self, topic: str) -> bool:
        """Whether it holds a topic, in whatever form."""
        return topic in self.topics or (self.dialect.endpoint == "private" and is_form_of_any(topic, self.topics))

    async def push(self, text: bytes) -> None:
        """Waits while the client takes nothing. Raises ConnectionError where it has gone."""
        await self.socket.send_frame(text, WSMsgType.TEXT)

    async def end(self) -> None:
        """All that was sent reaches it, then the end of the line: a close would throw away what it has not read."""
        if self.gone.is_set():
            return
        self.is_ending = True
        self.transport.write_eof()
        try:
            async with asyncio.timeout(END_S):
                await self.gone.wait()
        except TimeoutError:
            self.transport.abort()


class Clients:
    """All that are connected now.

    version  grows with every change of who holds what
    going    whether anything is told; not while it is paused
    """

    def __init__(self, *, paused: bool = False) -> None:
        self.going = asyncio.Event()
        if not paused:
            self.going.set()
        self._clients: list[Client] = []
        self._changed = asyncio.Event()
        self.version = 0

    def came(self, client: Client) -> None:
        self._clients.append(client)
        self.moved()

    def went(self, client: Client) -> None:
        self._clients.remove(client)
        client.gone.set()
        self.moved()

    def moved(self) -> None:
        """Somebody holds other topics now."""
        self.version += 1
        self._changed.set()
        self._changed = asyncio.Event()

    def of(self, endpoint: str) -> list[Client]:
        return [client for client in self._clients if client.dialect.endpoint == endpoint and not client.is_ending]

    def lacking(self, endpoint: str, topics: Iterable[str]) -> list[str]:
        """Those that nobody holds."""
        clients = self.of(endpoint)
        return [topic for topic in topics if not any(topic in client.topics for client in clients)]

    async def change(self) -> None:
        """Until somebody comes, goes, or holds other topics."""
        await self._changed.wait()
