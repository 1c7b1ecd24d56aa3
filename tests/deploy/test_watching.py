"""A real Prometheus watches a whole gateway: what the dashboards ask is there, and a fault fires its alert."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.servers import RabbitMQ
from simulator.remote import RunningSimulator
from tests.deploy import boards, documents
from tests.deploy.prometheus import Prometheus
from tests.integration.running import RunningGateway, healthy_gateway, wait_for
from tests.valves import Valve

#: What these count did not happen here: nothing was lost, nobody reconnected, and the account stood still.
QUIET = (
    "ws_gateway_dropped_total", "ws_gateway_publish_failures_total", "ws_gateway_resubscribe_seconds", "ws_gateway_balance_write_seconds",
    "ws_gateway:persistence:ratio_15m",
    "ws_gateway:resubscription:ratio_1h", "ws_gateway_slo_persistence_ratio", "ws_gateway_slo_resubscription_ratio", "ws_gateway_queue_oldest_seconds",
    "ws_gateway_journal_bytes", "ws_gateway_journal_messages",
)  # fmt: skip
#: RabbitMQ out of reach, and linear_00 stopped: the alerts of that, each with some of its labels.
FAULTS = {
    "GatewayUnhealthy": {"severity": "critical"},
    "ProcessSilent": {"process": "linear_00", "severity": "critical"},
    "SinkAway": {"sink": "broker", "severity": "critical"},
}
#: A scrape a second, rates over a minute, alerts that wait for 30 s; seconds.
LONG_S = 300

pytestmark = pytest.mark.timeout(LONG_S)


@pytest.fixture
def valve(rabbitmq_server: RabbitMQ) -> Iterator[Valve]:
    with Valve(rabbitmq_server.ports[0]) as valve:
        yield valve


@pytest.fixture
def gateway(
    tmp_path: Path, database_url: str, broker_url: str, valve: Valve, simulator: RunningSimulator
) -> Iterator[RunningGateway]:
    """It reaches RabbitMQ through the valve."""
    folder = tmp_path / "gateway"
    folder.mkdir()
    through = valve.through(broker_url)
    with healthy_gateway(folder, database_url, through, simulator) as running:
        yield running


def test_dashboards_show_a_running_gateway_and_faults_fire_their_alerts(
    tmp_path: Path, gateway: RunningGateway, valve: Valve
) -> None:
    folder = tmp_path / "prometheus"
    folder.mkdir()
    for channel in ("trades", "ticker"):
        gateway.subscribe(channel, symbol="BTCUSDT", category="linear")
    gateway.subscribe("order")  # a login, and with it the exchange's clock
    asked = {
        str(ask): boards.filled(ask.text, dict.fromkeys(boards.variables(ask.board), ".*"))
        for ask in boards.asks()
        if not ask.is_sql
    }
    asked |= {name: name for name in documents.recorded()}
    shown = {who: text for who, text in asked.items() if not documents.names_in(text) & names_of(QUIET)}
    with Prometheus(folder, {"gateway": f"127.0.0.1:{gateway.port}"}) as prometheus:
        wait_for(
            lambda: gateway.call("GET", "/api/v1/connections") and all(prometheus.ask(text) for text in shown.values()),
            lambda: f"samples for {[who for who, text in shown.items() if not prometheus.ask(text)]}",
            90.0,
        )
        for text in set(asked.values()) - set(shown.values()):
            prometheus.ask(text)
        assert prometheus.firing() == {}, "alerts of a healthy gateway"
        valve.shut()
        gateway.control("stop", "linear:*")
        wait_for(lambda: set(FAULTS) <= set(prometheus.firing()), lambda: f"{set(FAULTS)}, but {prometheus.firing()}", 90.0)
        found = prometheus.firing()
        assert {name: found[name] | labels for name, labels in FAULTS.items()} == {name: found[name] for name in FAULTS}
        valve.open()
        gateway.control("start", "linear:*")
        wait_for(lambda: not set(FAULTS) & set(prometheus.firing()), lambda: f"none of it, but {prometheus.firing()}", 60.0)


def names_of(metrics: tuple[str, ...]) -> set[str]:
    """A histogram's samples have further names."""
    return {f"{name}{suffix}" for name in metrics for suffix in ("", "_bucket", "_count", "_sum")}
