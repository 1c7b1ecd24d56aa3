"""The peers' environment, and one exchange that stands still until a test moves it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import environment
import pytest

from simulator import remote
from simulator.remote import RunningSimulator

sys.path.append(str(Path(__file__).resolve().parents[1] / "integration"))  # for `running`


@pytest.fixture(scope="session")
def peers_python() -> Path:
    """The interpreter that has the peers; a failure, never a skip, where they cannot be installed."""
    try:
        return environment.python()
    except environment.PeersMissing as fault:
        pytest.fail(str(fault), pytrace=False)


@pytest.fixture(scope="module")
def still_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    """Over TLS: not every client can do without."""
    running = remote.start(account_every_s=0, status_every_s=0, paused=True, tls=tmp_path_factory.mktemp("authority"))
    yield running
    running.stop()
