"""The private servers: started, kept, crashed, started again, and nothing left behind."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest
from running import is_gone, wait_for

from gateway.database import db
from gateway.errors import ServerError, StoreAway
from gateway.servers import Postgres, RabbitMQ, Server
from gateway.servers.server import free_ports, is_free


@pytest.fixture(params=[Postgres, RabbitMQ])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """One of each kind, started."""
    server: Server = request.param(tmp_path / "server")
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module", params=[Postgres, RabbitMQ])
def shared_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One of each kind, for tests that leave it as it was."""
    server: Server = request.param(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.stop()


def keep(server: Server) -> None:
    """Put something into it that must survive."""
    if isinstance(server, Postgres):
        connection = db.connect(server.url, name="test", autocommit=True)
        with db.transaction(connection) as cursor:
            cursor.execute("create table kept as select 1 as one")
        connection.close()
        return
    with pika.BlockingConnection(pika.URLParameters(server.url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("kept", durable=True)
        channel.basic_publish("", "kept", b"1", pika.BasicProperties(delivery_mode=2))


def is_kept(server: Server) -> bool:
    if isinstance(server, Postgres):
        connection = db.connect(server.url, name="test", autocommit=True)
        with db.transaction(connection) as cursor:
            cursor.execute("select one from kept")
            found = cursor.fetchall()
        connection.close()
        return bool(found == [(1,)])
    with pika.BlockingConnection(pika.URLParameters(server.url)) as connection:
        return bool(connection.channel().basic_get("kept", auto_ack=True)[2] == b"1")


def test_data_and_address_survive_a_stop_and_a_crash_and_nothing_is_left_in_the_end(server: Server) -> None:
    url = server.url
    keep(server)
    server.stop()
    assert not server.is_running()
    server.start()
    assert server.url == url
    server.kill()
    assert not server.is_running()
    server.start()
    assert server.url == url
    assert is_kept(server)
    pid = server.pid
    server.stop()
    wait_for(lambda: all(is_free(port) for port in server.ports) and is_gone(pid), "nothing is left")


def test_every_listener_is_on_loopback(shared_server: Server) -> None:
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = {
        port: words[1]
        for words in listening
        if words[3] == "0A" and (port := int(words[1].split(":")[1], 16)) in shared_server.ports
    }
    assert shared_server.ports[0] in ours
    assert all(address.startswith("0100007F:") for address in ours.values())
    # The others hear nothing: IPv6 has no listener on these ports.
    with socket.socket(socket.AF_INET6) as probe:
        assert probe.connect_ex(("::1", shared_server.ports[0])) != 0


def test_the_password_is_needed(shared_server: Server) -> None:
    wrong = shared_server.url.replace(shared_server.password, "wrong")
    if isinstance(shared_server, Postgres):
        with pytest.raises(StoreAway, match="password authentication failed"):
            db.connect(wrong, name="test")
    else:
        with pytest.raises(pika.exceptions.AMQPConnectionError):
            pika.BlockingConnection(pika.URLParameters(wrong))


def test_postgresql_never_runs_as_root(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "server")
    server.start()
    try:
        assert Path(f"/proc/{server.pid}").stat().st_uid != 0
    finally:
        server.stop()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for kind in (Postgres, RabbitMQ):
        with pytest.raises(ServerError, match="cannot be made for the private"):
            kind(tmp_path / "file" / "server").start()


def test_a_port_that_somebody_took_meanwhile_is_replaced(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "server")
    server.start()
    server.stop()
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", server.ports[0]))
        thief.listen()
        taken = server.ports[0]
        server.start()
        assert server.ports[0] != taken
        server.stop()


def test_free_ports_are_free_and_distinct() -> None:
    ports = free_ports(3)
    assert len(set(ports)) == 3
    assert all(map(is_free, ports))
