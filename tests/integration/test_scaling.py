"""numprocs is edited while events flow: every topic moves to one process, what it missed is told, and nobody else notices anything.

Judged by what the simulated exchange says: who holds which topic, and which trades and candles there were.
"""

import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import urllib3
from many import symbols
from running import RunningGateway, consuming, healthy_gateway, wait_for

from gateway.health import state
from gateway.protocol.room import owner
from simulator.remote import RunningSimulator

CHANNELS = ("trades", "kline", "ticker", "orderbook")
SYMBOLS = 6
RESTORED_S = 5.0
#: That other endpoints are watched.
OTHERS = [("spot", "trades"), ("inverse", "ticker")]

Events = list[dict[str, Any]]


def wish_all(gateway: RunningGateway, simulator: RunningSimulator) -> list[dict[str, Any]]:
    """The subscriptions on linear, once all are held; a few on others too."""
    rows = [
        gateway.subscribe(channel, symbol=symbol, category="linear")
        for symbol in symbols(simulator, "linear")[:SYMBOLS]
        for channel in CHANNELS
    ]
    for category, channel in OTHERS:
        rows.append(gateway.subscribe(channel, symbol=symbols(simulator, category)[0], category=category))
    for row in rows:
        gateway.wait_until_held(row["id"])
    return [row for row in rows if row["category"] == "linear"]


def holders(simulator: RunningSimulator) -> list[list[str]]:
    """The topics of each connection of linear; no topic is on two of them."""
    found = [connection.topics for connection in simulator.connections("linear")]
    twice = [topic for topic, count in Counter(topic for topics in found for topic in topics).items() if count > 1]
    assert twice == []
    return found


def restored(gateway: RunningGateway, simulator: RunningSimulator, wanted: set[str], processes: int) -> None:
    """Every topic is held again, by the process that owns it, in time after the first of the new processes started."""

    def shares() -> dict[int, set[str]]:
        holders(simulator)
        said = state.read_workers(gateway.folder / "var")
        of = {name: words for name, words in said.items() if words.endpoint == "linear" and words.processes == processes}
        return {
            int(name[-2:]): {topic for topic, found in words.topics.items() if found.state in ("live", "acknowledged")}
            for name, words in of.items()
        }

    expected = {number: {topic for topic in wanted if owner(topic, processes) == number} for number in range(processes)}
    wait_for(lambda: shares() == expected, lambda: f"restored, but {shares()}", 20.0)
    said = state.read_workers(gateway.folder / "var")
    started_ms = min(said[f"linear_{number:02d}"].started_ms for number in range(processes))
    assert time.time() - started_ms / 1000 <= RESTORED_S
    assert sorted(topic for topics in holders(simulator) for topic in topics) == sorted(wanted)


def untouched(gateway: RunningGateway, simulator: RunningSimulator) -> dict[str, Any]:
    """What must be the same of all other endpoints and processes after a change."""
    connections = {name: said for name, said in gateway.health()["connections"].items() if not name.startswith("linear")}
    return {
        "pids": {name: pid for name, pid in gateway.pids().items() if not name.startswith("linear")},
        "reconnections": {name: said["reconnection_count"] for name, said in connections.items()},
        "wires": [(wire.number, wire.topics) for wire in simulator.connections() if wire.endpoint != "linear"],
    }


def rest(simulator: RunningSimulator, path: str, symbol: str, **fields: str) -> list[Any]:
    query = {"category": "linear", "symbol": symbol, "limit": "1000", **fields}
    found: list[Any] = urllib3.request("GET", f"{simulator.rest_url}{path}", fields=query).json()["result"]["list"]
    return found


def trades_missing(simulator: RunningSimulator, events: Events) -> set[str]:
    """Trades that were, since the first that was told, and that nobody was told."""
    missing = set()
    for symbol in {event["symbol"] for event in events}:
        told = {event["payload"]["trade_id"]: event["payload"]["trade_time"] for event in events if event["symbol"] == symbol}
        listed = {row["execId"]: int(row["time"]) for row in rest(simulator, "/v5/market/recent-trade", symbol)}
        assert min(listed.values()) <= min(told.values()), "the exchange lists fewer than there were: no judge"
        missing |= {trade for trade, at_ms in listed.items() if at_ms > min(told.values())} - told.keys()
    return missing


def candles_missing(simulator: RunningSimulator, events: Events) -> set[tuple[str, int]]:
    """The same of candles that have closed."""
    missing = set()
    for symbol in {event["symbol"] for event in events}:
        of = [event["payload"] for event in events if event["symbol"] == symbol]
        closed = {payload["start"] for payload in of if payload["confirm"]}
        listed = sorted(int(row[0]) for row in rest(simulator, "/v5/market/kline", symbol, interval="1"))
        first = min(payload["start"] for payload in of)
        missing |= {(symbol, start) for start in listed[:-1] if start >= first and start not in closed}
    return missing


def in_order(events: Events) -> None:
    """Per routing key: epochs one after the other, and in each the numbers from 1 on, none missing, none twice."""
    keys: dict[tuple[Any, ...], list[tuple[str, int]]] = defaultdict(list)
    for event in events:
        variant = event["payload"].get("depth") or event["payload"].get("interval")
        keys[event["event_type"], event["symbol"], variant].append((event["epoch"], event["sequence"]))
    for key, told in keys.items():
        epochs = list(dict.fromkeys(epoch for epoch, _ in told))
        assert epochs == sorted(epochs), key
        assert told == [(epoch, number + 1) for epoch in epochs for number in range(sum(of == epoch for of, _ in told))], key


def announced(gateway: RunningGateway, events: Events, changes: int) -> None:
    """The first event of each topic behind each change names a gap; every gap of linear has ended, and all of it was made good."""
    rows = gateway.call("GET", "/api/v1/gaps?limit=1000")[1]["gaps"]
    gaps = {row["id"]: row for row in rows if row["endpoint"] == "linear"}
    assert {(row["cause"], row["recovered"]) for row in gaps.values()} == {("restarted", True)}, rows
    assert all(row["to"] is not None for row in gaps.values())
    first: dict[tuple[str, str], Any] = {}
    for event in events:
        first.setdefault((event["topic"], event["epoch"]), event["gap_id"])
    named: dict[str, list[Any]] = defaultdict(list)
    for (topic, _), gap_id in first.items():
        named[topic].append(gap_id)
    for topic, ids in named.items():
        assert len(ids) == changes + 1, topic
        assert ids[0] is None
        assert all(found in gaps for found in ids[1:]), topic


def settled(gateway: RunningGateway) -> None:
    """Nothing is being fetched any more."""
    wait_for(
        lambda: all(row["to"] for row in gateway.call("GET", "/api/v1/gaps?limit=1000")[1]["gaps"] if row["endpoint"] == "linear"),
        "all gaps of linear ended",
        30.0,
    )


def judge(gateway: RunningGateway, simulator: RunningSimulator, broker_url: str, rows: list[dict[str, Any]], changes: int) -> None:
    settled(gateway)
    simulator.pause(on=True)
    with consuming(broker_url) as consumer:
        found: dict[str, Events] = {row["channel_type"]: [] for row in rows}
        queues = {row["channel_type"]: row["queue"] for row in rows}

        def all_there() -> bool:
            for channel, queue in queues.items():
                found[channel] += [event for event in consumer.take(queue) if event["category"] == "linear"]
            return not trades_missing(simulator, found["trades"]) and not candles_missing(simulator, found["kline"])

        wait_for(all_there, lambda: f"all told, but not {trades_missing(simulator, found['trades'])}", 20.0)
        assert consumer.take(queues["trades"]) == []
    ids = [event["payload"]["trade_id"] for event in found["trades"]]
    assert len(ids) == len(set(ids)), "no trade under two epochs"
    assert any(event["source"] == "rest" for event in found["trades"]), "something was missed, or this proves nothing"
    for events in found.values():
        in_order(events)
        announced(gateway, events, changes)
    books: dict[tuple[str, str], str] = {}
    for event in found["orderbook"]:
        books.setdefault((event["topic"], event["epoch"]), event["payload"]["kind"])
    assert set(books.values()) == {"snapshot"}, "a book begins anew with the process that has it now"


@pytest.fixture
def scaled(tmp_path: Path, new_empty_database: Callable[[], str], broker_url: str, simulator: RunningSimulator) -> Any:
    with healthy_gateway(tmp_path, new_empty_database(), broker_url, simulator, WS_GATEWAY_CLASS_QUEUES="none") as gateway:
        gateway.wait_for_the_catalog()
        gateway.wait_until_running()
        yield gateway


@pytest.mark.timeout(180)
def test_one_process_becomes_three_and_then_two_while_events_flow(
    scaled: RunningGateway, broker_url: str, simulator: RunningSimulator
) -> None:
    rows = wish_all(scaled, simulator)
    wanted = {row["topic"] for row in rows}
    before = untouched(scaled, simulator)
    for processes in (3, 2):
        scaled.scale("linear", processes)
        restored(scaled, simulator, wanted, processes)
        settled(scaled)
        assert untouched(scaled, simulator) == before
    scaled.wait_until_healthy()
    assert sorted(name for name in scaled.health()["connections"] if name.startswith("linear")) == ["linear_00", "linear_01"]
    judge(scaled, simulator, broker_url, rows, changes=2)


@pytest.mark.timeout(180)
def test_what_no_router_took_and_what_a_killed_process_missed_moves_along(
    scaled: RunningGateway, broker_url: str, simulator: RunningSimulator
) -> None:
    """The router is away during the change, and one of the processes dies before it: its topics are missed since it was last heard."""
    scaled.scale("linear", 2)
    rows = wish_all(scaled, simulator)
    wanted = {row["topic"] for row in rows}
    pids = scaled.wait_until_running()
    scaled.control("stop", "router:*")
    os.kill(pids["linear_01"], signal.SIGKILL)
    scaled.scale("linear", 1)
    restored(scaled, simulator, wanted, 1)
    scaled.control("start", "router:*")
    settled(scaled)
    judge_after_a_death(scaled, simulator, broker_url, rows)


def judge_after_a_death(scaled: RunningGateway, simulator: RunningSimulator, broker_url: str, rows: list[dict[str, Any]]) -> None:
    simulator.pause(on=True)
    queue = next(row["queue"] for row in rows if row["channel_type"] == "trades")
    with consuming(broker_url) as consumer:
        found: Events = []

        def all_there() -> bool:
            found.extend(event for event in consumer.take(queue) if event["category"] == "linear")
            return not trades_missing(simulator, found)

        wait_for(all_there, lambda: f"all told, but not {trades_missing(simulator, found)}", 20.0)
    epochs: dict[str, list[str]] = defaultdict(list)
    for event in found:
        if event["epoch"] not in epochs[event["topic"]]:
            epochs[event["topic"]].append(event["epoch"])
    assert all(told == sorted(told) for told in epochs.values()), "what waited comes before what is new"
