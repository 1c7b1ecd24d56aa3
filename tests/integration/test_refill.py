"""Trades and candles of a gap, fetched from a simulated exchange: what its stream sent meanwhile, once each, and an honest remainder."""

import os
import select
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, time_ns

import msgspec
import pytest
from exchange_client import Client
from listener import Line, Listener
from running import wait_for

from gateway.exchange.budget import RestBudget
from gateway.exchange.rest import Rest
from gateway.models import Event
from gateway.protocol import channels
from gateway.protocol.answers import Fact, events_of
from gateway.protocol.frames import Data, parse
from gateway.protocol.memory import Memory
from gateway.protocol.tape import moment
from simulator import remote
from simulator.remote import RunningSimulator
from workers.backfill import DEADLINES, Backfill
from workers.refill import LATE_S, Refill, Refilled

PATIENCE_S = 20.0
PLACES = [
    ("spot", "publicTrade.BTCUSDT"), ("linear", "publicTrade.BTCUSDT"), ("inverse", "publicTrade.BTCUSD"), ("option", "publicTrade.BTC"),
    ("spread", "publicTrade.SOLUSDT_SOL/USDT"),
]  # fmt: skip


class Clock:
    """Monotonic seconds; further on when told."""

    ahead_s = 0.0

    def __call__(self) -> float:
        return monotonic() + self.ahead_s


class Endpoint:
    """A public endpoint's refill, and what consumers were told. ahead_s: of our Unix time."""

    def __init__(self, url: str, category: str, *, budget: RestBudget | None = None, ahead_s: float = 0.0) -> None:
        self.category = category
        self.now = Clock()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK)
        backfill = Backfill(
            Rest(url, budget=budget, whole_s=2.0), category=category, worker="w", wake=self._wake, now=self.now,
            unix_ns=lambda: time_ns() + int(ahead_s * 1e9),
        )  # fmt: skip
        self.refill = Refill[Event](backfill)
        self.told: list[Event] = []

    def hears(self, events: Iterable[Event]) -> None:
        """The stream is on."""
        for event in events:
            self.tell(event)

    def tell(self, event: Event) -> None:
        if self.refill.tells(event):
            self.told.append(event)

    def back(self, *topics: str, since_ms: int = 0) -> None:
        """Connected again after a gap."""
        types = {topic: [topic.partition(".")[0].replace("publicTrade", "trade")] for topic in topics}
        self.refill.opened(types, dict.fromkeys(topics, "gap"), since_ms=lambda _topic: since_ms)
        assert self.refill.back(topics, self.now()) == set(topics)

    def news(self, count: int = 1) -> list[Refilled[Event]]:
        """What REST brings, as consumers are told it, until it has told all of so many topics."""
        found: list[Refilled[Event]] = []
        until = monotonic() + PATIENCE_S
        while sum(news.is_last for news in found) < count:
            assert monotonic() < until, f"{len(found)} of {count} came"
            select.select([self._wake], [], [], 0.05)
            for news in self.refill.news(self.now(), moment):
                self.take(news)
                found.append(news)
        return found

    def take(self, news: Refilled[Event]) -> None:
        for facts, event in news.steps:
            self.told += [fact.outcome for fact in self.refill.new(news, facts) if isinstance(fact.outcome, Event)]
            if event is not None:
                self.tell(event)


def facts_in(news: Refilled[Event]) -> list[Fact]:
    return [fact for facts, _ in news.steps for fact in facts]


def sent(exchange: RunningSimulator, category: str, topic: str, after: int = 0) -> list[Event]:
    """What a stream would have brought of it; the ledger is of a connection that is never lost."""
    found = []
    for entry in exchange.ledger(category, topic, after=after):
        data = parse(entry.text.encode())
        assert isinstance(data, Data)
        normalise = channels.for_topic(topic, category).normalise
        assert normalise is not None
        found += [outcome for outcome in normalise(data, category, Memory()) if isinstance(outcome, Event)]
    return found


@pytest.fixture
def exchange() -> Iterator[RunningSimulator]:
    running = remote.start(account_every_s=0, status_every_s=0, paused=True, trade_rate=40)
    yield running
    running.stop()


@pytest.fixture
def witness(exchange: RunningSimulator) -> Iterator[Callable[..., None]]:
    """Holds topics on connections of its own, which are never lost."""
    with ExitStack() as stack:

        def hold(category: str, *topics: str) -> None:
            stack.enter_context(Client(exchange, category)).subscribe(*topics)

        yield hold


def identities(events: Iterable[Event]) -> list[str]:
    return [event.identity for event in events]


@pytest.mark.parametrize(("category", "topic"), PLACES)
def test_trades_of_a_gap_are_told_once_each_in_their_order(
    exchange: RunningSimulator, witness: Callable[..., None], category: str, topic: str
) -> None:
    endpoint = Endpoint(exchange.rest_url, category)
    witness(category, topic)
    exchange.step(20)
    endpoint.hears(sent(exchange, category, topic))
    exchange.step(4)
    endpoint.back(topic)
    (news,) = endpoint.news()
    exchange.step(4)
    endpoint.hears(
        event for event in sent(exchange, category, topic) if not endpoint.refill.is_told(event) and event not in endpoint.told
    )
    everything = sent(exchange, category, topic)
    assert (news.recovered, news.gap_id) == (True, "gap")
    assert len(facts_in(news)) > 3
    assert set(identities(endpoint.told)) == set(identities(everything))
    assert len(endpoint.told) == len(everything)
    if category != "option":  # of which a topic has several instruments
        assert identities(endpoint.told) == identities(everything)


def test_what_is_deeper_than_the_exchange_still_tells_is_an_honest_remainder(
    exchange: RunningSimulator, witness: Callable[..., None]
) -> None:
    endpoint, topic = Endpoint(exchange.rest_url, "spot"), "publicTrade.BTCUSDT"
    witness("spot", topic)
    exchange.step(5)
    endpoint.hears(sent(exchange, "spot", topic))
    exchange.step(40)
    endpoint.back(topic)
    (news,) = endpoint.news()
    assert (news.recovered, news.detail) == (False, "60 fetched; deeper than the 60 trades that the exchange still tells")
    assert identities(endpoint.told[-60:]) == identities(sent(exchange, "spot", topic)[-60:])


def test_a_topic_of_which_nothing_was_told_gets_what_came_since_the_gap_began(
    exchange: RunningSimulator, witness: Callable[..., None]
) -> None:
    endpoint, topic = Endpoint(exchange.rest_url, "linear"), "publicTrade.BTCUSDT"
    witness("linear", topic)
    exchange.step(5)
    endpoint.back(topic, since_ms=0)
    (news,) = endpoint.news()
    assert identities(endpoint.told) == identities(sent(exchange, "linear", topic))
    assert not news.recovered  # nothing shows that this were all


def test_frames_wait_for_what_was_before_them_and_go_without_what_rest_told(
    exchange: RunningSimulator, witness: Callable[..., None]
) -> None:
    endpoint, topic = Endpoint(exchange.rest_url, "linear"), "publicTrade.BTCUSDT"
    witness("linear", topic)
    exchange.step(5)
    endpoint.hears(sent(exchange, "linear", topic))
    exchange.step(5)
    types = {topic: ["trade"]}
    endpoint.refill.opened(types, {topic: "gap"}, since_ms=lambda _topic: 0)
    live = sent(exchange, "linear", topic)[-4:]  # of the new connection, and in REST's answer, too
    assert [endpoint.refill.holds(topic, event, endpoint.now(), moment) for event in live] == [True] * 4
    assert endpoint.refill.due(endpoint.now()) == []
    endpoint.refill.back([topic], endpoint.now())
    (news,) = endpoint.news()
    behind = endpoint.refill.due(endpoint.now())
    gone_on = [*(event for _, event in news.steps if event is not None), *behind]
    assert gone_on == live
    endpoint.hears(behind)
    assert identities(endpoint.told) == identities(sent(exchange, "linear", topic))
    assert [endpoint.refill.is_told(event) for event in gone_on] == [True] * 4
    assert not endpoint.refill.holds(topic, live[0], endpoint.now(), moment)
    endpoint.now.ahead_s += LATE_S
    endpoint.refill.due(endpoint.now())
    assert not endpoint.refill.is_told(live[0])


def test_an_answer_that_comes_late_tells_nothing_twice(exchange: RunningSimulator, witness: Callable[..., None]) -> None:
    endpoint, topic = Endpoint(exchange.rest_url, "linear"), "publicTrade.BTCUSDT"
    witness("linear", topic)
    exchange.step(5)
    endpoint.hears(sent(exchange, "linear", topic))
    exchange.step(5)
    gap = len(sent(exchange, "linear", topic))
    exchange.fault("rest", how="delay", amount=1.0)
    endpoint.back(topic)
    exchange.step(5)
    live = sent(exchange, "linear", topic)[gap:]
    endpoint.hears(live)  # they did not wait
    endpoint.news()
    assert sorted(identities(endpoint.told)) == sorted(identities(sent(exchange, "linear", topic)))


def candles(exchange: RunningSimulator) -> list[Event]:
    """Of five minutes that pass at once, and the running one."""
    for minute in range(6):
        exchange.lift()
        exchange.fault("clock", amount=60_000.0 * minute)
        exchange.step(2)
    body = Rest(exchange.rest_url).answer("/v5/market/kline", category="linear", symbol="BTCUSDT", interval="1").body
    told = events_of("/v5/market/kline", body, topic="kline.1.BTCUSDT", endpoint="linear", category="linear")
    found = [event for event in told if isinstance(event, Event)]
    assert [event.payload["confirm"] for event in found] == [True] * 5 + [False]
    return found


def test_closed_candles_of_a_gap_are_told(exchange: RunningSimulator) -> None:
    endpoint, all_of_them = Endpoint(exchange.rest_url, "linear"), candles(exchange)
    endpoint.hears(all_of_them[:2])
    endpoint.back("kline.1.BTCUSDT")
    (news,) = endpoint.news()
    assert news.recovered
    assert identities(endpoint.told) == identities(all_of_them[:5])


def test_a_candle_that_was_running_before_the_gap_is_told_closed(exchange: RunningSimulator) -> None:
    endpoint, all_of_them = Endpoint(exchange.rest_url, "linear"), candles(exchange)
    running = [
        msgspec.structs.replace(all_of_them[1], identity=f"running {number}", payload={**all_of_them[1].payload, "confirm": False})
        for number in range(100)
    ]
    endpoint.hears(running)
    endpoint.back("kline.1.BTCUSDT")
    endpoint.news()
    assert identities(endpoint.told[100:]) == identities(all_of_them[1:5])


def test_more_topics_than_can_be_fetched_in_time_are_said_to_be_lost(exchange: RunningSimulator, tmp_path: Path) -> None:
    """A slow exchange: with four at a time, ten seconds are not enough."""
    endpoint = Endpoint(exchange.rest_url, "linear")
    exchange.fault("rest", how="delay", amount=0.2)
    topics = [f"publicTrade.A{number}USDT" for number in range(20)]
    endpoint.back(*topics, "publicTrade.BTCUSDT")
    endpoint.now.ahead_s = 9.8
    found = {news.topic: news for news in endpoint.news(len(topics) + 1)}
    late = [news for news in found.values() if news.detail == "0 fetched; not fetched within 10 s"]
    assert not any(news.recovered for news in late)
    assert 5 < len(late) < 20


def test_a_symbol_that_the_exchange_does_not_have_is_not_asked_for_again(exchange: RunningSimulator) -> None:
    endpoint = Endpoint(exchange.rest_url, "linear")
    endpoint.back("publicTrade.GONEUSDT")
    (news,) = endpoint.news()
    assert not news.recovered
    assert "the exchange refuses to tell" in news.detail


def test_a_call_that_failed_is_made_again(exchange: RunningSimulator, witness: Callable[..., None]) -> None:
    endpoint, topic = Endpoint(exchange.rest_url, "linear"), "publicTrade.BTCUSDT"
    witness("linear", topic)
    exchange.step(5)
    exchange.fault("rest", how="503", times=2)
    endpoint.back(topic)
    (news,) = endpoint.news()
    assert len(facts_in(news)) == len(sent(exchange, "linear", topic))


def test_what_nobody_wants_any_more_is_forgotten(exchange: RunningSimulator) -> None:
    endpoint, topics = Endpoint(exchange.rest_url, "linear"), [f"publicTrade.A{number}USDT" for number in range(8)]
    exchange.fault("rest", how="delay", amount=0.5)
    endpoint.back(*topics, "publicTrade.BTCUSDT")
    endpoint.refill.keep(lambda topic: topic == "publicTrade.BTCUSDT")
    assert [news.topic for news in endpoint.news()] == ["publicTrade.BTCUSDT"]


def test_a_ban_is_a_remainder_and_no_storm(exchange: RunningSimulator, tmp_path: Path) -> None:
    asked = []

    def play(line: Line) -> None:
        while True:
            asked.append(line.until(b"\r\n\r\n"))
            line.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 19\r\n\r\naccess too frequent")

    with Listener(play) as listener:
        endpoint = Endpoint(listener.url("http"), "linear", budget=RestBudget(tmp_path, private=False))
        endpoint.back(*(f"publicTrade.A{number}USDT" for number in range(50)))
        endpoint.now.ahead_s = 9.0
        found = endpoint.news(50)
    assert len(asked) <= 4  # those that were under way when the first was told
    assert not any(news.recovered for news in found)
    assert "banned" in found[0].detail


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_has_died_is_seen(exchange: RunningSimulator) -> None:
    endpoint = Endpoint(exchange.rest_url, "linear")
    assert not endpoint.refill.is_dead
    endpoint.back("publicTrade.BTCUSDT")
    endpoint.news()
    assert not endpoint.refill.is_dead
    endpoint.back("kline.of-no-shape-that-we-know")
    wait_for(lambda: endpoint.refill.is_dead, "its thread has ended")


class SlowTurn(RestBudget):
    """The budget of a host that has asked so much that this turn comes late."""

    clock: Clock

    def take(self, patience_s: float) -> None:
        super().take(patience_s)
        self.clock.ahead_s += DEADLINES["trade"]


def test_what_waited_too_long_for_its_turn_is_said_to_be_lost(
    exchange: RunningSimulator, witness: Callable[..., None], tmp_path: Path
) -> None:
    budget = SlowTurn(tmp_path, private=False)
    endpoint, topic = Endpoint(exchange.rest_url, "linear", budget=budget), "publicTrade.BTCUSDT"
    budget.clock = endpoint.now
    witness("linear", topic)
    exchange.step(5)
    endpoint.back(topic)
    (news,) = endpoint.news()
    assert (facts_in(news), news.recovered, news.detail) == ([], False, "0 fetched; not fetched within 10 s")


def test_the_candle_that_ran_when_the_gap_began_is_told_though_none_was_told_before(exchange: RunningSimulator) -> None:
    endpoint, all_of_them = Endpoint(exchange.rest_url, "linear", ahead_s=300.0), candles(exchange)  # as the exchange's by then
    ran = all_of_them[2]
    endpoint.back("kline.1.BTCUSDT", since_ms=ran.payload["start"] + 40_000)
    endpoint.news()
    assert identities(endpoint.told) == identities(all_of_them[2:5])


@pytest.mark.parametrize("ahead_s", [3.0, 60.0, -60.0])
def test_a_gap_that_our_clock_dates_is_found_though_it_is_not_the_exchanges(
    exchange: RunningSimulator, witness: Callable[..., None], ahead_s: float
) -> None:
    endpoint, topic = Endpoint(exchange.rest_url, "linear", ahead_s=ahead_s), "publicTrade.BTCUSDT"
    witness("linear", topic)
    exchange.fault("clock", amount=-20_000.0)
    exchange.step(5)
    exchange.lift()
    old = sent(exchange, "linear", topic)
    since_ms = time_ns() // 1_000_000 + int(ahead_s * 1000)
    exchange.step(4)
    endpoint.back(topic, since_ms=since_ms)
    (news,) = endpoint.news()
    assert news.recovered
    assert identities(endpoint.told) == identities(sent(exchange, "linear", topic)[len(old) :])
