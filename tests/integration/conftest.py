"""The whole gateway, running."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from running import Consumer, RunningGateway

from simulator.remote import RunningSimulator


@pytest.fixture
def gateway(tmp_path: Path, database_url: str, broker_url: str, simulator: RunningSimulator) -> Iterator[RunningGateway]:
    """All processes under supervisord, healthy, without any subscription."""
    running = RunningGateway(tmp_path, database_url, broker_url, simulator)
    try:
        running.wait_until_healthy()
        yield running
    finally:
        running.stop()


@pytest.fixture
def consumer(broker_url: str) -> Iterator[Consumer]:
    consumer = Consumer(broker_url)
    yield consumer
    consumer.close()
