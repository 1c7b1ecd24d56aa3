"""Dead letters: kept as they came, in files that stay small, and never a reason for anything else to fail."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.disk.dead_letters import LONGEST_BYTES, DeadLetters


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def add(letters: DeadLetters, record: Any, reason: str = "odd") -> None:
    letters.add(topic="order", reason=reason, record=record, trace_id="t", received_ns=1_700_000_000_123_456_789)


@pytest.mark.parametrize("record", [{"a": [1, "0.10", None]}, [], "text", 7, None, "\u2603", {"": ""}])
def test_a_letter_is_one_line_with_its_reason_and_the_record_as_it_came(tmp_path: Path, record: Any) -> None:
    letters = DeadLetters(tmp_path, "private_00")
    add(letters, record)
    assert lines(tmp_path / "dead_letters" / "private_00.jsonl") == [
        {"received_at": "2023-11-14T22:13:20.123456Z", "topic": "order", "reason": "odd", "trace_id": "t", "record": record}
    ]
    assert (letters.kept, letters.lost) == (1, 0)


def test_a_huge_record_is_cut_and_stays_one_line(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path, "w")
    add(letters, {"long": "é" * LONGEST_BYTES})
    [letter] = lines(tmp_path / "dead_letters" / "w.jsonl")
    assert letter["record"].startswith('{"long":"é')
    assert len(letter["record"].encode()) <= LONGEST_BYTES + 3


def test_the_files_stay_small_and_the_newest_letters_are_there(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path, "w", most_bytes=5_000)
    for number in range(500):
        add(letters, {"number": number})
    older, newer = (tmp_path / "dead_letters" / name for name in ("w.1.jsonl", "w.jsonl"))
    assert max(older.stat().st_size, newer.stat().st_size) <= 5_000
    numbers = [letter["record"]["number"] for letter in lines(older) + lines(newer)]
    assert numbers == list(range(500 - len(numbers), 500))
    assert letters.kept == 500


def test_a_second_run_goes_on_in_the_same_file(tmp_path: Path) -> None:
    for number in range(2):
        add(DeadLetters(tmp_path, "w"), number)
    assert [letter["record"] for letter in lines(tmp_path / "dead_letters" / "w.jsonl")] == [0, 1]


def test_a_folder_that_cannot_be_used_costs_the_letter_and_one_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "dead_letters").write_text("a file in the place of the folder")
    letters = DeadLetters(tmp_path, "w")
    for number in range(3):
        add(letters, number)
    assert (letters.kept, letters.lost) == (0, 3)
    assert len([line for line in caplog.messages if "dead_letters not_kept" in line]) == 1
    (tmp_path / "dead_letters").unlink()
    add(letters, msgspec.Raw(b'{"n": 1.10}'))
    assert letters.kept == 1
