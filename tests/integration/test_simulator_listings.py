"""Listings and delistings over the control interface: what REST lists, which topics there are, what is heard on them."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import websocket
from running import wait_for

from gateway.exchange.rest import Rest
from simulator import remote
from simulator.remote import RunningSimulator


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningSimulator]:
    running = remote.start(account_every_s=0, status_every_s=0, steps_per_s=20)
    yield running
    running.stop()


def listed(exchange: RunningSimulator, category: str) -> dict[str, str]:
    rows = Rest(exchange.rest_url).instruments(category, base_coins=("BTC", "NEW"))
    return {row["symbol"]: row["status"] for row in rows}


class Client:
    """Subscribes on an endpoint and notes what comes."""

    def __init__(self, exchange: RunningSimulator, endpoint: str) -> None:
        self._socket = websocket.create_connection(f"{exchange.ws_url}/v5/public/{endpoint}", timeout=10)
        self.frames: list[dict[str, Any]] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            while text := self._socket.recv():
                self.frames.append(json.loads(text))
        except (OSError, websocket.WebSocketException):
            return

    def subscribe(self, topic: str) -> bool:
        """Whether the exchange said yes."""
        before = len(self.frames)
        self._socket.send(json.dumps({"op": "subscribe", "args": [topic]}))

        def answers() -> list[dict[str, Any]]:
            return [frame for frame in self.frames[before:] if "success" in frame]

        return bool(wait_for(answers, f"an answer about {topic}")[0]["success"])

    def heard(self, topic: str) -> int:
        return sum(frame.get("topic") == topic for frame in self.frames)

    def close(self) -> None:
        self._socket.close()


@pytest.mark.parametrize(
    ("category", "symbol"),
    [
        ("spot", "NEWUSDC"), ("linear", "NEWUSDT"), ("linear", "NEWPERP"), ("linear", "NEWUSDT-26MAR27"), ("linear", "NEW-26MAR27"),
        ("inverse", "NEWUSD"), ("inverse", "NEWUSDH27"), ("option", "NEW-26MAR27-100-C"), ("option", "NEW-26MAR27-0.5-P-USDT"),
        ("spread", "NEWUSDT_NEW/USDT"),
    ],
)  # fmt: skip
def test_a_listing_is_listed_and_traded_until_it_is_delisted(exchange: RunningSimulator, category: str, symbol: str) -> None:
    before, client = listed(exchange, category), Client(exchange, category)
    topic = f"tickers.{symbol}"
    assert symbol not in before
    assert exchange.list_instrument(category, symbol) == "Trading"
    assert listed(exchange, category) == {**before, symbol: "Trading"}
    assert client.subscribe(topic)
    wait_for(lambda: client.heard(topic) > 3, f"pushes of {topic}, found {client.frames[-3:]}")
    exchange.delist(category, symbol)
    mark = exchange.ledger(category)[-1].number
    assert listed(exchange, category) == before
    again = Client(exchange, category)
    assert again.subscribe(topic) is (category in ("option", "spread"))  # which acknowledge anything
    exchange.step(20)
    assert exchange.ledger(category, topic, after=mark) == []
    client.close()
    again.close()


def test_what_is_prelaunch_is_shown_as_that_and_trades_when_it_is_listed_again(exchange: RunningSimulator) -> None:
    assert exchange.list_instrument("linear", "SOONUSDT", status="PreLaunch") == "PreLaunch"
    assert listed(exchange, "linear")["SOONUSDT"] == "PreLaunch"
    rows = Rest(exchange.rest_url).get("/v5/market/instruments-info", category="linear", symbol="SOONUSDT")["list"]
    assert rows == []
    assert exchange.list_instrument("linear", "SOONUSDT") == "Trading"
    assert listed(exchange, "linear")["SOONUSDT"] == "Trading"
    exchange.delist("linear", "SOONUSDT")
    closed = Rest(exchange.rest_url).get("/v5/market/instruments-info", category="linear", symbol="SOONUSDT", status="Closed")[
        "list"
    ]
    assert [row["status"] for row in closed] == ["Closed"]
    assert exchange.list_instrument("linear", "SOONUSDT") == "Trading"
    exchange.delist("linear", "SOONUSDT")


def test_a_base_coin_keeps_its_trades_while_it_has_an_option(exchange: RunningSimulator) -> None:
    client = Client(exchange, "option")
    exchange.list_instrument("option", "BTC-26MAR27-99000-C")
    exchange.delist("option", "BTC-26MAR27-99000-C")
    assert client.subscribe("publicTrade.BTC")
    wait_for(lambda: client.heard("publicTrade.BTC"), "trades of other options")
    client.close()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"category": "option", "symbol": "BTCUSDT"}, "expected a name of category option"),
        ({"category": "linear", "symbol": "NEWUSDT", "price": "1"}, "expected a price of 1,500 to"),
        ({"category": "linear", "symbol": "NEWUSDT", "tick": "NaN"}, "expected a decimal number"),
        ({"category": "futures", "symbol": "NEWUSDT"}, "Invalid enum value"),
    ],
)
def test_a_listing_that_makes_no_sense_is_refused(exchange: RunningSimulator, body: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        exchange.list_instrument(**body)


def test_what_is_not_there_cannot_be_delisted(exchange: RunningSimulator) -> None:
    with pytest.raises(ValueError, match="found no 'NONE'"):
        exchange.delist("linear", "NONE")
