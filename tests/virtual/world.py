"""A world with a clock of its own: the simulated exchange, the workers' links around real sessions, and lines instead of sockets.

Everything but sockets, ZeroMQ and the clock is what runs in production: link, session, subscriptions, delivery, normalisers, backoff.
A day passes in a minute, and every run is the same.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlsplit

import msgspec

from gateway.backoff import Backoff, cap_for
from gateway.errors import LinkLost
from gateway.exchange.clock import ExchangeClock
from gateway.exchange.signing import signer
from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.session import Credentials
from gateway.wire import Stamp
from simulator.connection import Connection
from simulator.dialect import DIALECTS
from simulator.exchange import Exchange, Options
from simulator.rest.market_calls import full_orderbook
from tests.standins import KeepingBus, KeepingLetters
from workers.books import Books
from workers.connects import ConnectBudget
from workers.delivery import Delivery
from workers.dial import CONNECT_S
from workers.journal import Journal
from workers.link import Link
from workers.outside import Outside
from workers.route import Route

#: When the virtual world begins; Unix seconds: 2026-07-01, a Wednesday.
BEGAN_S = 1_782_864_000
#: A dial that nobody answers gives up after this; seconds. As `workers.dial` does.
DIAL_S = CONNECT_S
CAP_S = cap_for(len(ENDPOINTS))
#: What "restored" means: seconds after the connection opened, and after the exchange is back.
RESTORED_S = 5.0
BACK_S = CAP_S + RESTORED_S

USUAL = Options()
PATHS = {dialect.path: name for name, dialect in DIALECTS.items()}


class DirectFetcher:
    """In the place of REST in a thread: the exchange's answer of the moment it was asked, taken `lag` looks later."""

    def __init__(self, exchange: Exchange, category: str | None, lag: int = 2) -> None:
        self._exchange = exchange
        self._category = category or ""
        self._lag = lag
        self._answers: deque[tuple[int, str, Any]] = deque()
        self._looks = 0

    def ask(self, topic: str) -> None:
        if self._exchange.faults.hit("rest", self._exchange.clock_ms(), endpoint=self._category):
            return
        query = {"category": self._category, "symbol": topic.split(".", 2)[2]}
        answer = full_orderbook(self._exchange.market, query, self._exchange.now_ms())  # type: ignore[arg-type] # of a query it needs this
        self._answers.append((self._looks + self._lag, topic, msgspec.json.decode(msgspec.json.encode(answer))))

    def keep(self, topics: Collection[str]) -> None:
        self._answers = deque(answer for answer in self._answers if answer[1] in topics)

    def taken(self) -> list[tuple[str, Any]]:
        self._looks += 1
        found = []
        while self._answers and self._answers[0][0] <= self._looks:
            found.append(self._answers.popleft()[1:])
        return found


class VirtualLine:
    """Both ends of a connection: a line below the exchange's conversation, a connection to the link."""

    def __init__(self, exchange: Exchange, endpoint: str, traps: dict[str, Callable[[], object]]) -> None:
        """traps: op of a request → what happens, once, when the client sends one."""
        self._exchange = exchange
        self._traps = traps
        self._inbox: deque[bytes | LinkLost] = deque()
        self.is_cut = False
        self.conversation: Connection = exchange.open(endpoint, self, {})

    def write(self, topic: str, text: str) -> None:
        if not self.is_cut:
            self.conversation.left(topic, text)
            self._inbox.append(text.encode())

    def abort(self) -> None:
        """A reset takes away what the client had not read."""
        self._inbox.clear()
        self._end("cut")

    def close(self, code: int) -> None:
        self._end(f"closed by the exchange, code {code}")

    def tear(self, text: str) -> None:
        assert text, "a frame has a text"
        self._end("cut amid a frame")

    def has_bytes(self) -> bool:
        return bool(self._inbox)

    def receive(self) -> bytes | None:
        found = self._inbox.popleft()
        if isinstance(found, LinkLost):
            self._inbox.append(found)
            raise found
        return found

    def send(self, text: str) -> None:
        """A trap for this request springs first: what it does then meets the request under way."""
        op = msgspec.json.decode(text)["op"]
        trap = self._traps.pop(op, None)
        if trap is not None:
            trap()
        if self.is_cut:
            raise LinkLost("the line is cut")
        self.conversation.receive(text)

    def end_by_client(self) -> None:
        """Nobody reads what is left."""
        if not self.is_cut:
            self._end("the client went")
        self._inbox.clear()

    def _end(self, reason: str) -> None:
        self.is_cut = True
        self._inbox.append(LinkLost(reason))
        self._exchange.closed(self.conversation)


class ClientEnd:
    """What the link sees of a line: the methods of `workers.dial.Connection`."""

    def __init__(self, line: VirtualLine) -> None:
        self.line = line
        self.receive = line.receive
        self.send = line.send
        self.close = line.end_by_client

    def pending(self) -> bool:
        return self.line.has_bytes()

    def at_hand(self) -> Iterator[bytes]:
        """Each is received on its own: a trap may spring between two."""
        return iter(())


@dataclass(slots=True)
class Worker:
    """One worker's link, and when its blocking dial lets it turn again."""

    link: Link
    delivery: Delivery
    bus: KeepingBus
    topics: dict[str, bool]
    free_at: float = 0.0
    opened_at: float | None = None
    line: VirtualLine | None = None

    def is_restored(self, *, but: Collection[str] = ()) -> bool:
        """Every wanted topic is acknowledged, or live where it pushes first; and the exchange says so too. but: left out."""
        topics = {topic: pushes for topic, pushes in self.topics.items() if topic not in but}
        states = self.link.subscriptions.states()
        held = all(states[topic][0] == ("live" if pushes else "acknowledged") for topic, pushes in topics.items())
        there = self.line is not None and not self.line.is_cut and self.line.conversation.topics.keys() >= topics.keys()
        return self.link.status == "connected" and held and there

    def occurrences(self) -> list[dict[str, Any]]:
        """The payloads of its `system` events, with their time."""
        found = [msgspec.json.decode(record.body) for record in self.bus.records if record.event_type == "system"]
        return [{**event["payload"], "timestamp": event["timestamp"]} for event in found]


@dataclass(slots=True)
class World:
    """One exchange and its workers."""

    exchange: Exchange
    clock: "Clock"
    workers: dict[str, Worker] = field(default_factory=dict)
    dials: int = 0
    traps: dict[str, Callable[[], object]] = field(default_factory=dict)

    def now(self) -> float:
        return self.clock.elapsed_ns / 1e9

    def add(
        self,
        name: str,
        topics: dict[str, bool],
        *,
        secret: str = USUAL.api_secret,
        budget: ConnectBudget | None = None,
        continuity: bool = True,
        maintenance: Callable[[], str | None] = lambda: None,
        journal: Journal | None = None,
    ) -> Worker:
        """A worker of an endpoint that wants these topics: topic → whether the exchange pushes a frame on subscribe."""
        endpoint, bus, dice = ENDPOINTS[name], KeepingBus(), Random(name)
        stamp = Stamp(worker=f"{name}_00", account="main", include_raw="off", started_ms=BEGAN_S * 1000)
        books = Books(endpoint.category, DirectFetcher(self.exchange, endpoint.category))
        delivery = Delivery(f"{name}_00", endpoint, stamp, bus, KeepingLetters(), books, continuity, journal or Journal())  # type: ignore[arg-type] # they have all that it uses
        outside = Outside(
            clock=ExchangeClock(self._exchange_time, worker=name, unix_ns=self.clock.unix_ns),
            budget=budget,
            dial=lambda route: self._dial(name, route),  # type: ignore[arg-type, return-value] # it has all that the link uses
            has_bytes=lambda connection: connection.pending(),
            now=self.now,
            unix_ns=self.clock.unix_ns,
            maintenance=maintenance,
        )
        link = Link(
            endpoint,
            Route("ws://exchange" + endpoint.path),
            credentials=Credentials(USUAL.api_key, signer(secret)) if endpoint.authenticates else None,
            delivery=delivery,
            backoff=Backoff(CAP_S, dice.random),
            outside=outside,
            wake=0,
        )
        link.want(topics)
        self.workers[name] = Worker(link, delivery, bus, topics)
        return self.workers[name]

    def turn(self, seconds: float = 0.25) -> None:
        """Let time pass, do what is due, and give every worker its turns until it has read all that is there."""
        self.clock.elapsed_ns += int(seconds * 1e9)
        self.exchange.tick()
        for worker in self.workers.values():
            if self.now() < worker.free_at:
                continue
            worker.link.turn()
            while worker.line is not None and worker.line.has_bytes() and self.now() >= worker.free_at:
                if worker.link.intake.is_stuck:
                    break  # it reads nothing for now
                worker.link.turn()

    def run_until(self, claim: Any, limit_s: float, *, what: str) -> float:
        """Turn until the claim is true; how long that took, in seconds."""
        began = self.now()
        while not claim():
            assert self.now() - began < limit_s, f"not within {limit_s:g} s: {what}"
            self.turn()
        return self.now() - began

    def run(self, seconds: float) -> None:
        until = self.now() + seconds
        while self.now() < until:
            self.turn()

    def _dial(self, name: str, route: Route) -> ClientEnd:
        worker = self.workers[name]
        self.dials += 1
        worker.opened_at, worker.line = None, None
        endpoint = PATHS[urlsplit(route.url).path]
        refused = self.exchange.admit(endpoint)
        if refused == "hang":
            worker.free_at = self.now() + DIAL_S
        if refused:
            raise LinkLost(f"refused: {refused}")
        worker.line = VirtualLine(self.exchange, endpoint, self.traps)
        worker.opened_at = self.now()
        return ClientEnd(worker.line)

    def _exchange_time(self) -> int:
        if self.exchange.faults.hit("rest", self.exchange.clock_ms(), endpoint="*"):
            raise LinkLost("the exchange gives no answer")
        return self.exchange.now_ms()


class Clock:
    """Nanoseconds since the world began; Unix time for the exchange."""

    elapsed_ns = 0

    def unix_ns(self) -> int:
        return BEGAN_S * 10**9 + self.elapsed_ns


def make(*, timed: bool = True, **options: Any) -> World:
    """An exchange whose clock is the world's. timed: its market and account move by themselves."""
    clock = Clock()
    world = World(Exchange(Options(**options), clock.unix_ns), clock)
    if timed:
        world.exchange.start()
    return world
