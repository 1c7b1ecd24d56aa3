"""A gateway on two machines: each a supervisord and a var folder of its own, and nothing between them but the bus, over tcp with keys.

The router listens on an address of its own; PostgreSQL and RabbitMQ are behind both.
"""

import os
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from many import symbols
from running import RunningGateway, consuming, is_gone, wait_for

from gateway.bus import curve
from gateway.protocol.room import owner
from gateway.servers.server import free_ports
from simulator.remote import RunningSimulator

#: What runs where; all endpoints, so that health misses none.
CORE = ("prepare", "router", "guard", "api", "private", "spot", "status", "linear=0/2")
FAR = ("guard", "inverse", "option", "spread", "linear=1/2")
SYMBOLS = 6

Events = list[dict[str, Any]]


@dataclass
class Machines:
    """start: a further machine, with these programs, whose key the router knows."""

    core: RunningGateway
    far: RunningGateway
    start: Callable[[str, tuple[str, ...]], RunningGateway]


@pytest.fixture
def machines(
    tmp_path: Path, new_empty_database: Callable[[], str], broker_url: str, simulator: RunningSimulator
) -> Iterator[Machines]:
    database_url = new_empty_database()
    address = f"tcp://127.0.0.2:{free_ports(1)[0]}"
    router, others = curve.make_pair(), [curve.make_pair() for _ in range(2)]
    started: list[RunningGateway] = []

    def start(name: str, programs: tuple[str, ...], secret: str) -> RunningGateway:
        started.append(
            RunningGateway(
                tmp_path / name,
                database_url,
                broker_url,
                simulator,
                programs_here=programs,
                WS_GATEWAY_CLASS_QUEUES="none",
                WS_GATEWAY_BUS_URL=address,
                WS_GATEWAY_BUS_KEY=secret,
                WS_GATEWAY_BUS_ROUTER_KEY=router[0],
                WS_GATEWAY_BUS_ALLOWED_KEYS=",".join(public for public, _ in others),
            )
        )
        return started[-1]

    try:
        core = start("core", CORE, router[1])
        far = start("far", FAR, others[0][1])
        core.wait_until_healthy(60.0)
        yield Machines(core, far, lambda name, programs: start(name, programs, others[1][1]))
    finally:
        for gateway in reversed(started):
            gateway.end()


def wish_all(core: RunningGateway, simulator: RunningSimulator) -> list[dict[str, Any]]:
    rows = [
        core.subscribe(channel, symbol=symbol, category="linear")
        for symbol in symbols(simulator, "linear")[:SYMBOLS]
        for channel in ("trades", "ticker")
    ]
    rows.append(core.subscribe("trades", symbol=symbols(simulator, "inverse")[0], category="inverse"))
    for row in rows:
        core.wait_until_held(row["id"])
    return rows


def by_worker(events: Events) -> dict[str, set[str]]:
    """Worker → the topics of which it told."""
    found: dict[str, set[str]] = defaultdict(set)
    for event in events:
        found[event["epoch"].rpartition("-")[2]].add(event["topic"])
    return found


def whole(events: Events) -> bool:
    """Per topic and epoch no number is missing, and none comes before a lower one, once repeats are dropped."""
    last: dict[tuple[str, str], int] = {}
    for event in events:
        key = event["topic"], event["epoch"]
        if event["sequence"] > last.get(key, 0) + 1:
            return False
        last[key] = max(last.get(key, 0), event["sequence"])
    return True


@pytest.mark.timeout(240)
def test_workers_of_two_machines_share_an_endpoint_and_each_outlives_what_befalls_the_other(
    machines: Machines, broker_url: str, simulator: RunningSimulator
) -> None:
    core, far = machines.core, machines.far
    rows = wish_all(core, simulator)
    linear = {row["topic"] for row in rows if row["category"] == "linear"}
    assert sorted(topic for wire in simulator.connections("linear") for topic in wire.topics) == sorted(linear)
    assert {"linear_00", "linear_01", "inverse_00"} <= set(core.health()["connections"])
    trades = next(row["queue"] for row in rows if row["channel_type"] == "trades")
    with consuming(broker_url) as consumer:
        found = consumer.take_until(trades, lambda events: len(by_worker(events)) == 3)
        for worker, topics in by_worker(found).items():
            number = int(worker[-2:])
            assert worker.startswith("inverse") or all(owner(topic, 2) == number for topic in topics)

        os.kill(core.pids()["router_00"], signal.SIGKILL)
        found += consumer.take(trades)
        killed = far.pids()["linear_01"]
        wait_for(lambda: core.health().get("status") == "healthy", lambda: f"healthy, but {core.health()}", 30.0)
        found += consumer.take_until(trades, lambda events: len(by_worker(events)) == 3)
        assert far.pids()["linear_01"] == killed, "a router that dies costs no worker its life"

        wires = [wire.number for wire in simulator.connections("linear") if wire.topics and owner(wire.topics[0], 2) == 0]
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: is_gone(killed), "it is gone")
        found += consumer.take_until(trades, lambda events: any(event["gap_id"] for event in events), 30.0)
        wait_for(lambda: died(core, "linear_01"), "the guard of its machine tells of the death")
        assert wires == [wire.number for wire in simulator.connections("linear") if owner(wire.topics[0], 2) == 0]
        core.wait_until_healthy()
        assert whole(found)


def died(core: RunningGateway, worker: str) -> bool:
    events = core.call("GET", "/api/v1/events?kind=died")[1]["events"]
    return any(event["worker"] == worker for event in events)


@pytest.mark.timeout(240)
def test_a_second_machine_with_the_same_process_stands_by_says_so_and_takes_over_when_the_first_has_gone(
    machines: Machines, broker_url: str, simulator: RunningSimulator
) -> None:
    core = machines.core
    rows = wish_all(core, simulator)
    wires = [wire.number for wire in simulator.connections("linear")]
    third = machines.start("third", ("guard", "linear=1/2"))
    words = f"linear_01 of 2 runs on {host(machines.far)} too; expected each process of linear on one machine"

    def said() -> bool:
        return any(words in alarm for alarm in core.health().get("alarms", ()))

    wait_for(said, lambda: f"the alarm, but {core.health()}", 30.0)
    assert words in third.log("linear_01")
    assert [wire.number for wire in simulator.connections("linear")] == wires, "it has not even connected"
    assert core.health()["connections"]["linear_01"]["connection_status"] == "connected"

    trades = next(row["queue"] for row in rows if row["channel_type"] == "trades")
    with consuming(broker_url) as consumer:
        consumer.take(trades)  # before it goes: the other one is quick
        machines.far.control("stop", "linear:*")
        topics = {row["topic"] for row in rows if row["category"] == "linear" and row["channel_type"] == "trades"}
        moved = {topic for topic in topics if owner(topic, 2) == 1}

        def told(events: Events) -> bool:
            return moved <= {event["topic"] for event in events if event["gap_id"] and event["epoch"].endswith("-linear_01")}

        consumer.take_until(trades, told, 30.0)
    held = sorted(topic for wire in simulator.connections("linear") for topic in wire.topics)
    assert held == sorted(row["topic"] for row in rows if row["category"] == "linear")


def host(gateway: RunningGateway) -> str:
    return f"{os.uname().nodename}:{gateway.folder / 'var'}"
