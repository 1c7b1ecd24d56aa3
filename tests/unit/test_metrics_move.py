"""Every metric has a test that moves it."""

import ast
from pathlib import Path

from gateway.metrics.table import METRICS, PREFIX

TESTS = Path(__file__).resolve().parents[1]


def moved() -> set[str]:
    """The metrics that some test moves: first words of every call of `moving`."""
    calls = [
        node
        for path in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "moving" and node.args
    ]
    return {PREFIX + str(call.args[0].value) for call in calls if isinstance(call.args[0], ast.Constant)}


def test_every_metric_is_moved_by_a_test() -> None:
    assert {metric.name for metric in METRICS} - moved() == set()


def test_no_test_moves_what_is_no_metric() -> None:
    assert moved() - {metric.name for metric in METRICS} == set()
