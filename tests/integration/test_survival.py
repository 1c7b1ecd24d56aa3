"""What happens to one part costs the others nothing: cut connections, killed processes, bad frames, stopping."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from running import PROGRAMS, Consumer, RunningGateway, healthy_gateway, wait_for

from gateway.servers.server import free_ports
from simulator.remote import RunningSimulator

#: One topic an endpoint.
WISHES: dict[str, dict[str, Any]] = {
    "spot": {"channel_type": "trades", "symbol": "BTCUSDT", "category": "spot"},
    "linear": {"channel_type": "trades", "symbol": "BTCUSDT", "category": "linear"},
    "inverse": {"channel_type": "trades", "symbol": "BTCUSD", "category": "inverse"},
    "option": {"channel_type": "trades", "symbol": "BTC", "category": "option"},
    "spread": {"channel_type": "trades", "symbol": "SOLUSDT_SOL/USDT", "category": "spread"},
    "private": {"channel_type": "order"},
    "status": {"channel_type": "system_status"},
}


def subscribe_all(gateway: RunningGateway) -> dict[str, dict[str, Any]]:
    rows = {endpoint: gateway.subscribe(service="all", **wish) for endpoint, wish in WISHES.items()}
    for row in rows.values():
        gateway.wait_until_held(row["id"])
    return rows


def held_topics(simulator: RunningSimulator) -> dict[str, set[str]]:
    """Endpoint → topics on the wire."""
    return {connection.endpoint: set(connection.topics) for connection in simulator.connections()}


def test_every_program_of_the_contract_runs_and_the_whole_stop_takes_at_most_20_s(gateway: RunningGateway) -> None:
    names = {line.split()[0]: line.split()[1] for line in gateway.control("status").splitlines()}
    expected = {f"{program}:{program}_00": "EXITED" if program == "prepare" else "RUNNING" for program in PROGRAMS}
    assert names == expected
    assert all(state["connection_status"] == "idle" for state in gateway.health()["connections"].values()), "no work, no connection"
    pids = gateway.pids()
    assert gateway.stop() <= 20.0
    assert not [name for name, pid in pids.items() if Path(f"/proc/{pid}").exists()]
    supervisord = gateway.log("supervisord")
    assert all(f"stopped: {program}_00 (exit status 0)" in supervisord for program in PROGRAMS if program != "prepare")


def test_cut_connections_are_restored_and_no_other_is_touched(gateway: RunningGateway, simulator: RunningSimulator) -> None:
    rows = subscribe_all(gateway)
    topics = held_topics(simulator)
    assert topics == {endpoint: {row["topic"]} for endpoint, row in rows.items()}
    for endpoint in WISHES:
        for how in ("abort", "1000", "1001"):
            before = {entry.endpoint: entry.number for entry in simulator.connections()}
            assert simulator.cut(endpoint, how) == 1

            def restored(endpoint: str = endpoint, number: int = before[endpoint]) -> bool:
                return any(e.endpoint == endpoint and e.number != number and e.topics for e in simulator.connections())

            wait_for(restored, f"{endpoint} restored after {how}", 10.0)
            after = {entry.endpoint: entry.number for entry in simulator.connections()}
            assert {name for name in before if before[name] != after.get(name)} == {endpoint}
    assert held_topics(simulator) == topics
    gateway.wait_until_healthy(20.0)
    assert gateway.health()["connections"]["linear_00"]["reconnection_count"] == 3


def test_a_killed_process_comes_back_and_wanted_topics_are_restored(
    gateway: RunningGateway, simulator: RunningSimulator, consumer: Consumer
) -> None:
    rows = subscribe_all(gateway)
    topics = held_topics(simulator)
    for name in (*(f"{endpoint}_00" for endpoint in WISHES), "router_00", "api_00"):
        old = gateway.pids()
        os.kill(old[name], signal.SIGKILL)

        def back(name: str = name, old_pid: int = old[name]) -> bool:
            return gateway.pids().get(name, old_pid) != old_pid

        wait_for(back, f"{name} started again", 20.0)
        wait_for(lambda: held_topics(simulator) == topics, f"topics restored after {name}", 20.0)
        assert {other for other, pid in gateway.pids().items() if old[other] != pid} == {name}
    gateway.wait_until_healthy(20.0)
    for endpoint in ("spot", "linear", "inverse", "option", "spread"):
        consumer.take(rows[endpoint]["queue"])
        consumer.take_until(rows[endpoint]["queue"], bool)
    order = simulator.account("place")[0]["data"][0]["orderId"]
    [event] = consumer.take_until(rows["private"]["queue"], bool)
    assert event["payload"]["order_id"] == order


def test_no_event_is_lost_or_reordered_while_the_router_is_killed(
    gateway: RunningGateway, simulator: RunningSimulator, consumer: Consumer
) -> None:
    row = gateway.subscribe("trades", symbol="BTCUSDT", category="linear")
    gateway.wait_until_held(row["id"])
    for _ in range(3):
        seen = len(simulator.ledger("linear", row["topic"]))
        wait_for(lambda seen=seen: len(simulator.ledger("linear", row["topic"])) > seen + 5, "more frames")
        killed = gateway.pids()["router_00"]
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda killed=killed: gateway.pids().get("router_00", killed) != killed, "the router again")
    simulator.pause(on=True)
    expected = [trade["i"] for entry in simulator.ledger("linear", row["topic"]) for trade in entry.frame["data"]]
    events = consumer.take_until(row["queue"], lambda found: {e["payload"]["trade_id"] for e in found} >= set(expected))
    first_seen = list(dict.fromkeys(event["payload"]["trade_id"] for event in events))
    assert first_seen == expected
    assert sorted({event["sequence"] for event in events}) == list(range(1, len(expected) + 1))


@pytest.mark.parametrize("program", ["workers.router", "workers.prepare", "workers.exchange"])
def test_a_bad_setting_is_one_sentence_and_exit_code_2(tmp_path: Path, program: str) -> None:
    arguments = ["linear", "0", "1"] if program == "workers.exchange" else []
    done = subprocess.run(
        [sys.executable, "-m", program, *arguments],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "WS_GATEWAY_QUEUE_TYPE": "mirrored"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "WS_GATEWAY_QUEUE_TYPE is 'mirrored'; expected classic, quorum or stream\n"


def test_a_bad_frame_costs_nothing_else(gateway: RunningGateway, simulator: RunningSimulator, consumer: Consumer) -> None:
    row = gateway.subscribe("trades", symbol="BTCUSDT", category="linear")
    gateway.wait_until_held(row["id"])
    [before] = simulator.connections("linear")
    good = '{"T":1,"s":"BTCUSDT","S":"Buy","v":"1","p":"2","L":"PlusTick","i":"after-the-bad-one","BT":false}'
    for text in (
        "not json",
        "[]",
        '{"op":"unheard of"}',
        '{"topic":"publicTrade.BTCUSDT","data":null}',
        '{"topic":"nobody.knows","data":[]}',
        '{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1,"data":[{"T":"no time"},' + good + "]}",
    ):
        simulator.send("linear", text)
    events = consumer.take_until(row["queue"], lambda found: any(e["payload"]["trade_id"] == "after-the-bad-one" for e in found))
    assert [e["sequence"] for e in events] == list(range(1, len(events) + 1))
    consumer.take_until(row["queue"], bool)
    [after] = simulator.connections("linear")
    assert after.number == before.number, "the connection stays"
    unknown = gateway.call("GET", "/api/v1/connections")[1]["connections"]["linear_00"]
    wait_for(
        lambda: gateway.call("GET", "/api/v1/connections")[1]["connections"]["linear_00"]["unknown"] == 6, f"counted: {unknown}"
    )


def test_public_endpoints_need_no_credentials_and_wanted_private_topics_say_that_theirs_are_missing(
    tmp_path: Path, database_url: str, broker_url: str, simulator: RunningSimulator
) -> None:
    with healthy_gateway(tmp_path, database_url, broker_url, simulator, BYBIT_API_KEY="", BYBIT_API_SECRET="") as gateway:
        public = gateway.subscribe("ticker", symbol="BTCUSDT", category="linear")
        private = gateway.subscribe("order")
        assert private["last_error"] == "CREDENTIALS_MISSING"
        gateway.wait_until_held(public["id"])
        wait_for(lambda: gateway.health()["status"] == "degraded", "degraded")
        health = gateway.health()
        assert any("no credentials" in reason for reason in health["reasons"])
        assert health["connections"]["private_00"]["connection_status"] == "idle"
        assert not simulator.connections("private")


def test_without_a_broker_the_gateway_says_so_queues_are_pending_and_stopping_still_takes_at_most_20_s(
    tmp_path: Path, database_url: str, simulator: RunningSimulator
) -> None:
    gateway = RunningGateway(tmp_path, database_url, f"amqp://127.0.0.1:{free_ports(1)[0]}/", simulator)
    try:
        wait_for(lambda: gateway.health().get("database_connected"), "the API and the router", 40.0)
        rows = [gateway.subscribe(service="early", **wish) for wish in WISHES.values()]
        assert {row["queue_state"] for row in rows} == {"pending"}
        for row in rows:
            gateway.wait_until_held(row["id"])
        health = gateway.health()
        assert (health["status"], health["queue_connected"]) == ("unhealthy", False)
        assert any("RabbitMQ is away" in reason for reason in health["reasons"])
        assert gateway.stop() <= 20.0
    finally:
        gateway.end()


def test_numprocs_spreads_topics_gives_private_a_standby_and_health_names_a_process_that_hangs(
    tmp_path: Path, database_url: str, broker_url: str, simulator: RunningSimulator
) -> None:
    with healthy_gateway(tmp_path, database_url, broker_url, simulator, processes={"linear": 2, "private": 2}) as gateway:
        wishes = [
            {"symbol": symbol, "channel_type": kind}
            for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT")
            for kind in ("trades", "ticker", "kline")
        ]
        rows = [gateway.subscribe(category="linear", **wish) for wish in wishes]
        private = gateway.subscribe("order")
        for row in (*rows, private):
            gateway.wait_until_held(row["id"])
        topics = [connection.topics for connection in simulator.connections("linear")]
        assert len(topics) == 2
        assert sorted(topic for some in topics for topic in some) == sorted(row["topic"] for row in rows)
        assert min(map(len, topics)) > 0
        assert len(simulator.connections("private")) == 1

        def statuses() -> dict[str, str]:
            states = gateway.health()["connections"]
            return {name: states[name]["connection_status"] for name in ("private_00", "private_01")}

        wait_for(lambda: sorted(statuses().values()) == ["connected", "standby"], "one active, one standing by", 5.0)
        active = next(name for name, status in statuses().items() if status == "connected")
        standby = next(name for name, status in statuses().items() if status == "standby")
        os.kill(gateway.pids()[active], signal.SIGKILL)
        wait_for(lambda: gateway.health()["connections"][standby]["connection_status"] == "connected", "the standby took over", 5.0)
        assert [connection.topics for connection in simulator.connections("private")] == [["order"]]

        hung = gateway.pids()["linear_01"]
        os.kill(hung, signal.SIGSTOP)

        def named() -> bool:
            return any(reason.startswith("linear_01 has been silent for") for reason in gateway.health()["reasons"])

        wait_for(named, "the hung process is named beside its neighbour that speaks", 15.0)
        os.kill(hung, signal.SIGCONT)
        gateway.wait_until_healthy()
