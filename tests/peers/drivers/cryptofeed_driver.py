"""cryptofeed, unmodified: the addresses of its Bybit class are replaced, everything else goes through its FeedHandler.

Job: ws_url, rest_url, and topics as [endpoint, topic]; of linear and spot, which are all that it knows. Question {}: what it has built.
Its books are `orderbook.200`, the only depth that it asks for. It asks for every ticker twice; the exchange refuses the second
time and goes on with the first.
"""

import asyncio
from dataclasses import replace
from typing import Any

from cryptofeed import FeedHandler
from cryptofeed.defines import L2_BOOK, TICKER, TRADES
from cryptofeed.exchanges import Bybit
from talk import hear, say

CHANNELS = {"orderbook": L2_BOOK, "publicTrade": TRADES, "tickers": TICKER}
SIDES = {"buy": "Buy", "sell": "Sell"}


def redirect(job: dict[str, Any]) -> None:
    Bybit.websocket_endpoints = [
        replace(row, address=f"{job['ws_url']}/v5/public/{row.address.rpartition('/')[2]}") for row in Bybit.websocket_endpoints
    ]
    Bybit.rest_endpoints = [replace(row, address=job["rest_url"]) for row in Bybit.rest_endpoints]


class Books:
    """What the callbacks were given."""

    def __init__(self, topics: list[list[str]]) -> None:
        self.state: dict[str, dict[str, Any]] = {"books": {}, "trades": {}, "tickers": {}}
        mapping = {exchange: ours for ours, exchange in Bybit.symbol_mapping().items()}
        #: (channel, cryptofeed's name of the symbol) → the key of the answer.
        self.keys: dict[tuple[str, str], str] = {}
        for endpoint, topic in topics:
            family, _, rest = topic.partition(".")
            symbol = rest.rpartition(".")[2]
            name = f"{symbol.removesuffix('USDT')}/USDT" if endpoint == "spot" else symbol
            self.keys[CHANNELS[family], mapping[name]] = f"{endpoint} {topic}"

    async def book(self, book: Any, _received: float) -> None:
        sides = {
            side: {str(price): str(size) for price, size in found.to_dict().items()}
            for side, found in (("bids", book.book.bids), ("asks", book.book.asks))
        }
        self.state["books"][self.keys[L2_BOOK, book.symbol]] = {**sides, "update_id": book.raw["data"]["u"]}

    async def trade(self, trade: Any, _received: float) -> None:
        row = [trade.id, str(trade.price), str(trade.amount), SIDES[trade.side], round(trade.timestamp * 1000)]
        self.state["trades"].setdefault(self.keys[TRADES, trade.symbol], []).append(row)

    async def ticker(self, ticker: Any, _received: float) -> None:
        read = {"bid1Price": str(ticker.bid), "ask1Price": str(ticker.ask)}
        self.state["tickers"][self.keys[TICKER, ticker.symbol]] = {"raw": dict(ticker.raw), "read": read}


async def main(job: dict[str, Any], books: Books, handler: FeedHandler) -> None:
    handler.run(start_loop=False, install_signal_handlers=False)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, hear) is not None:
        say(books.state)
    await handler.stop_async(loop=loop)


def start() -> None:
    job = hear()
    assert job is not None
    redirect(job)
    books = Books(job["topics"])
    callbacks = {L2_BOOK: books.book, TRADES: books.trade, TICKER: books.ticker}
    handler = FeedHandler(config={"log": {"filename": "cryptofeed.log", "level": "INFO"}, "uvloop": False})
    for channel in callbacks:
        symbols = [name for (kind, name) in books.keys if kind == channel]
        if symbols:
            handler.add_feed(Bybit(symbols=symbols, channels=[channel], callbacks={channel: callbacks[channel]}))
    asyncio.run(main(job, books, handler))


start()
