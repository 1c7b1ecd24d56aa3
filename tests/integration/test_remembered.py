"""A worker that starts while PostgreSQL is away goes on with what was wanted last."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from running import ROOT, wait_for

from gateway.database.store import Wanted
from gateway.disk.memo import Memo
from gateway.health.state import read_worker
from gateway.servers.server import free_ports
from simulator.remote import RunningSimulator
from workers.wanted import Wishes


def wish(topic: str, channel_type: str, category: str | None) -> Wanted:
    return Wanted(
        id=uuid4(), topic=topic, channel_type=channel_type, symbol=None, category=category, service="one", state="live",
        last_error=None, queue="ws-gateway.one", snapshot_seconds=None, resyncs=0,
    )  # fmt: skip


@contextmanager
def worker(folder: Path, simulator: RunningSimulator, endpoint: str) -> Iterator[None]:
    """One worker process alone, with neither PostgreSQL nor router."""
    environ = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "BYBIT_ENVIRONMENT": "simulator", "BYBIT_WS_URL": simulator.ws_url,
        "BYBIT_REST_URL": simulator.rest_url, "BYBIT_API_KEY": simulator.api_key, "BYBIT_API_SECRET": simulator.api_secret,
        "DATABASE_URL": f"postgresql://nobody@127.0.0.1:{free_ports(1)[0]}/none", "WS_GATEWAY_VAR_DIR": str(folder),
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "workers.exchange", endpoint, "0", "1"], cwd=folder, env=environ)
    try:
        yield
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("endpoint", "topic", "channel_type", "category"),
    [("linear", "publicTrade.BTCUSDT", "trades", "linear"), ("private", "order", "order", None)],
)
def test_topics_are_held_though_nobody_can_say_what_is_wanted(
    tmp_path: Path, simulator: RunningSimulator, endpoint: str, topic: str, channel_type: str, category: str | None
) -> None:
    memo = Memo(tmp_path / "wishes" / f"{endpoint}_00.json", Wishes)
    memo.write(Wishes(rows=[wish(topic, channel_type, category)]))
    with worker(tmp_path, simulator, endpoint):
        wait_for(lambda: any(topic in entry.topics for entry in simulator.connections(endpoint)), "the topic is held")


def test_a_second_process_of_the_same_name_stands_by_until_the_first_has_gone(tmp_path: Path, simulator: RunningSimulator) -> None:
    topic = "publicTrade.BTCUSDT"
    Memo(tmp_path / "wishes" / "linear_00.json", Wishes).write(Wishes(rows=[wish(topic, "trades", "linear")]))

    def numbers() -> list[int]:
        return [entry.number for entry in simulator.connections("linear") if topic in entry.topics]

    def standing_by() -> bool:
        state = read_worker(tmp_path, "linear_00")  # both write it, in turn
        return state is not None and state.connection_status == "standby"

    with ExitStack() as second:
        with worker(tmp_path, simulator, "linear"):
            first = wait_for(numbers, "the first one holds the topic")
            second.enter_context(worker(tmp_path, simulator, "linear"))
            wait_for(standing_by, "the second one stands by")
            assert numbers() == first
        after = wait_for(numbers, "the second one holds the topic")
        assert len(after) == 1
        assert after != first
