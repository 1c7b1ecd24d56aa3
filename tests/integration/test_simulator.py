"""The simulated exchange speaks as the recorded one does, and agrees with itself and its ledger."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import urllib3
from exchange_client import PING, Client, signed

from simulator import remote
from simulator.remote import RunningSimulator


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningSimulator]:
    running = remote.start(account_every_s=0, status_every_s=0, steps_per_s=20)
    yield running
    running.stop()


def without_id(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key != "conn_id"}


#: Endpoint → a topic it has, its pong and its acknowledgement with a req_id. Source: protocol notes, sections 3 and 5.
SHAPES: dict[str, tuple[str, list[str], dict[str, Any]]] = {
    "spot": ("publicTrade.BTCUSDT", ["success", "ret_msg", "conn_id", "req_id", "op"], {"ret_msg": "subscribe", "op": "subscribe"}),
    "linear": ("publicTrade.BTCUSDT", ["success", "ret_msg", "conn_id", "req_id", "op"], {"ret_msg": "", "op": "subscribe"}),
    "inverse": ("publicTrade.BTCUSD", ["success", "ret_msg", "conn_id", "req_id", "op"], {"ret_msg": "", "op": "subscribe"}),
    "option": ("publicTrade.BTC", ["args", "op"], {"type": "COMMAND_RESP"}),
    "spread": ("publicTrade.SOLUSDT_SOL/USDT", ["args", "op"], {"type": "COMMAND_RESP"}),
    "status": ("system.status", ["success", "ret_msg", "conn_id", "req_id", "op"], {"ret_msg": "", "op": "subscribe"}),
}


@pytest.mark.parametrize("endpoint", SHAPES)
def test_each_endpoint_answers_in_its_own_shape(exchange: RunningSimulator, endpoint: str) -> None:
    topic, pong_keys, ack = SHAPES[endpoint]
    client = Client(exchange, endpoint)
    assert list(client.ask(op="ping", req_id="7")) == pong_keys
    answer = client.ask(op="subscribe", args=[topic], req_id="8")
    assert answer["success"] is True
    assert ack.items() <= answer.items()
    if "type" in ack:
        assert answer["data"] == {"failTopics": [], "successTopics": [topic]}
        assert "req_id" not in answer
    else:
        assert answer["req_id"] == "8"
    client.ws.close()


def test_one_bad_or_repeated_topic_sinks_the_whole_request_on_linear(exchange: RunningSimulator) -> None:
    client = Client(exchange, "linear")
    bad = client.ask(op="subscribe", args=["publicTrade.BTCUSDT", "publicTrade.NOPE"], req_id="1")
    assert (bad["success"], bad["ret_msg"]) == (False, "error:handler not found,topic:publicTrade.NOPE")
    assert client.ask(op="subscribe", args=["publicTrade.BTCUSDT"], req_id="2")["success"] is True
    again = client.ask(op="subscribe", args=["publicTrade.ETHUSDT", "publicTrade.BTCUSDT"], req_id="3")
    assert (again["success"], again["ret_msg"]) == (False, "error:already subscribed,topic:publicTrade.BTCUSDT")
    [entry] = [entry for entry in exchange.connections("linear") if entry.topics]
    assert entry.topics == ["publicTrade.BTCUSDT"]
    client.ws.close()


def test_spot_takes_ten_topics_a_request(exchange: RunningSimulator) -> None:
    client = Client(exchange, "spot")
    answer = client.ask(op="subscribe", args=[f"orderbook.50.X{number}" for number in range(11)])
    assert (answer["success"], answer["ret_msg"]) == (False, "args size >10")
    client.ws.close()


def test_private_needs_a_login_signed_with_the_secret_and_not_expired(exchange: RunningSimulator) -> None:
    client = Client(exchange, "private")
    assert client.ask(op="subscribe", args=["order"])["success"] is False
    assert without_id(client.login(secret="wrong")) == {"success": False, "ret_msg": "Params Error", "op": "auth"}
    assert client.login(ahead_ms=-1)["success"] is False
    assert without_id(client.login()) == {"success": True, "ret_msg": "", "op": "auth"}
    answer = client.ask(op="subscribe", args=["order", "nosuchtopic"], req_id="12")
    assert answer["success"] is False
    assert "as follows:[order]." in answer["ret_msg"]
    assert "conflict:[nosuchtopic]." in answer["ret_msg"]
    client.ws.close()


@pytest.mark.parametrize(
    ("category", "symbol", "depth"),
    [
        ("spot", "BTCUSDT", 50),
        ("linear", "BTCUSDT", 200),
        ("option", "BTC-25DEC26-70000-C-USDT", 25),
        ("spread", "SOLUSDT_SOL/USDT", 25),
    ],
)
def test_deltas_applied_to_the_snapshot_give_the_next_snapshot(
    exchange: RunningSimulator, category: str, symbol: str, depth: int
) -> None:
    topic = f"orderbook.{depth}.{symbol}"
    client, other = Client(exchange, category), Client(exchange, category)
    client.say(op="subscribe", args=[topic])
    frames = client.frames(topic, 40)
    assert frames[0]["type"] == "snapshot"
    book: dict[str, dict[str, str]] = {"b": {}, "a": {}}
    states: dict[int, tuple[list[Any], list[Any]]] = {}
    for before, frame in zip([None, *frames], frames, strict=False):
        data = frame["data"]
        assert before is None or data["u"] == before["data"]["u"] + 1
        for side in ("b", "a"):
            for price, size in data[side]:
                if Decimal(size):
                    book[side][price] = size
                else:
                    del book[side][price]
            assert len(book[side]) == depth
        bids = sorted(book["b"].items(), key=lambda level: -Decimal(level[0]))
        asks = sorted(book["a"].items(), key=lambda level: Decimal(level[0]))
        assert Decimal(bids[0][0]) < Decimal(asks[0][0])
        states[data["u"]] = ([list(level) for level in bids], [list(level) for level in asks])
    other.say(op="subscribe", args=[topic])
    [snapshot] = other.frames(topic, 1)
    while snapshot["data"]["u"] not in states:
        [frame] = client.frames(topic, 1)
        for side in ("b", "a"):
            book[side] = {**book[side], **dict(frame["data"][side])}
            book[side] = {price: size for price, size in book[side].items() if Decimal(size)}
        states[frame["data"]["u"]] = (
            [list(level) for level in sorted(book["b"].items(), key=lambda level: -Decimal(level[0]))],
            [list(level) for level in sorted(book["a"].items(), key=lambda level: Decimal(level[0]))],
        )
    assert (snapshot["data"]["b"], snapshot["data"]["a"]) == states[snapshot["data"]["u"]]
    client.ws.close()
    other.ws.close()


def test_the_ledger_holds_exactly_what_a_client_received(exchange: RunningSimulator) -> None:
    topic = "tickers.ETHUSDT"
    client = Client(exchange, "linear")
    client.say(op="subscribe", args=[topic])
    client.frames(topic, 10)
    received = [text for text in client.texts if topic in text and "topic" in json.loads(text)]
    [number] = [entry.number for entry in exchange.connections("linear") if entry.topics == [topic]]
    sent = [entry.text for entry in exchange.ledger("linear", topic) if entry.connection == number]
    assert received == sent[: len(received)]
    client.ws.close()


def test_one_step_of_a_seed_is_the_same_in_two_processes(exchange: RunningSimulator) -> None:
    topics = ["publicTrade.BTCUSDT", "orderbook.50.BTCUSDT"]

    def told(running: RunningSimulator) -> list[Any]:
        with Client(running, "linear") as client:
            client.subscribe(*topics)
            running.step(5)
            client.ws.send(PING)  # its answer comes behind all frames
            frames = []
            while "topic" in (frame := json.loads(client.ws.recv())):
                frames.append(frame)
            assert [entry.frame for entry in running.ledger("linear") if entry.topic] == frames
        return [without_times(frame) for frame in frames]

    def without_times(frame: dict[str, Any]) -> Any:
        data = frame["data"]
        rows = [{k: v for k, v in row.items() if k != "T"} for row in data] if isinstance(data, list) else data
        return frame["topic"], frame["type"], rows

    seeded = [remote.start(seed=5, paused=True) for _ in range(2)]
    try:
        first, second = (told(running) for running in seeded)
    finally:
        for running in seeded:
            running.stop()
    assert len(first) > 5
    assert first == second


def test_rest_checks_the_signature_and_the_clock(exchange: RunningSimulator) -> None:
    path, query = "/v5/account/wallet-balance", "accountType=UNIFIED"
    assert signed(exchange, path, query)["retCode"] == 0
    assert signed(exchange, path, query, secret="wrong")["retCode"] == 10004
    assert signed(exchange, path, query, skew_ms=2000)["retCode"] == 10002
    assert signed(exchange, path, query, skew_ms=-6000)["retCode"] == 10002
    assert urllib3.request("GET", f"{exchange.rest_url}{path}?{query}").json()["retCode"] == 10003


def test_rest_agrees_with_the_private_stream(exchange: RunningSimulator) -> None:
    client = Client(exchange, "private")
    client.login()
    client.ask(op="subscribe", args=["order", "execution", "position", "wallet"])
    order_id = exchange.account("place", symbol="SOLUSDT", quantity="1.0")[0]["data"][0]["orderId"]
    exchange.account("fill", order_id=order_id, quantity="0.4")
    pushed: dict[str, Any] = {}
    frame: dict[str, Any] = {}
    while "execution" not in pushed or frame["topic"] != "wallet":
        frame = client.hear()
        pushed[frame["topic"]] = frame["data"][0]
    found = signed(exchange, "/v5/order/realtime", "category=linear&symbol=SOLUSDT")["result"]["list"]
    same = ("orderId", "orderStatus", "cumExecQty", "cumExecValue", "cumFeeDetail", "leavesQty", "avgPrice", "updatedTime")
    assert [{key: row[key] for key in same} for row in found] == [{key: pushed["order"][key] for key in same}]
    [execution] = signed(exchange, "/v5/execution/list", "category=linear&symbol=SOLUSDT")["result"]["list"]
    assert execution.items() <= pushed["execution"].items()
    [position] = signed(exchange, "/v5/position/list", "category=linear&symbol=SOLUSDT")["result"]["list"]
    assert (position["size"], position["avgPrice"]) == (pushed["position"]["size"], pushed["position"]["entryPrice"])
    wallet = signed(exchange, "/v5/account/wallet-balance", "accountType=UNIFIED")["result"]["list"][0]["coin"]
    assert pushed["wallet"]["coin"][0] in wallet
    client.ws.close()


def test_instruments_are_listed_by_category_and_page(exchange: RunningSimulator) -> None:
    def listed(query: str) -> dict[str, Any]:
        return dict(urllib3.request("GET", f"{exchange.rest_url}/v5/market/instruments-info?{query}").json())

    symbols, cursor = [], ""
    while True:
        page = listed(f"category=linear&limit=2&cursor={cursor}")["result"]
        symbols += [row["symbol"] for row in page["list"]]
        cursor = page["nextPageCursor"]
        if not cursor:
            break
    assert {"BTCUSDT", "BTCPERP", "BTCUSDT-25DEC26"} <= set(symbols)
    assert len(symbols) == len(set(symbols))
    assert all(row["baseCoin"] == "BTC" for row in listed("category=option")["result"]["list"])
    assert listed("category=nope")["retCode"] == 10001
