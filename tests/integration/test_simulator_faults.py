"""The simulated exchange to the byte and at its edges: recorded answers, refusals, cuts, idle clients, REST, its own start and end."""

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
import websocket
from running import wait_for

from simulator import remote
from simulator.dialect import DIALECTS, PRIVATE_TOPICS
from simulator.market.instruments import INSTRUMENTS
from simulator.remote import RunningSimulator

KEY, SECRET = RunningSimulator.api_key, RunningSimulator.api_secret


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningSimulator]:
    """Nothing moves by itself; unknown option topics are refused."""
    running = remote.start(paused=True, choices={"option_refusals": "strict"})
    yield running
    running.stop()


class Client:
    """A plain WebSocket client that keeps the bytes apart from their meaning."""

    def __init__(self, exchange: RunningSimulator, endpoint: str) -> None:
        self.ws = websocket.create_connection(exchange.ws_url + DIALECTS[endpoint].path, timeout=5)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.ws.close()

    def ask(self, text: str) -> str:
        self.ws.send(text)
        return str(self.ws.recv())

    def subscribe(self, *topics: str) -> str:
        return self.ask(json.dumps({"op": "subscribe", "args": topics}))

    def login(self, *, key: str = KEY, secret: str = SECRET, ahead_ms: int = 10_000) -> bool:
        expires = int(time.time() * 1000) + ahead_ms
        signature = hmac.new(secret.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()
        return bool(json.loads(self.ask(json.dumps({"op": "auth", "args": [key, expires, signature]})))["success"])


def shape(text: str) -> str:
    """The text with what differs from one connection and moment to the next written as X."""
    frame = json.loads(text)
    for key in ("conn_id", "args"):
        if key in frame:
            found = frame[key] if isinstance(frame[key], str) else frame[key][0]
            assert found
            text = text.replace(found, "X")
    return text


PING, PING_ID = '{"op":"ping"}', '{"req_id":"100001","op":"ping"}'
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
            assert client.login()
        for request, answer in talk.items():
            assert shape(client.ask(request.replace('"T"', f'"{topic}"'))) == answer.replace('"T"', f'"{topic}"')


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
        assert client.login()
        assert json.loads(client.subscribe("order", "wallet"))["success"] is True
        answer = json.loads(client.subscribe("order.linear", "position"))
        assert answer["success"] is False
        assert "are as follows:[position]." in answer["ret_msg"]
        assert "subscription conflict:[order.linear]." in answer["ret_msg"]
        assert exchange.connections("private")[0].topics == ["order", "wallet", "position"]


@pytest.mark.parametrize("wrong", [{"key": "another"}, {"secret": "another"}, {"ahead_ms": -1}])
def test_login_is_refused_in_words_that_do_not_tell_why(exchange: RunningSimulator, wrong: dict[str, Any]) -> None:
    with Client(exchange, "private") as client:
        assert client.login(**wrong) is False
        assert client.login() is True, "the line stays open"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"op":7}', '{"op":"subscribe"}', '{"op":"order.create","args":[{}]}', "\x00"])
def test_unreadable_request_gets_params_error_and_the_line_stays_open(exchange: RunningSimulator, text: str) -> None:
    with Client(exchange, "private") as client:
        answer = json.loads(client.ask(text))
        assert (answer["success"], answer["ret_msg"]) == (False, "Params Error")
        assert json.loads(client.ask(PING))["op"] == "pong"


def test_holder_of_a_categorised_topic_gets_only_that_category_under_that_name(exchange: RunningSimulator) -> None:
    assert "order.linear" in PRIVATE_TOPICS
    with Client(exchange, "private") as client:
        client.login()
        client.subscribe("order.linear")
        exchange.account("place", category="spot", symbol="BTCUSDT")
        frame, *_ = exchange.account("place_order", category="linear", symbol="BTCUSDT")
        assert json.loads(client.ws.recv()) == frame | {"topic": "order.linear"}


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


@pytest.mark.parametrize(("how", "code"), [("abort", None), ("1000", 1000), ("1001", 1001)])
def test_cut_ends_the_connections_of_one_endpoint_only(exchange: RunningSimulator, how: str, code: int | None) -> None:
    with Client(exchange, "spread") as cut, Client(exchange, "option") as other:
        wait_for(lambda: len(exchange.connections()) == 2, "both connected")
        assert exchange.cut("spread", how) == 1
        if code is None:
            with pytest.raises((ConnectionError, websocket.WebSocketConnectionClosedException)):
                cut.ws.recv_data()
        else:
            opcode, data = cut.ws.recv_data()
            assert (opcode, int.from_bytes(data[:2])) == (websocket.ABNF.OPCODE_CLOSE, code)
        wait_for(lambda: [entry.endpoint for entry in exchange.connections()] == ["option"], "one left")
        assert json.loads(other.ask(PING))["op"] == "pong"
    wait_for(lambda: not exchange.connections(), "gone")


def test_pushed_text_arrives_as_it_is_and_so_stands_in_the_ledger(exchange: RunningSimulator) -> None:
    with Client(exchange, "inverse") as client:
        assert json.loads(client.ask(PING))
        before = exchange.ledger("inverse", direction=None)[-1].number
        assert exchange.send("inverse", '{"topic":"x" …') == 1
        assert client.ws.recv() == '{"topic":"x" …'
        client.ask(PING_ID)
        entries = exchange.ledger("inverse", direction=None, after=before)
        assert [(entry.direction, entry.text) for entry in entries[:2]] == [("sent", '{"topic":"x" …'), ("received", PING_ID)]
        assert entries[2].sent_ns > entries[0].sent_ns


def test_connection_without_pings_is_cut_and_one_with_them_is_not() -> None:
    running = remote.start(paused=True, idle_s=0.4, scan_s=0.1)
    try:
        with Client(running, "linear") as json_pings, Client(running, "inverse") as frame_pings:
            for _ in range(3):  # three silent ones, one after another: the others outlive them by two idle times
                with Client(running, "spot") as silent:
                    until = time.monotonic() + 5
                    while running.connections("spot"):
                        assert time.monotonic() < until
                        json_pings.ask(PING)
                        frame_pings.ws.ping()
                    with pytest.raises((ConnectionError, websocket.WebSocketConnectionClosedException)):
                        silent.ws.recv_data()
            assert [(entry.number, entry.endpoint) for entry in running.connections()] == [(1, "linear"), (2, "inverse")]
    finally:
        running.stop()


def rest(exchange: RunningSimulator, path: str, query: str = "") -> dict[str, Any]:
    stamp = str(int(time.time() * 1000))
    signature = hmac.new(SECRET.encode(), f"{stamp}{KEY}5000{query}".encode(), hashlib.sha256).hexdigest()
    names = ("X-BAPI-API-KEY", "X-BAPI-TIMESTAMP", "X-BAPI-RECV-WINDOW", "X-BAPI-SIGN")
    headers = dict(zip(names, (KEY, stamp, "5000", signature), strict=True))
    return dict(urllib3.request("GET", f"{exchange.rest_url}{path}{query and '?'}{query}", headers=headers).json())


def test_cursor_leads_through_all_pages_whether_encoded_again_or_not(exchange: RunningSimulator) -> None:
    ids = {exchange.account("place", category="option", symbol="BTC-25DEC26-65000-C")[0]["data"][0]["orderId"] for _ in range(5)}
    for encode in (lambda cursor: cursor, lambda cursor: cursor.replace("%", "%25")):
        found, cursor = [], ""
        while True:
            answer = rest(exchange, "/v5/order/realtime", f"category=option&limit=2&cursor={encode(cursor)}")
            assert answer["retCode"] == 0, answer
            found += [row["orderId"] for row in answer["result"]["list"]]
            cursor = answer["result"]["nextPageCursor"]
            if not cursor:
                break
            assert "%3D" in cursor
        assert set(found) == ids
        assert len(found) == len(ids)


def test_closed_orders_leave_realtime_and_stay_in_history_and_under_their_id(exchange: RunningSimulator) -> None:
    order_id = exchange.account("place", category="inverse", symbol="ETHUSD", link_id="mine")[0]["data"][0]["orderId"]
    exchange.account("cancel", order_id=order_id)

    def ids(path: str, query: str) -> list[str]:
        return [row["orderId"] for row in rest(exchange, path, query)["result"]["list"]]

    assert ids("/v5/order/realtime", "category=inverse") == []
    assert ids("/v5/order/realtime", "category=inverse&openOnly=1") == [order_id]
    assert ids("/v5/order/realtime", "category=inverse&orderLinkId=mine") == [order_id]
    assert ids("/v5/order/history", "category=inverse&orderStatus=Cancelled") == [order_id]
    assert ids("/v5/order/history", "category=inverse&symbol=BTCUSD") == []


def test_flat_position_is_listed_by_symbol_and_not_by_settle_coin(exchange: RunningSimulator) -> None:
    for side in ("Buy", "Sell"):
        order_id = exchange.account("place", symbol="ETHUSDT", side=side)[0]["data"][0]["orderId"]
        exchange.account("fill", order_id=order_id)
    [row] = rest(exchange, "/v5/position/list", "category=linear&symbol=ETHUSDT")["result"]["list"]
    assert (row["size"], row["side"]) == ("0.00", "")
    assert rest(exchange, "/v5/position/list", "category=linear&settleCoin=USDT")["result"]["list"] == []


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("/v5/order/realtime", "category=linear", 10001),
        ("/v5/order/realtime", "category=spread", 10001),
        ("/v5/order/realtime", "category=spot&limit=51", 10001),
        ("/v5/order/realtime", "category=spot&cursor=7", 10001),
        ("/v5/position/list", "category=linear", 10001),
        ("/v5/execution/list", "category=linear&startTime=1&endTime=700000000", 10001),
        ("/v5/execution/list", "category=linear&startTime=soon", 10001),
        ("/v5/account/wallet-balance", "", 10001),
        ("/v5/order/nonsense", "", 10017),
    ],
)
def test_bad_rest_call_is_refused_by_code(exchange: RunningSimulator, path: str, query: str, code: int) -> None:
    answer = rest(exchange, path, query)
    assert (answer["retCode"], answer["result"]) == (code, {})


def test_every_instrument_is_listed_under_its_category(exchange: RunningSimulator) -> None:
    listed = {
        (category, row["symbol"])
        for category in ("spot", "linear", "inverse")
        for row in rest(exchange, "/v5/market/instruments-info", f"category={category}")["result"]["list"]
    }
    for base in ("BTC", "ETH"):
        rows = rest(exchange, "/v5/market/instruments-info", f"category=option&baseCoin={base}")["result"]["list"]
        listed |= {("option", row["symbol"]) for row in rows}
    spreads = rest(exchange, "/v5/spread/instrument")["result"]["list"]
    listed |= {("spread", row["symbol"]) for row in spreads}
    assert listed == {(row.category, row.symbol) for row in INSTRUMENTS if not row.pre_market}
    assert spreads[0]["legs"] == [
        {"symbol": "SOLUSDT", "contractType": "LinearPerpetual"},
        {"symbol": "SOLUSDT", "contractType": "Spot"},
    ]


def test_balances_that_are_set_are_pushed_and_answered_to_the_last_digit(exchange: RunningSimulator) -> None:
    [frame] = exchange.account("wallet", balances={"SOL": "0.000000000000000001"})
    assert [row["walletBalance"] for row in frame["data"][0]["coin"]] == ["0.000000000000000001"]
    [account] = rest(exchange, "/v5/account/wallet-balance", "accountType=UNIFIED&coin=SOL")["result"]["list"]
    assert account["coin"] == frame["data"][0]["coin"]


@pytest.mark.parametrize(
    ("method", "call", "body", "words"),
    [
        ("POST", "account", {"action": "dance"}, "found action 'dance'; expected one of place, "),
        ("POST", "account", {"action": "place", "price": "NaN"}, "found price 'NaN'; expected a decimal"),
        (
            "POST",
            "account",
            {"action": "rfq", "category": "spread", "symbol": "SOLUSDT_SOL/USDT"},
            "found spread SOLUSDT_SOL/USDT",
        ),
        ("POST", "step", {"count": 0}, "Expected `int` >= 1"),
        ("POST", "send", {"endpoint": "spot"}, "found both or neither of text and frame"),
        ("GET", "ledger?after=soon", None, "found after 'soon'; expected a whole number"),
        ("GET", "ledger?endpoint=moon", None, "found endpoint 'moon'; expected one of spot, "),
        ("GET", "connections?endpoint=moon", None, "found endpoint 'moon'; expected one of spot, "),
    ],
)
def test_bad_control_request_says_what_was_found(exchange: RunningSimulator, method: str, call: str, body: Any, words: str) -> None:
    answer = urllib3.request(method, f"{exchange.rest_url}/simulator/{call}", body=json.dumps(body) if body else None)
    assert answer.status == 400
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--steps-per-s", "0"], "found --steps-per-s 0; expected 0.01 to 1000"),
        (["--idle-s", "nan"], "found --idle-s nan; expected 0.05 to 86400"),
        (["--ws-port", "70000"], "found --ws-port 70000; expected 0 to 65535"),
        (["--ws-port", "x"], "argument --ws-port: invalid int value: 'x'"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_bad_option_is_one_sentence_and_exit_code_2(options: list[str], words: str) -> None:
    ended = subprocess.run([sys.executable, "-m", "simulator", *options], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", f"ws-gateway simulate: {words}\n")


def test_busy_port_is_named_in_one_sentence(exchange: RunningSimulator, tmp_path: Path) -> None:
    port = int(exchange.ws_url.rpartition(":")[2])
    with pytest.raises(RuntimeError, match=rf"^the simulator cannot listen on 127\.0\.0\.1 port {port}: .+$"):
        remote.start(tmp_path, ws_port=port)
    assert str(port) in (tmp_path / "simulator.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_within_two_seconds_though_a_client_does_not_answer(number: int) -> None:
    command = [sys.executable, "-m", "simulator", "--ws-port", "0", "--rest-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        where = json.loads(process.stdout.readline())
        assert where["pid"] == process.pid
        client = websocket.create_connection(where["ws_url"] + "/v5/public/spot", timeout=5)
        began = time.monotonic()
        process.send_signal(number)
        _, words = process.communicate(timeout=5)
        assert time.monotonic() - began < 2
        assert (process.returncode, words) == (0, b"")
        client.shutdown()


def test_it_ends_when_the_process_that_started_it_is_killed() -> None:
    code = "from simulator import remote; import sys; print(remote.start().pid, flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(pid, 0)
        parent.kill()

    def is_gone() -> bool:
        status = Path(f"/proc/{pid}/stat")
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"

    wait_for(is_gone, "the simulator ended", 5.0)
