"""The exchange itself: connections, the clock that moves market and account, and the two HTTP servers around them."""

import asyncio
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from aiohttp import web

from simulator.account import Account
from simulator.connection import Connection, Rules
from simulator.dialect import DIALECTS, Dialect, Message, compact, now_ms
from simulator.instruments import INSTRUMENTS, Instrument
from simulator.ledger import Ledger
from simulator.market import Market, Pace


@dataclass(frozen=True, slots=True)
class Options:
    """How lively the exchange is.

    steps_per_s        how often the whole market moves
    pace               trades per instrument and step
    account_every_s    between two occurrences of the account; 0: only on request
    status_every_s     between two announcements on the status endpoint; 0: only on request
    """

    seed: int = 1
    steps_per_s: float = 4.0
    pace: Pace = field(default_factory=Pace)
    account_every_s: float = 2.0
    status_every_s: float = 10.0
    api_key: str = "simulator-key"
    api_secret: str = "simulator-secret"  # noqa: S105 # made up, and printed in the documentation


#: What the account trades by itself.
ACCOUNT_TRADES = (("linear", "BTCUSDT"), ("spot", "ETHUSDT"), ("inverse", "BTCUSD"))


class Exchange:
    """All state of one simulated exchange. Everything happens in one event loop."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.ledger = Ledger()
        self.market = Market(options.seed, now_ms(), options.pace)
        self.account = Account(Random(f"{options.seed}|account"))
        self.connections: dict[int, Connection] = {}
        self.refusing: set[str] = set()
        self.paused = False
        self._count = 0
        self._rules = Rules(options.api_key, options.api_secret, self.market.exists, self.market.first)

    def websocket_app(self) -> web.Application:
        app = web.Application()
        for dialect in DIALECTS.values():
            app.router.add_get(dialect.path, self._endpoint(dialect))
        return app

    async def run(self) -> None:
        """Move market and account until cancelled."""
        await asyncio.gather(self._run_market(), self._run_account(), self._run_status())

    def publish(self, category: str | None, frames: Iterable[Message]) -> None:
        """Give public frames to whoever subscribed to them; None: the status endpoint."""
        listening: dict[str, list[Connection]] = {}
        for connection in self.connections.values():
            if connection.dialect.category == category and connection.dialect.endpoint != "private":
                for topic in connection.topics:
                    listening.setdefault(topic, []).append(connection)
        for frame in frames:
            readers = listening.get(frame["topic"])
            if readers:
                text = compact(frame)
                for connection in readers:
                    connection.push(frame["topic"], text)

    def publish_private(self, frames: Iterable[Message]) -> list[Message]:
        """Give private frames to every logged-in connection that holds their topic, all-in-one or by category."""
        frames = list(frames)
        for frame in frames:
            for connection in self.connections.values():
                if connection.dialect.endpoint == "private" and frame["topic"] in connection.topics:
                    connection.push(frame["topic"], compact(frame))
        return frames

    def announce(self, **given: Any) -> list[Message]:
        """An announcement on the status endpoint; `given` replaces fields of its row."""
        now = now_ms()
        row = {
            "id": str(uuid.uuid4()), "title": "Simulated maintenance", "state": "completed", "begin": str(now - 60_000), "end": str(now),
            "href": "", "serviceTypes": [2, 3, 4, 5], "product": [1, 2], "uidSuffix": [], "maintainType": 1, "env": 1, **given,
        }  # fmt: skip
        frame: Message = {"topic": "system.status", "ts": now, "data": [row]}
        for connection in self.on_endpoint("status"):
            if "system.status" in connection.topics:
                connection.push("system.status", compact(frame))
        return [frame]

    def price(self, instrument: Instrument) -> Decimal:
        return Decimal(self.market.feeds[instrument.category, instrument.symbol].last_price)

    def on_endpoint(self, endpoint: str | None) -> list[Connection]:
        return [entry for entry in self.connections.values() if endpoint in (None, entry.dialect.endpoint)]

    def _endpoint(self, dialect: Dialect):  # type: ignore[no-untyped-def] # aiohttp's handler type is wider than it says
        async def handler(request: web.Request) -> web.StreamResponse:
            if dialect.endpoint in self.refusing:
                return web.Response(status=503, text="refusing connections")
            socket = web.WebSocketResponse(max_msg_size=1 << 20, compress=False, autoping=True)
            await socket.prepare(request)
            self._count += 1
            connection = Connection(self._count, dialect, socket, self.ledger, self._rules)
            self.connections[connection.number] = connection
            try:
                await connection.converse()
            finally:
                del self.connections[connection.number]
            return socket

        return handler

    async def _run_market(self) -> None:
        while True:
            await asyncio.sleep(1.0 / self.options.steps_per_s)
            if self.paused:
                continue
            frames: dict[str, list[Message]] = {}
            for category, frame in self.market.step(now_ms()):
                frames.setdefault(category, []).append(frame)
            for category, several in frames.items():
                self.publish(category, several)

    async def _run_account(self) -> None:
        if not self.options.account_every_s:
            return
        while True:
            await asyncio.sleep(self.options.account_every_s)
            if not self.paused:
                place = self.account.dice.choice(ACCOUNT_TRADES)
                instrument = next(row for row in INSTRUMENTS if (row.category, row.symbol) == place)
                self.publish_private(self.account.random_occurrence(instrument, self.price(instrument), now_ms()))

    async def _run_status(self) -> None:
        if not self.options.status_every_s:
            return
        while True:
            await asyncio.sleep(self.options.status_every_s)
            if not self.paused:
                self.announce()
