"""`ws-gateway status --slo`: the specification's success measures, a line each."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from cli import screen
from cli.client import Client
from cli.exits import DONE, REFUSED
from gateway.metrics import text
from gateway.metrics.table import METRICS, Metric
from gateway.metrics.text import Sample

#: Time that is lost is a share of an hour at least: after a minute of work a second is no sign of anything.
HOUR_S = 3600.0

MISSED = "missed"
COLOURS = {MISSED: "red", "met": "green"}


@dataclass(frozen=True, slots=True)
class Judged:
    """One measure.

    what   of which things it is a share
    share  what was found; None: nothing was measured
    word   met, missed, nothing measured or too early to say
    """

    name: str
    what: str
    target: float
    share: float | None
    word: str


def judged(found: Sequence[Sample]) -> Iterator[Judged]:
    """What the samples of GET /metrics say of each measure."""
    shares = {sample.name: sample.value for sample in found}
    for metric in METRICS:
        if metric.target is not None:
            share = shares.get(metric.name)
            name = metric.name.removeprefix("ws_gateway_slo_").removesuffix("_ratio")
            what = metric.meaning.removeprefix("Share of ").partition(";")[0]
            yield Judged(name, what, metric.target, share, _word(metric, metric.target, share, found))


def _word(metric: Metric, target: float, share: float | None, found: Sequence[Sample]) -> str:
    if share is None:
        return "nothing measured"
    if share >= target:
        return "met"
    if metric.name == "ws_gateway_slo_uptime_ratio":
        work_s = text.total(found, "ws_gateway_work_seconds_total")
        lost_of_an_hour = (1 - share) * min(1.0, work_s / HOUR_S)
        return MISSED if 1 - lost_of_an_hour < target else "too early to say"
    return MISSED


def show(client: Client, *, as_json: bool) -> int:
    """0 when none is missed, 1 when one is."""
    with screen.waiting("waiting for the control API"):
        rows = list(judged(text.samples(client.text("/metrics"))))
    if as_json:
        print(json.dumps({row.name: {"share": row.share, "target": row.target, "verdict": row.word} for row in rows}, indent=1))
    else:
        columns = ("measure", "found", "target", "", "share of")
        screen.console().print(screen.table(columns, map(_cells, rows), elastic=columns[-1:]))
    return REFUSED if any(row.word == MISSED for row in rows) else DONE


def _cells(row: Judged) -> tuple[str | Text, ...]:
    found = "-" if row.share is None else f"{row.share:.3%}"
    return row.name, found, f"{row.target:.1%}", Text(row.word, style=COLOURS.get(row.word, "")), row.what
