"""ccxt.pro, unmodified: the addresses of an instance are replaced, everything else goes through its own methods.

Job: ws_url, rest_url, ca_file, and topics as [endpoint, topic]. Question {}: what it has built.
"""

import asyncio
from collections import defaultdict
from typing import Any

import ccxt.pro
from talk import hear, say

PUBLIC = ("spot", "linear", "inverse", "option")


class Watcher:
    """One task a topic, watching it for ever; what ccxt holds is read when asked."""

    def __init__(self, job: dict[str, Any]) -> None:
        # More than its cache of 1000 trades: the test wants them all.
        self._exchange = ccxt.pro.bybit({"cafile": job["ca_file"], "options": {"tradesLimit": 100_000}})
        self._exchange.urls["api"] = {
            **dict.fromkeys(("spot", "futures", "v2", "public", "private"), job["rest_url"]),
            "ws": {"public": {endpoint: f"{job['ws_url']}/v5/public/{endpoint}" for endpoint in PUBLIC}},
        }
        self._topics = [(endpoint, topic) for endpoint, topic in job["topics"]]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self._exchange.load_markets()
        self._tasks = [asyncio.create_task(self._watch(endpoint, topic)) for endpoint, topic in self._topics]

    def state(self) -> dict[str, dict[str, Any]]:
        """Raises what a task died of."""
        for task in self._tasks:
            if task.done():
                task.result()
        state: dict[str, dict[str, Any]] = defaultdict(dict)
        for endpoint, topic in self._topics:
            family, symbol, _ = self._parts(endpoint, topic)
            key = f"{endpoint} {topic}"
            if family == "orderbook" and symbol in self._exchange.orderbooks:
                book = self._exchange.orderbooks[symbol].limit()
                state["books"][key] = {side: {repr(p): repr(s) for p, s, *_ in book[side]} for side in ("bids", "asks")}
            elif family == "publicTrade" and symbol in self._exchange.trades:
                found = self._exchange.trades[symbol]
                state["trades"][key] = [
                    [row["id"], repr(row["price"]), repr(row["amount"]), row["side"].capitalize(), row["timestamp"]]
                    for row in found
                ]
            elif family == "tickers" and symbol in self._exchange.tickers:
                ticker = self._exchange.tickers[symbol]
                names = {"last": "lastPrice", "high": "highPrice24h", "low": "lowPrice24h", "baseVolume": "volume24h"}
                read = {theirs: repr(ticker[ours]) for ours, theirs in names.items()}
                state["tickers"][key] = {"raw": ticker["info"], "read": read}
        return state

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._exchange.close()

    async def _watch(self, endpoint: str, topic: str) -> None:
        family, symbol, depth = self._parts(endpoint, topic)
        while True:
            if family == "orderbook":
                await self._exchange.watch_order_book(symbol, depth)
            elif family == "publicTrade":
                await self._exchange.watch_trades(symbol)
            else:
                await self._exchange.watch_ticker(symbol)

    def _parts(self, endpoint: str, topic: str) -> tuple[str, str, int | None]:
        """Family, ccxt's name of the symbol, and depth of a book."""
        family, _, rest = topic.partition(".")
        depth, _, symbol = rest.partition(".") if family == "orderbook" else ("", "", rest)
        kinds = {"spot": "spot", "option": "option"}
        [market] = [
            row
            for row in self._exchange.markets_by_id[symbol]
            if (row["type"] == kinds[endpoint] if endpoint in kinds else row["contract"] and row[endpoint] and not row["option"])
        ]
        return family, market["symbol"], int(depth) if depth else None


async def main() -> None:
    job = hear()
    assert job is not None
    watcher = Watcher(job)
    try:
        await watcher.start()
        while await asyncio.get_running_loop().run_in_executor(None, hear) is not None:
            say(watcher.state())
    finally:
        await watcher.close()


asyncio.run(main())
