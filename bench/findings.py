"""What was measured, kept by label in bench/results: each figure with its repeats, and where it was taken. Written out as RESULTS.md."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.rates import spread
from bench.targets import TABLE, TARGETS, Target

#: Where results are kept, one file a label, and the page that is made of them.
FOLDER = Path(__file__).resolve().parent / "results"
PAGE = FOLDER.parent / "RESULTS.md"
#: The label of the code before its last optimisation; its column comes first.
BEFORE = "before"
_MARK = {True: "met", False: "missed", None: ""}


@dataclass(slots=True)
class Findings:
    """Of one label.

    rows   key → {"values": repeats, "revision": of the code, "quick": bool}
    notes  key → a sentence about what could not be measured, or what to know of it
    place  machine, versions, date of the newest run
    """

    label: str
    place: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def add(self, key: str, *values: float) -> None:
        """Replaces what an earlier run found. Raises KeyError for a key that the table lacks."""
        row = TARGETS[key]
        self.rows[row.key] = {
            "values": [round(value, 4) for value in values],
            "revision": self.place.get("revision", ""),
            "quick": bool(self.place.get("quick")),
        }

    def note(self, key: str, sentence: str) -> None:
        self.notes[key] = sentence

    def value(self, key: str) -> float | None:
        """The median; None where it was not measured."""
        row = self.rows.get(key)
        return median(row["values"]) if row and row["values"] else None

    def save(self) -> None:
        FOLDER.mkdir(exist_ok=True)
        kept = {"place": self.place, "rows": self.rows, "notes": self.notes}
        (FOLDER / f"{self.label}.json").write_text(json.dumps(kept, indent=1) + "\n")


def load(label: str) -> Findings:
    """What earlier runs found under this label; nothing where there were none."""
    path = FOLDER / f"{label}.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    return Findings(label, kept.get("place", {}), kept.get("rows", {}), kept.get("notes", {}))


def everything() -> list[Findings]:
    """All labels, `before` first, then by date."""
    found = [load(path.stem) for path in FOLDER.glob("*.json")]
    return sorted(found, key=lambda each: (each.label != BEFORE, each.place.get("date", "")))


def shown(value: float) -> str:
    """With three digits that count."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value else "0"


def cell(found: Findings, target: Target) -> str:
    """The median, how far repeats were apart, and whether the target is met."""
    value = found.value(target.key)
    if value is None:
        return ""
    values = found.rows[target.key]["values"]
    parts = [shown(value)]
    if len(values) > 1:
        parts.append(f"±{spread(values) * 100:.0f} %")
    verdict = _MARK[target.is_met(value)]
    return f"{' '.join(parts)} **{verdict}**" if verdict else " ".join(parts)


def tables(labels: list[Findings]) -> str:
    """One table a heading, of the rows that anybody measured."""
    lines: list[str] = []
    for heading, targets in TABLE.items():
        rows = [target for target in targets if any(target.key in found.rows for found in labels)]
        if not rows:
            continue
        names = " | ".join(found.label for found in labels)
        lines += [f"## {heading}", "", f"| figure | target | {names} |", "|---|---|" + "---|" * len(labels)]
        for target in rows:
            bound = f"{target.side} {shown(target.bound)} {target.unit}" if target.bound is not None else ""
            cells = " | ".join(cell(found, target) for found in labels)
            lines.append(f"| {target.what}, {target.unit} | {bound} | {cells} |")
        lines.append("")
    return "\n".join(lines)


def revisions(found: Findings) -> str:
    """Of the code that was measured, in words; where there are several, with how many figures each has."""
    figures = Counter(row["revision"] for row in found.rows.values())
    if len(figures) < 2:
        return f"revision {', '.join(figures) or found.place.get('revision', '')}"
    return "revisions " + ", ".join(
        f"{revision} ({count} figure{'s' if count > 1 else ''})" for revision, count in figures.most_common()
    )


def page(labels: list[Findings]) -> str:
    """All of RESULTS.md."""
    lines = [
        "# What the benchmark found",
        "",
        "Written by `make bench`; what each figure means is in [README.md](README.md). The median of the repeats, ± half the distance",
        "between the least and the greatest. Everything ran at once on the cores named below, generator, broker, database and consumer",
        "included: ratios count.",
        "",
    ]
    for found in labels:
        place = found.place
        lines.append(f"* **{found.label}**: {place.get('date', '')}, {revisions(found)}{', quick' if place.get('quick') else ''}; ")
        lines[-1] += "; ".join(f"{name} {words}" for name, words in place.get("machine", {}).items()) + ". "
        lines[-1] += ", ".join(f"{name} {words}" for name, words in place.get("versions", {}).items()) + "."
        if place.get("steal"):
            lines[-1] += f" {place['steal']}"
    lines += ["", tables(labels)]
    notes = [f"* {found.label}, {key}: {words}" for found in labels for key, words in sorted(found.notes.items())]
    if notes:
        lines += ["## Notes", "", *notes, ""]
    return "\n".join(lines)


def write() -> None:
    PAGE.write_text(page(everything()))
