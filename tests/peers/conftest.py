"""The peers' environment, and one exchange that stands still until a test moves it, with a gateway and pybit on it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import environment
import pytest
from peer import Peer

from simulator import remote
from simulator.remote import RunningSimulator

sys.path.append(str(Path(__file__).resolve().parents[1] / "integration"))
from running import RunningGateway, healthy_gateway, wait_for

PRIVATE_TOPICS = ("order", "execution", "position", "wallet")


@pytest.fixture(scope="session")
def peers_python() -> Path:
    """The interpreter that has the peers; a failure, never a skip, where they cannot be installed."""
    try:
        return environment.python()
    except environment.PeersMissing as fault:
        pytest.fail(str(fault), pytrace=False)


@pytest.fixture(scope="package")
def still_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    """Over TLS: not every client can do without."""
    running = remote.start(account_every_s=0, status_every_s=0, paused=True, tls=tmp_path_factory.mktemp("authority"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningSimulator]:
    """One for the tests of a module, without TLS and without a gateway."""
    running = remote.start(account_every_s=0, status_every_s=0, paused=True)
    yield running
    running.stop()


@pytest.fixture(scope="package")
def peers_gateway(
    tmp_path_factory: pytest.TempPathFactory,
    new_empty_database: Callable[[], str],
    new_broker: Callable[[], str],
    still_simulator: RunningSimulator,
) -> Iterator[RunningGateway]:
    folder, ca_file = tmp_path_factory.mktemp("gateway"), still_simulator.ca_file
    with healthy_gateway(folder, new_empty_database(), new_broker(), still_simulator, BYBIT_CA_FILE=ca_file) as running:
        yield running


@pytest.fixture(scope="module")
def new_peer(tmp_path_factory: pytest.TempPathFactory, peers_python: Path) -> Iterator[Callable[..., Peer]]:
    """Start a client on an exchange: its name, the topics as (endpoint, topic), and what its job says otherwise."""
    started: list[Peer] = []

    def start(simulator: RunningSimulator, name: str, topics: list[tuple[str, str]], **given: str) -> Peer:
        where = {word: getattr(simulator, word) for word in ("ws_url", "rest_url", "ca_file", "api_key", "api_secret")}
        peer = Peer(peers_python, f"{name}_driver.py", tmp_path_factory.mktemp(name), topics=topics, **where | given)
        started.append(peer)
        return peer

    yield start
    for peer in started:
        peer.end()


@pytest.fixture(scope="module")
def private_pybit(new_peer: Callable[..., Peer], exchange: RunningSimulator) -> Peer:
    """pybit, logged in, with the account's usual topics."""
    peer = new_peer(exchange, "pybit", [("private", topic) for topic in PRIVATE_TOPICS])
    wait_for(
        lambda: peer.ask() and [len(entry.topics) for entry in exchange.connections("private")] == [len(PRIVATE_TOPICS)],
        "pybit's private topics held",
    )
    return peer
