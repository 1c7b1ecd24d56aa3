"""The exchange itself: connections, market, account and faults, moved by an agenda. Pure: the clock is given, the lines are too."""

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from simulator import durations
from simulator.account.account import Account
from simulator.account.matching import watched
from simulator.account.oddities import Oddities
from simulator.agenda import Agenda
from simulator.choices import Choices
from simulator.connection import Connection, Line, World
from simulator.dialect import DIALECTS, STATUS_TOPIC, Message, compact, narrowed
from simulator.faults import KINDS, Fault, Faults, checked
from simulator.ledger import Ledger
from simulator.limits import ConnectBudget
from simulator.market.feed import Feed
from simulator.market.instruments import Instrument
from simulator.market.market import Market
from simulator.moments import Moments


@dataclass(frozen=True, slots=True)
class Options:
    """How lively and how strict the exchange is.

    steps_per_s        how often the whole market moves
    trade_rate         trades a second of each instrument, on average
    account_every_s    between two occurrences of the account; 0: only on request
    status_every_s     between two announcements on the status endpoint; 0: only on request
    idle_s             a connection without a ping and without a push for this long is cut
    scan_s             at the next scan: so often are the idle ones looked for
    connects           new connections in any `connects_s` seconds; more get HTTP 429
    most_open          connections of spot, linear, inverse and option at a time, each
    history_lag_s      how much later than order/realtime order/history knows of an order's end
    bad_luck_every_s   seconds between two strokes of the scenario `bad-day`, on average
    symbols            made-up instruments of each category besides the usual ones
    only               these symbols alone; empty: all
    paused             market, account and announcements wait to be let go

    Source of idle_s, scan_s, connects and most_open: protocol notes, section 2. The refusal's status is not documented.
    """

    seed: int = 1
    steps_per_s: float = 4.0
    trade_rate: float = 6.0
    account_every_s: float = 2.0
    status_every_s: float = 10.0
    idle_s: float = 600.0
    scan_s: float = 30.0
    connects: int = 500
    connects_s: float = 300.0
    most_open: int = 1000
    history_lag_s: float = 0.0
    bad_luck_every_s: float = 240.0
    symbols: int = 0
    only: tuple[str, ...] = ()
    paused: bool = False
    api_key: str = "simulator-key"
    api_secret: str = "simulator-secret"  # noqa: S105 # made up, and printed in the documentation
    choices: Choices = field(default_factory=Choices)


#: What the account trades by itself.
ACCOUNT_TRADES = (("linear", "BTCUSDT"), ("spot", "ETHUSDT"), ("inverse", "BTCUSD"), ("option", "BTC-25DEC26-70000-C-USDT"))


class Exchange:
    """All state of one simulated exchange. Everything happens in one thread."""

    def __init__(self, options: Options, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self.options = options
        self.clock_ns = clock_ns
        self.ledger = Ledger(clock_ns=clock_ns)
        self.agenda = Agenda()
        self.faults = Faults()
        self.market = Market(options.seed, self.clock_ms(), symbols=options.symbols, only=options.only)
        for feed in self.market.feeds.values():
            self._choose(feed)
        self.account = Account(Random(f"{options.seed}|account"))
        self.connections: dict[int, Connection] = {}
        self.paused = options.paused
        self._dice = Random(f"{options.seed}|exchange")
        self._count = 0
        self._moments = Moments(self)
        self._stepped_ms = self.clock_ms()
        self._budget = ConnectBudget(options.connects, options.connects_s)
        self._listening: dict[str, dict[str, list[Connection]]] = {name: {} for name in DIALECTS}
        self.key_pairs = {options.api_key: options.api_secret}
        self._world = World(
            self.key_pairs,
            options.choices,
            self.faults,
            self.ledger,
            self.agenda,
            self.clock_ms,
            self.now_ms,
            self.market.exists,
            self.market.first,
            self._held,
        )

    def clock_ms(self) -> int:
        """The true time."""
        return self.clock_ns() // 1_000_000

    def now_ms(self) -> int:
        """The exchange's clock, which a fault may set wrong."""
        now_ms = self.clock_ms()
        return now_ms + int(self.faults.amount("clock", now_ms, 0.0))

    def list_instrument(self, instrument: Instrument, stage: str) -> None:
        """From now on it is listed, and traded where no stage says otherwise."""
        told = self.market.enlist(instrument, self.now_ms(), stage=stage)
        self._choose(self.market.feeds[instrument.category, instrument.symbol])
        for category, frame in told:
            self.publish(category, frame)

    def start(self) -> None:
        """Let everything move by itself that should; `tick` is then to be called when `agenda.next_ms` is there."""
        options, now_ms = self.options, self.clock_ms()
        self.agenda.every(1.0 / options.steps_per_s, self._unless_paused(self.step), now_ms=now_ms)
        self.agenda.every(options.scan_s, self.cut_the_idle, now_ms=now_ms)
        if options.account_every_s:
            self.agenda.every(options.account_every_s, self._unless_paused(self._account_acts), now_ms=now_ms)
        if options.status_every_s:
            self.agenda.every(options.status_every_s, self._unless_paused(self.announce), now_ms=now_ms)

    def tick(self) -> None:
        """Do what is due."""
        self.account.oddities = Oddities.of(self.faults.forms("odd", self.clock_ms()))
        self.agenda.run(self.clock_ms())

    def admit(self, endpoint: str) -> str:
        """Whether a new connection may come in, which is then counted: "" for yes, else a form of the fault `refuse`."""
        now_ms = self.clock_ms()
        refused = self.faults.hit("refuse", now_ms, endpoint=endpoint)
        if refused is not None:
            return refused.how
        too_many = endpoint in ("spot", "linear", "inverse", "option") and len(self.on_endpoint(endpoint)) >= self.options.most_open
        return "429" if too_many or not self._budget.allow(now_ms) else ""

    def open(self, endpoint: str, line: Line, query: Mapping[str, str]) -> Connection:
        """A connection that was let in. query: of its URL; `max_active_time` counts on the private endpoint only."""
        idle_ms = durations.active_ms(query.get("max_active_time", "")) if endpoint == "private" else None
        self._count += 1
        connection = Connection(
            number=self._count,
            dialect=DIALECTS[endpoint],
            line=line,
            world=self._world,
            idle_ms=int(self.options.idle_s * 1000) if idle_ms is None else idle_ms,
            active_ms=self.clock_ms(),
        )
        self.connections[connection.number] = connection
        return connection

    def closed(self, connection: Connection) -> None:
        """It is gone, whoever ended it."""
        connection.leave_all()
        self.connections.pop(connection.number, None)

    def do(self, fault: Fault) -> int:
        """Have a fault. The number of a standing one; else how many connections, or steps, it touched. Raises BadFault."""
        fault = checked(fault)
        if KINDS[fault.kind].stands:
            return self.faults.add(fault, self.clock_ms())
        return self._moments.do(fault)

    def cut_the_idle(self) -> None:
        """The scan. Source: protocol notes, section 2: it comes every 30 s, so a cut is late."""
        now_ms = self.clock_ms()
        for connection in list(self.connections.values()):
            if now_ms - connection.active_ms > connection.idle_ms:
                connection.line.abort()

    def step(self) -> None:
        """Move the market once and tell whoever listens."""
        rate = self.options.trade_rate * self.faults.amount("rate", self.clock_ms(), 1.0)
        now_ms, before_ms = self.now_ms(), self._stepped_ms
        self._stepped_ms = now_ms
        for category, frame in self.market.step(now_ms, rate / self.options.steps_per_s, self._is_wanted):
            self.publish(category, frame)
        for instrument in watched(self.account):
            if (instrument.category, instrument.symbol) in self.market.feeds:
                self.publish_private(self.account.on_price(instrument, self.price(instrument), now_ms))
        for instrument, rate_of_funding, mark in self.market.fundings(before_ms, now_ms) if before_ms < now_ms else ():
            self.publish_private(self.account.fund(instrument, rate_of_funding, mark, now_ms))

    def publish_private(self, frames: Iterable[Message]) -> list[Message]:
        """Give private frames to every connection that holds their topic, all-in-one or narrowed to a category."""
        frames, choices = list(frames), self.options.choices
        if choices.private_order == "shuffle":
            frames = shuffled(frames, self._dice)
        for frame in frames:
            if frame["topic"] == "wallet" and choices.wallet_coins == "all":
                frame["data"] = [self.account.wallet_row()]
            for connection in self.on_endpoint("private"):
                for topic in connection.topics:
                    seen = narrowed(frame, topic)
                    if seen is not None:
                        named = seen if choices.narrowed_topic == "as_subscribed" else {**seen, "topic": frame["topic"]}
                        connection.push(topic, named, compact(named))
        return frames

    def announce(self, /, **given: Any) -> list[Message]:
        """An announcement on the status endpoint; `given` replaces fields of its row."""
        now = self.now_ms()
        row = {
            "id": str(uuid.UUID(int=self._dice.getrandbits(128), version=4)), "title": "Simulated maintenance", "state": "completed",
            "begin": str(now - 60_000), "end": str(now), "href": "", "serviceTypes": [2, 3, 4, 5], "product": [1, 2],
            "uidSuffix": [], "maintainType": 1, "env": 1, **given,
        }  # fmt: skip
        frame: Message = {"topic": STATUS_TOPIC, "ts": now, "data": [row]}
        self.publish("status", frame)
        return [frame]

    def price(self, instrument: Instrument) -> Decimal:
        """The last one; of what the market does not have, or no longer has, the last that the account heard of."""
        key = instrument.category, instrument.symbol
        feed = self.market.feeds.get(key)
        return self.account.marks.get(key, instrument.price) if feed is None else feed.last_price

    def on_endpoint(self, endpoint: str | None) -> list[Connection]:
        """Those of an endpoint; of all for None or *."""
        return [entry for entry in self.connections.values() if endpoint in (None, "*", entry.endpoint)]

    def publish(self, endpoint: str, frame: Message) -> None:
        """Give a frame to every connection of an endpoint that holds its topic."""
        readers = self._listening[endpoint].get(frame["topic"])
        if readers:
            text = compact(frame)
            for connection in readers:
                connection.push(frame["topic"], frame, text)

    def _choose(self, feed: Feed) -> None:
        if "1" in feed.views:
            feed.views["1"].jumps = self.options.choices.level_1_u == "jumps"

    def _held(self, connection: Connection, topic: str, is_held: bool) -> None:
        readers = self._listening[connection.endpoint].setdefault(topic, [])
        (readers.append if is_held else readers.remove)(connection)
        if not readers:
            del self._listening[connection.endpoint][topic]

    def _is_wanted(self, category: str, topic: str) -> bool:
        return topic in self._listening[category]

    def _account_acts(self) -> None:
        traded = [pair for pair in ACCOUNT_TRADES if pair in self.market.feeds]
        instrument = self.market.find(*self.account.dice.choice(traded)) if traded else None
        if instrument is not None:
            self.publish_private(self.account.random_occurrence(instrument, self.price(instrument), self.now_ms()))

    def _unless_paused(self, act: Callable[[], object]) -> Callable[[], None]:
        def acting() -> None:
            if not self.paused:
                act()

        return acting


def shuffled(frames: list[Message], dice: Random) -> list[Message]:
    """The frames of one occurrence in another order; those of one topic stay in theirs."""
    by_topic: dict[str, list[Message]] = {}
    for frame in frames:
        by_topic.setdefault(frame["topic"], []).append(frame)
    topics = [frame["topic"] for frame in frames]
    dice.shuffle(topics)
    return [by_topic[topic].pop(0) for topic in topics]
