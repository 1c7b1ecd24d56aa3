"""The examples of docs/CONSUMING.md, as they stand there: subscribed with their curl, run as programs on a real queue."""

import json
import os
import random
import runpy
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

import pika
import pytest
from running import KEY, RunningGateway

from gateway.consumer import Sequences
from simulator.remote import RunningSimulator
from tests.pages import ROOT, Block, blocks, section

PAGE = "docs/CONSUMING.md"
PORT = "4400"
BATCH = "application/vnd.ws-gateway.batch+json"


@dataclass(frozen=True)
class Example:
    """One example of the page.

    queue    that it reads
    payload  what a made-up event needs to be shown
    shown    how it is shown, behind category and sequence
    """

    queue: str
    payload: dict[str, Any]
    shown: str


EXAMPLES = {
    "With the gateway's own consumer": Example("ws-gateway.trade.my-service", {"price": "1.5"}, "1.5"),
    "pika": Example("ws-gateway.ticker.my-prices", {"last_price": "1.5"}, "1.5"),
    "kombu": Example("ws-gateway.order.my-orders", {"order_id": "o-1", "status": "New"}, "o-1 New"),
    "aio-pika": Example("ws-gateway.balance.my-books", {"coins": [{"coin": "BTC", "wallet_balance": "1.5"}]}, "BTC 1.5"),
    "Batches with pika": Example("ws-gateway.trade.my-archive", {"price": "1.5"}, "1.5"),
    "Batches with kombu": Example("ws-gateway.ticker.my-charts", {"last_price": "1.5"}, "1.5"),
    "Batches with aio-pika": Example("ws-gateway.trade.my-tape", {"price": "1.5"}, "1.5"),
}
ACCOUNT = ("kombu", "aio-pika")


def of_section(heading: str, language: str) -> list[Block]:
    """Blocks of the page under a heading."""
    text = section(PAGE, heading)
    return [block for block in blocks(PAGE, language) if block.text in text]


class Program:
    """A running example; its lines as they come."""

    def __init__(self, folder: Path, code: str, broker_url: str) -> None:
        (folder / "example.py").write_text(code)
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{folder}:{ROOT}", "BROKER_URL": broker_url}
        self._process = subprocess.Popen(
            [sys.executable, "-u", "example.py"],
            cwd=folder,
            env=environ,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._lines: Queue[str] = Queue()
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def line(self) -> str:
        """The next line; fails when none comes."""
        try:
            return self._lines.get(timeout=20)
        except Empty:
            raise AssertionError(f"no further line within 20 s; it ended with {self._process.poll()}") from None

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._thread.join(10)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    [seen] = [block.text for block in blocks(PAGE, "python") if block.text.startswith("from collections import OrderedDict")]
    (tmp_path / "seen.py").write_text(seen)
    [opened] = [block.text for block in blocks(PAGE, "python") if "def opened(" in block.text]
    (tmp_path / "opened.py").write_text(opened)
    return tmp_path


def curl(gateway: RunningGateway, block: Block) -> str:
    command = block.text.replace(PORT, str(gateway.port))
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", command],
        env={"PATH": os.environ["PATH"], "KEY": KEY},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def publish(broker_url: str, example: Example, *events: tuple[int, str], many: bool = False) -> None:
    """Made-up events of an epoch of their own, straight into the example's queue; many: as one message."""
    envelopes = [
        {
            "event_type": "made-up",
            "event_id": event_id,
            "category": "none",
            "sequence": sequence,
            "epoch": "z",
            "payload": example.payload,
        }
        for sequence, event_id in events
    ]
    batch = pika.BasicProperties(content_type=BATCH, headers={"routing_keys": "\n".join([example.queue] * len(events))})
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        channel = connection.channel()
        if many:
            channel.basic_publish("", example.queue, json.dumps(envelopes).encode(), batch)
            return
        for envelope in envelopes:
            channel.basic_publish("", example.queue, json.dumps(envelope).encode())


def move(simulator: RunningSimulator) -> str:
    """An order that is placed and filled, so that the wallet changes, too; its id."""
    order_id = str(simulator.account("place", symbol="BTCUSDT")[0]["data"][0]["orderId"])
    simulator.account("fill", order_id=order_id)
    simulator.account("wallet")
    return order_id


@pytest.mark.parametrize("heading", EXAMPLES)
def test_an_example_subscribes_reads_drops_repeats_and_notices_holes(
    heading: str, folder: Path, shared_gateway: RunningGateway, shared_simulator: RunningSimulator
) -> None:
    example = EXAMPLES[heading]
    first, *rest = of_section(heading, "sh")
    assert '"error"' not in curl(shared_gateway, first)
    [code] = [block.text for block in of_section(heading, "python")]
    rows = shared_gateway.call("GET", f"/api/v1/subscriptions?requesting_service={example.queue.split('.')[-1]}")[1][
        "subscriptions"
    ]
    assert {row["queue"] for row in rows} == {example.queue}
    for row in rows:
        shared_gateway.wait_until_held(row["id"])
        shared_gateway.wait_until_ready(row["id"])
    program = Program(folder, code, shared_gateway.broker_url)
    try:
        order_id = move(shared_simulator) if heading in ACCOUNT else ""
        lines = [program.line() for _ in range(4 if heading not in ACCOUNT else 1)]
        assert all(len(line.split()) >= 3 and line.split()[1].isdigit() for line in lines), lines
        if heading == "kombu":
            assert order_id in lines[0]
        reads_batches = "Batches" in heading
        publish(shared_gateway.broker_url, example, (1, "a"), (1, "a"), (2, "b"), many=reads_batches)
        publish(shared_gateway.broker_url, example, (5, "c"), (2, "b"), many=reads_batches)
        made_up = [f"none 1 {example.shown}", f"none 2 {example.shown}", "missed 2", f"none 5 {example.shown}"]
        publish(shared_gateway.broker_url, example, (6, "d"))
        while (line := program.line()) != f"none 6 {example.shown}":
            lines.append(line)
        assert [line for line in lines if line.startswith(("none", "missed"))] == made_up
    finally:
        program.end()
    for block in rest:
        assert '"balances":[' in curl(shared_gateway, block)


def test_what_the_page_says_to_remember_is_what_the_gateway_s_consumer_remembers(folder: Path) -> None:

    names = runpy.run_path(str(folder / "seen.py"))
    ours, theirs, rng = Sequences(remembered=20), names["Seen"](remembered=20), random.Random(1)
    for _ in range(3000):
        number = rng.randrange(60)
        envelope = {"event_type": rng.choice("ab"), "event_id": str(number), "sequence": number, "epoch": rng.choice("xy")}
        key = rng.choice(("k", "l"))
        assert theirs.missing(key, envelope) == ours.missing(key, envelope)
