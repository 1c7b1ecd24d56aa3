"""Real parts for the tests: one private RabbitMQ and PostgreSQL a session, a fresh virtual host and database a test.

postgres_server, rabbitmq_server   started when first needed, stopped at the end
database_url, empty_database_url   a database of one's own, migrated or empty
broker_url                         a virtual host of one's own
simulator                          a simulated exchange that moves only when told to
"""

from collections.abc import Iterator
from itertools import count

import pytest

from gateway import db, migrate
from gateway.servers import Postgres, RabbitMQ
from simulator import remote
from simulator.remote import RunningSimulator

#: Virtual hosts made at the node's start, one a test.
HOSTS = [f"test-{number}" for number in range(200)]


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    server = Postgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def rabbitmq_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    server = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"), virtual_hosts=HOSTS)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def names_of_databases() -> Iterator[int]:
    return count(1)


@pytest.fixture(scope="session")
def names_of_hosts() -> Iterator[str]:
    return iter(HOSTS)


@pytest.fixture
def empty_database_url(postgres_server: Postgres, names_of_databases: Iterator[int]) -> str:
    name = f"test_{next(names_of_databases)}"
    db.create_database(postgres_server.url, name)
    return postgres_server.url.rsplit("/", 1)[0] + f"/{name}"


@pytest.fixture
def database_url(empty_database_url: str) -> str:
    migrate.migrate(empty_database_url)
    return empty_database_url


@pytest.fixture
def broker_url(rabbitmq_server: RabbitMQ, names_of_hosts: Iterator[str]) -> str:
    return rabbitmq_server.url_of(next(names_of_hosts))


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    running = remote.start(account_every_s=0)
    yield running
    running.stop()
