"""Faults and limits of the simulated exchange as a client meets them on real sockets."""

import json
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
import websocket
from running import wait_for

from simulator import remote
from simulator.dialect import DIALECTS
from simulator.remote import RunningSimulator

TRADES = "publicTrade.BTCUSDT"


@pytest.fixture
def exchange() -> Iterator[RunningSimulator]:
    running = remote.start(paused=True)
    yield running
    running.lift()
    running.stop()


def connect(exchange: RunningSimulator, endpoint: str = "linear", query: str = "", **options: Any) -> websocket.WebSocket:
    return websocket.create_connection(exchange.ws_url + DIALECTS[endpoint].path + query, timeout=5, **options)


def subscribe(client: websocket.WebSocket, *topics: str) -> None:
    client.send(json.dumps({"op": "subscribe", "args": topics}))


def ends(client: websocket.WebSocket) -> str:
    """How the client sees the end: a close code, or the line cut."""
    while True:
        try:
            opcode, data = client.recv_data()
        except (ConnectionError, websocket.WebSocketConnectionClosedException):
            return "cut"
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return str(int.from_bytes(data[:2], "big"))


@pytest.mark.parametrize(("how", "seen"), [("abort", "cut"), ("1000", "1000"), ("1001", "1001"), ("mid_frame", "cut")])
def test_cut_is_seen_as_what_it_is(exchange: RunningSimulator, how: str, seen: str) -> None:
    client = connect(exchange)
    subscribe(client, TRADES)
    assert '"success":true' in client.recv()
    assert exchange.cut("linear", how) == 1
    assert ends(client) == seen
    assert wait_for(lambda: not exchange.connections("linear"), "gone")


def test_frame_that_is_cut_in_the_middle_ends_in_the_middle(exchange: RunningSimulator) -> None:
    client = connect(exchange)
    exchange.cut("linear", "mid_frame")
    client.sock.settimeout(5)
    found = b""
    while chunk := client.sock.recv(4096):
        found += chunk
    assert found[0] == 0x81
    assert len(found) - 2 == found[1] // 2


def test_maintenance_ends_connections_with_1001_and_without_a_word_in_turn(exchange: RunningSimulator) -> None:
    seen = []
    for _ in range(4):
        client = connect(exchange)
        exchange.cut("linear", "maintenance")
        seen.append(ends(client))
    assert seen == ["cut", "1001", "cut", "1001"]


@pytest.mark.parametrize("status", [503, 429, 403])
def test_newcomers_are_answered_with_the_status_and_others_stay(exchange: RunningSimulator, status: int) -> None:
    stays = connect(exchange)
    number = exchange.fault("refuse", how=str(status), endpoint="linear")
    with pytest.raises(websocket.WebSocketBadStatusException) as refusal:
        connect(exchange)
    assert refusal.value.status_code == status
    connect(exchange, "spot").close()
    stays.send('{"op":"ping"}')
    assert "pong" in stays.recv()
    exchange.lift(number)
    connect(exchange).close()


@pytest.mark.parametrize("how", ["reset", "mid_handshake"])
def test_handshake_that_is_cut_never_opens(exchange: RunningSimulator, how: str) -> None:
    exchange.fault("refuse", how=how)
    with pytest.raises((ConnectionError, websocket.WebSocketException)):
        connect(exchange)


def test_handshake_that_hangs_lets_the_client_wait(exchange: RunningSimulator) -> None:
    exchange.fault("refuse", how="hang")
    with pytest.raises(websocket.WebSocketTimeoutException):
        websocket.create_connection(exchange.ws_url + DIALECTS["linear"].path, timeout=0.5)


def test_private_connection_names_how_long_it_may_idle_and_is_cut_at_a_scan_after_that() -> None:
    running = remote.start(paused=True, scan_s=0.1, idle_s=0.3)
    try:
        default, longer = connect(running, "private"), connect(running, "private", "?max_active_time=30s")
        public = connect(running, "linear", "?max_active_time=30s")
        assert [ends(default), ends(public)] == ["cut", "cut"]
        longer.send('{"op":"ping"}')
        assert "pong" in longer.recv()
    finally:
        running.stop()


def test_pushed_data_keeps_a_connection_alive_as_pings_do() -> None:
    running = remote.start(scan_s=0.05, idle_s=0.6, steps_per_s=20)
    try:
        served, silent = connect(running), connect(running)
        subscribe(served, "orderbook.50.BTCUSDT")
        began = time.monotonic()
        assert ends(silent) == "cut"
        assert time.monotonic() - began >= 0.6
        assert len(running.connections("linear")) == 1
    finally:
        running.stop()


def test_more_connections_than_five_minutes_allow_are_refused() -> None:
    running = remote.start(paused=True, connects=3)
    try:
        clients = [connect(running, endpoint) for endpoint in ("linear", "spot", "private")]
        with pytest.raises(websocket.WebSocketBadStatusException) as refusal:
            connect(running)
        assert refusal.value.status_code == 429
        assert len(running.connections()) == len(clients)
    finally:
        running.stop()


def test_tls_is_spoken_under_an_authority_of_this_run(tmp_path: Path) -> None:
    running = remote.start(paused=True, tls=tmp_path)
    try:
        assert (running.ws_url[:6], running.rest_url[:8]) == ("wss://", "https://")
        client = connect(running, sslopt={"ca_certs": running.ca_file})
        client.send('{"op":"ping"}')
        assert "pong" in client.recv()
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(running)
        with pytest.raises(urllib3.exceptions.SSLError):
            urllib3.PoolManager(retries=False).request("GET", running.rest_url + "/v5/market/time")
    finally:
        running.stop()


def told(frame: str) -> str:
    found = json.loads(frame)
    return str(found.get("op") or found.get("topic"))


ANSWERS: list[tuple[dict[str, Any], Callable[[list[str]], bool]]] = [
    ({"kind": "answer", "how": "drop", "op": "subscribe"}, lambda seen: seen == ["ping"]),
    ({"kind": "answer", "how": "twice", "op": "subscribe"}, lambda seen: seen == ["subscribe", "subscribe", "ping"]),
    ({"kind": "answer", "how": "delay", "op": "subscribe", "amount": 0.2}, lambda seen: seen == ["ping", "subscribe"]),
    ({"kind": "silence", "how": "all_but_pongs"}, lambda seen: seen == ["ping"]),
]


@pytest.mark.parametrize(("fault", "expected"), ANSWERS, ids=lambda value: value.get("how") if isinstance(value, dict) else "")
def test_answers_are_dropped_doubled_and_delayed(
    exchange: RunningSimulator, fault: dict[str, Any], expected: Callable[[list[str]], bool]
) -> None:
    client = connect(exchange)
    exchange.fault(**fault, seconds=60)
    subscribe(client, TRADES)
    client.send('{"op":"ping"}')
    seen: list[str] = []
    wait_for(lambda: seen.append(told(client.recv())) or expected(seen), f"the expected answers, but {seen}", 5)
    held = exchange.connections("linear")[0].topics
    assert held == [TRADES]


def test_deltas_are_skipped_repeated_swapped_and_crossed(exchange: RunningSimulator) -> None:
    client = connect(exchange)
    subscribe(client, "orderbook.50.BTCUSDT")
    client.recv()
    first = json.loads(client.recv())["data"]["u"]

    def after(how: str) -> list[int]:
        """The `u` of the next frames, counted from the snapshot's."""
        exchange.fault("book", how=how, times=1)
        exchange.step(3)
        found: list[int] = []
        while not found or max(found) < last[0] + 3:
            frame = json.loads(client.recv())
            found.append(frame["data"]["u"] - first)
            crossing.append(float((frame["data"]["b"] or [["0", "0"]])[0][0]) > 10**7)
        last[0] += 3
        return found

    last, crossing = [0], list[bool]()
    assert after("skip") == [2, 3]
    assert after("repeat") == [4, 4, 5, 6]
    assert after("reorder") == [8, 7, 9]
    assert not any(crossing)
    assert after("cross") == [10, 11, 12]
    assert any(crossing)
    assert len(exchange.ledger("linear", "orderbook.50.BTCUSDT", "withheld")) == 2


def test_ledger_is_read_by_connection_and_summed_up(exchange: RunningSimulator) -> None:
    first, second = connect(exchange), connect(exchange)
    for client in (first, second):
        subscribe(client, TRADES)
        client.recv()
    numbers = [entry.number for entry in exchange.connections("linear")]
    assert [len(exchange.ledger(direction=None, connection=number)) for number in numbers] == [2, 2]
    summary = urllib3.request("GET", f"{exchange.rest_url}/simulator/ledger/summary").json()
    assert summary["forgotten"] == 0
    assert {"connection": numbers[0], "endpoint": "linear", "topic": "", "direction": "received", "count": 1} in summary["counts"]


def test_script_has_its_faults_at_their_time(tmp_path: Path) -> None:
    script = tmp_path / "script.toml"
    script.write_text(
        '[[fault]]\nkind = "refuse"\nhow = "429"\nat_s = 0.3\n[[fault]]\nkind = "cut"\nhow = "1001"\nendpoint = "linear"\nat_s = 0.5\n'
    )
    running = remote.start(paused=True, script=script)
    try:
        assert ends(connect(running)) == "1001"
        with pytest.raises(websocket.WebSocketBadStatusException):
            connect(running, "spot")
        assert [entry["fault"] for entry in running.faults()] == [{"kind": "refuse", "how": "429"}]
    finally:
        running.stop()


def test_scenarios_differ_in_rate_and_what_is_given_wins() -> None:
    counts = {}
    for scenario, given in (("calm", {}), ("busy", {}), ("busy", {"steps_per_s": 0.1})):
        running = remote.start(scenario=scenario, **given)
        try:
            client = connect(running)
            subscribe(client, "orderbook.50.BTCUSDT")
            time_is_up = time.monotonic() + 2
            while time.monotonic() < time_is_up:
                client.sock.settimeout(max(0.01, time_is_up - time.monotonic()))
                try:
                    client.recv()
                except websocket.WebSocketTimeoutException:
                    break
            counts[scenario, bool(given)] = len(running.ledger("linear", "orderbook.50.BTCUSDT"))
        finally:
            running.stop()
    assert counts["busy", False] > 3 * counts["calm", False] > 3 * counts["busy", True]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--scenario", "sunny"], "invalid choice: 'sunny'"),
        (["--choice", "mood=good"], "found the choice 'mood'"),
        (["--choice", "second_login"], "found second_login=''"),
        (["--script", "/nowhere.toml"], "the script /nowhere.toml cannot be used"),
        (["--connects", "0"], "found --connects 0; expected 1 to"),
        (["--only", "NOPE"], "found --only NOPE; expected"),
    ],
)
def test_bad_option_is_one_sentence_and_exit_code_2(option: list[str], words: str) -> None:
    command = [sys.executable, "-m", "simulator", "--ws-port", "0", "--rest-port", "0", *option]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
