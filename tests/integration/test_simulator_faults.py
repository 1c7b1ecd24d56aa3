"""What is done to lines of the simulated exchange: cut, refused, given any text, and left when they idle."""

import json
import time

import pytest
import websocket
from exchange_client import PING, PING_ID, Client
from running import wait_for

from simulator import remote
from simulator.remote import RunningSimulator


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
        assert json.loads(other.answer(PING))["op"] == "pong"
    wait_for(lambda: not exchange.connections(), "gone")


def test_refused_connections_are_refused_until_allowed_again(exchange: RunningSimulator) -> None:
    exchange.refuse("inverse", on=True)
    with pytest.raises(websocket.WebSocketBadStatusException):
        Client(exchange, "inverse")
    exchange.refuse("inverse", on=False)
    client = Client(exchange, "inverse")
    client.ws.close()
    wait_for(lambda: not exchange.connections("inverse"), "closed connections are forgotten")


def test_pushed_text_arrives_as_it_is_and_so_stands_in_the_ledger(exchange: RunningSimulator) -> None:
    with Client(exchange, "inverse") as client:
        assert json.loads(client.answer(PING))
        before = exchange.ledger("inverse", direction=None)[-1].number
        assert exchange.send("inverse", '{"topic":"x" …') == 1
        assert client.ws.recv() == '{"topic":"x" …'
        client.answer(PING_ID)
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
                        json_pings.answer(PING)
                        frame_pings.ws.ping()
                    with pytest.raises((ConnectionError, websocket.WebSocketConnectionClosedException)):
                        silent.ws.recv_data()
            assert [(entry.number, entry.endpoint) for entry in running.connections()] == [(1, "linear"), (2, "inverse")]
    finally:
        running.stop()
