"""What the page's scripts, Grafana's and Prometheus' files and the command line write once more is what the code says."""

import json
import re
from typing import Any, get_args

import pytest
import yaml

from cli import list as listing
from cli import status
from gateway.health import health
from gateway.health.words import ConnectionStatus
from gateway.lanes import backlogs
from gateway.metrics.slo import WITHIN_S
from gateway.metrics.table import BY_NAME, METRICS, PREFIX
from gateway.occurrences import Kind
from gateway.protocol import topic_moves
from gateway.protocol.endpoints import CATEGORIES
from tests.pages import read

STATUSES = set(get_args(ConnectionStatus))
#: Of a connection that does what it should.
WELL = {"connected", "standby", "idle"}
#: Kinds of occurrences that are no trouble.
CALM = {"connected", "reconnected", "subscribed", "recovered"}
RULES = {
    rule.get("alert") or rule["record"]: rule["expr"]
    for group in yaml.safe_load(read("deploy/prometheus/rules.yml"))["groups"]
    for rule in group["rules"]
}
#: Alert → what it must be more than.
LIMITS = {
    "ConnectionAway": health.PATIENCE_MS / 1000,
    "SinkBlocked": health.PATIENCE_MS / 1000,
    "ClockOff": health.SKEW_MS / 1000,
    "SpoolFilling": health.CROWDED,
    "JournalFilling": health.CROWDED,
    "QueueFilling": backlogs.LEVELS[0],
    "QueueOverflowing": backlogs.LEVELS[1],
}
#: Alert → the measure that it holds to its target.
TARGETS = {
    "UptimeBelowTarget": "uptime", "ProcessedBelowTarget": "processed", "DeliverySlow": "delivery", "BalancesLate": "persistence",
    "ApiSlow": "api", "ResubscriptionSlow": "resubscription",
}  # fmt: skip


def constant(script: str, name: str) -> Any:
    """A literal of one of the page's scripts."""
    [words] = re.findall(rf"^(?:export )?const {name} = ([^;]+);", read(f"api/static/{script}.js"), re.MULTILINE)
    return json.loads(re.sub(r",\s*\]", "]", words))


@pytest.mark.parametrize(
    ("script", "name", "expected"),
    [
        ("verdicts", "LATE_S", WITHIN_S["delivery"]),
        ("verdicts", "WAITS_S", health.LATE_MS / 1000),
        ("queues", "GRAVE", backlogs.LEVELS[1]),
        ("topics", "CATEGORIES", list(CATEGORIES)),
    ],
)
def test_a_rule_of_the_page_is_the_code_s(script: str, name: str, expected: object) -> None:
    assert constant(script, name) == expected


def test_the_page_knows_every_kind_of_occurrence_and_every_status() -> None:
    troubles = set(constant("ledger", "TROUBLES"))
    assert troubles | CALM == set(get_args(Kind))
    assert not troubles & CALM
    assert set(constant("connections", "AWAY")) == STATUSES - WELL


def test_every_topic_in_trouble_is_so_on_the_page() -> None:
    own_words = {"unknown", "not held"}
    assert set(constant("topics", "IN_TROUBLE")) - own_words == set(topic_moves.STATES) - {"requested", "acknowledged", "live"}


def test_words_of_health_of_topics_and_of_connections_are_the_same_everywhere() -> None:
    assert set(status.COLOURS) == set(health.VERDICTS)
    assert set(status.CALM) == WELL
    assert set(health.SEVERITY) == STATUSES
    assert {*topic_moves.WORDS.values(), "stalled"} == set(topic_moves.STATES)
    assert set(listing.COLOURS) == {*topic_moves.STATES, "cancelled"} - {"requested"}
    for name, words in (("health", health.VERDICTS), ("connection_up", STATUSES), ("topics", topic_moves.STATES)):
        told = BY_NAME[PREFIX + name].meaning.rpartition(": ")[2].partition(";")[0]
        assert set(re.findall(r"\w+", told)) == set(words)


def test_grafana_draws_every_status_of_a_connection() -> None:
    panels = json.loads(read("deploy/grafana/dashboards/connections.json"))["panels"]
    asked = " ".join(target["expr"] for panel in panels for target in panel.get("targets", []) if "expr" in target)
    assert set(re.findall(r'connection_up\{[^}]*status="(\w+)"\} \* \d', asked)) == STATUSES


@pytest.mark.parametrize(("alert", "limit"), LIMITS.items())
def test_a_limit_of_an_alert_is_the_code_s(alert: str, limit: float) -> None:
    assert float(RULES[alert].split()[-1]) == limit


@pytest.mark.parametrize(("alert", "measure"), TARGETS.items())
def test_an_alert_holds_a_measure_to_its_target(alert: str, measure: str) -> None:
    if measure == "uptime":  # told in seconds, so that the first minutes of a gateway are not held to an hour's ratio
        lost, hour = float(RULES[alert].partition(" > ")[2]), 3600
        assert lost == pytest.approx((1 - BY_NAME[f"{PREFIX}slo_uptime_ratio"].target) * hour)
        return
    name, _, target = RULES[alert].partition(" < ")
    assert float(target) == BY_NAME[f"{PREFIX}slo_{measure}_ratio"].target
    if measure in WITHIN_S:
        [bound] = re.findall(r'le=~?"([\d.]+?)(?:\(\\\\\.0\)\?)?"', RULES[name])
        assert float(bound) == WITHIN_S[measure]


def test_every_measure_with_a_target_has_an_alert() -> None:
    assert set(TARGETS.values()) == {metric.name.split("_slo_")[1].removesuffix("_ratio") for metric in METRICS if metric.target}
