"""The servers that are broken, one of each a session; and the seed. CHAOS=long makes the long forms, SEED=… repeats a run."""

import os
import random
from collections.abc import Iterator

import pytest

from tests.chaos.breakable import Broker, Store

#: Virtual hosts made at the node's start; each row takes its own.
HOSTS = [f"chaos-{number}" for number in range(60)]


@pytest.fixture(scope="session")
def chaos_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    server = Broker(tmp_path_factory.mktemp("chaos-rabbitmq"), virtual_hosts=HOSTS)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def chaos_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    server = Store(tmp_path_factory.mktemp("chaos-postgres"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def hosts() -> Iterator[str]:
    return iter(HOSTS)


@pytest.fixture(scope="session")
def is_long() -> bool:
    return os.environ.get("CHAOS") == "long"


@pytest.fixture(scope="session")
def seed() -> int:
    return int(os.environ.get("SEED") or random.randrange(10**6))
