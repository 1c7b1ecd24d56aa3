"""The dashboards in deploy/grafana as data, and their questions with Grafana's variables filled in as Grafana does."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.integration.running import ROOT

FOLDER = ROOT / "deploy" / "grafana"
BOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((FOLDER / "dashboards").glob("*.json"))
}

#: The chosen time, an hour that holds whatever a test writes now.
FROM, TO = "now() - interval '30 minutes'", "now() + interval '30 minutes'"
#: Grafana's macros of SQL.
_MACROS = (
    (re.compile(r"\$__timeFilter\((\w+)\)"), rf"\1 BETWEEN {FROM} AND {TO}"),
    (re.compile(r"\$__timeGroup\((\w+), '60s'\)"), r"floor(extract(epoch from \1)/60)*60"),
    (re.compile(r"\$__timeFrom\(\)"), FROM),
    (re.compile(r"\$__timeTo\(\)"), TO),
)


@dataclass(frozen=True, slots=True)
class Ask:
    """One question of one panel."""

    board: str
    panel: dict[str, Any]
    text: str
    is_sql: bool

    def __str__(self) -> str:
        return f"{self.board}: {self.panel['title']}"


def asks() -> Iterator[Ask]:
    for name, board in BOARDS.items():
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield Ask(name, panel, target.get("rawSql") or target["expr"], "rawSql" in target)


def filled(text: str, chosen: dict[str, str]) -> str:
    """The question as Grafana sends it. `chosen`: what stands for a variable, in quotes where the question is SQL."""
    text = text.replace("$__interval", "60s").replace("$__rate_interval", "1m")
    for macro, replacement in _MACROS:
        text = macro.sub(replacement, text)
    text = re.sub(r"\$\{(\w+):sqlstring\}|\$(\w+)", lambda found: chosen[found[1] or found[2]], text)
    assert "$" not in text, text
    return text


def variables(board: str) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in BOARDS[board]["templating"]["list"]}
