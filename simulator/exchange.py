"""The exchange itself: connections, the clock that moves market and account, and the two HTTP servers around them."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from aiohttp import web

from simulator.account import Account
from simulator.connection import Connection, Rules
from simulator.dialect import DIALECTS, STATUS_TOPIC, Dialect, Message, compact, narrowed, now_ms
from simulator.instruments import Instrument, find
from simulator.ledger import Ledger
from simulator.market import Market

#: How long a close frame waits for the client's; seconds.
CLOSE_S = 0.5
#: The largest message a client may send; bytes.
MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Options:
    """How lively and how strict the exchange is.

    steps_per_s        how often the whole market moves
    trade_rate         trades a second of each instrument, on average
    account_every_s    between two occurrences of the account; 0: only on request
    status_every_s     between two announcements on the status endpoint; 0: only on request
    idle_s             a connection without a ping for this long is cut. Source: protocol notes, section 2
    paused             market, account and announcements wait to be let go
    """

    seed: int = 1
    steps_per_s: float = 4.0
    trade_rate: float = 6.0
    account_every_s: float = 2.0
    status_every_s: float = 10.0
    idle_s: float = 600.0
    paused: bool = False
    api_key: str = "simulator-key"
    api_secret: str = "simulator-secret"  # noqa: S105 # made up, and printed in the documentation


#: What the account trades by itself.
ACCOUNT_TRADES = (("linear", "BTCUSDT"), ("spot", "ETHUSDT"), ("inverse", "BTCUSD"), ("option", "BTC-25DEC26-70000-C-USDT"))


class Exchange:
    """All state of one simulated exchange. Everything happens in one event loop."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.ledger = Ledger()
        self.market = Market(options.seed, now_ms())
        self.account = Account(Random(f"{options.seed}|account"))
        self.connections: dict[int, Connection] = {}
        self.refusing: set[str] = set()
        self.paused = options.paused
        self._count = 0
        self._rules = Rules(options.api_key, options.api_secret, options.idle_s, self.market.exists, self.market.first)

    def websocket_app(self) -> web.Application:
        app = web.Application()
        for dialect in DIALECTS.values():
            app.router.add_get(dialect.path, self._endpoint(dialect))
        return app

    async def run(self) -> None:
        """Move market and account until cancelled."""
        await asyncio.gather(self._run_market(), self._run_account(), self._run_status())

    async def close(self, connections: Iterable[Connection], code: int) -> None:
        """End connections with a close frame, all at once; a client that does not answer it is cut."""
        await asyncio.gather(*(connection.close(code) for connection in list(connections)))

    def step(self) -> None:
        """Move the market once and tell whoever listens."""
        frames: dict[str, list[Message]] = {}
        for category, frame in self.market.step(now_ms(), self.options.trade_rate / self.options.steps_per_s):
            frames.setdefault(category, []).append(frame)
        for category, several in frames.items():
            self._publish(category, several)

    def publish_private(self, frames: Iterable[Message]) -> list[Message]:
        """Give private frames to every connection that holds their topic, all-in-one or narrowed to a category."""
        frames = list(frames)
        for frame in frames:
            for connection in self.on_endpoint("private"):
                for topic in connection.topics:
                    seen = narrowed(frame, topic)
                    if seen is not None:
                        connection.push(topic, compact(seen))
        return frames

    def announce(self, **given: Any) -> list[Message]:
        """An announcement on the status endpoint; `given` replaces fields of its row."""
        now = now_ms()
        row = {
            "id": str(uuid.uuid4()), "title": "Simulated maintenance", "state": "completed", "begin": str(now - 60_000), "end": str(now),
            "href": "", "serviceTypes": [2, 3, 4, 5], "product": [1, 2], "uidSuffix": [], "maintainType": 1, "env": 1, **given,
        }  # fmt: skip
        frame: Message = {"topic": STATUS_TOPIC, "ts": now, "data": [row]}
        for connection in self.on_endpoint("status"):
            if STATUS_TOPIC in connection.topics:
                connection.push(STATUS_TOPIC, compact(frame))
        return [frame]

    def price(self, instrument: Instrument) -> Decimal:
        return self.market.feeds[instrument.category, instrument.symbol].last_price

    def on_endpoint(self, endpoint: str | None) -> list[Connection]:
        return [entry for entry in self.connections.values() if endpoint in (None, entry.dialect.endpoint)]

    def _publish(self, category: str, frames: Iterable[Message]) -> None:
        listening: dict[str, list[Connection]] = {}
        for connection in self.on_endpoint(category):
            for topic in connection.topics:
                listening.setdefault(topic, []).append(connection)
        for frame in frames:
            readers = listening.get(frame["topic"])
            if readers:
                text = compact(frame)
                for connection in readers:
                    connection.push(frame["topic"], text)

    def _endpoint(self, dialect: Dialect) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            if dialect.endpoint in self.refusing:
                return web.Response(status=503, text="refusing connections")
            socket = web.WebSocketResponse(max_msg_size=MOST_BYTES, compress=False, autoping=False, timeout=CLOSE_S)
            await socket.prepare(request)
            if request.transport is None:  # gone during the handshake
                return socket
            self._count += 1
            connection = Connection(self._count, dialect, socket, request.transport, self.ledger, self._rules)
            self.connections[connection.number] = connection
            try:
                await connection.converse()
            finally:
                del self.connections[connection.number]
            return socket

        return answer

    async def _run_market(self) -> None:
        while True:
            await asyncio.sleep(1.0 / self.options.steps_per_s)
            if not self.paused:
                self.step()

    async def _run_account(self) -> None:
        while self.options.account_every_s:
            await asyncio.sleep(self.options.account_every_s)
            instrument = None if self.paused else find(*self.account.dice.choice(ACCOUNT_TRADES))
            if instrument is not None:
                self.publish_private(self.account.random_occurrence(instrument, self.price(instrument), now_ms()))

    async def _run_status(self) -> None:
        if not self.options.status_every_s:
            return
        while True:
            await asyncio.sleep(self.options.status_every_s)
            if not self.paused:
                self.announce()
