"""The broker away for a whole gateway: what was read waits on disk, in order, whatever happens to the router meanwhile."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from running import ROOT, Consumer, RunningGateway, healthy_gateway, wait_for

from gateway.disk.turn_lock import TurnLock
from gateway.servers import RabbitMQ
from simulator.remote import RunningSimulator
from tests.valves import Valve


@pytest.fixture
def valve(rabbitmq_server: RabbitMQ) -> Iterator[Valve]:
    with Valve(rabbitmq_server.ports[0]) as valve:
        yield valve


@pytest.fixture
def start(
    tmp_path: Path, database_url: str, broker_url: str, simulator: RunningSimulator, valve: Valve
) -> Callable[..., AbstractContextManager[RunningGateway]]:
    """Starts a gateway that reaches RabbitMQ through the valve; given further settings."""
    through = valve.through(broker_url)
    return partial(healthy_gateway, tmp_path, database_url, through, simulator)


def spooled(gateway: RunningGateway) -> int:
    return int(gateway.health().get("spool", {}).get("messages", 0))


def everything(simulator: RunningSimulator, consumer: Consumer, row: dict[str, Any]) -> None:
    """All that the exchange sent arrives, in order once repeats are dropped."""
    simulator.pause(on=True)
    expected = [trade["i"] for entry in simulator.ledger("linear", row["topic"]) for trade in entry.frame["data"]]
    events = consumer.take_until(row["queue"], lambda found: {e["payload"]["trade_id"] for e in found} >= set(expected), 40.0)
    assert list(dict.fromkeys(event["payload"]["trade_id"] for event in events)) == expected
    assert len(expected) > 20


def test_what_was_read_while_the_broker_is_silent_outlives_the_router_and_arrives_in_order(
    start: Callable[..., AbstractContextManager[RunningGateway]], simulator: RunningSimulator, consumer: Consumer, valve: Valve
) -> None:
    with start() as gateway:
        row = gateway.subscribe("trades", symbol="BTCUSDT", category="linear")
        gateway.wait_until_held(row["id"])
        valve.shut()
        wait_for(lambda: gateway.health().get("queue_connected") is False, "the silence is noticed", 8.0)
        wait_for(lambda: spooled(gateway) >= 5, "events on disk")
        health = gateway.health()
        assert (health["status"], health["spool"]["bytes"] > 0) == ("unhealthy", True)
        before = spooled(gateway)
        os.kill(gateway.pids()["router_00"], signal.SIGKILL)
        wait_for(lambda: spooled(gateway) > before + 5, "more on disk behind what was there")
        old = gateway.wait_until_running()["router_00"]
        before = spooled(gateway)
        os.kill(old, signal.SIGTERM)
        wait_for(lambda: not Path(f"/proc/{old}").exists(), "the router ended", 8.0)
        assert "exited: router_00 (exit status 0" in gateway.log("supervisord")
        wait_for(lambda: spooled(gateway) > before + 5, "more on disk behind that")
        valve.open()
        gateway.wait_until_healthy()
        everything(simulator, consumer, row)
        wait_for(lambda: spooled(gateway) == 0 == gateway.health()["spool"]["bytes"], "nothing left on disk")


def test_a_spool_without_room_is_said_at_once_told_of_afterwards_and_loses_nothing(
    start: Callable[..., AbstractContextManager[RunningGateway]], simulator: RunningSimulator, consumer: Consumer, valve: Valve
) -> None:
    with start(WS_GATEWAY_SPOOL_MAX_BYTES="16KiB") as gateway:
        row = gateway.subscribe("trades", symbol="BTCUSDT", category="linear")
        gateway.wait_until_held(row["id"])
        assert gateway.call("GET", "/health/ready")[0] == 200
        valve.shut()

        def words() -> list[str]:
            return [reason for reason in gateway.health().get("reasons", ()) if "takes nothing more" in reason]

        [said] = wait_for(words, "the lane's words", 40.0)
        assert "spool/broker is full" in said
        assert gateway.call("GET", "/health/ready")[0] == 503
        valve.open()
        gateway.wait_until_healthy()
        everything(simulator, consumer, row)

        def told() -> list[tuple[str, bool | None]]:
            found.extend(event["payload"] for event in consumer.take("ws-gateway.system"))
            return [(event["kind"], event["recovered"]) for event in found if event["cause"] == "disk_full"]

        found: list[dict[str, Any]] = []
        wait_for(lambda: told() == [("gap", None), ("recovered", True)], f"gap and recovered, found {found}")


def test_a_second_router_leaves_the_spools_to_the_first_one_and_waits(tmp_path: Path) -> None:
    first = TurnLock(tmp_path / "var" / "router.lock")
    assert first.take()
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": "postgresql://127.0.0.1:1/none",
        "BROKER_URL": "amqp://127.0.0.1:1/",
    }
    router = subprocess.Popen(
        [sys.executable, "-m", "workers.router"], cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True
    )
    assert router.stdout is not None
    assert "router waiting reason=another router still runs" in router.stdout.readline()
    assert not (tmp_path / "var" / "bus.sock").exists()
    router.terminate()
    assert router.wait(5) == 0
    router.stdout.close()
