"""Results are kept beside each other, in the order of the table, and a row that is made again replaces its last one."""

import json
from pathlib import Path

from tests.chaos.results import Result, keep
from tests.chaos.rows import ROWS

ORDER = [row.name for row in ROWS]


def result(name: str, **more: object) -> Result:
    row = next(row for row in ROWS if row.name == name)
    told: dict[str, object] = {
        "name": name, "words": row.words, "seed": 7, "given": row.long, "sent": 1234, "arrived": 1233, "announced": {"book": 1},
        "repeats": 2, "gaps": {"restarted": 3}, "figures": {"audit_s": 70.5}, "limits": row.within, "wrong": [],
    }  # fmt: skip
    return Result(**(told | more))  # type: ignore[arg-type]


def test_every_rows_parameters_can_be_kept_and_read(tmp_path: Path) -> None:
    for row in ROWS:
        keep(tmp_path, result(row.name), ORDER)
    assert [row["name"] for row in json.loads((tmp_path / "results.json").read_text())] == ORDER
    lines = (tmp_path / "RESULTS.md").read_text().splitlines()
    cells = {line.count(" | ") for line in lines if line.startswith("| ")}
    assert len(lines) == 4 + 2 + len(ROWS)
    assert len(cells) == 1, "every row has a cell for every column"


def test_a_row_that_is_made_again_replaces_its_last_result_and_keeps_its_place(tmp_path: Path) -> None:
    for name in ("private_frames_dropped", "router_killed"):
        keep(tmp_path, result(name), ORDER)
    keep(tmp_path, result("private_frames_dropped", wrong=["one | thing", "another"]), ORDER)
    assert [row["name"] for row in json.loads((tmp_path / "results.json").read_text())] == [
        "router_killed",
        "private_frames_dropped",
    ]
    *_, killed, dropped = (tmp_path / "RESULTS.md").read_text().splitlines()
    assert killed.endswith(
        "| programs router_00, times 100 | 7 | 1,234 | 1,233 | 1 book | 2 | 3 restarted | audit_s 70.5 | holds |"
    )
    assert dropped.endswith("| audit_s 70.5 (75) | 2 wrong: one \\| thing |")


def test_no_two_rows_have_one_name_and_each_says_something_else() -> None:
    assert len(set(ORDER)) == len(ROWS) == len({row.words for row in ROWS})
