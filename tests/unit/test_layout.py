"""The layout on disk: who begins, who has to wait for whom, and that what an older layout left is dealt once and whole."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from gateway.disk.memo import Memo
from gateway.disk.spool import Spool
from gateway.disk.turn_lock import TurnLock
from gateway.health import state
from gateway.health.words import TopicState, WorkerState
from gateway.models import Record
from gateway.occurrences import Gap
from gateway.protocol.room import owner
from workers.gaps import OpenGap
from workers.journal import Journal, KeptRecords
from workers.layout import NOT_KEPT, RETRY_S, Layout
from workers.slots import Slot

BYTES = 1 << 24
TOPICS = [f"publicTrade.T{number}" for number in range(12)]
TOPICS_SORTED = sorted(TOPICS)


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


def left_by_two(folder: Path) -> dict[int, list[OpenGap]]:
    """Two processes end, one of them killed, while the router is away; the gaps of each."""
    every = {}
    for number in (0, 1):
        begun(folder, number, 2)
        topics = [topic for topic in TOPICS if owner(topic, 2) == number]
        with journal(folder, number) as opened:
            opened.keep_records([record(topic, 1) for topic in topics])
        every[number] = [OpenGap(Gap(f"g{number}", "restarted", 7 + number), topics=set(topics))]
        gaps(folder, number).write(every[number])
    killed = WorkerState(
        name="linear_01", endpoint="linear", pid=1, written_ms=1, started_ms=1, connection_status="connected", processes=2,
        journal_messages=1,
    )  # fmt: skip
    state.write(folder, killed)
    return every


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


def test_where_a_journal_finds_no_room_nobody_begins_nothing_is_lost_and_it_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The words of who is gone count its records until then: health and `drained` go by them."""
    every = left_by_two(tmp_path)
    at, lock = [0.0], turn(tmp_path, 0)
    narrow = Layout(tmp_path, Slot("linear", 0, 1, range(1)), 64, clock=lambda: at[0])
    for _ in range(3):
        said = narrow.begin(lock)
        assert said is not None
        assert said.startswith("the journal of linear_01 cannot be dealt: ")
        assert "is full" in said
        at[0] += RETRY_S
    assert sum("journal_not_dealt reason=" in line for line in caplog.messages) == 1
    words = state.read_worker(tmp_path, "linear_01")
    assert words is not None
    assert (words.journal_messages, words.has_ended) == (1, False)
    records = {number: left(tmp_path, number) for number in (0, 1)}
    assert sorted(one.topic or "" for found in records.values() for one in found) == TOPICS_SORTED, "no try adds any twice"
    assert gaps(tmp_path, 1).read() == every[1]
    with holding(tmp_path, 0, 2), holding(tmp_path, 1, 2):
        pass  # as many as before may begin, and send what is theirs
    begun(tmp_path, 0, 1)
    assert sorted(one.topic or "" for one in left(tmp_path, 0)) == TOPICS_SORTED
    assert left(tmp_path, 1) == []
    words = state.read_worker(tmp_path, "linear_01")
    assert words is not None
    assert (words.journal_messages, words.has_ended) == (0, True)


def test_a_try_that_failed_is_not_repeated_at_once(tmp_path: Path) -> None:
    left_by_two(tmp_path)
    at, lock = [0.0], turn(tmp_path, 0)
    tried = Layout(tmp_path, Slot("linear", 0, 1, range(1)), 64, clock=lambda: at[0])
    said = tried.begin(lock)
    tried.max_bytes = BYTES
    assert tried.begin(lock) == said
    at[0] = RETRY_S
    assert tried.begin(lock) is None


def test_what_fitted_into_the_journals_of_two_fits_into_that_of_one(tmp_path: Path) -> None:
    """Else nobody would ever send it: who could does not begin."""
    left_by_two(tmp_path)
    most = max(path.stat().st_size for number in (0, 1) for path in (tmp_path / "journal" / f"linear_{number:02d}").glob("*.log"))
    lock = turn(tmp_path, 0)
    assert Layout(tmp_path, Slot("linear", 0, 1, range(1)), most).begin(lock) is None
    assert len(left(tmp_path, 0)) == len(TOPICS)


@pytest.mark.parametrize("folder", ["gaps", "wishes", "tapes"])
def test_where_a_memo_is_not_written_nobody_begins(tmp_path: Path, folder: str) -> None:
    left_by_two(tmp_path)
    (tmp_path / folder / "linear_02.json").mkdir(parents=True)  # nothing can take its place
    at, lock = [0.0], turn(tmp_path, 0)
    tried = Layout(tmp_path, Slot("linear", 0, 3, range(3)), BYTES, clock=lambda: at[0])
    assert tried.begin(lock) == NOT_KEPT
    (tmp_path / folder / "linear_02.json").rmdir()
    at[0] = RETRY_S
    assert tried.begin(lock) is None
    missed = {topic for number in range(3) for kept in gaps(tmp_path, number).read() or [] for topic in kept.topics}
    assert missed == set(TOPICS)


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
