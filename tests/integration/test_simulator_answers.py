"""What the simulated exchange answers to requests, to the byte: each endpoint in its own words, and what it refuses."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from exchange_client import PING, PING_ID, Client
from running import wait_for

from simulator import remote
from simulator.remote import RunningSimulator


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningSimulator]:
    """Nothing moves by itself; unknown option topics are refused."""
    running = remote.start(paused=True, choices={"option_refusals": "strict"})
    yield running
    running.stop()


def shape(text: str) -> str:
    """The text with what differs from one connection and moment to the next written as X."""
    frame = json.loads(text)
    for key in ("conn_id", "args"):
        if key in frame:
            found = frame[key] if isinstance(frame[key], str) else frame[key][0]
            assert found
            text = text.replace(found, "X")
    return text


SUB, SUB_ID = '{"op":"subscribe","args":["T"]}', '{"req_id":"10001","op":"subscribe","args":["T"]}'
UNSUB = '{"op":"unsubscribe","args":["T"],"req_id":"3"}'
LINEAR = {
    PING: '{"success":true,"ret_msg":"pong","conn_id":"X","req_id":"","op":"ping"}',
    PING_ID: '{"success":true,"ret_msg":"pong","conn_id":"X","req_id":"100001","op":"ping"}',
    SUB: '{"success":true,"ret_msg":"","conn_id":"X","req_id":"","op":"subscribe"}',
    UNSUB: '{"success":true,"ret_msg":"","conn_id":"X","req_id":"3","op":"unsubscribe"}',
    SUB_ID: '{"success":true,"ret_msg":"","conn_id":"X","req_id":"10001","op":"subscribe"}',
}
OPTION = {
    PING: '{"args":["X"],"op":"pong"}',
    PING_ID: '{"args":["X"],"op":"pong"}',
    SUB: '{"success":true,"conn_id":"X","data":{"failTopics":[],"successTopics":["T"]},"type":"COMMAND_RESP"}',
    UNSUB: '{"success":true,"conn_id":"X","data":{"failTopics":[],"successTopics":["T"]},"type":"COMMAND_RESP"}',
}
#: Endpoint → a topic, and request → answer, byte for byte. Source: protocol notes, sections 3 and 5, and the recorded frames.
TALK: dict[str, tuple[str, dict[str, str]]] = {
    "spot": (
        "publicTrade.BTCUSDT",
        {
            PING: '{"success":true,"ret_msg":"pong","conn_id":"X","op":"ping"}',
            PING_ID: '{"success":true,"ret_msg":"pong","conn_id":"X","req_id":"100001","op":"ping"}',
            SUB_ID: '{"success":true,"ret_msg":"subscribe","conn_id":"X","req_id":"10001","op":"subscribe"}',
        },
    ),
    "linear": ("publicTrade.BTCUSDT", LINEAR),
    "inverse": ("publicTrade.BTCUSD", LINEAR),
    "status": ("system.status", LINEAR),
    "option": ("publicTrade.BTC", OPTION),
    "spread": ("publicTrade.SOLUSDT_SOL/USDT", OPTION),
    "private": (
        "order",
        {
            PING: '{"args":["X"],"conn_id":"X","op":"pong"}',
            PING_ID: '{"req_id":"100001","op":"pong","args":["X"],"conn_id":"X"}',
            SUB: '{"success":true,"ret_msg":"","op":"subscribe","conn_id":"X"}',
            UNSUB: '{"success":true,"ret_msg":"","op":"unsubscribe","conn_id":"X","req_id":"3"}',
        },
    ),
}


@pytest.mark.parametrize("endpoint", TALK)
def test_answers_are_those_of_the_endpoint_byte_for_byte(exchange: RunningSimulator, endpoint: str) -> None:
    topic, talk = TALK[endpoint]
    with Client(exchange, endpoint) as client:
        if endpoint == "private":
            assert client.login()["success"] is True
        for request, answer in talk.items():
            assert shape(client.answer(request.replace('"T"', f'"{topic}"'))) == answer.replace('"T"', f'"{topic}"')


#: Endpoint → topics that are asked for, and the words of the refusal as they are on the wire.
REFUSALS = [
    ("spot", ["publicTrade.NOPE"], '"ret_msg":"Invalid symbol :[publicTrade.NOPE]"'),
    ("spot", [f"publicTrade.{number}" for number in range(11)], '"ret_msg":"args size \\u003e10"'),
    ("linear", ["publicTrade.BTCUSDT", "orderbook.500.BTCUSDT"], '"ret_msg":"error:handler not found,topic:orderbook.500.BTCUSDT"'),
    ("inverse", ["publicTrade.BTCUSDT"], '"ret_msg":"error:handler not found,topic:publicTrade.BTCUSDT"'),
    ("linear", ["order"], '"ret_msg":"error:handler not found,topic:order"'),
    ("linear", ["publicTrade.BTCUSDT"] * 2, '"ret_msg":"error:already subscribed,topic:publicTrade.BTCUSDT"'),
    ("linear", ["x" * 21_001], '"ret_msg":"args size too large"'),
    ("option", ["kline.1.BTC"], '"data":{"failTopics":["kline.1.BTC"],"successTopics":[]}'),
    ("private", ["order"], '"ret_msg":"Request not authorized"'),
]


@pytest.mark.parametrize(("endpoint", "topics", "words"), REFUSALS)
def test_refusal_says_the_exchanges_words_and_subscribes_nothing(
    exchange: RunningSimulator, endpoint: str, topics: list[str], words: str
) -> None:
    with Client(exchange, endpoint) as client:
        answer = client.subscribe(*topics)
        assert words in answer
        assert '"success":false' in answer
        assert [entry.topics for entry in exchange.connections(endpoint)] == [[]]
    wait_for(lambda: not exchange.connections(endpoint), "gone")


def test_option_takes_the_good_topics_of_a_request_and_lists_every_one(exchange: RunningSimulator) -> None:
    with Client(exchange, "option") as client:
        answer = json.loads(client.subscribe("publicTrade.BTC", "publicTrade.NOPE", "publicTrade.ETH"))
        assert answer["data"] == {"failTopics": ["publicTrade.NOPE"], "successTopics": ["publicTrade.BTC", "publicTrade.ETH"]}
        assert exchange.connections("option")[0].topics == ["publicTrade.BTC", "publicTrade.ETH"]


def test_private_takes_what_does_not_conflict_and_says_what_does(exchange: RunningSimulator) -> None:
    with Client(exchange, "private") as client:
        assert client.login()["success"] is True
        assert json.loads(client.subscribe("order", "wallet"))["success"] is True
        answer = json.loads(client.subscribe("order.linear", "position"))
        assert answer["success"] is False
        assert "are as follows:[position]." in answer["ret_msg"]
        assert "subscription conflict:[order.linear]." in answer["ret_msg"]
        assert exchange.connections("private")[0].topics == ["order", "wallet", "position"]


@pytest.mark.parametrize("wrong", [{"key": "another"}, {"secret": "another"}, {"ahead_ms": -1}])
def test_login_is_refused_in_words_that_do_not_tell_why(exchange: RunningSimulator, wrong: dict[str, Any]) -> None:
    with Client(exchange, "private") as client:
        assert client.login(**wrong)["success"] is False
        assert client.login()["success"] is True, "the line stays open"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"op":7}', '{"op":"subscribe"}', '{"op":"order.create","args":[{}]}', "\x00"])
def test_unreadable_request_gets_params_error_and_the_line_stays_open(exchange: RunningSimulator, text: str) -> None:
    with Client(exchange, "private") as client:
        answer = json.loads(client.answer(text))
        assert (answer["success"], answer["ret_msg"]) == (False, "Params Error")
        assert json.loads(client.answer(PING))["op"] == "pong"
