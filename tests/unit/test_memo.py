"""A memo: the last value that was written whole, or none."""

from pathlib import Path

import msgspec
import pytest

from gateway.disk.memo import Memo


class Value(msgspec.Struct):
    name: str


def test_what_was_written_last_is_read_by_whoever_comes_next(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "memo.json"
    assert Memo(path, Value).read() is None
    for name in ("one", "two"):
        Memo(path, Value).write(Value(name))
    assert Memo(path, Value).read() == Value("two")
    assert [entry.name for entry in path.parent.iterdir()] == ["memo.json"]


def test_what_cannot_be_read_is_none_and_what_cannot_be_written_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "memo.json"
    path.write_text("{half")
    assert Memo(path, Value).read() is None
    memo = Memo(path / "below a file" / "memo.json", Value)
    memo.write(Value("one"))
    memo.write(Value("two"))
    assert len([line for line in caplog.messages if "not_written" in line]) == 1
