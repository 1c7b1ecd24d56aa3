"""Deaths while an older layout is dealt, one at each single step on the disk: what the next process deals is whole."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from test_layout import TOPICS, begun, gaps, journal, left, record

from gateway.database.store import Wanted
from gateway.disk.memo import Memo
from gateway.health import state
from gateway.health.words import TopicState, WorkerState
from gateway.occurrences import Gap
from gateway.protocol.room import owner
from gateway.protocol.tape import Told
from workers.gaps import OpenGap
from workers.inheritance import Dealt
from workers.wanted import WantedReader, Wishes

#: What a process does to the disk, as the interpreter says it before each.
STEPS = {"open", "os.rename", "os.remove", "os.mkdir", "os.truncate"}


def dies(at: int, work: Callable[[], None]) -> bool:
    """Whether a process that does this work dies, killed just before this step on the disk; else it has come to its end."""
    child = os.fork()
    if child == 0:
        steps = [0]

        def count(event: str, _given: object) -> None:
            if event in STEPS:
                steps[0] += 1
                if steps[0] > at:
                    os._exit(9)

        sys.addaudithook(count)
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 9


def wishes(folder: Path, number: int) -> Memo[Wishes]:
    return Memo(folder / "wishes" / f"linear_{number:02d}.json", Wishes)


def tapes(folder: Path, number: int) -> Memo[dict[str, list[Told]]]:
    return Memo(folder / "tapes" / f"linear_{number:02d}.json", dict[str, list[Told]])


def wish(topic: str) -> Wanted:
    return Wanted(
        id=uuid4(), topic=topic, channel_type="trades", symbol=None, category="linear", service="one", state="live",
        last_error=None, queue="ws-gateway.one", snapshot_seconds=None, resyncs=0,
    )  # fmt: skip


def of(number: int, processes: int) -> list[str]:
    return [topic for topic in TOPICS if owner(topic, processes) == number]


def leave(folder: Path, processes: int) -> None:
    """What so many processes leave that ended in order, but for the last one, which was killed."""
    for number in range(processes):
        begun(folder, number, processes)
        with journal(folder, number) as opened:
            for count in (1, 2):
                opened.keep_records([record(topic, count) for topic in of(number, processes)])
        wishes(folder, number).write(Wishes(rows=[wish(topic) for topic in of(number, processes)]))
        is_killed = number == processes - 1
        if not is_killed:
            gaps(folder, number).write([OpenGap(Gap(f"g{number}", "restarted", 7 + number), topics=set(of(number, processes)))])
            tapes(folder, number).write({topic: [(5, topic)] for topic in of(number, processes)})
        words = WorkerState(
            name=f"linear_{number:02d}", endpoint="linear", pid=1, written_ms=1, started_ms=1, connection_status="connected",
            processes=processes, wanted=len(of(number, processes)), last_frame_ms=9 + number, delivered_ms=7 + number,
            has_ended=not is_killed, journal_messages=2, topics={topic: TopicState("live") for topic in of(number, processes)},
        )  # fmt: skip
        state.write(folder, words)


def is_whole(folder: Path, before: int, after: int) -> None:
    """All that was left is where it belongs, and each gap that began goes on or has ended."""
    for number in range(after):
        kept = gaps(folder, number).read() or []
        [gap] = [found for found in kept if found.is_of_connection]
        since = {topic: gap.since_ms.get(topic, gap.gap.from_ms) for topic in gap.topics}
        assert since == {topic: 7 + owner(topic, before) for topic in of(number, after)}
        remembered = wishes(folder, number).read()
        assert remembered is not None
        assert sorted(row.topic for row in remembered.rows) == sorted(of(number, after))
        known = {topic: [(5, topic)] for topic in of(number, after) if owner(topic, before) != before - 1}
        assert tapes(folder, number).read() == known
        records = left(folder, number)
        assert {one.event_id for one in records} == {f"{topic} {count}" for topic in of(number, after) for count in (1, 2)}
    assert all(gaps(folder, number).read() is None and left(folder, number) == [] for number in range(after, before))
    told = [kept.gap.id for number in range(after) for kept in gaps(folder, number).read() or []]
    assert len(told) == len(set(told))
    assert {f"g{number}" for number in range(before - 1)} <= set(told)
    for number in range(after, before):
        words = state.read_worker(folder, f"linear_{number:02d}")
        assert words is not None
        assert (words.has_ended, words.journal_messages) == (True, 0)
    assert [path.name for path in (folder / "layouts").glob("*.division.json")] == []


def contents(folder: Path) -> dict[str, bytes]:
    """Of all files in which a process leaves something for the next one."""
    names = ("gaps", "wishes", "tapes", "journal", "state")
    return {
        str(path.relative_to(folder)): path.read_bytes() for name in names for path in (folder / name).rglob("*") if path.is_file()
    }


#: How many processes there were, were when one died, and are then: as many as it wanted, as many as before, or a third number.
#: Those marked are further ones of the same kinds.
CHANGES = (
    (2, 3, 3),
    (3, 2, 3),
    (2, 3, 1),
    *(pytest.param(*change, marks=pytest.mark.long) for change in ((3, 2, 2), (2, 1, 1), (2, 3, 2))),
)


@pytest.mark.parametrize(("before", "then", "after"), CHANGES)
def test_who_dies_at_any_step_leaves_all_of_it_to_the_next_one_whatever_layout_that_has(
    tmp_path: Path, before: int, then: int, after: int
) -> None:
    leave(tmp_path / "left", before)
    at = 0
    while True:
        folder = tmp_path / str(at)
        shutil.copytree(tmp_path / "left", folder)
        has_died = dies(at, lambda folder=folder: begun(folder, 0, then))  # type: ignore[misc]
        is_untouched = (
            Memo(folder / "layouts" / "linear.json", Dealt).read() == Dealt(after, list(range(after))) and after == before
        )
        begun(folder, after - 1, after)
        if is_untouched:
            assert contents(folder) == contents(tmp_path / "left")
        else:
            is_whole(folder, before, after)
        shutil.rmtree(folder)
        if not has_died:
            break
        at += 1
    assert at > 30, "it died often, or this proves nothing"


def test_what_postgresql_wants_of_a_process_is_kept_only_once_it_has_begun(tmp_path: Path) -> None:
    """Its thread may be answered before what the old layout remembered was dealt, which would be gone before the others had their share."""
    leave(tmp_path, 1)
    readers = [
        WantedReader(
            "postgresql://nobody@127.0.0.1:1/none", name=f"linear_{number:02d}", endpoint="linear", poll_s=30.0,
            mine=lambda topic, number=number: owner(topic, 2) == number, memo=wishes(tmp_path, number),  # type: ignore[misc]
        )
        for number in (0, 1)
    ]  # fmt: skip
    before = wishes(tmp_path, 0).read()
    wanted = [Wishes(rows=[wish(f"publicTrade.NEW{number}")]) for number in (0, 1)]
    readers[0].answered(wanted[0])
    assert wishes(tmp_path, 0).read() == before
    begun(tmp_path, 0, 2)
    is_whole(tmp_path, 1, 2)
    for reader in readers:
        reader.remembered()  # as a worker asks that has begun
    is_kept = [
        (found := wishes(tmp_path, number).read()) is not None and list(found.rows) == wanted[number].rows for number in (0, 1)
    ]
    assert is_kept == [True, False], "nobody has answered the second one"
    readers[1].answered(wanted[1])
    second = wishes(tmp_path, 1).read()
    assert second is not None
    assert second.rows == wanted[1].rows
