"""Every public topic of every category is served over its endpoint's socket; what there is not, is not. Source: protocol notes, section 6.1."""

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import websocket

from simulator import remote
from simulator.dialect import DIALECTS, RFQ_TOPIC, STATUS_TOPIC
from simulator.market.candles import INTERVALS
from simulator.remote import RunningSimulator

OPTION = "BTC-25DEC26-70000-C-USDT"
SPREAD = "SOLUSDT_SOL/USDT"
SNAPSHOT, DELTA, BOTH, NEITHER = {"snapshot"}, {"delta"}, {"snapshot", "delta"}, {""}
#: What spot, linear and inverse have alike: topic without the symbol → the types of its frames; "": frames without one.
COMMON: dict[str, set[str]] = {
    "orderbook.1": SNAPSHOT,
    "orderbook.50": BOTH,
    "orderbook.200": BOTH,
    "orderbook.1000": BOTH,
    "orderbook.rpi": BOTH,
    "publicTrade": SNAPSHOT,
    "priceLimit": NEITHER,
    **{f"kline.{interval}": SNAPSHOT for interval in INTERVALS},
}
#: Endpoint → topic → types.
SERVED: dict[str, dict[str, set[str]]] = {
    "spot": {
        **{f"{name}.BTCUSDT": types for name, types in COMMON.items()},
        "orderbook.full.BTCUSDT": DELTA,
        "tickers.BTCUSDT": SNAPSHOT,
    },
    "linear": {
        **{f"{name}.BTCUSDT": types for name, types in COMMON.items()},
        "tickers.BTCUSDT": BOTH,
        "tickers.BTCPERP": BOTH,
        "tickers.BTCUSDT-25DEC26": BOTH,
        "tickers.XPLUSDT": BOTH,
        "allLiquidation.BTCUSDT": SNAPSHOT,
        "insurance.USDT": BOTH,
        "insurance.USDC": BOTH,
        "adlAlert.USDT": SNAPSHOT,
        "adlAlert.USDC": SNAPSHOT,
    },
    "inverse": {
        **{f"{name}.BTCUSD": types for name, types in COMMON.items()},
        "tickers.BTCUSD": BOTH,
        "tickers.BTCUSDZ26": BOTH,
        "allLiquidation.BTCUSD": SNAPSHOT,
        "insurance.inverse": BOTH,
        "adlAlert.inverse": SNAPSHOT,
    },
    "option": {
        f"orderbook.25.{OPTION}": BOTH,
        f"orderbook.100.{OPTION}": BOTH,
        "publicTrade.BTC": SNAPSHOT,
        f"tickers.{OPTION}": SNAPSHOT,
    },
    "spread": {f"orderbook.25.{SPREAD}": BOTH, f"publicTrade.{SPREAD}": SNAPSHOT, f"tickers.{SPREAD}": SNAPSHOT},
    "status": {STATUS_TOPIC: NEITHER},
    "rfq": {RFQ_TOPIC: NEITHER},
}
#: Endpoint → topics that it does not have: of other categories, and removed ones.
ABSENT = {
    "spot": ("orderbook.25.BTCUSDT", "orderbook.500.BTCUSDT", "allLiquidation.BTCUSDT", "insurance.USDT", "order"),
    "linear": ("orderbook.500.BTCUSDT", "orderbook.full.BTCUSDT", "liquidation.BTCUSDT", "kline_lt.1.BTCUSDT", "insurance.inverse"),
    "inverse": ("orderbook.25.BTCUSD", "adlAlert.USDT", "kline.2.BTCUSD"),
    "option": (f"orderbook.50.{OPTION}", f"kline.1.{OPTION}", f"publicTrade.{OPTION}"),
    "spread": (f"orderbook.50.{SPREAD}", f"kline.1.{SPREAD}"),
    "status": ("tickers.BTCUSDT",),
    "rfq": (STATUS_TOPIC,),
}
#: The longest that a topic may keep its listeners waiting; seconds. A liquidation is rare.
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningSimulator]:
    running = remote.start(account_every_s=0, status_every_s=0, steps_per_s=50, trade_rate=20)
    yield running
    running.stop()


def listening(exchange: RunningSimulator, endpoint: str, topics: list[str]) -> websocket.WebSocket:
    client = websocket.create_connection(exchange.ws_url + DIALECTS[endpoint].path, timeout=10)
    for at in range(0, len(topics), 10):  # of which spot takes no more at a time
        client.send(json.dumps({"op": "subscribe", "args": topics[at : at + 10]}))
    return client


@pytest.mark.parametrize("endpoint", SERVED)
def test_topic_is_served_with_its_types_of_frames(exchange: RunningSimulator, endpoint: str) -> None:
    wanted = SERVED[endpoint]
    client = listening(exchange, endpoint, list(wanted))
    found: dict[str, set[str]] = defaultdict(set)
    exchange.system_status()
    rfq_id = exchange.account("rfq")[0]["data"][0]["rfqId"]
    exchange.account("quote", order_id=rfq_id)
    exchange.account("trade_rfq", order_id=rfq_id)
    until = time.monotonic() + PATIENCE_S
    while found != wanted:
        assert time.monotonic() < until, {topic: types for topic, types in wanted.items() if found[topic] != types}
        frame = json.loads(client.recv())
        assert frame.get("success", True) is True, frame
        if "topic" in frame:
            found[frame["topic"]].add(frame.get("type", ""))
            assert found[frame["topic"]] <= wanted[frame["topic"]], frame
    client.close()


def of_absent(client: websocket.WebSocket, topic: str) -> dict[str, Any]:
    client.send(json.dumps({"op": "subscribe", "args": [topic]}))
    return dict(json.loads(client.recv()))


@pytest.mark.parametrize("endpoint", ABSENT)
def test_topic_that_there_is_not_is_refused_or_stays_silent(exchange: RunningSimulator, endpoint: str) -> None:
    client = listening(exchange, endpoint, [])
    for topic in ABSENT[endpoint]:
        answer = of_absent(client, topic)
        if endpoint in ("option", "spread"):  # where a dead topic is acknowledged
            assert answer["data"] == {"failTopics": [], "successTopics": [topic]}
        else:
            assert answer["success"] is False
    entry = max(exchange.connections(endpoint), key=lambda entry: entry.number)
    exchange.step(20)
    assert [sent for sent in exchange.ledger(endpoint, connection=entry.number) if sent.topic] == []
    client.close()


def test_pre_market_has_no_books_and_trades_until_it_trades(exchange: RunningSimulator) -> None:
    topics = [f"{family}.XPLUSDT" for family in ("orderbook.50", "publicTrade", "kline.1", "tickers")]
    client = listening(exchange, "linear", topics)
    phases: list[str] = []
    families: set[str] = set()

    def hear(enough: set[str]) -> None:
        """Until these families have been heard."""
        heard: set[str] = set()
        while not enough <= heard:
            frame = json.loads(client.recv())
            family = frame.get("topic", "").partition(".")[0]
            heard.add(family)
            if family == "tickers" and "curPreListingPhase" in frame["data"]:
                phases.append(frame["data"]["curPreListingPhase"])
        families.update(heard - {""})

    hear({"tickers"})
    assert families == {"tickers"}
    exchange.fault("phase", topic="XPLUSDT", how="CrossMatching")
    hear({"tickers", "kline"})
    assert families == {"tickers", "kline"}
    assert exchange.fault("phase", topic="XPLUSDT", how="ContinuousTrading") > 1
    hear({"orderbook", "publicTrade"})
    assert exchange.fault("phase", topic="XPLUSDT", how="Trading") == 1
    while phases[-1] != "":
        hear({"tickers"})
    assert phases[0] == "CallAuction"
    client.close()
