"""Worlds that several tests begin with: one worker that wants what is usual, and one that wants all books of two symbols."""

from typing import Any

from world import Worker, World, make

from gateway.protocol import channels
from simulator.market.feed import Feed

#: Endpoint → wanted topics, and whether the exchange pushes a frame on subscribe.
TOPICS: dict[str, dict[str, bool]] = {
    "spot": {"orderbook.50.BTCUSDT": True, "tickers.BTCUSDT": True, "publicTrade.BTCUSDT": False},
    "linear": {"orderbook.50.BTCUSDT": True, "tickers.BTCUSDT": True, "publicTrade.BTCUSDT": False},
    "inverse": {"orderbook.50.BTCUSD": True, "tickers.BTCUSD": True, "publicTrade.BTCUSD": False},
    "option": {"orderbook.25.BTC-25DEC26-70000-C-USDT": True, "tickers.BTC-25DEC26-70000-C-USDT": True, "publicTrade.BTC": False},
    "spread": {"orderbook.25.SOLUSDT_SOL/USDT": True, "tickers.SOLUSDT_SOL/USDT": True, "publicTrade.SOLUSDT_SOL/USDT": False},
    "status": {"system.status": False},
    "private": {"order": False, "execution": False, "position": False, "wallet": False},
}

#: Endpoint → what its market trades; less is quicker. The account trades all.
TRADED = {
    "spot": ("BTCUSDT",),
    "linear": ("BTCUSDT",),
    "inverse": ("BTCUSD",),
    "option": ("BTC-25DEC26-70000-C-USDT",),
    "spread": ("SOLUSDT_SOL/USDT",),
    "status": ("BTCUSDT",),
    "private": ("BTCUSDT", "ETHUSDT", "BTCUSD", "BTC-25DEC26-70000-C-USDT"),
}

#: Category → the symbol whose books are watched, and spoiled.
SYMBOLS = {
    "spot": "BTCUSDT",
    "linear": "BTCUSDT",
    "inverse": "BTCUSD",
    "option": "BTC-25DEC26-70000-C-USDT",
    "spread": "SOLUSDT_SOL/USDT",
}
#: Of the same endpoint, and left alone.
BYSTANDERS = {
    "spot": "ETHUSDT",
    "linear": "ETHUSDT",
    "inverse": "ETHUSD",
    "option": "ETH-25DEC26-3500-C-USDT",
    "spread": "BTCUSDT-25DEC26_BTCUSDT",
}
QUEUE, EVERY_S = "ws-gateway.orderbook.late-joiner", 2.0


def world_with(endpoint: str) -> tuple[World, Worker]:
    world = make(steps_per_s=0.5, trade_rate=0.5, status_every_s=5.0, only=TRADED[endpoint])
    return world, world.add(endpoint, TOPICS[endpoint])


def feed_of(running: World, category: str, symbol: str) -> Feed:
    return running.exchange.market.feeds[category, symbol]


def book_topics(running: World, category: str, symbol: str) -> list[str]:
    """All but the deepest, which differs from the one above it in nothing but the time that its comparison takes."""
    return [f"orderbook.{name}.{symbol}" for name in feed_of(running, category, symbol).views if name != "1000"]


def start(category: str, *, wishes: bool = True, continuity: bool = True, **options: Any) -> tuple[World, Worker]:
    running = make(trade_rate=4.0, only=(SYMBOLS[category], BYSTANDERS[category]), **options)
    topics = [*book_topics(running, category, SYMBOLS[category]), *book_topics(running, category, BYSTANDERS[category])]
    rows = {topic: channels.for_topic(topic, category) for topic in topics}
    worker = running.add(category, {topic: row.pushes_first for topic, row in rows.items()}, continuity=continuity)
    worker.delivery.books.want(rows, {topic: {QUEUE: EVERY_S} for topic in topics} if wishes else {})
    return running, worker
