"""The drill's table names every alert of rules.yml once, its rules are the committed ones in a hurry, and its results are told rightly."""

import json
from pathlib import Path

import pytest
import yaml

from tests.chaos.drill.quick_rules import HURRY, quick
from tests.chaos.drill.results import Outcome, Span, keep, outcome, page
from tests.chaos.drill.rows import ALERTS, FAULTS, STAGES, Alert
from tests.chaos.drill.watch import Firing, firings_of
from tests.deploy import documents, promtool
from tests.integration.running import ROOT

RULES = yaml.safe_load(documents.RULES.read_text())
KEPT = ROOT / "docs" / "chaos"
SPAN = Span(100.0, 140.0)
ALERT = Alert("SinkAway", "rabbitmq_killed", {"sink": "broker"})


def names() -> list[str]:
    return [rule["alert"] for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]


def test_every_alert_has_one_row_in_the_order_of_the_rules() -> None:
    assert [alert.name for alert in ALERTS] == names()


def test_every_row_has_a_fault_and_every_fault_a_row_and_a_stage() -> None:
    assert {alert.fault for alert in ALERTS} == set(FAULTS)
    assert {fault.stage for fault in FAULTS.values()} == set(STAGES)


def test_rules_in_a_hurry_differ_from_the_committed_ones_in_durations_alone(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(quick(documents.RULES.read_text()))
    done = promtool.run("check", "rules", "rules.yml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    hurried = yaml.safe_load((tmp_path / "rules.yml").read_text())
    assert [group["name"] for group in hurried["groups"]] == [group["name"] for group in RULES["groups"]]
    pairs = [
        (slow, fast)
        for before, after in zip(RULES["groups"], hurried["groups"], strict=True)
        for slow, fast in zip(before["rules"], after["rules"], strict=True)
    ]
    for slow, fast in pairs:
        assert {name for name in slow if slow[name] != fast[name]} <= {"for", "expr"}


@pytest.mark.parametrize(
    ("slow", "fast"),
    [
        (
            {"expr": "increase(a[15m]) > 0 and b[1h]"},
            {"expr": f"increase(a[{900_000 // HURRY}ms]) > 0 and b[{3_600_000 // HURRY}ms]"},
        ),
        ({"expr": 'c{le="5"} > 30', "for": "30s"}, {"expr": 'c{le="5"} > 30', "for": f"{30_000 // HURRY}ms"}),
    ],
)
def test_what_waits_or_looks_back_is_divided_and_no_threshold_is(slow: dict[str, str], fast: dict[str, str]) -> None:
    rules = yaml.safe_dump({"groups": [{"name": "g", "interval": "10s", "rules": [slow]}]})
    assert yaml.safe_load(quick(rules)) == {"groups": [{"name": "g", "interval": f"{10_000 // HURRY}ms", "rules": [fast]}]}


def test_what_prometheus_remembers_is_cut_where_an_alert_paused() -> None:
    labels = {"alertname": "SinkAway", "sink": "broker"}
    answer = [{"metric": labels, "values": [[at, "1"] for at in (10.0, 11.0, 12.0, 15.0, 18.0, 19.0, 20.0)]}]
    spans = [(found.began, found.ended) for found in firings_of(answer, until=20.0)]
    assert spans == [(10.0, 12.0), (15.0, 15.0), (18.0, None)]
    assert next(firings_of(answer, until=20.0)).is_of("SinkAway", {"sink": "broker"})


def firing(began: float, ended: float | None, **labels: str) -> Firing:
    return Firing("SinkAway", {"sink": "broker", "severity": "critical", **labels}, began, ended)


def test_an_alert_that_fires_on_its_fault_and_stops_after_it_is_right() -> None:
    found = outcome(ALERT, SPAN, [firing(105.0, 145.0)])
    assert (found.fired_s, found.quiet_s, found.wrong()) == (5.0, 5.0, [])


@pytest.mark.parametrize(
    ("firings", "words"),
    [
        ([], "did not fire"),
        ([firing(90.0, 145.0)], "did not fire"),
        ([firing(105.0, 145.0, sink="postgres")], "did not fire"),
        ([firing(105.0, 110.0), firing(112.0, 145.0)], "fell silent 1 times"),
        ([firing(105.0, None)], "still fires"),
    ],
)
def test_an_alert_that_is_late_falters_or_goes_on_is_wrong(firings: list[Firing], words: str) -> None:
    [sentence] = outcome(ALERT, SPAN, firings).wrong()
    assert words in sentence


def test_an_alert_may_fire_once_its_fault_is_over() -> None:
    found = outcome(ALERT, SPAN, [firing(142.0, 150.0)])
    assert (found.fired_s, found.quiet_s, found.wrong()) == (42.0, 10.0, [])


def test_results_of_the_last_drill_speak_of_every_alert() -> None:
    found = json.loads((KEPT / "alerts.json").read_text())
    assert list(found) == [alert.name for alert in ALERTS]
    assert [name for name, figures in found.items() if None in figures.values() or figures["pauses"]] == []
    assert (KEPT / "ALERTS.md").read_text() == page(found)


def test_an_alert_that_is_fired_again_replaces_its_last_result_and_keeps_its_place(tmp_path: Path) -> None:
    for each in (Outcome(ALERT, 5.0, None, 1), outcome(ALERTS[0], SPAN, []), Outcome(ALERT, 7.4, 9.0, 0)):
        keep(tmp_path, [each])
    *_, first, second = (tmp_path / "ALERTS.md").read_text().splitlines()
    assert first == "| `GatewayAway` | the control API is stopped | `job=gateway` | no | no |"
    assert second == "| `SinkAway` | RabbitMQ is killed, for 20 s | `sink=broker` | 7 | 9 |"
