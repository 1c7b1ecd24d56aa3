"""Prometheus' files: promtool reads them, each alert fires on its series and not beside them, and what they name exists."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy import documents, promtool
from tests.deploy.alarms import ALARMS, Alarm
from tests.pages import section

GROUPS = yaml.safe_load(documents.RULES.read_text())["groups"]
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}


def said(text: str, alarm: Alarm) -> str:
    """An annotation as Prometheus fills it in for this alarm."""
    labels = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: alarm.labels[found[1]], text)
    return re.sub(r"\{\{ \$value( \| \w+)? \}\}", lambda _: alarm.value, labels)


def conversation(alarm: Alarm) -> list[dict[str, Any]]:
    """Two of promtool's tests: the alert as it must be said, and silence."""
    rule = ALERTS[alarm.name]
    expected = {
        "exp_labels": alarm.labels | rule["labels"],
        "exp_annotations": {name: said(text, alarm) for name, text in rule["annotations"].items()},
    }
    return [
        {
            "name": f"{alarm.name} {word}",
            "interval": "10s",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "alert_rule_test": [{"eval_time": alarm.at, "alertname": alarm.name, "exp_alerts": alerts}],
        }
        for word, series, alerts in (("fires", alarm.fires, [expected]), ("is quiet", alarm.quiet, []))
    ]


def judged(folder: Path, *alarms: Alarm) -> tuple[int, str]:
    """promtool's exit code and words about these."""
    tests = [test for alarm in alarms for test in conversation(alarm)]
    whole = {"rule_files": [str(documents.RULES)], "evaluation_interval": "10s", "tests": tests}
    (folder / "test.yml").write_text(yaml.safe_dump(whole))
    done = promtool.run("test", "rules", "test.yml", cwd=folder)
    return done.returncode, done.stdout


def test_prometheus_takes_its_configuration_and_rules() -> None:
    done = promtool.run("check", "config", "prometheus.yml", cwd=documents.RULES.parent)
    assert done.returncode == 0, done.stdout
    assert f"{len(RULES)} rules found" in done.stdout


def test_every_alert_fires_on_its_series_and_not_beside_them(tmp_path: Path) -> None:
    assert sorted(alarm.name for alarm in ALARMS) == sorted(ALERTS)
    code, words = judged(tmp_path, *ALARMS)
    assert code == 0, words


@pytest.mark.parametrize("alarm", ALARMS[:3], ids=lambda alarm: alarm.name)
def test_an_alert_that_did_not_fire_would_be_found(tmp_path: Path, alarm: Alarm) -> None:
    code, words = judged(tmp_path, Alarm(alarm.name, alarm.quiet, alarm.fires, alarm.at, alarm.labels, alarm.value))
    assert code == 1
    assert alarm.name in words


def test_every_metric_that_a_rule_names_exists() -> None:
    known = set(documents.labels()) | documents.recorded()
    assert {name for rule in RULES for name in documents.names_in(rule["expr"])} - known == set()


def test_every_alert_says_what_it_means_and_where_to_read_what_to_do() -> None:
    for name, rule in ALERTS.items():
        assert rule["labels"]["severity"] in ("critical", "warning", "info"), name
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}, name
        assert rule["annotations"]["runbook"] == "docs/OPERATIONS.md#alerts", name
        assert rule["annotations"]["description"].endswith("."), name


def test_every_alert_has_a_row_of_the_runbook_and_every_row_an_alert() -> None:
    rows = [row for row in section(documents.OPERATIONS, "Alerts").splitlines() if row.startswith("| `")]
    names = [row.split("`")[1] for row in rows]
    assert names == list(ALERTS), "in their order, each once"
    cells = [[cell.strip() for cell in row.strip("| ").split(" | ")] for row in rows]
    assert [row for row in cells if len(row) != 3 or not all(row)] == []


def test_page_lists_every_alert() -> None:
    text = documents.DOCKER.read_text(encoding="utf-8")
    assert text == documents.with_alerts(text), "run python -m tests.deploy.documents"
