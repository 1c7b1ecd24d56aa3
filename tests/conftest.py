"""Real parts for the tests: one private RabbitMQ and PostgreSQL a process of pytest, a fresh virtual host and database a test.

postgres_server, rabbitmq_server   started when first needed, stopped at the end
new_database, new_broker           make a migrated database, a virtual host; answer its URL
database_url, empty_database_url   a database of one's own, migrated or empty
connection                         to the database of one's own
broker_url                         a virtual host of one's own
context                            of ZeroMQ, for the test alone
simulator                          a simulated exchange whose account acts only when told to
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count

import pytest

from gateway.database import db, migrate
from gateway.servers import Postgres, RabbitMQ
from gateway.servers.rabbitmq import USER
from simulator import remote
from simulator.remote import RunningSimulator
from tests.zeromq import Context

#: A shell that starts the tests behind itself has them ignore Ctrl-C, and with them all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

#: Folders and files that take minutes, begun first, so that no process is alone with one of them at the end.
SLOW = (
    "test_image", "test_rows", "test_survival", "test_up", "test_recipes", "test_guard", "test_what_was_read", "test_frozen", "deploy",
    "test_replay", "test_outages", "chaos", "test_reconnects", "test_add_a_sink",
)  # fmt: skip
#: Folders whose gateway is for all of their files, and runs until the end: begun last.
LASTING = ("peers", "browser")

#: Virtual hosts are made so many at a time: at the node's start, and again when tests have used them up.
HOSTS = 40
#: Erlang, for many at once: each call of `rabbitmqctl` takes a second or two.
MAKE_HOSTS = f"""
    [begin
        rabbit_vhost:add(Name, <<"tests">>),
        rabbit_auth_backend_internal:set_permissions(<<"{USER}">>, Name, <<".*">>, <<".*">>, <<".*">>, <<"tests">>)
    end || Name <- [NAMES]], ok.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "peers_python" in getattr(item, "fixturenames", ()):  # clients of others, and a minute of installing them
            item.add_marker(pytest.mark.long)
    order = {name: place for place, name in enumerate((*SLOW, "", *LASTING))}
    items.sort(key=lambda item: order.get(item.path.stem, order.get(item.path.parent.name, order[""])))


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    server = Postgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def rabbitmq_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    server = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"), virtual_hosts=hosts_from(0))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def new_empty_database(postgres_server: Postgres) -> Callable[[], str]:
    numbers = count(1)

    def make() -> str:
        name = f"test_{next(numbers)}"
        db.create_database(postgres_server.url, name)
        return postgres_server.url.rsplit("/", 1)[0] + f"/{name}"

    return make


@pytest.fixture(scope="session")
def new_database(new_empty_database: Callable[[], str], postgres_server: Postgres) -> Callable[[], str]:
    """Copies of one that was migrated: half the time of migrating each."""
    migrated, numbers = new_empty_database(), count(1)
    migrate.migrate(migrated)
    template = migrated.rpartition("/")[2]

    def make() -> str:
        name = f"copy_{next(numbers)}"
        with closing(db.connect(postgres_server.url, name="test", autocommit=True)) as connection, connection.cursor() as cursor:
            cursor.execute(f"create database {name} template {template}")
        return migrated.removesuffix(template) + name

    return make


@pytest.fixture(scope="session")
def new_broker(rabbitmq_server: RabbitMQ) -> Callable[[], str]:
    def hosts() -> Iterator[str]:
        yield from hosts_from(0)
        for first in count(HOSTS, HOSTS):
            names = hosts_from(first)
            rabbitmq_server.control("eval", MAKE_HOSTS.replace("NAMES", ", ".join(f'<<"{name}">>' for name in names)))
            yield from names

    made = hosts()
    return lambda: rabbitmq_server.url_of(next(made))


def hosts_from(first: int) -> list[str]:
    return [f"test-{number}" for number in range(first, first + HOSTS)]


@pytest.fixture
def empty_database_url(new_empty_database: Callable[[], str]) -> str:
    return new_empty_database()


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> str:
    return new_database()


@pytest.fixture
def connection(database_url: str) -> Iterator[db.Connection]:
    connection = db.connect(database_url, name="test")
    yield connection
    connection.close()


@pytest.fixture
def broker_url(new_broker: Callable[[], str]) -> str:
    return new_broker()


@pytest.fixture
def context() -> Iterator[Context]:
    context = Context()
    yield context
    context.destroy(linger=0)


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    running = remote.start(account_every_s=0, status_every_s=0)
    yield running
    running.stop()
