"""What came of the drill: figures as JSON, and the same as a table for a reader. An alert that is fired again replaces its last result."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.drill.quick_rules import HURRY
from tests.chaos.drill.rows import ALERTS, FAULTS, Alert
from tests.chaos.drill.watch import Firing

HEAD = f"""# Results of `make alarms`

Written by the drill. A real Prometheus watches the gateway with `deploy/prometheus/rules.yml`, in which every duration (how long an
alert waits, how far back it looks) is divided by {HURRY}; thresholds, and the gateway's own waits, are not. Each fault is made once; the
alert was quiet before it, and did not falter while the fault lasted: once it fired it did not fall silent and fire again. Some fire
only once the fault is over, since what was late, or missed, is counted when it comes. What the faults are is in
`tests/chaos/drill/rows.py`; one that is made alone (`make alarms FAULT=…`) replaces its own rows.

| alert | fault | with | fired after, s | quiet again after, s |
| --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Span:
    """When a fault was; Unix seconds."""

    began: float
    ended: float


@dataclass(frozen=True)
class Outcome:
    """Of one alert.

    fired_s  from the beginning of its fault; None: it did not fire
    quiet_s  from the end of its fault; None: it goes on
    pauses   times that it fell silent and fired again while the fault lasted
    """

    alert: Alert
    fired_s: float | None
    quiet_s: float | None
    pauses: int

    def __str__(self) -> str:
        fired, quiet = ("no" if seconds is None else f"{seconds:.1f} s" for seconds in (self.fired_s, self.quiet_s))
        return f"{self.alert.name}: fired after {fired}, quiet again after {quiet}, pauses {self.pauses}"

    def wrong(self) -> list[str]:
        if self.fired_s is None:
            return [f"{self.alert.name} did not fire on {self.alert.fault} with {self.alert.labels}"]
        found = (
            [f"{self.alert.name} fell silent {self.pauses} times and fired again while {self.alert.fault} lasted"]
            if self.pauses
            else []
        )
        return found + ([f"{self.alert.name} still fires"] if self.quiet_s is None else [])


def outcome(alert: Alert, span: Span, firings: Sequence[Firing]) -> Outcome:
    """Of the alert's own firings, those since its fault began."""
    found = [firing for firing in firings if firing.is_of(alert.name, alert.labels) and firing.began >= span.began]
    if not found:
        return Outcome(alert, None, None, 0)
    meanwhile = [firing for firing in found if firing.began <= span.ended]
    last = meanwhile[-1] if meanwhile else found[0]
    quiet_s = None if last.ended is None else max(0.0, last.ended - span.ended)
    return Outcome(alert, found[0].began - span.began, quiet_s, max(0, len(meanwhile) - 1))


def keep(folder: Path, outcomes: Iterable[Outcome]) -> None:
    """Write them down beside the others."""
    file = folder / "alerts.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    known |= {each.alert.name: {"fired_s": each.fired_s, "quiet_s": each.quiet_s, "pauses": each.pauses} for each in outcomes}
    rows = {alert.name: known[alert.name] for alert in ALERTS if alert.name in known}
    file.write_text(json.dumps(rows, indent=1) + "\n")
    (folder / "ALERTS.md").write_text(page(rows))


def page(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Alert → its figures."""
    return HEAD + "".join(f"| {' | '.join(_cells(alert, rows[alert.name]))} |\n" for alert in ALERTS if alert.name in rows)


def _cells(alert: Alert, found: Mapping[str, Any]) -> Iterable[str]:
    labels = ", ".join(f"`{name}={value}`" for name, value in alert.labels.items())
    figures = ("no" if found[name] is None else f"{found[name]:.0f}" for name in ("fired_s", "quiet_s"))
    return (f"`{alert.name}`", FAULTS[alert.fault].words, labels, *figures)
