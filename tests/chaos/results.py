"""The results of runs, one JSON file a form, and the same as a table for a reader. A row that is made again replaces its last result."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Result:
    """One run of a row.

    given  its parameters
    gaps   cause → rows of the table
    wrong  sentences, none where all is well
    """

    name: str
    words: str
    seed: int
    given: dict[str, Any]
    sent: int
    arrived: int
    announced: dict[str, int]
    repeats: int
    gaps: dict[str, int]
    figures: dict[str, float]
    limits: dict[str, float]
    wrong: list[str]


def keep(folder: Path, result: Result, order: Sequence[str]) -> None:
    """Write it down beside the others. order: of the rows in the table."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "results.json"
    known = {row["name"]: row for row in json.loads(file.read_text())} if file.exists() else {}
    known[result.name] = json.loads(json.dumps(asdict(result)))
    rows = [known[name] for name in order if name in known]
    file.write_text(json.dumps(rows, indent=1) + "\n")
    (folder / "RESULTS.md").write_text(table(rows))


def table(rows: Sequence[dict[str, Any]]) -> str:
    head = "| fault | given | seed | facts sent | arrived | announced as missing | repeats | rows in `gaps` | figures (most allowed) | verdict |"
    lines = [
        "# Results of `make chaos`", "",
        "Written by the suite; what the columns mean is in [README](README.md).", "",
        head, "|" + " --- |" * (head.count("|") - 1),
    ]  # fmt: skip
    for row in rows:
        given = ", ".join(f"{name} {_short(value)}" for name, value in row["given"].items())
        announced, gaps = (", ".join(f"{n} {of}" for of, n in sorted(row[name].items())) or "0" for name in ("announced", "gaps"))
        figures = ", ".join(
            f"{name} {value:g}" + (f" ({row['limits'][name]:g})" if name in row["limits"] else "")
            for name, value in row["figures"].items()
        )
        verdict = "holds" if not row["wrong"] else f"{len(row['wrong'])} wrong: {_cell(row['wrong'][0])}"
        cells = (
            row["words"], given, row["seed"], f"{row['sent']:,}", f"{row['arrived']:,}", announced, row["repeats"], gaps, figures,
            verdict,
        )  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "/".join(map(str, value.values()))
    return " ".join(map(_short, value)) if isinstance(value, list | tuple) else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")[:200]
