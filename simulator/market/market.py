"""The market: all feeds and pools, which topics exist, and what everybody hears at a step.

Sources: protocol notes, section 6. The dice are rolled alike whoever listens: a seed and a number of steps give one market.
"""

from collections.abc import Callable, Collection
from decimal import Decimal
from random import Random

from simulator.dialect import Message
from simulator.market import funding_rates
from simulator.market.feed import MOST_TRADES, Feed
from simulator.market.instruments import CLOSED, INSTRUMENTS, Instrument
from simulator.market.made_up import made_up
from simulator.market.pools import GROUPS, Pools, group_of
from simulator.market.pre_market import PreMarketFeed
from simulator.market.trades import KEPT, KEPT_OF_MADE_UP

#: (category, topic) → whether somebody listens.
Wanted = Callable[[str, str], bool]
Told = list[tuple[str, Message]]


class Market:
    """Everything that is traded.

    symbols  so many made-up instruments of spot, linear, inverse and option each, besides the usual ones
    only     the symbols to keep, of every category; None or none: all
    """

    def __init__(self, seed: int, now_ms: int, *, symbols: int = 0, only: Collection[str] | None = None) -> None:
        invented = made_up(symbols)
        kept = set(only or ())
        self.instruments = tuple(row for row in (*INSTRUMENTS, *invented) if not kept or row.symbol in kept)
        self.feeds: dict[tuple[str, str], Feed] = {}
        usual = set(INSTRUMENTS)
        for row in self.instruments:
            dice = Random(f"{seed}|{row.category}|{row.symbol}")
            length = KEPT if row in usual else KEPT_OF_MADE_UP
            kind = PreMarketFeed if row.pre_market else Feed
            self.feeds[row.category, row.symbol] = kind(row, dice, now_ms, underlying=self._underlying(row), kept=length)
        self._pools = {
            group: Pools(group, rows, Random(f"{seed}|pools|{group}"), now_ms)
            for group in GROUPS
            if (rows := [row for row in self.instruments if group_of(row) == group])
        }
        self._seed = seed
        self._steps = 0
        self._topics: dict[str, dict[str, list[Feed]]] = {}
        for feed in self.feeds.values():
            self._give_topics(feed)
        self._pool_topics = {(pools.category, topic): pools for pools in self._pools.values() for topic in pools.topics}

    def enlist(self, instrument: Instrument, now_ms: int, *, stage: str = "") -> Told:
        """Begin to trade something, or with the stage PreLaunch to show it: see `Feed.open`."""
        key = (instrument.category, instrument.symbol)
        feed = self.feeds.get(key)
        if feed is None:
            dice = Random(f"{self._seed}|{instrument.category}|{instrument.symbol}")
            feed = self.feeds[key] = Feed(instrument, dice, now_ms, underlying=self._underlying(instrument), kept=KEPT_OF_MADE_UP)
            self.instruments += (instrument,)
            group = group_of(instrument)
            if group in self._pools:
                self._pools[group].add(instrument.symbol, instrument.settle, now_ms)
        told = [(instrument.category, frame) for frame in feed.open(stage, now_ms)]
        self._give_topics(feed)
        return told

    def delist(self, category: str, symbol: str, now_ms: int) -> Told:
        """End it: its topics are gone, and after its last frames, see `Feed.close`, whoever holds them hears no more."""
        feed = self.feeds[category, symbol]
        told = [(category, frame) for frame in feed.close(now_ms)]
        topics = self._topics[category]
        for topic in feed.topics():
            topics[topic] = [other for other in topics.get(topic, ()) if other is not feed]
            if not topics[topic]:
                del topics[topic]
        return told

    def find(self, category: str, symbol: str) -> Instrument | None:
        feed = self.feeds.get((category, symbol))
        return None if feed is None else feed.instrument

    def status(self, instrument: Instrument, now_ms: int) -> str:
        """In the exchange's words: Trading, Delivering or Closed."""
        return self.feeds[instrument.category, instrument.symbol].status(now_ms)

    def topics(self, category: str) -> list[str]:
        return [*self._topics.get(category, {}), *(topic for of, topic in self._pool_topics if of == category)]

    def exists(self, category: str | None, topic: str) -> bool:
        return topic in self._topics.get(category or "", {}) or (category, topic) in self._pool_topics

    def first(self, category: str | None, topic: str, now_ms: int) -> list[Message]:
        """What subscribers of a topic get at once."""
        pools = self._pool_topics.get((category or "", topic))
        if pools is not None:
            return [pools.first(topic, now_ms)]
        feeds = self._topics.get(category or "", {}).get(topic, [])
        return [frame for feed in feeds for frame in feed.first(topic, now_ms)]

    def restart(self, category: str, symbol: str, now_ms: int, how: str = "service") -> Told:
        """One symbol's books begin anew: see `Feed.restart`; or, `delisted`, it is closed, and its topics can be had but are silent."""
        feed = self.feeds[category, symbol]
        return [(category, frame) for frame in (feed.close(now_ms) if how == "delisted" else feed.restart(now_ms, how))]

    def enter(self, category: str, symbol: str, entry: str, now_ms: int) -> Told:
        """A pre-market enters another phase, or ends: see `PreMarketFeed.enter`. Nothing happens to what is none."""
        feed = self.feeds[category, symbol]
        return [(category, frame) for frame in feed.enter(entry, now_ms)] if isinstance(feed, PreMarketFeed) else []

    def fundings(self, before_ms: int, now_ms: int) -> list[tuple[Instrument, Decimal, Decimal]]:
        """(instrument, rate, mark price) of what was settled after `before_ms`, up to and including `now_ms`."""
        if before_ms // funding_rates.EVERY_MS == now_ms // funding_rates.EVERY_MS:
            return []
        found = []
        for feed in self.feeds.values():
            if feed.funding is not None and feed.stage != CLOSED:
                settled = feed.funding.between(before_ms, now_ms, feed.mark_price)
                found += [(feed.instrument, row.rate, row.mark) for row in settled]
        return found

    def step(self, now_ms: int, trades: float = 1.5, wanted: Wanted | None = None) -> Told:
        """Move everything once: (category, frame) in the order made.

        trades: of each instrument, on average; wanted: whose frames are to be built, None for all.
        """
        self._steps += 1
        told: Told = []
        for (category, symbol), feed in self.feeds.items():
            frames = feed.step(now_ms, trades) if wanted is None else feed.step(now_ms, trades, _Of(category, wanted))
            told += [(category, frame) for frame in frames]
            group = group_of(feed.instrument) if feed.liquidated else None
            if group in self._pools:
                self._pools[group].take(symbol, feed.liquidated, now_ms)
        for pools in self._pools.values():
            for topic, kind, symbols in pools.step(now_ms):
                if wanted is None or wanted(pools.category, topic):
                    told.append((pools.category, pools.topics[topic](topic, kind, symbols, now_ms)))
        return _joined(told) if self._steps % 2 else told

    def _give_topics(self, feed: Feed) -> None:
        topics = self._topics.setdefault(feed.instrument.category, {})
        for topic in feed.topics():
            if feed not in topics.setdefault(topic, []):
                topics[topic].append(feed)

    def _underlying(self, instrument: Instrument) -> Feed | None:
        if instrument.category != "option":
            return None
        return self.feeds.get(("linear", f"{instrument.base}USDT")) or self.feeds.get(("spot", f"{instrument.base}USDT"))


class _Of:
    """What of one category is wanted."""

    __slots__ = ("_category", "_wanted")

    def __init__(self, category: str, wanted: Wanted) -> None:
        self._category, self._wanted = category, wanted

    def __call__(self, topic: str) -> bool:
        return self._wanted(self._category, topic)


def _joined(told: Told) -> Told:
    """Option trades of one coin, which several feeds made, in as few frames as they fit into: one topic, many symbols."""
    joined: Told = []
    open_frames: dict[str, Message] = {}
    for category, frame in told:
        if category != "option" or not frame["topic"].startswith("publicTrade."):
            joined.append((category, frame))
            continue
        into = open_frames.get(frame["topic"])
        if into is not None and len(into["data"]) + len(frame["data"]) <= MOST_TRADES:
            into["data"] += frame["data"]
        else:
            open_frames[frame["topic"]] = frame
            joined.append((category, frame))
    return joined
