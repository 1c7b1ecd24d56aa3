"""Every private topic is pushed on request, in all forms in which it can be subscribed; and what the public sees of a request for quotes."""

import json
from typing import Any

import pytest
import urllib3
from exchange_client import Client
from running import wait_for

from simulator.dialect import PRIVATE_FAMILIES, PRIVATE_TOPICS, RFQ_TOPIC
from simulator.remote import RunningSimulator

OPTION = "BTC-25DEC26-70000-C-USDT"
SYMBOLS = {"spot": "ETHUSDT", "linear": "BTCUSDT", "inverse": "BTCUSD", "option": OPTION}
#: Combinations: of two linear contracts, and of one and spot.
SPREADS = ("BTCUSDT-25DEC26_BTCUSDT", "SOLUSDT_SOL/USDT")
#: Guards that tell nothing.
SILENT = ("dcp.future", "dcp.spot", "dcp.option")
NARROW = [f"{family}.{category}" for family, several in PRIVATE_FAMILIES.items() for category in several]


def connected(exchange: RunningSimulator, endpoint: str, *topics: str, form: type[int] | type[str] = int) -> Client:
    """A client that holds topics. form: of its login's expiry."""
    client = Client(exchange, endpoint)
    if endpoint == "private":
        assert client.login(form=form)["success"] is True
    assert client.ask(op="subscribe", args=list(topics))["success"] is True
    return client


def live(exchange: RunningSimulator) -> dict[str, list[dict[str, Any]]]:
    """Everything once; topic → the frames that it made, in the exchange's own words."""
    told: dict[str, list[dict[str, Any]]] = {}

    def act(action: str, **facts: str) -> dict[str, Any]:
        """The first row of what it made."""
        frames = exchange.account(action, **facts)
        for frame in frames:
            told.setdefault(frame["topic"], []).append(frame)
        return dict(frames[0]["data"][0])

    for category, symbol in SYMBOLS.items():
        act("fill", order_id=act("place", category=category, symbol=symbol)["orderId"])
    for symbol in SPREADS:
        act("fill", order_id=act("place", category="spread", symbol=symbol)["orderId"])
    act("cancel", order_id=act("place", category="spread", symbol=SPREADS[0], price="-0.5", side="Sell")["orderId"])
    act("end_strategy", order_id=act("strategy", kind="pov")["strategyId"])
    rfq_id = act("rfq", quantity="0.5")["rfqId"]
    act("quote", order_id=rfq_id)
    act("trade_rfq", order_id=rfq_id)
    return told


def heard(client: Client, topics: list[str], exchange: RunningSimulator) -> dict[str, list[dict[str, Any]]]:
    """What a client got, topic by topic, up to what the ledger says it was sent."""
    [number] = [entry.number for entry in exchange.connections("private") if set(entry.topics) == set(topics)]
    count = len([entry for topic in topics for entry in exchange.ledger("private", topic) if entry.connection == number])
    found: dict[str, list[dict[str, Any]]] = {}
    for _ in range(count):
        frame = client.hear()
        found.setdefault(frame["topic"], []).append(frame)
    return found


def test_every_family_is_pushed_as_one_and_by_category(exchange: RunningSimulator) -> None:
    families = [family for family in PRIVATE_FAMILIES if family not in SILENT]
    whole, narrow = connected(exchange, "private", *families), connected(exchange, "private", *NARROW)
    told = live(exchange)
    assert set(told) == set(families)
    wait_for(lambda: exchange.ledger("private", "rfq.open.trades"), "the last frames sent")
    as_one = heard(whole, families, exchange)
    assert set(as_one) == set(families)
    assert as_one == told
    by_category = heard(narrow, NARROW, exchange)
    assert set(by_category) == set(NARROW)
    for topic, frames in by_category.items():
        family, _, category = topic.rpartition(".")
        rows = [row for frame in frames for row in frame["data"]]
        assert rows == [row for frame in as_one[family] for row in frame["data"] if row["category"] == category], topic
    whole.ws.close()
    narrow.ws.close()


def test_holder_of_a_categorised_topic_gets_only_that_category_under_that_name(exchange: RunningSimulator) -> None:
    assert "order.linear" in PRIVATE_TOPICS
    with Client(exchange, "private") as client:
        client.login()
        client.subscribe("order.linear")
        exchange.account("place", category="spot", symbol="BTCUSDT")
        frame, *_ = exchange.account("place_order", category="linear", symbol="BTCUSDT")
        assert json.loads(client.ws.recv()) == frame | {"topic": "order.linear"}


def test_spreads_tell_of_their_legs(exchange: RunningSimulator) -> None:
    told = live(exchange)
    rows = [row for frame in told["spread.order"] for row in frame["data"]]
    assert {row["category"] for row in rows} == {"combination", "future_leg", "spot_leg"}
    parents = {row["orderId"] for row in rows if row["category"] == "combination"}
    assert {row["parentOrderId"] for row in rows if row["category"] != "combination"} <= parents
    fills = [row for frame in told["spread.execution"] for row in frame["data"]]
    combined = {row["execId"] for row in fills if row["category"] == "combination"}
    legs = [row for row in fills if row["category"] != "combination"]
    assert {row["parentExecId"] for row in legs} == combined
    assert {(row["orderId"], row["execType"]) for row in legs} == {("", "FutureSpread")}
    ordinary = {row["execId"] for frame in told["execution"] for row in frame["data"] if row["execType"] == "FutureSpread"}
    assert {row["execId"] for row in legs} == ordinary


def test_public_sees_the_trade_of_a_request_for_quotes(exchange: RunningSimulator) -> None:
    client = connected(exchange, "rfq", RFQ_TOPIC)
    private = live(exchange)["rfq.open.trades"][0]["data"][0]
    frame = client.hear()
    assert list(frame) == ["topic", "creationTime", "data"]
    assert frame["data"][0]["rfqId"] == private["rfqId"]
    assert frame["data"][0]["legs"][0]["price"] == private["legs"][0]["price"]
    client.ws.close()


def test_expiry_of_a_login_may_be_a_text(exchange: RunningSimulator) -> None:
    client = connected(exchange, "private", "order", form=str)
    client.ws.close()


@pytest.mark.parametrize(
    "wish",
    [
        {"action": "place", "category": "spread", "symbol": "NOPE_NOPE"},
        {"action": "end_strategy", "order_id": "none"},
        {"action": "quote", "order_id": "none"},
        {"action": "strategy", "kind": "luck"},
        {"action": "rfq", "category": "spread", "symbol": SPREADS[0]},
    ],
)
def test_what_cannot_be_done_is_one_sentence(exchange: RunningSimulator, wish: dict[str, str]) -> None:
    answer = urllib3.request("POST", f"{exchange.rest_url}/simulator/account", body=json.dumps(wish))
    assert answer.status == 400
    assert answer.json()["error"]


def test_request_is_traded_once_and_only_with_a_quote(exchange: RunningSimulator) -> None:
    def refused(action: str) -> bool:
        body = json.dumps({"action": action, "order_id": rfq_id})
        return urllib3.request("POST", f"{exchange.rest_url}/simulator/account", body=body).status == 400

    rfq_id = exchange.account("rfq")[0]["data"][0]["rfqId"]
    assert refused("trade_rfq")
    exchange.account("quote", order_id=rfq_id, price="60000")
    exchange.account("trade_rfq", order_id=rfq_id)
    assert refused("trade_rfq")
    assert refused("cancel_rfq")
