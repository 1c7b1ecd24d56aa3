"""The whole gateway, running; and one part of it with a client of its own.

gateway, shared_gateway      all processes; for one test, or for all of a module
consumer, shared_consumer    who reads queues of the one, or of the other
shared_simulator             the exchange of the shared gateway
exchange                     a simulated exchange without a gateway, which a test moves
listing_exchange             a simulated exchange whose listings alone count, one for all tests of a module
client                       of a control API in the test's own process
channel                      of the test's own virtual host, with publishes confirmed
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pika
import pytest
from asking import make_client
from flask.testing import FlaskClient
from pika.adapters.blocking_connection import BlockingChannel
from running import Consumer, RunningGateway, consuming, healthy_gateway

from simulator import remote
from simulator.remote import RunningSimulator


@pytest.fixture
def gateway(
    tmp_path: Path, new_empty_database: Callable[[], str], broker_url: str, simulator: RunningSimulator
) -> Iterator[RunningGateway]:
    """All processes under supervisord, healthy, without any subscription."""
    with healthy_gateway(tmp_path, new_empty_database(), broker_url, simulator) as running:
        yield running


@pytest.fixture
def consumer(broker_url: str) -> Iterator[Consumer]:
    with consuming(broker_url) as consumer:
        yield consumer


@pytest.fixture(scope="module")
def shared_simulator() -> Iterator[RunningSimulator]:
    """One for all tests of a module that leave it as it was."""
    running = remote.start(account_every_s=0, status_every_s=0, steps_per_s=10)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def shared_gateway(
    tmp_path_factory: pytest.TempPathFactory,
    new_empty_database: Callable[[], str],
    new_broker: Callable[[], str],
    shared_simulator: RunningSimulator,
) -> Iterator[RunningGateway]:
    """One for all tests of a module that subscribe under their own service name."""
    with healthy_gateway(tmp_path_factory.mktemp("gateway"), new_empty_database(), new_broker(), shared_simulator) as running:
        running.wait_for_the_catalog()
        yield running


@pytest.fixture
def shared_consumer(shared_gateway: RunningGateway) -> Iterator[Consumer]:
    with consuming(shared_gateway.broker_url) as consumer:
        yield consumer


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningSimulator]:
    """Nothing moves by itself; one for all tests of a module."""
    running = remote.start(account_every_s=0, status_every_s=0, paused=True)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def listing_exchange() -> Iterator[RunningSimulator]:
    """Nothing moves by itself; one symbol more on spot, and one on linear, whose form does not tell of which they are."""
    running = remote.start(account_every_s=0, status_every_s=0, paused=True)
    running.list_instrument("spot", "SPOTUSDT")
    running.list_instrument("linear", "PERPUSDT")
    yield running
    running.stop()


@pytest.fixture
def client(tmp_path: Path, database_url: str, broker_url: str) -> FlaskClient:
    return make_client(tmp_path, database_url, broker_url)


@pytest.fixture
def channel(broker_url: str) -> Iterator[BlockingChannel]:
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        yield channel
