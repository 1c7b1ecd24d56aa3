"""The layout on disk: who begins, who has to wait for whom, and that what an older layout left is dealt once and whole."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from gateway import state
from gateway.disk.spool import Spool
from gateway.disk.turn_lock import TurnLock
from gateway.memo import Memo
from gateway.models import Record
from gateway.occurrences import Gap
from gateway.protocol.room import owner
from gateway.state import TopicState, WorkerState
from workers.gaps import OpenGap
from workers.journal import Journal, KeptRecords
from workers.layout import Layout
from workers.slots import Slot

BYTES = 1 << 24
TOPICS = [f"publicTrade.T{number}" for number in range(12)]


def layout(folder: Path, number: int, processes: int, *here: int) -> Layout:
    return Layout(folder, Slot("linear", number, processes, here or range(processes)), BYTES)


def turn(folder: Path, number: int) -> TurnLock:
    return TurnLock(folder / f"linear_{number:02d}.lock")


@contextmanager
def holding(folder: Path, number: int, processes: int) -> Iterator[None]:
    """A process that has begun, until it ends."""
    lock = turn(folder, number)
    assert layout(folder, number, processes).begin(lock) is None
    yield
    lock.release()


def begun(folder: Path, number: int, processes: int, *here: int) -> None:
    """One that has begun, and ended."""
    lock = turn(folder, number)
    assert layout(folder, number, processes, *here).begin(lock) is None
    lock.release()


@contextmanager
def journal(folder: Path, number: int, max_bytes: int = BYTES) -> Iterator[Journal]:
    with closing(Journal(Spool(folder / "journal" / f"linear_{number:02d}", max_bytes=max_bytes))) as opened:
        opened.open()
        yield opened


def record(topic: str, number: int) -> Record:
    return Record("key", "trade", f"{topic} {number}", "linear", "T", topic, "trace", 1, number, b"{}")


def left(folder: Path, number: int) -> list[Record]:
    with journal(folder, number) as opened:
        found = []
        while entries := opened.left(1 << 20):
            found += [one for entry in entries if isinstance(entry, KeptRecords) for one in entry.records]
        return found


def gaps(folder: Path, number: int) -> Memo[list[OpenGap]]:
    return Memo(folder / "gaps" / f"linear_{number:02d}.json", list[OpenGap])


def test_processes_of_one_layout_begin_beside_each_other_and_a_second_one_of_the_same_number_waits(tmp_path: Path) -> None:
    with holding(tmp_path, 0, 2), holding(tmp_path, 1, 2):
        assert layout(tmp_path, 1, 2).begin(turn(tmp_path, 1)) == "another process is linear_01 already"


def test_nobody_begins_in_a_new_layout_while_one_of_the_old_still_runs(tmp_path: Path) -> None:
    with holding(tmp_path, 0, 1):
        waiting = [layout(tmp_path, number, 2).begin(turn(tmp_path, number)) for number in (0, 1)]
        assert waiting == [f"linear_00 still runs in an older layout; expected linear_0{number} of 2 alone" for number in (0, 1)]
    with holding(tmp_path, 1, 2):
        assert (
            layout(tmp_path, 0, 1).begin(turn(tmp_path, 0))
            == "linear_01 still runs in an older layout; expected linear_00 of 1 alone"
        )
        begun(tmp_path, 0, 2)


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 2), (3, 1), (2, 5)])
def test_records_that_no_router_took_go_to_who_has_their_topic_now_each_once_and_in_their_order(
    tmp_path: Path, before: int, after: int
) -> None:
    for number in range(before):
        begun(tmp_path, number, before)
        with journal(tmp_path, number) as opened:
            for count in range(1, 4):
                assert opened.keep_records([record(topic, count) for topic in TOPICS if owner(topic, before) == number])
    begun(tmp_path, after - 1, after)
    found = {number: left(tmp_path, number) for number in range(max(before, after))}
    every = [one.event_id for records in found.values() for one in records]
    assert sorted(every) == sorted(f"{topic} {count}" for topic in TOPICS for count in range(1, 4))
    for number, records in found.items():
        assert all(owner(one.topic, after) == number for one in records)
        for topic in TOPICS:
            counts = [one.received_ns for one in records if one.topic == topic]
            assert counts == sorted(counts)
    begun(tmp_path, 0, after)
    assert {number: left(tmp_path, number) for number in found} == found, "it is dealt once"


def test_records_of_a_topic_that_another_host_has_now_are_sent_from_here(tmp_path: Path) -> None:
    begun(tmp_path, 0, 1)
    with journal(tmp_path, 0) as opened:
        opened.keep_records([record(topic, 1) for topic in TOPICS])
    begun(tmp_path, 2, 4, 2, 3)
    assert sum(len(left(tmp_path, number)) for number in (2, 3)) == len(TOPICS)
    assert left(tmp_path, 0) == []


def test_what_a_process_told_of_itself_stays_together_in_its_order(tmp_path: Path) -> None:
    begun(tmp_path, 1, 2)
    told = [
        Record("system.linear.-.-", "system", str(number), "linear", None, topic, "trace", 1, number, b"{}")
        for number, topic in enumerate(TOPICS)
    ]
    with journal(tmp_path, 1) as opened:
        opened.keep_records(told)
    begun(tmp_path, 0, 1)
    assert left(tmp_path, 0) == told


def test_what_finds_no_room_stays_where_it_was_and_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    begun(tmp_path, 0, 1)
    with journal(tmp_path, 0) as opened:
        opened.keep_records([record(topic, 1) for topic in TOPICS])
    narrow = Layout(tmp_path, Slot("linear", 1, 2, range(2)), 64)
    lock = turn(tmp_path, 1)
    assert narrow.begin(lock) is None
    lock.release()
    assert {one.topic for one in left(tmp_path, 0)} == set(TOPICS)
    assert ["journal_not_dealt reason=" in line and "is full" in line for line in caplog.messages] == [True]


def test_a_gap_that_one_left_and_a_death_of_which_nobody_told_are_missed_by_the_new_ones(tmp_path: Path) -> None:
    mine, other = [[topic for topic in TOPICS if owner(topic, 2) == number] for number in (0, 1)]
    for number in (0, 1):
        begun(tmp_path, number, 2)
    gaps(tmp_path, 0).write([OpenGap(Gap("told", "restarted", 7), topics=set(mine))])
    killed = WorkerState(
        name="linear_01", endpoint="linear", pid=1, written_ms=1, started_ms=1, connection_status="connected", processes=2,
        wanted=len(other), last_frame_ms=9, delivered_ms=8, topics=dict.fromkeys(other, TopicState("live")),
    )  # fmt: skip
    state.write(tmp_path, killed)
    begun(tmp_path, 0, 1)
    [gap] = gaps(tmp_path, 0).read() or []
    assert (gap.gap.id, gap.topics) == ("told", set(TOPICS))
    assert {topic: gap.since_ms.get(topic, gap.gap.from_ms) for topic in TOPICS} == dict.fromkeys(mine, 7) | dict.fromkeys(other, 8)
    assert gaps(tmp_path, 1).read() is None
    words = state.read_worker(tmp_path, "linear_01")
    assert words is not None
    assert (words.has_ended, words.wanted) == (True, 0)


def test_an_upgrade_from_before_layouts_were_kept_deals_too(tmp_path: Path) -> None:
    state.write(
        tmp_path,
        WorkerState(name="linear_00", endpoint="linear", pid=1, written_ms=1, started_ms=1, connection_status="idle", processes=1),
    )
    gaps(tmp_path, 0).write([OpenGap(Gap("told", "restarted", 7), topics=set(TOPICS))])
    begun(tmp_path, 1, 2)
    dealt = [kept for number in (0, 1) for kept in gaps(tmp_path, number).read() or []]
    assert {topic for kept in dealt for topic in kept.topics} == set(TOPICS)
    assert len(dealt) == 2
