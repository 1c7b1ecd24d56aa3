"""Every metric has a test that moves it, under each reason that it tells apart."""

import ast
from collections.abc import Iterator
from pathlib import Path

from gateway.metrics.table import METRICS, PREFIX

TESTS = Path(__file__).resolve().parents[1]

#: A metric, without its labels or under one of them.
Moved = tuple[str, str, str]


def moved() -> set[Moved]:
    """What some test moves: first words of every call of `moving`, and its labels."""
    calls = [
        node
        for path in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "moving" and node.args
    ]
    return {
        found for call in calls if isinstance(call.args[0], ast.Constant) for found in _of(PREFIX + str(call.args[0].value), call)
    }


def _of(name: str, call: ast.Call) -> Iterator[Moved]:
    yield name, "", ""
    for given in call.keywords:
        if given.arg is not None and isinstance(given.value, ast.Constant):
            yield name, given.arg, str(given.value.value)


def test_every_metric_is_moved_by_a_test() -> None:
    assert {(metric.name, "", "") for metric in METRICS} - moved() == set()


def test_every_reason_that_a_metric_tells_apart_is_moved_by_a_test_and_explained() -> None:
    expected = {(metric.name, metric.labels[-1], word) for metric in METRICS for word in metric.words}
    assert len(expected) >= 12
    assert expected - moved() == set()
    assert [(metric.name, word) for metric in METRICS for word in metric.words if f"`{word}`" not in metric.meaning] == []


def test_every_metric_with_reasons_names_them() -> None:
    assert [metric.name for metric in METRICS if "reason" in metric.labels and not metric.words] == []


def test_no_test_moves_what_is_no_metric() -> None:
    assert {name for name, _, _ in moved()} - {metric.name for metric in METRICS} == set()
