"""What a dashboard is made of: panels of a few kinds, laid out from left to right, and the variables above them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

PROMETHEUS = {"type": "prometheus", "uid": "gateway-prometheus"}
POSTGRES = {"type": "grafana-postgresql-datasource", "uid": "gateway-postgres"}
#: Grafana's grid: columns of a line.
COLUMNS = 24
#: Where a colour begins: everything is well, look, act.
GREEN, YELLOW, RED = "green", "yellow", "red"


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    kind      Grafana's type: timeseries, stat, table, state-timeline, heatmap
    unit      of its figures, in Grafana's words: s, ops, percentunit …; "short" for plain numbers, "string" for tables of words
    asks      PromQL with the legend that each series has; or SQL, with "" as legend
    steps     thresholds: the figure from which a colour counts
    words     figure → (word, colour): what a state's number means
    """

    title: str
    description: str
    kind: str
    unit: str
    asks: Sequence[tuple[str, str]]
    width: int = 12
    height: int = 8
    steps: Sequence[tuple[float | None, str]] = ((None, GREEN),)
    words: dict[int, tuple[str, str]] = field(default_factory=dict)
    sql: bool = False
    extra: Json = field(default_factory=dict)


def panel(row: Panel, number: int, x: int, y: int) -> Json:
    """As Grafana keeps it."""
    source = POSTGRES if row.sql else PROMETHEUS
    defaults: Json = {
        "unit": row.unit,
        "color": {"mode": "thresholds" if row.kind in ("stat", "state-timeline") else "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": [{"value": value, "color": colour} for value, colour in row.steps]},
    }
    if row.words:
        options = {str(number): {"text": text, "color": colour, "index": number} for number, (text, colour) in row.words.items()}
        defaults["mappings"] = [{"type": "value", "options": options}]
    return {
        "id": number,
        "type": row.kind,
        "title": row.title,
        "description": row.description,
        "datasource": source,
        "gridPos": {"x": x, "y": y, "w": row.width, "h": row.height},
        "fieldConfig": {"defaults": defaults, "overrides": row.extra.get("overrides", [])},
        "options": _options(row) | row.extra.get("options", {}),
        "transformations": row.extra.get("transformations", []),
        "targets": [_target(row, source, number, ask, legend) for number, (ask, legend) in enumerate(row.asks)],
    }


def _target(row: Panel, source: Json, number: int, ask: str, legend: str) -> Json:
    letter = chr(ord("A") + number)
    if row.sql:
        shape = "time_series" if row.kind == "timeseries" else "table"
        return {"refId": letter, "datasource": source, "rawQuery": True, "editorMode": "code", "format": shape, "rawSql": ask}
    at_once = row.kind in ("stat", "table")
    shape = "table" if row.kind == "table" else "heatmap" if row.kind == "heatmap" else "time_series"
    return {
        "refId": letter,
        "datasource": source,
        "editorMode": "code",
        "expr": ask,
        "legendFormat": legend or "__auto",
        "instant": at_once,
        "range": not at_once,
        "format": shape,
    }


def _options(row: Panel) -> Json:
    match row.kind:
        case "timeseries":
            return {
                "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
                "tooltip": {"mode": "multi"},
            }
        case "stat":
            return {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "background"}
        case "state-timeline":
            return {"showValue": "auto", "mergeValues": True, "rowHeight": 0.85, "legend": {"showLegend": False}}
        case "table":
            return {"showHeader": True, "cellHeight": "sm", "footer": {"show": False}}
        case _:
            return {}


def variable(name: str, label: str, ask: str, *, sql: bool = False) -> Json:
    """A choice above the panels, several at once or all, filled by a query."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": POSTGRES if sql else PROMETHEUS,
        "query": ask if sql else {"query": ask, "refId": name},
        "definition": ask,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def text(name: str, label: str) -> Json:
    """A choice that is written by hand; empty for everything."""
    return {"name": name, "label": label, "type": "textbox", "query": "", "current": {"text": "", "value": ""}}


def dashboard(
    name: str, title: str, description: str, rows: Sequence[Panel], variables: Sequence[Json], span: str = "now-6h"
) -> Json:
    """The whole, as a file that Grafana is provisioned with."""
    panels, x, y, highest = [], 0, 0, 0
    for number, row in enumerate(rows, start=1):
        if x + row.width > COLUMNS:
            x, y, highest = 0, y + highest, 0
        panels.append(panel(row, number, x, y))
        x, highest = x + row.width, max(highest, row.height)
    link = {"type": "dashboards", "title": "ws-gateway", "tags": ["ws-gateway"], "asDropdown": True, "keepTime": True}
    return {
        "uid": f"ws-gateway-{name}",
        "title": title,
        "description": description,
        "tags": ["ws-gateway"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": span, "to": "now"},
        "timezone": "utc",
        "links": [link],
        "annotations": {"list": []},
        "templating": {"list": list(variables)},
        "panels": panels,
    }
