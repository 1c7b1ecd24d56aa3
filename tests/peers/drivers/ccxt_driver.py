"""ccxt.pro, unmodified: the addresses of an instance are replaced, everything else goes through its own methods.

Job: ws_url, rest_url, ca_file, topics as [endpoint, topic], and of private topics api_key and api_secret. Question {}: what it has built.
"""

import asyncio
from collections import defaultdict
from typing import Any

import ccxt.pro
from talk import hear, say

PUBLIC = ("spot", "linear", "inverse", "option")
#: What is read of ccxt's unified orders and fills.
ORDER = ("id", "status", "side", "type", "price", "amount", "filled", "remaining", "average", "cost", "clientOrderId", "reduceOnly")
FILL = ("id", "order", "side", "price", "amount", "cost", "takerOrMaker", "timestamp", "fee")


class Watcher:
    """One task a topic, watching it for ever; what ccxt holds is read when asked."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._topics = [(endpoint, topic) for endpoint, topic in job["topics"]]
        is_private = any(endpoint == "private" for endpoint, _ in self._topics)
        # Its own option for numbers without loss. Orders and balances come out as texts; books are floats whatever it says.
        kept = {"number": str, "apiKey": job["api_key"], "secret": job["api_secret"]} if is_private else {}
        # More than its cache of 1000 trades: the test wants them all.
        self._exchange = ccxt.pro.bybit({"cafile": job["ca_file"], "options": {"tradesLimit": 100_000}, **kept})
        self._exchange.urls["api"] = {
            **dict.fromkeys(("spot", "futures", "v2", "public", "private"), job["rest_url"]),
            "ws": {
                "public": {endpoint: f"{job['ws_url']}/v5/public/{endpoint}" for endpoint in PUBLIC},
                "private": {"contract": f"{job['ws_url']}/v5/private"},
            },
        }
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
            if endpoint == "private":
                state[topic] = PRIVATE[topic](self)
                continue
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

    def orders(self) -> dict[str, Any]:
        """Id → its latest state, with the market that ccxt took its symbol for."""
        return {row["id"]: self._read(row, ORDER) for row in self._exchange.orders or ()}

    def fills(self) -> dict[str, Any]:
        return {row["id"]: self._read(row, FILL) for row in self._exchange.myTrades or ()}

    def coins(self) -> dict[str, Any]:
        """Coin → total, used and free, of the account that ccxt calls unified; `at` is the time that it was told of."""
        found = dict((self._exchange.balance or {}).get("unified", {}))
        parts = {coin: found[coin] for coin in found.get("total", {})}
        return {"coins": parts, "at": found.get("timestamp")} if found else {}

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._exchange.close()

    def _read(self, row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
        market = self._exchange.markets[row["symbol"]]
        category = market["type"] if market["type"] in ("spot", "option") else "inverse" if market["inverse"] else "linear"
        return {name: row[name] for name in names} | {"category": category, "symbol": market["id"]}

    async def _watch(self, endpoint: str, topic: str) -> None:
        if endpoint == "private":
            watch = {"order": "watch_orders", "execution": "watch_my_trades", "wallet": "watch_balance"}[topic]
            while True:
                await getattr(self._exchange, watch)()
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


#: Private topic → what is read of it.
PRIVATE = {"order": Watcher.orders, "execution": Watcher.fills, "wallet": Watcher.coins}


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
