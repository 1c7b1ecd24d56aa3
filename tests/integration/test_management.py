"""What RabbitMQ's management interface tells of queues, asked of a real one; and one that is none."""

import time
from collections.abc import Iterator

import pika
import pytest
from running import wait_for

from gateway.errors import SinkAway
from gateway.health.words import QueueState
from gateway.lanes.announcements import Announcements
from gateway.lanes.backlogs import Backlogs, Limits
from gateway.servers import RabbitMQ
from gateway.servers.server import free_ports
from gateway.sinks.management import Management
from gateway.sinks.topology import QueuePolicy, Topology
from gateway.wire import Stamp
from tests.listener import Line, Listener
from tests.scraping import known, meter, router
from workers.backlogs import BacklogWatch

QUEUE, HOST = "ws-gateway.trade.mine", "a host"
POLICY = QueuePolicy("classic", 60_000, 100)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    server = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"), virtual_hosts=[HOST], has_management=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def broker_url(server: RabbitMQ) -> str:
    return server.url_of(HOST.replace(" ", "%20"))


@pytest.fixture
def management(server: RabbitMQ, broker_url: str) -> Management:
    return Management(server.management_url, broker_url)


class Seen:
    """In the place of the keeper."""

    looked_ms = 1

    def __init__(self) -> None:
        self.depths = {QUEUE: QueueState(1, 0)}


def watch(management: Management | None) -> BacklogWatch:
    told = Announcements(Stamp(worker="router_00", account="main", include_raw="off", started_ms=1), lambda: None)
    return BacklogWatch(Seen(), Backlogs(Limits(100, 60_000)), told, classes=(), management=management)


def test_limits_and_the_age_of_the_oldest_message_are_told(management: Management, broker_url: str) -> None:
    with Topology(broker_url, POLICY) as topology:
        topology.bind_service(QUEUE, ["trade.#"])
    sent_s = int(time.time()) - 40
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        for age_s in (0, 10):
            properties = pika.BasicProperties(timestamp=sent_s + age_s, delivery_mode=2)
            connection.channel().basic_publish("ws-gateway.events", "trade.linear.A.-", b"1", properties)
    head = wait_for(lambda: (found := management.heads().get(QUEUE)) and found.oldest_ms and found, "the oldest message", 30.0)
    assert head.limits == (100, 60_000, None)
    assert head.size_bytes == 2
    assert head.oldest_ms == sent_s * 1000
    backlogs = watch(management)
    read = meter(lambda: known(router=router(queues=backlogs.states()), now_ms=sent_s * 1000 + 40_000))
    with (
        read.moving("queue_oldest_seconds", queue=QUEUE, to=lambda age_s: age_s == 40),
        read.moving("queue_fill_ratio", queue=QUEUE, to=lambda fill: fill == pytest.approx(40 / 60)),
    ):
        backlogs.look(sent_s * 1000)  # since when it has been seen with messages
        backlogs.look(sent_s * 1000 + 40_000)


def test_a_policy_that_is_lower_than_the_queues_own_limit_holds(server: RabbitMQ, management: Management, broker_url: str) -> None:
    server.control("set_policy", "--vhost", HOST, "short", "^other$", '{"max-length": 7}', "--apply-to", "queues")
    with Topology(broker_url, POLICY) as topology:
        topology.bind_service("other", ["trade.#"])
    wait_for(lambda: (found := management.heads().get("other")) and found.limits == (7, 60_000, None), "both limits", 20.0)


def test_without_the_interface_the_age_is_not_known_and_the_rest_is() -> None:
    for none in (None, Management(f"http://127.0.0.1:{free_ports(1)[0]}", "amqp://127.0.0.1/")):
        backlogs = watch(none)
        backlogs.look(1000)
        [state] = backlogs.states().values()
        assert (state.messages, state.oldest_ms, state.fill) == (1, None, 0.01)


def test_wrong_credentials_are_said(server: RabbitMQ) -> None:
    with pytest.raises(SinkAway, match="HTTP 401"):
        Management(server.management_url.replace("//", "//somebody:else@"), server.url).heads()


@pytest.mark.parametrize("body", [b"<html>", b'{"error": "no"}', b"[1]"])
def test_what_is_no_list_of_queues_is_said(body: bytes) -> None:
    def answer(line: Line) -> None:
        line.recv()
        line.send_raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    with Listener(answer) as listener, pytest.raises(SinkAway, match="no list of queues"):
        Management(f"http://127.0.0.1:{listener.port}", "amqp://127.0.0.1/").heads()
