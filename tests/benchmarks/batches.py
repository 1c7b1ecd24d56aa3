"""How many events a second one router gets into RabbitMQ in batches: bus → router → broker → an independent reader. Not a test: it says, and fails nothing.

    python -m tests.benchmarks.batches [--events 1000000] [--keys 200] [--single] [--profile FILE]

A private RabbitMQ and PostgreSQL, the router as a process of its own, records of 500 bytes fed over the bus as fast as it
acknowledges them (its window bounds what is under way), a reader that counts what comes. --single: the same with a message an event.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pika

from gateway import names
from gateway.bus import bus
from gateway.bus.bus import BusSender
from gateway.database import db, migrate, store
from gateway.health import state
from gateway.models import Event, Record
from gateway.servers import Postgres, RabbitMQ
from gateway.wire import Stamp

ROOT = Path(__file__).resolve().parents[2]
QUEUE = names.service_queue("trade", "archive")
#: Records put at once, as a worker's turn under load has them.
TURN = 250
#: Most that waits in the sender; events.
AHEAD = 20_000


def records(count: int, keys: int) -> Iterator[list[Record]]:
    """Turns of trades, over so many symbols in turn; encoded once for each symbol, since encoding is the worker's work and not measured here."""
    stamp = Stamp(worker="linear_00", account="main", include_raw="off", started_ms=1)
    made = []
    for number in range(keys):
        event = Event(
            event_type="trade", category="linear", symbol=f"S{number}USDT", topic=f"publicTrade.S{number}USDT", timestamp_ms=1_700_000_000_000,
            identity=f"trade|{number}", payload={"trade_id": str(uuid4()), "price": "104250.10", "quantity": "0.001", "side": "Buy"},
        )  # fmt: skip
        made.append(stamp.record(event, received_ns=time.time_ns(), trace_id=f"20250601T110000.000Z-linear_00-{number}"))
    for first in range(0, count, TURN):
        yield [made[number % keys] for number in range(first, min(first + TURN, count))]


def read(url: str, expected: int, came: Any) -> None:
    """Count events until all are here; pika, which shares no code with the gateway."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=200)
    found = messages = 0
    for method, properties, body in channel.consume(QUEUE, inactivity_timeout=60):
        if method is None:
            break
        messages += 1
        found += len(json.loads(body)) if properties.content_type.startswith("application/vnd") else 1
        if messages % 50 == 0 or found >= expected:
            channel.basic_ack(method.delivery_tag, multiple=True)
        if found >= expected:
            break
    came.put((time.monotonic(), found, messages))
    connection.close()


def cpu_s(pid: int) -> float:
    """User and system time of a process."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def beam_of(folder: Path) -> int:
    """The broker's Erlang: the process that has our folder in its environment."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if "beam" in (path / "comm").read_text() and str(folder).encode() in (path / "environ").read_bytes():
                return int(path.name)
        except OSError:
            continue
    raise LookupError("no beam.smp of ours")


def subscribe(database_url: str, delivery: str, router: subprocess.Popen[bytes]) -> None:
    """And wait until the router has made its queue."""
    connection = db.connect(database_url, name="bench", autocommit=True)
    wish = {
        "channel_type": "trades", "symbol": "*", "category": "linear", "category_source": "given", "symbol_verified": None, "depth": None,
        "interval": None, "topic": "publicTrade.*", "endpoint": "linear", "requesting_service": "archive", "delivery": delivery,
        "queue": QUEUE, "binding": "trade.linear.*.*", "state": "requested", "last_error": None, "snapshot_seconds": None, "ttl_seconds": None,
    }  # fmt: skip
    store.add_subscription(connection, wish, lambda: "pending")
    until = time.monotonic() + 60
    while {row.queue_state for row in store.service_queues(connection)} != {"ready"}:
        with suppress(subprocess.TimeoutExpired):
            router.wait(0.1)
        if time.monotonic() > until or router.returncode is not None:
            raise SystemExit("found no router that makes the queue within 60 s")
    connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument("--single", action="store_true")
    parser.add_argument("--profile", help="py-spy writes the router's profile there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rabbitmq, postgres = RabbitMQ(folder / "rabbitmq"), Postgres(folder / "postgres")
        try:
            rabbitmq.start()
            postgres.start()
            measure(folder, rabbitmq.url, postgres.url, given)
        finally:
            rabbitmq.stop()
            postgres.stop()


def measure(folder: Path, broker_url: str, database_url: str, given: argparse.Namespace) -> None:
    var = folder / "var"
    var.mkdir()
    migrate.migrate(database_url)
    environ = {
        **os.environ, "PYTHONPATH": str(ROOT), "DATABASE_URL": database_url, "BROKER_URL": broker_url, "WS_GATEWAY_VAR_DIR": str(var),
        "WS_GATEWAY_CLASS_QUEUES": "none", "WS_GATEWAY_QUEUE_MAX_LENGTH": "10000000",
    }  # fmt: skip
    with (folder / "router.log").open("wb") as log:
        router = subprocess.Popen([sys.executable, "-m", "workers.router"], cwd=folder, env=environ, stdout=log, stderr=log)
    try:
        subscribe(database_url, "single" if given.single else "batch", router)
        context = multiprocessing.get_context("spawn")
        came: Any = context.Queue()
        reader = context.Process(target=read, args=(broker_url, given.events, came))
        reader.start()
        sender = BusSender(bus.address(var), uuid4().bytes)
        beam = beam_of(folder)
        spy: subprocess.Popen[bytes] | None = None
        if given.profile:
            command = ["py-spy", "record", "-p", str(router.pid), "-o", given.profile, "-f", "raw", "-d", "20", "-r", "250"]
            spy = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        before = {"router": cpu_s(router.pid), "rabbitmq": cpu_s(beam)}
        began = time.monotonic()
        for turn in records(given.events, given.keys):
            sender.send(turn)
            while len(sender.outbox) > AHEAD:
                sender._socket.poll(2)
                sender.pump()
        sender.flush(120, patience_s=60)
        confirmed_s = time.monotonic() - began
        read_at, found, messages = came.get(timeout=120)
        used = {"router": cpu_s(router.pid) - before["router"], "rabbitmq": cpu_s(beam) - before["rabbitmq"]}
        reader.join(10)
        if spy is not None:
            spy.wait(60)
        said = state.read_router(var)
        counted = said.counted.counters if said is not None else {}
        print(f"{'single' if given.single else 'batch'}: {given.events} events of {given.keys} keys, {os.cpu_count()} processors")
        print(
            f"  confirmed {given.events / confirmed_s:,.0f} events/s; read {found / (read_at - began):,.0f} events/s in {messages} messages"
        )
        print("  CPU per event: " + ", ".join(f"{who} {spent / given.events * 1e6:.1f} us" for who, spent in used.items()))
        print(
            f"  router's resident memory {rss_mb(router.pid):.0f} MB; counted { ({k: dict(v) for k, v in counted.items() if 'total' in k}) }"
        )
        sender.close()
    finally:
        router.terminate()
        router.wait(15)


def rss_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
