"""What a worker read is never lost: it dies without a word, its neighbour takes nothing, its disk is full, and all of it arrives."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import msgspec
from running import Consumer, RunningGateway, healthy_gateway, wait_for

from gateway.health.words import WorkerState
from simulator.remote import RunningSimulator

#: Orders that the account places while nobody takes anything.
ORDERS = 40


def words_of(gateway: RunningGateway, name: str) -> WorkerState:
    """What a process last said of itself."""
    return msgspec.json.decode((gateway.folder / "var" / "state" / f"{name}.json").read_bytes(), type=WorkerState)


def place(simulator: RunningSimulator, count: int) -> list[str]:
    return [simulator.account("place")[0]["data"][0]["orderId"] for _ in range(count)]


def orders(events: list[dict[str, Any]]) -> list[str]:
    """In the order of their first arrival."""
    return list(dict.fromkeys(event["payload"]["order_id"] for event in events))


def gaps_told(consumer: Consumer) -> list[dict[str, Any]]:
    return [event["payload"] for event in consumer.take("ws-gateway.system") if event["payload"]["gap_id"]]


def test_what_a_killed_private_worker_had_read_arrives_in_order_and_the_time_without_it_is_one_gap(
    gateway: RunningGateway, simulator: RunningSimulator, consumer: Consumer
) -> None:
    row = gateway.subscribe("order")
    gateway.wait_until_held(row["id"])
    pids = gateway.pids()
    os.kill(pids["router_00"], signal.SIGSTOP)
    placed = place(simulator, ORDERS)
    wait_for(lambda: words_of(gateway, "private_00").journal_messages >= ORDERS, "all read and kept")
    os.kill(pids["private_00"], signal.SIGKILL)
    wait_for(lambda: gateway.pids().get("private_00", pids["private_00"]) != pids["private_00"], "the worker again")
    os.kill(pids["router_00"], signal.SIGCONT)
    events = consumer.take_until(row["queue"], lambda found: set(orders(found)) >= set(placed))
    assert orders(events) == placed
    assert len({event["event_id"] for event in events}) == ORDERS, "a repeat has the same id"
    gateway.wait_until_healthy()
    late = place(simulator, 1)
    [first, *_] = consumer.take_until(row["queue"], bool)
    assert first["payload"]["order_id"] == late[0]
    told = gaps_told(consumer)
    assert {entry["gap_id"] for entry in told} == {first["gap_id"]}, "the first event after the gap names it"
    assert [entry["cause"] for entry in told] == ["restarted"] * len(told)
    assert told[0]["kind"] == "gap"
    assert (told[-1]["kind"], told[-1]["recovered"]) == ("recovered", True), "REST tells of that time"
    wait_for(lambda: words_of(gateway, "private_00").journal_messages == 0, "nothing is left on disk")


def test_workers_end_in_time_with_a_router_that_takes_nothing_and_the_next_run_sends_what_they_had_read(
    tmp_path: Path, database_url: str, broker_url: str, simulator: RunningSimulator, consumer: Consumer
) -> None:
    with healthy_gateway(tmp_path, database_url, broker_url, simulator) as gateway:
        rows = {
            "private_00": gateway.subscribe("order"),
            "linear_00": gateway.subscribe("trades", symbol="BTCUSDT", category="linear"),
        }
        for row in rows.values():
            gateway.wait_until_held(row["id"])
        trades = rows["linear_00"]
        os.kill(gateway.pids()["router_00"], signal.SIGSTOP)
        placed = place(simulator, ORDERS)
        before = len(simulator.ledger("linear", trades["topic"]))
        wait_for(lambda: len(simulator.ledger("linear", trades["topic"])) > before + 20, "trades")
        simulator.pause(on=True)
        wait_for(lambda: words_of(gateway, "private_00").journal_messages >= ORDERS, "orders read")
        expected = [row["i"] for entry in simulator.ledger("linear", trades["topic"]) for row in entry.frame["data"]]
        for name in rows:
            began = time.monotonic()
            gateway.control("stop", f"{name[:-3]}:{name}")
            assert time.monotonic() - began <= 10.0
            assert f"stopped: {name} (exit status 0)" in gateway.log("supervisord")
        os.kill(gateway.pids()["router_00"], signal.SIGCONT)
        for name in rows:
            gateway.control("start", f"{name[:-3]}:{name}")
        events = consumer.take_until(trades["queue"], lambda found: {e["payload"]["trade_id"] for e in found} >= set(expected))
        assert list(dict.fromkeys(event["payload"]["trade_id"] for event in events)) == expected
        events = consumer.take_until(rows["private_00"]["queue"], lambda found: set(orders(found)) >= set(placed))
        assert orders(events) == placed


def test_a_full_journal_stops_the_private_stream_in_words_and_goes_on_by_itself(
    tmp_path: Path, database_url: str, broker_url: str, simulator: RunningSimulator, consumer: Consumer
) -> None:
    with healthy_gateway(tmp_path, database_url, broker_url, simulator, WS_GATEWAY_SPOOL_MAX_BYTES="40000") as gateway:
        row = gateway.subscribe("order")
        gateway.wait_until_held(row["id"])
        router = gateway.pids()["router_00"]
        os.kill(router, signal.SIGSTOP)
        placed = place(simulator, ORDERS)
        wait_for(lambda: words_of(gateway, "private_00").journal_error, "the worker says that it cannot keep more")
        os.kill(router, signal.SIGCONT)
        events = consumer.take_until(row["queue"], lambda found: set(orders(found)) >= set(placed))
        assert orders(events) == placed
        wait_for(lambda: words_of(gateway, "private_00").journal_error is None, "room again")
        gateway.wait_until_healthy()
        told: list[dict[str, Any]] = []

        def is_over() -> bool:
            told.extend(entry for entry in gaps_told(consumer) if entry["cause"] == "disk_full")
            return bool(told) and told[-1]["kind"] == "recovered"

        wait_for(is_over, "it is told to be over")
        assert [(entry["kind"], entry["recovered"]) for entry in told] == [("gap", None), ("recovered", True)]


def test_a_second_private_process_takes_over_and_sends_first_what_the_one_before_it_had_read(
    tmp_path: Path, database_url: str, broker_url: str, simulator: RunningSimulator, consumer: Consumer
) -> None:
    with healthy_gateway(tmp_path, database_url, broker_url, simulator, processes={"private": 2}) as gateway:
        row = gateway.subscribe("order")
        gateway.wait_until_held(row["id"])
        pids = gateway.pids()
        active = next(name for name in ("private_00", "private_01") if words_of(gateway, name).connection_status == "connected")
        standby = "private_01" if active == "private_00" else "private_00"
        os.kill(pids["router_00"], signal.SIGSTOP)
        placed = place(simulator, ORDERS)
        wait_for(lambda: words_of(gateway, active).journal_messages >= ORDERS, "all read and kept")
        os.kill(pids[active], signal.SIGKILL)
        wait_for(lambda: words_of(gateway, standby).connection_status == "connected", "the other one took over")
        os.kill(pids["router_00"], signal.SIGCONT)
        late = place(simulator, 1)
        events = consumer.take_until(row["queue"], lambda found: set(orders(found)) >= {*placed, *late})
        assert orders(events) == placed + late
        wait_for(lambda: words_of(gateway, active).connection_status == "standby", "the one that came back stands by")
        assert words_of(gateway, active).journal_messages == 0
        assert [path.name for path in (gateway.folder / "var" / "journal").iterdir() if path.name.startswith("private")] == [
            "private"
        ]
        assert json.loads((gateway.folder / "var" / "gaps" / "private.json").read_bytes()) == []


def test_trades_that_a_killed_public_worker_had_not_handed_over_lie_within_the_gap_of_its_restart_and_are_fetched(
    gateway: RunningGateway, simulator: RunningSimulator, consumer: Consumer
) -> None:
    row = gateway.subscribe("trades", symbol="BTCUSDT", category="linear")
    gateway.wait_until_held(row["id"])
    pids = gateway.pids()
    os.kill(pids["router_00"], signal.SIGSTOP)
    wait_for(lambda: words_of(gateway, "linear_00").unacknowledged > 30, "trades wait in memory")
    os.kill(pids["linear_00"], signal.SIGKILL)
    wait_for(lambda: gateway.pids().get("linear_00", pids["linear_00"]) != pids["linear_00"], "the worker again")
    os.kill(pids["router_00"], signal.SIGCONT)
    gateway.wait_until_held(row["id"])
    found: list[dict[str, Any]] = []

    def closed() -> list[dict[str, Any]]:
        found.extend(entry for entry in gaps_told(consumer) if entry["cause"] == "restarted")
        return [entry for entry in found if entry["kind"] == "recovered"]

    [gap] = wait_for(closed, "the gap is closed")
    simulator.pause(on=True)
    sent = [trade["i"] for entry in simulator.ledger("linear", row["topic"]) for trade in entry.frame["data"]]
    events = consumer.take_until(row["queue"], lambda taken: {event["payload"]["trade_id"] for event in taken} >= set(sent))
    fetched = [event["timestamp"] for event in events if event["source"] == "rest"]
    assert fetched == sorted(fetched)
    assert gap["recovered"] is True
    assert [event["gap_id"] for event in events if event["gap_id"]] == [gap["gap_id"]]
