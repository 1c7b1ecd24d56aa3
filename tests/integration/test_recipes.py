"""The recipes of docs/OPERATIONS.md, as they stand there, on a real supervisord with everything running."""

import json
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from commanding import command
from pika.adapters.blocking_connection import BlockingChannel
from running import PROGRAMS, ROOT, Consumer, RunningGateway, healthy_gateway, is_gone, wait_for

from gateway import names
from gateway.health import state
from gateway.health.words import is_fresh
from simulator.remote import RunningSimulator

RECIPE = re.compile(r"<!-- recipe: (?P<name>\w+) -->\n```sh\n(?P<text>.*?)```\n", re.DOTALL)
RECIPES = {found["name"]: found["text"] for found in RECIPE.finditer((ROOT / "docs" / "OPERATIONS.md").read_text(encoding="utf-8"))}


def run(gateway: RunningGateway, name: str, **given: str) -> "subprocess.CompletedProcess[str]":
    """Every line of it; the first that fails ends it."""
    environ = {**gateway.environ, **given}
    return subprocess.run(
        ["sh", "-e", "-c", RECIPES[name]], cwd=gateway.folder, env=environ, capture_output=True, text=True, check=False, timeout=120
    )


@contextmanager
def trading(simulator: RunningSimulator) -> Iterator[list[str]]:
    """Orders are placed all the time; their ids. It ends with some that come after everything else."""
    placed: list[str] = []
    over = threading.Event()

    def place() -> None:
        placed.append(simulator.account("place")[0]["data"][0]["orderId"])

    def place_on() -> None:
        while not over.wait(0.1):
            place()

    trader = threading.Thread(target=place_on)
    trader.start()
    try:
        yield placed
    finally:
        over.set()
        trader.join()
    place()


def told(events: list[dict[str, Any]]) -> set[str]:
    return {event["payload"]["order_id"] for event in events}


def test_every_recipe_is_run_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert len(RECIPES) >= 6
    assert [name for name in RECIPES if f'"{name}"' not in text] == []


def test_one_endpoint_is_restarted_and_no_other(gateway: RunningGateway, simulator: RunningSimulator) -> None:
    held = [gateway.subscribe("ticker", symbol="BTCUSDT", category=category) for category in ("linear", "spot")]
    for row in held:
        gateway.wait_until_held(row["id"])
    before = gateway.pids()
    spot = [connection.number for connection in simulator.connections("spot")]
    done = run(gateway, "restart_one")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {name for name, pid in gateway.pids().items() if before[name] != pid} == {"linear_00"}
    gateway.wait_until_held(held[0]["id"])
    gateway.wait_until_healthy()
    assert [connection.number for connection in simulator.connections("spot")] == spot


def test_an_endpoint_gets_a_second_process_and_no_other_is_touched(gateway: RunningGateway, simulator: RunningSimulator) -> None:
    rows = [gateway.subscribe("ticker", symbol=symbol, category="linear") for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT")]
    for row in rows:
        gateway.wait_until_held(row["id"])
    before = gateway.pids()
    done = run(gateway, "change_count")
    assert done.returncode == 0, done.stdout + done.stderr
    wait_for(lambda: "linear_01" in gateway.pids(), "a second process runs")
    after = gateway.pids()
    assert {name for name, pid in after.items() if before.get(name) != pid} == {"linear_00", "linear_01"}
    for row in rows:
        gateway.wait_until_held(row["id"])
    held = {topic for connection in simulator.connections("linear") for topic in connection.topics}
    assert held == {row["topic"] for row in rows}
    gateway.wait_until_healthy()


def test_the_exchanges_key_is_rotated_and_no_order_is_missed(
    tmp_path: Path, new_empty_database: Callable[[], str], broker_url: str, simulator: RunningSimulator, consumer: Consumer
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "key").write_text(simulator.api_key)
    (secrets / "secret").write_text(simulator.api_secret)
    in_files = {
        "BYBIT_API_KEY": "", "BYBIT_API_SECRET": "",
        "BYBIT_API_KEY_FILE": "secrets/key", "BYBIT_API_SECRET_FILE": "secrets/secret",
    }  # fmt: skip
    with healthy_gateway(tmp_path, new_empty_database(), broker_url, simulator, **in_files) as gateway:
        row = gateway.subscribe("order")
        gateway.wait_until_held(row["id"])
        simulator.key("a-new-key", "a-new-secret")
        with trading(simulator) as placed:
            wait_for(lambda: len(placed) > 5, "orders")
            before = gateway.pids()
            done = run(gateway, "rotate_key", NEW_KEY="a-new-key", NEW_SECRET="a-new-secret")
            assert done.returncode == 0, done.stdout + done.stderr
            assert '"level": "note", "found": "the exchange takes our API key' in done.stdout
            assert {name for name, pid in gateway.pids().items() if before[name] != pid} == {"private_00"}
            gateway.wait_until_held(row["id"])
            gateway.wait_until_healthy()
            simulator.key(simulator.api_key, None)
            simulator.cut("private", "abort")  # whoever logs in now needs the new one
            wait_for(lambda: simulator.connections("private"), "logged in again")
            gateway.wait_until_healthy()
        assert {path.name: path.read_text() for path in secrets.iterdir()} == {"key": "a-new-key", "secret": "a-new-secret"}
        assert all(path.stat().st_mode & 0o077 == 0 for path in secrets.iterdir())
        events = consumer.take_until(row["queue"], lambda found: told(found) >= set(placed))
        assert told(events) == set(placed)
        assert len({event["event_id"] for event in events}) == len(set(placed)), "each of them once"


def test_drained_and_stopped_nothing_is_left_on_disk_or_running(
    gateway: RunningGateway, simulator: RunningSimulator, consumer: Consumer
) -> None:
    row = gateway.subscribe("trades", symbol="BTCUSDT", category="linear")
    gateway.wait_until_held(row["id"])
    taken = consumer.take_until(row["queue"], bool)
    pids = gateway.pids()
    done = run(gateway, "drain_and_stop")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing waits: RabbitMQ and PostgreSQL have all that was read" in done.stdout
    wait_for(lambda: all(map(is_gone, pids.values())), "all have ended", 25.0)
    taken += consumer.take(row["queue"])
    received = {trade["i"] for entry in simulator.ledger("linear", row["topic"]) for trade in entry.frame["data"]}
    got = {event["payload"]["trade_id"] for event in taken}
    assert got <= received
    numbers = [event["sequence"] for event in taken]
    assert numbers == list(range(1, len(numbers) + 1)), "no hole up to the last one that was read"
    states = {path.stem: json.loads(path.read_bytes()) for path in (gateway.folder / "var" / "state").glob("*.json")}
    assert sum(words.get("journal_messages", 0) for words in states.values()) == 0
    assert sum(lane["spool_messages"] for lane in states["router_00"]["lanes"].values()) == 0


def test_drained_says_when_something_waits(gateway: RunningGateway, consumer: Consumer) -> None:
    row = gateway.subscribe("order")
    gateway.wait_until_held(row["id"])
    gateway.control("stop", "router:router_00", "private:private_00")
    spoken = state.read_router(gateway.folder / "var")
    assert spoken is not None
    done = command(gateway, "drained", "--within", "1")
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert re.fullmatch(r"\d+ events still wait, and go on waiting on disk when the gateway stops\n", done.stderr)
    wait_for(lambda: not is_fresh(spoken, time.time_ns() // 1_000_000), "the router's last words are old", 15.0)
    done = command(gateway, "drained")
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert re.fullmatch(
        r"the router of .* is silent; expected it to run, for nobody else delivers or knows what waits\n", done.stderr
    )


def test_an_upgrade_restarts_everything_and_loses_nothing(
    gateway: RunningGateway, simulator: RunningSimulator, consumer: Consumer
) -> None:
    orders, trades = gateway.subscribe("order"), gateway.subscribe("trades", symbol="BTCUSDT", category="linear")
    for row in (orders, trades):
        gateway.wait_until_held(row["id"])
    before = gateway.pids()
    with trading(simulator) as placed:
        done = run(gateway, "upgrade")
        assert done.returncode == 0, done.stdout + done.stderr
        after = gateway.pids()
        assert {name for name, pid in after.items() if before[name] != pid} == {
            f"{name}_00" for name in PROGRAMS if name != "prepare"
        }
        for row in (orders, trades):
            gateway.wait_until_held(row["id"])
        gateway.wait_until_healthy()
    assert told(consumer.take_until(orders["queue"], lambda found: told(found) >= set(placed))) == set(placed)
    simulator.pause(on=True)
    sent = {trade["i"] for entry in simulator.ledger("linear", trades["topic"]) for trade in entry.frame["data"]}
    taken = consumer.take_until(trades["queue"], lambda found: {event["payload"]["trade_id"] for event in found} >= sent)
    assert {event["payload"]["trade_id"] for event in taken} >= sent
    kinds = {row["kind"] for row in gateway.call("GET", "/api/v1/events?limit=1000")[1]["events"]}
    assert not kinds & {"died", "stuck", "fatal"}, "an operator's restart is no death"


def test_a_queue_gets_other_arguments_while_events_come_and_none_is_lost(
    tmp_path: Path, new_empty_database: Callable[[], str], broker_url: str, simulator: RunningSimulator, consumer: Consumer,
    channel: BlockingChannel,
) -> None:  # fmt: skip
    queue = names.service_queue("trade", "tester")
    channel.queue_declare(queue, durable=True, arguments={"x-message-ttl": 3_600_000})
    with healthy_gateway(tmp_path, new_empty_database(), broker_url, simulator) as gateway:
        row = gateway.subscribe("trades", symbol="BTCUSDT", category="linear")
        assert row["queue"] == queue
        gateway.wait_until_held(row["id"])
        wait_for(lambda: gateway.health()["queues"].get(queue, {}).get("messages", 0) > 100, "something is in it", 30.0)
        done = run(gateway, "rebuild_queue", QUEUE=queue)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "x-message-ttl 3600000 → 86400000" in done.stdout
        assert re.search(rf"{queue}: rebuilt with our arguments; \d+ messages are in it as before", done.stdout)
        assert command(gateway, "queues", "list", "--differ", "--json").stdout == ""
        gateway.wait_until_healthy()
        simulator.step(20)
        simulator.pause(on=True)
        sent = [trade["i"] for entry in simulator.ledger("linear", row["topic"]) for trade in entry.frame["data"]]
        taken = consumer.take_until(queue, lambda found: {event["payload"]["trade_id"] for event in found} >= set(sent))
        assert list(dict.fromkeys(event["payload"]["trade_id"] for event in taken)) == sent
        assert list(dict.fromkeys(event["sequence"] for event in taken)) == list(range(1, len(sent) + 1))
        kinds = {found["kind"] for found in gateway.call("GET", "/api/v1/events?limit=1000")[1]["events"]}
        assert "gap" not in kinds, "nobody saw the queue missing"
        held = command(gateway, "queues", "rebuild", queue)
        assert (held.returncode, held.stderr) == (1, f"{queue} has our arguments already: there is nothing to do\n")
