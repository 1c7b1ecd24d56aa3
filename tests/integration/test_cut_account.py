"""The private stream is cut while a lively account goes on; REST of the simulated exchange tells what was missed, in time and in order."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic

import pytest
import websocket
from exchange_client import Client
from reconciled import Endpoint
from running import wait_for

from gateway.exchange.account_reader import AccountReader
from gateway.exchange.budget import RestBudget
from gateway.exchange.clock import ExchangeClock
from gateway.exchange.rest import Rest
from gateway.exchange.signed import SignedRest
from gateway.exchange.signing import signer
from gateway.models import Event
from gateway.protocol import channels
from gateway.protocol.frames import Data, parse
from gateway.protocol.memory import Memory
from gateway.protocol.recent import name_of, part_of
from gateway.protocol.session import Credentials
from simulator import remote
from simulator.remote import RunningSimulator

TOPICS = ("order", "execution", "position", "wallet")


class Stream:
    """What the exchange's private stream sends, whoever hears it: from the ledger of a connection that is never lost.

    sent  events so far, in the stream's order
    """

    def __init__(self, exchange: RunningSimulator) -> None:
        self._exchange = exchange
        self._after = 0
        self.sent: list[Event] = []

    def look(self) -> list[Event]:
        """What is new since the last look."""
        found: list[Event] = []
        for entry in self._exchange.ledger("private", after=self._after):
            self._after = entry.number
            data = parse(entry.text.encode())
            normalise = channels.for_topic(data.topic, "private").normalise if isinstance(data, Data) else None
            if isinstance(data, Data) and normalise is not None:
                found += [outcome for outcome in normalise(data, None, Memory()) if isinstance(outcome, Event)]
        self.sent += found
        return found

    def happen(self, count: int) -> list[Event]:
        """Let the account be lively for at least so many orders and executions."""
        began = len(self.sent)
        self._exchange.pause(False)
        wait_for(lambda: self.look() is not None and counted(self.sent[began:]) >= count, f"{count} occurrences", 90.0)
        self._exchange.pause(True)
        self.look()
        return self.sent[began:]


def counted(events: list[Event]) -> int:
    return sum(event.event_type in ("order", "execution") for event in events)


@pytest.fixture
def exchange() -> Iterator[RunningSimulator]:
    running = remote.start(
        account_every_s=0.002, status_every_s=0, paused=True, only="BTCUSDT,ETHUSDT,BTCUSD,BTC-25DEC26-70000-C-USDT"
    )
    yield running
    running.stop()


@pytest.fixture
def stream(exchange: RunningSimulator) -> Iterator[Stream]:
    with Client(exchange, "private") as client:
        client.login()
        client.subscribe(*TOPICS)
        client.ws.settimeout(None)
        threading.Thread(target=_drain, args=(client,), daemon=True).start()
        yield Stream(exchange)


def _drain(client: Client) -> None:
    with suppress(OSError, websocket.WebSocketException):
        while client.ws.recv():
            pass


def endpoint_of(exchange: RunningSimulator, folder: Path) -> Endpoint:
    rest = Rest(exchange.rest_url, budget=RestBudget(folder, private=True))
    clock = ExchangeClock(rest.server_time_ms, worker="w")
    signed = SignedRest(rest, Credentials(exchange.api_key, signer(exchange.api_secret)), clock)
    return Endpoint(AccountReader(signed, coins=("BTC",)), TOPICS)


def executions(events: list[Event]) -> list[str]:
    return [event.identity for event in events if event.event_type == "execution"]


def states(events: list[Event]) -> dict[tuple[str, str], str]:
    """The last of each order and position."""
    return {(part_of(event), name_of(event)): event.identity for event in events if event.event_type in ("order", "position")}


@pytest.mark.parametrize("count", [1, 50, 5_000])
def test_all_that_happens_while_the_stream_is_cut_is_recovered_in_time(
    exchange: RunningSimulator, stream: Stream, tmp_path: Path, count: int
) -> None:
    endpoint = endpoint_of(exchange, tmp_path)
    endpoint.connect()
    endpoint.hears(stream.happen(20))
    endpoint.account.lost()
    gap = stream.happen(count)
    began = monotonic()
    news = endpoint.connect()
    took_s = monotonic() - began
    endpoint.hears(stream.happen(20))
    assert news.recovered, news.detail
    assert sorted(executions(endpoint.told)) == sorted(executions(stream.sent))
    assert states(endpoint.told) == states(stream.sent)
    told = [event for event in endpoint.told if event.event_type == "execution"]
    for place in {(event.category, event.symbol) for event in told}:  # of one moment in several nobody knows an order
        assert executions([event for event in told if (event.category, event.symbol) == place]) == executions(
            [event for event in stream.sent if (event.category, event.symbol) == place]
        )
    assert took_s <= max(2.0, 10.0 * counted(gap) / 1_000)


def test_what_a_healthy_stream_lost_is_found_by_the_next_audit(exchange: RunningSimulator, stream: Stream, tmp_path: Path) -> None:
    """One frame in a hundred is lost."""
    endpoint = endpoint_of(exchange, tmp_path)
    endpoint.connect()
    heard = [event for number, event in enumerate(stream.happen(600)) if number % 100 != 7]
    endpoint.hears(heard)
    exchange.fault("clock", amount=30_000.0)  # so that nothing is left to the stream for being young
    endpoint.audit()
    assert sorted(executions(endpoint.told)) == sorted(executions(stream.sent))
    assert states(endpoint.told) == states(stream.sent)
    missing = set(executions(stream.sent)) - set(executions(heard))
    assert endpoint.account.missed["execution"] == len(missing) > 0


def test_a_history_that_lags_hides_no_end_of_an_order(tmp_path: Path) -> None:
    lagging = remote.start(account_every_s=0, status_every_s=0, paused=True, history_lag_s=600)
    try:
        endpoint = endpoint_of(lagging, tmp_path)
        endpoint.connect()
        for _ in range(60):
            order_id = lagging.account("place")[0]["data"][0]["orderId"]
            lagging.account("cancel", order_id=order_id)
        assert endpoint.connect().recovered
        assert [event.payload["status"] for event in endpoint.of("order")] == ["Cancelled"] * 60
    finally:
        lagging.stop()


@pytest.mark.parametrize("how", ["10006", "10016", "10002", "503", "not_json"])
def test_trouble_of_rest_that_passes_costs_nothing(exchange: RunningSimulator, stream: Stream, tmp_path: Path, how: str) -> None:
    endpoint = endpoint_of(exchange, tmp_path)
    endpoint.connect()
    stream.happen(30)
    exchange.fault("rest", how=how, times=6)
    assert endpoint.connect().recovered
    assert sorted(executions(endpoint.told)) == sorted(executions(stream.sent))


def test_a_ban_is_a_lack_and_not_one_call_more(exchange: RunningSimulator, stream: Stream, tmp_path: Path) -> None:
    endpoint = endpoint_of(exchange, tmp_path)
    endpoint.connect()
    stream.happen(10)
    number = exchange.fault("rest", how="403")
    endpoint.account.opened()
    assert endpoint.account.connected(TOPICS, 0.0)
    wait_for(lambda: exchange.faults()[0]["hits"] > 0, "the ban")
    hits = exchange.faults()[0]["hits"]
    endpoint.hears(stream.happen(10))
    assert exchange.faults()[0]["hits"] == hits == 1
    exchange.lift(number)
