"""The journal: what an earlier run read is there again, in order, until the router has it; and a disk that refuses is said."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from gateway.disk.spool import Spool
from gateway.models import Record
from workers.journal import Journal, Kept, KeptFrame, KeptRecords


def record(identity: str) -> Record:
    return Record("key", "system", identity, None, None, "system", "trace", 0, 0, b"{}")


def opened(folder: Path, max_bytes: int = 1 << 20, segment_bytes: int = 1 << 16) -> Journal:
    journal = Journal(Spool(folder, max_bytes=max_bytes, segment_bytes=segment_bytes))
    journal.open()
    return journal


def left(journal: Journal, most_bytes: int = 100) -> list[Kept]:
    """All that an earlier run left, taken in small pieces."""
    found: list[Kept] = []
    while part := journal.left(most_bytes):
        found += part
    return found


def test_what_was_kept_is_told_in_order_by_the_next_run(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    assert journal.left(1 << 20) == []
    assert journal.keep_frame(5, b'{"topic":"order"}')
    assert journal.keep_records([record("a"), record("b")])
    assert journal.keep_frame(6, b"\xff not text")
    assert journal.left(1 << 20) == [], "what this run kept is no replay"
    expected = [KeptFrame(5, b'{"topic":"order"}'), KeptRecords([record("a"), record("b")]), KeptFrame(6, b"\xff not text")]
    assert left(opened(tmp_path)) == expected
    assert left(opened(tmp_path)) == expected, "nobody has it yet"


def test_what_the_router_has_is_told_no_more_and_what_it_has_not_is(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for place in (1, 2, 3):
        journal.keep_frame(place, b"frame")
        journal.handed(place)
    journal.settle(2)
    assert journal.messages == 1
    assert left(opened(tmp_path)) == [KeptFrame(3, b"frame")]


def test_a_frame_of_which_nothing_came_goes_with_what_was_sent_before_it(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.keep_frame(1, b"an order")
    journal.handed(1)
    journal.keep_frame(2, b"a pong")
    journal.handed(1)
    journal.settle(0)
    assert journal.messages == 2
    journal.settle(1)
    assert journal.messages == 0


def test_what_this_run_tells_during_the_replay_stays_until_the_replay_is_through(tmp_path: Path) -> None:
    journal = opened(tmp_path, segment_bytes=120)  # one frame a file, and a file at a time is read
    journal.keep_frame(1, b"x" * 90)
    journal.keep_frame(2, b"y" * 90)
    journal = opened(tmp_path, segment_bytes=120)
    assert len(journal.left(1)) == 1
    journal.keep_records([record("told meanwhile")])
    journal.handed(5)
    journal.settle(5)
    assert journal.messages == 2, "the second frame, and what was told: only the first is the router's"
    assert len(journal.left(1)) == 1
    journal.handed(6)
    journal.settle(6)
    assert journal.messages == 0


def test_while_frames_wait_to_be_read_nothing_is_released(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.keep_frame(1, b"it waits for what REST tells")
    journal.is_withheld = True
    journal.handed(1)
    journal.settle(1)
    assert journal.messages == 1
    journal.is_withheld = False
    journal.handed(2)
    journal.settle(2)
    assert journal.messages == 0


def test_a_full_disk_is_said_and_forgotten_when_there_is_room(tmp_path: Path) -> None:
    journal = opened(tmp_path, max_bytes=4000)
    kept = 0
    while journal.keep_frame(kept, b"z" * 200):
        kept += 1
    assert 5 < kept < 20
    assert journal.error is not None
    assert "full" in journal.error
    journal.handed(1)
    journal.settle(1)
    assert journal.keep_frame(kept, b"z" * 200)
    assert journal.error is None


def test_an_entry_that_nobody_can_read_costs_itself_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=1 << 20)
    spool.open()
    for payload in (b"", b"F", b"Rgarbage", b"?unknown"):
        spool.append(payload)
    journal = Journal(spool)
    journal.keep_frame(9, b"good")
    assert left(opened(tmp_path), 1) == [KeptFrame(9, b"good")]


#: keep, hand to the bus, acknowledge some of it, die.
LIVES = st.lists(st.sampled_from(["keep", "hand", "settle", "die"]), max_size=40)


@given(LIVES)
def test_in_any_life_what_was_not_acknowledged_is_told_again(steps: list[str]) -> None:
    with TemporaryDirectory() as name:
        journal, outstanding, place = opened(Path(name)), list[int](), 0
        handed, count = 0, 0
        for step in steps:
            if step == "keep":
                count += 1
                journal.keep_frame(count, b"frame")
                outstanding.append(count)
            elif step == "hand":
                place += 1
                journal.handed(place)
                handed = count
            elif step == "settle":
                journal.settle(place)
                outstanding = [entry for entry in outstanding if entry > handed]
            else:
                journal.close()
                journal, place, handed = opened(Path(name)), 0, 0
                told = [kept.received_ns for kept in left(journal) if isinstance(kept, KeptFrame)]
                assert told == outstanding
        journal.close()
