"""The exchange on real sockets: aiohttp below the conversations, and the loop that keeps the agenda."""

import asyncio
import socket as sockets
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import trustme
from aiohttp import WSMsgType, web

from simulator.connection import Connection
from simulator.dialect import DIALECTS, Dialect
from simulator.exchange import Exchange

#: A client that takes nothing while this many texts wait is cut, as the exchange does with slow readers.
MOST_WAITING = 20_000
#: How long a close frame waits for the client's; seconds.
CLOSE_S = 0.5
#: The largest message a client may send; bytes.
MOST_BYTES = 1 << 20
#: The longest sleep between two looks at the agenda; seconds: something may have been put on it.
LOOK_S = 0.05
ENDED = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)


class SocketLine:
    """A real WebSocket below a conversation. Texts leave through one queue, in order."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.WriteTransport) -> None:
        self._socket = socket
        self._transport = transport
        self._out: asyncio.Queue[tuple[str, str]] = asyncio.Queue(MOST_WAITING)
        self._closing: asyncio.Task[None] | None = None

    def write(self, topic: str, text: str) -> None:
        try:
            self._out.put_nowait((topic, text))
        except asyncio.QueueFull:
            self.abort()

    def abort(self) -> None:
        self._transport.abort()

    def close(self, code: int) -> None:
        self._closing = asyncio.create_task(self._close(code))

    def tear(self, text: str) -> None:
        """What was written before goes out first; then the client sees the end of the line amid a frame."""
        payload = text.encode()
        header = b"\x81" + (bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + struct.pack("!H", len(payload)))
        self._transport.write(header + payload[: len(payload) // 2])
        self._transport.close()

    async def closed(self) -> None:
        """Until a close that was begun is over."""
        if self._closing is not None:
            await self._closing

    async def deliver(self, left: Callable[[str, str], None]) -> None:
        """Write what waits. `left` is told first: sending may wait for the client, and who asks the ledger then must find the text."""
        while True:
            topic, text = await self._out.get()
            if self._socket.closed or self._transport.is_closing():
                return
            left(topic, text)
            try:
                await self._socket.send_str(text)
            except ConnectionError:
                return

    async def _close(self, code: int) -> None:
        """After what waits, for a while."""
        for _ in range(20):
            if self._out.empty():
                break
            await asyncio.sleep(0.01)
        await self._socket.close(code=code)


def websocket_app(exchange: Exchange) -> web.Application:
    app = web.Application()
    for dialect in DIALECTS.values():
        app.router.add_get(dialect.path, _endpoint(exchange, dialect))
    return app


async def keep(exchange: Exchange) -> None:
    """Do what is due, until cancelled."""
    exchange.start()
    while True:
        due = exchange.agenda.next_ms
        wait = LOOK_S if due is None else min(LOOK_S, max(0.0, (due - exchange.clock_ms()) / 1000))
        await asyncio.sleep(wait)
        exchange.tick()


async def close_all(connections: Iterable[Connection], code: int) -> None:
    """End connections with a close frame, all at once; a client that does not answer it is cut."""
    lines = [connection.line for connection in connections]
    for line in lines:
        line.close(code)
    await asyncio.gather(*(line.closed() for line in lines if isinstance(line, SocketLine)))


def authority(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A test authority of this run and a server certificate of it for loopback names; its certificate, as a PEM file for clients."""
    made = trustme.CA(organization_name="simulated exchange")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.issue_cert("localhost", "127.0.0.1", "::1").configure_cert(context)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "simulator-ca.pem"
    made.cert_pem.write_to_path(file)
    return context, file


def _endpoint(exchange: Exchange, dialect: Dialect) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        refused = exchange.admit(dialect.endpoint)
        if refused:
            return await _keep_out(request, refused)
        socket = web.WebSocketResponse(max_msg_size=MOST_BYTES, compress=False, autoping=False, timeout=CLOSE_S)
        await socket.prepare(request)
        if not isinstance(request.transport, asyncio.WriteTransport):  # gone during the handshake
            return socket
        line = SocketLine(socket, request.transport)
        connection = exchange.open(dialect.endpoint, line, request.query)
        writer = asyncio.create_task(line.deliver(connection.left))
        try:
            await _listen(socket, connection)
        finally:
            exchange.closed(connection)
            writer.cancel()
            await line.closed()
        return socket

    return answer


async def _listen(socket: web.WebSocketResponse, connection: Connection) -> None:
    while True:
        message = await socket.receive()
        if message.type in ENDED:
            return
        if message.type is WSMsgType.PING:
            if connection.pinged():
                try:
                    await socket.pong(message.data)
                except ConnectionError:
                    return
        elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            text = message.data if isinstance(message.data, str) else message.data.decode(errors="replace")
            connection.receive(text)


def _reset(transport: asyncio.WriteTransport) -> None:
    """End it with a TCP reset: without lingering, closing sends RST; abort alone sends the FIN of an orderly end."""
    below = transport.get_extra_info("socket")
    if below is not None:
        below.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _keep_out(request: web.Request, how: str) -> web.StreamResponse:
    """Answer a handshake in a way that lets nobody in: see the fault `refuse`."""
    transport = request.transport
    if how.isdigit() or not isinstance(transport, asyncio.WriteTransport):
        return web.Response(status=int(how) if how.isdigit() else 503, text="refusing connections")
    if how == "hang":
        while not transport.is_closing():
            await asyncio.sleep(LOOK_S)
    elif how == "mid_handshake":
        transport.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConn")
        transport.close()
    else:
        _reset(transport)
    return web.Response(status=503)
