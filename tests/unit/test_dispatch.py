"""What a worker leaves behind when it ends with a router that takes nothing: all that is not on disk yet, once."""

from pathlib import Path

import pytest

from gateway.bus import bus
from gateway.bus.bus import BusSender
from gateway.disk.spool import Spool
from gateway.models import Record
from gateway.wire import TOPIC_STATE
from tests.zeromq import Context
from workers.dispatch import Dispatch
from workers.journal import Journal, KeptRecords


def record(identity: str, event_type: str = "trade") -> Record:
    return Record("key", event_type, identity, None, None, "topic", "trace", 0, 0, b"{}")


def make(folder: Path, context: Context, max_bytes: int = 1 << 20) -> Dispatch:
    journal = Journal(Spool(folder / "journal", max_bytes=max_bytes))
    journal.open()
    return Dispatch("w", BusSender(bus.address(folder), b"w", context=context), journal)


def left(folder: Path) -> list[str]:
    journal = Journal(Spool(folder / "journal", max_bytes=1 << 20))
    journal.open()
    found = []
    while part := journal.left(1 << 20):
        found += [entry.event_id for kept in part if isinstance(kept, KeptRecords) for entry in kept.records]
    return found


def test_events_stay_in_order_and_what_is_there_already_is_not_kept_twice(tmp_path: Path, context: Context) -> None:
    out = make(tmp_path, context)
    for number in range(3):
        out.add(record(f"e{number}"))
    out.add_kept(record("told", "system"))
    out.add(record("report", TOPIC_STATE))
    out.flush()
    out.keep_rest()
    assert left(tmp_path) == ["told", "e0", "e1", "e2"]


def test_what_came_from_the_journal_is_not_put_there_again(tmp_path: Path, context: Context) -> None:
    """Else each run that meets no router would double it."""
    make_first = make(tmp_path, context)
    make_first.add(record("old"))
    make_first.flush()
    make_first.keep_rest()
    for _ in range(3):
        out = make(tmp_path, context)
        for kept in out.journal.left(1 << 20):
            assert isinstance(kept, KeptRecords)
            for entry in kept.records:
                out.add(entry)
        out.flush_replayed()
        out.keep_rest()
    assert left(tmp_path) == ["old"]


def test_what_the_worker_tells_is_on_disk_once_there_is_room_again(tmp_path: Path, context: Context) -> None:
    out = make(tmp_path, context, max_bytes=16)
    out.add_kept(record("told", "system"))
    out.flush()
    assert out.journal.error is not None
    assert len(out.bus.outbox) == 1, "it leaves all the same"
    assert out.journal._spool is not None
    out.journal._spool._max_bytes = 1 << 20
    out.flush()
    assert out.journal.error is None
    assert left(tmp_path) == ["told"]
    assert len(out.bus.outbox) == 1


def test_what_finds_no_room_at_the_end_is_said(tmp_path: Path, context: Context, caplog: pytest.LogCaptureFixture) -> None:
    out = make(tmp_path, context, max_bytes=16)
    out.add(record("event"))
    out.flush()
    out.keep_rest()
    assert "not_kept records=1" in caplog.text
    assert left(tmp_path) == []
