"""The spool: always starts, loses only what was never kept, says how much; and refuses when there is no room."""

import os
import random
import resource
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.disk import segments
from gateway.disk.spool import Spool, Syncer
from gateway.errors import SpoolFull

#: A folder in memory where there is one: thousands of spools are synced here.
_FAST = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 # a folder of its own is made in it
#: Crashes per conversation, and conversations: 10,000 crash points.
_CRASHES, _CONVERSATIONS = 40, 250


def make(folder: Path, *, max_bytes: int = 1 << 20, segment_bytes: int = 600) -> Spool:
    spool = Spool(folder, max_bytes=max_bytes, segment_bytes=segment_bytes)
    spool.open()
    return spool


def everything(spool: Spool, *, most_bytes: int = 300) -> list[tuple[int, bytes]]:
    """All that waits, read as a lane reads it."""
    found, after = [], spool.released
    while part := spool.read(after, most_bytes=most_bytes):
        found += part
        after = part[-1][0]
    return found


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(dir=_FAST) as name:
        yield Path(name) / "spool"


def test_records_are_read_in_order_and_released_ones_no_more(folder: Path) -> None:
    spool = make(folder)
    assert [spool.append(f"record {number}".encode()) for number in range(1, 101)] == list(range(1, 101))
    assert everything(spool) == [(number, f"record {number}".encode()) for number in range(1, 101)]
    spool.release(60)
    assert [number for number, _ in everything(spool)] == list(range(61, 101))
    assert (spool.waiting, spool.released, spool.last) == (40, 60, 100)
    assert len(list(folder.glob("*.log"))) < 5  # whole files went with them


def test_reading_goes_on_from_any_number_and_back(folder: Path) -> None:
    spool = make(folder)
    for number in range(1, 51):
        spool.append(b"%d" % number)
    places = random.Random(5)
    for _ in range(200):
        after = places.randrange(50)
        assert spool.read(after, most_bytes=places.choice((1, 50, 5000)))[0] == (after + 1, b"%d" % (after + 1))
    assert spool.read(50) == []


def test_a_record_longer_than_what_is_asked_for_is_read_all_the_same(folder: Path) -> None:
    spool = make(folder, segment_bytes=1 << 20)
    spool.append(b"short")
    spool.append(b"x" * 90_000)
    assert spool.read(1, most_bytes=10) == [(2, b"x" * 90_000)]


def test_numbers_go_on_after_everything_was_released_and_the_spool_was_opened_again(folder: Path) -> None:
    spool = make(folder)
    for _ in range(30):
        spool.append(b"x" * 50)
    spool.release(30)
    assert (spool.waiting, spool.size_bytes) == (0, 0)
    spool.close()
    assert sorted(path.name for path in folder.iterdir()) == ["released"]
    assert make(folder).append(b"next") == 31


def test_an_empty_spool_stays_small_however_much_passes_through_it(folder: Path) -> None:
    spool = make(folder, max_bytes=64 << 20, segment_bytes=16 << 20)
    largest = 0
    for _ in range(3000):
        spool.release(spool.append(b"x" * 1000))
        largest = max(largest, sum(path.stat().st_size for path in folder.iterdir()))
    assert largest < 2 << 20


def test_the_bound_is_kept_and_room_comes_back_with_what_is_released(folder: Path) -> None:
    spool = make(folder, max_bytes=10_000)
    with pytest.raises(SpoolFull, match=r"is full: \d+ of 10000 bytes wait"):
        any(spool.append(b"x" * 100) == 0 for _ in range(1000))
    kept = spool.last
    assert sum(path.stat().st_size for path in folder.glob("*.log")) <= 10_000
    spool.release(kept // 2)
    assert spool.append(b"x" * 100) == kept + 1
    assert [number for number, _ in everything(spool)] == list(range(kept // 2 + 1, kept + 2))
    spool.release(spool.last)
    for _ in range(200):  # and a small bound is no smaller because released records still lie in the file
        spool.release(spool.append(b"x" * 100))


def test_a_record_that_can_never_fit_is_refused_in_words(folder: Path) -> None:
    with pytest.raises(SpoolFull, match="is full"):
        make(folder, max_bytes=1000).append(b"x" * 2000)


def test_a_disk_that_refuses_is_said_and_nothing_half_written_remains(tmp_path: Path) -> None:
    """A folder that cannot be made stands for a disk: as root nothing else is refused without a small disk."""
    blocked = tmp_path / "spool"
    blocked.write_text("a file where the folder should be")
    spool = make(blocked)
    with pytest.raises(SpoolFull, match="cannot be written: "):
        spool.append(b"first")
    assert (spool.last, spool.waiting) == (0, 0)
    blocked.unlink()
    assert spool.append(b"first") == 1
    assert everything(spool) == [(1, b"first")]


def test_a_disk_that_fills_amid_a_record_keeps_nothing_of_it_and_goes_on_when_there_is_room(folder: Path) -> None:
    """A limit on the size of files refuses as a full disk does: the first part of a write is taken, the rest is not."""
    spool = make(folder, segment_bytes=1 << 20)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4999, limits[1]))
    try:
        with pytest.raises(SpoolFull, match="cannot be written: File too large"):
            any(spool.append(b"%03d" % number * 30) == 0 for number in range(1000))
        kept = spool.last
        with pytest.raises(SpoolFull):
            spool.append(b"x" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert spool.append(b"next") == kept + 1
    expected = [(number, b"%03d" % (number - 1) * 30) for number in range(1, kept + 1)] + [(kept + 1, b"next")]
    assert everything(spool) == expected
    spool.close()
    assert everything(make(folder)) == expected


def test_a_disk_that_is_full_of_what_was_released_has_room(folder: Path) -> None:
    spool = make(folder, segment_bytes=1 << 20)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4999, limits[1]))
    try:
        for first in (1, 5, 9):
            assert [spool.append(b"x" * 1000) for _ in range(4)] == list(range(first, first + 4))
            with pytest.raises(SpoolFull, match="cannot be written: File too large"):
                spool.append(b"x" * 1000)
            spool.release(spool.last)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert spool.append(b"next") == 13
    spool.close()
    assert everything(make(folder)) == [(13, b"next")]


def test_a_folder_holds_any_bytes_and_starts_all_the_same(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "00000000000000000007.log").write_bytes(random.Random(1).randbytes(5000))
    (folder / "00000000000000000009.log").write_bytes(b"")
    (folder / "released").write_bytes(b"nonsense")
    spool = Spool(folder, max_bytes=1 << 20)
    repair = spool.open()
    assert (repair.records, repair.lost, repair.bytes_cut) == (0, 2, 5000), "7 and 8 were kept, or no file would begin with 9"
    assert spool.append(b"first") == 9


def test_damage_in_the_middle_costs_the_damaged_records_alone_and_is_counted(folder: Path) -> None:
    spool = make(folder, segment_bytes=1 << 20)
    for number in range(1, 101):
        spool.append(b"%03d" % number * 20)
    spool.close()
    [path] = folder.glob("*.log")
    content = bytearray(path.read_bytes())
    size = len(content) // 100
    content[size * 10 + 30] ^= 1  # record 11
    content[size * 50 : size * 53] = bytes(size * 3)  # records 51 to 53
    path.write_bytes(content)
    spool = Spool(folder, max_bytes=1 << 20)
    repair = spool.open()
    assert (repair.records, repair.lost) == (96, 4)
    assert [number for number, _ in everything(spool)] == [n for n in range(1, 101) if n not in (11, 51, 52, 53)]


def test_what_became_unreadable_since_it_was_opened_holds_nothing_up(folder: Path) -> None:
    spool = make(folder, segment_bytes=1 << 20)
    for _ in range(3):
        spool.append(b"x" * 40)
    [path] = folder.glob("*.log")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3] + bytes(len(content) - len(content) // 3))
    assert [number for number, _ in everything(spool)] == [1]
    spool.release(1)
    assert spool.read(1) == []
    spool.append(b"next")
    assert everything(spool) == [(4, b"next")]
    spool.release(3)
    assert [path.name for path in folder.glob("*.log")] == ["00000000000000000004.log"]


def test_bytes_behind_the_newest_record_may_have_been_one_and_are_counted(folder: Path) -> None:
    spool = make(folder, segment_bytes=1 << 20)
    for _ in range(3):
        spool.append(b"x" * 40)
    spool.close()
    [path] = folder.glob("*.log")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    repair = Spool(folder, max_bytes=1 << 20).open()
    assert (repair.records, repair.lost, repair.bytes_cut, repair.bytes_behind) == (2, 0, len(content) // 3, len(content) // 3)


def test_a_lost_mark_tells_of_no_loss_that_did_not_happen(folder: Path) -> None:
    spool = make(folder)
    for _ in range(100):
        spool.append(b"x" * 40)
    spool.release(60)
    spool.close()
    (folder / "released").write_bytes(b"nonsense")
    spool = Spool(folder, max_bytes=1 << 20)
    repair = spool.open()
    assert repair.lost == 0
    assert 40 <= repair.records < 60, "repeats from the oldest file on"
    assert spool.last == 100


def test_a_disk_that_refuses_to_read_is_said_and_costs_nothing(folder: Path) -> None:
    spool = make(folder, segment_bytes=1 << 20)
    spool.append(b"first")
    [path] = folder.glob("*.log")
    path.rename(folder / "good")
    path.symlink_to("/proc/self/mem")  # whoever reads its first bytes gets EIO
    with pytest.raises(SpoolFull, match="cannot be read: Input/output error"):
        spool.read(0)
    (folder / "good").replace(path)
    assert spool.read(0) == [(1, b"first")]


def test_a_file_that_cannot_be_read_is_laid_aside_and_nothing_is_written_over_it(folder: Path) -> None:
    spool = make(folder)
    for _ in range(30):
        spool.append(b"x" * 100)
    spool.close()
    for path in (sorted(folder.glob("*.log"))[index] for index in (2, -1)):
        path.unlink()
        path.symlink_to("/proc/self/mem")
    spool = Spool(folder, max_bytes=1 << 20, segment_bytes=600)
    repair = spool.open()
    numbers = [number for number, _ in everything(spool)]
    assert repair.records == len(numbers) < 30
    assert set(range(1, 31)) - set(numbers) == {*range(11, 16), *range(26, 31)}
    assert repair.lost == spool.last - len(numbers)
    aside = sorted(path.name for path in folder.glob("*.unreadable"))
    assert [int(name[:20]) for name in aside] == [11, 26]
    assert spool.append(b"next") == 27, "that file is said to be empty; what it may hold is counted by its size"
    assert [path.is_symlink() for path in folder.glob("*.log")].count(True) == 0


def test_the_numbers_of_a_file_that_cannot_be_read_are_bounded_by_its_size(folder: Path) -> None:
    spool = make(folder, segment_bytes=1 << 20)
    for _ in range(10):
        spool.append(b"")
    [path] = folder.glob("*.log")
    assert 10 <= segments.most_in(path) <= 11


def test_a_process_without_a_free_descriptor_syncs_later(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = make(folder)
    spool.append(b"first")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        spool.sync()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert "not_synced" in caplog.text
    caplog.clear()
    spool.sync()
    assert "not_synced" not in caplog.text


def test_syncing_from_another_thread_disturbs_nothing(folder: Path) -> None:
    spool = make(folder, segment_bytes=2000)
    syncer = Syncer([spool], every_s=0.0)
    syncer.start()
    for number in range(3000):
        spool.append(b"%d" % number)
        if number % 7 == 0:
            spool.release(number - 50 if number > 50 else 0)
    syncer.stop()
    assert not any(thread.name == "syncer" for thread in threading.enumerate())
    assert [payload for _, payload in everything(spool)] == [b"%d" % (number - 1) for number in range(spool.released + 1, 3001)]


#: (what, how much): append so many bytes, release so many records, sync.
_OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 250)),
        st.tuples(st.just("append"), st.integers(0, 30)),
        st.tuples(st.just("release"), st.integers(1, 8)),
        st.tuples(st.just("sync"), st.just(0)),
        st.tuples(st.just("reopen"), st.just(0)),
    ),
    min_size=_CRASHES,
    max_size=_CRASHES,
)


@settings(max_examples=_CONVERSATIONS, deadline=None)
@given(operations=_OPERATIONS, seed=st.integers(0, 2**32))
def test_a_spool_starts_after_any_crash_and_loses_only_what_was_never_kept(operations: list[tuple[str, int]], seed: int) -> None:
    chance = random.Random(seed)
    with TemporaryDirectory(dir=_FAST) as name:
        folder, crashed = Path(name) / "spool", Path(name) / "crashed"
        spool = make(folder)
        appended: dict[int, bytes] = {}
        synced: dict[str, bytes] = {}  # the files as a loss of power would leave them at the worst
        synced_to = 0
        for what, amount in operations:
            if what == "append":
                payload = chance.randbytes(amount)
                appended[spool.append(payload)] = payload
            elif what == "release":
                spool.release(spool.released + amount)
            elif what == "sync":
                spool.sync()
            else:
                spool.close()
                spool.open()
            files = {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}
            if what in ("sync", "reopen"):
                synced, synced_to = files, spool.last
            if chance.random() < 0.5:
                _restore(crashed, _killed(files, spool.last + 1, chance))
                _judge(crashed, appended, released=spool.released, kept_to=spool.last, is_killed=True)
            else:
                _restore(crashed, _powerless(files, synced, chance))
                _judge(crashed, appended, released=spool.released, kept_to=synced_to, is_killed=False)
        spool.close()


def _killed(files: dict[str, bytes], next_number: int, chance: random.Random) -> dict[str, bytes]:
    """The process died amid an append: all that was written before is there, and some bytes of it."""
    logs = sorted(name for name in files if name.endswith(".log"))
    record = segments.encode(next_number, chance.randbytes(chance.randrange(100)))
    torn = record[: chance.randrange(len(record))]
    name = logs[-1] if logs and chance.random() < 0.8 else f"{next_number:020d}.log"
    return {**files, name: files.get(name, b"") + torn}


def _powerless(files: dict[str, bytes], synced: dict[str, bytes], chance: random.Random) -> dict[str, bytes]:
    """The disk has what was synced, and of what came later any part: pages missing, torn, or whole files not there."""
    left = {}
    for name, content in files.items():
        if name == "released":
            left[name] = chance.choice((content, synced.get(name, b""), chance.randbytes(len(content))))
            continue
        sure = len(synced.get(name, b""))
        later = bytearray(content[sure:])
        if name not in synced and chance.random() < 0.3:
            continue
        if later and chance.random() < 0.5:
            del later[chance.randrange(len(later)) :]
        if later and chance.random() < 0.5:
            start = chance.randrange(len(later))
            end = min(len(later), start + chance.randrange(1, 100))
            later[start:end] = bytes(end - start) if chance.random() < 0.7 else chance.randbytes(end - start)
        left[name] = content[:sure] + bytes(later)
    return left


def _restore(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _judge(folder: Path, appended: dict[int, bytes], *, released: int, kept_to: int, is_killed: bool) -> None:
    spool = Spool(folder, max_bytes=1 << 20, segment_bytes=600)
    repair = spool.open()
    found = everything(spool)
    numbers = [number for number, _ in found]
    assert numbers == sorted(set(numbers))
    assert all(appended[number] == payload for number, payload in found)
    assert set(range(released + 1, kept_to + 1)) <= set(numbers), "a record that was kept is lost"
    assert repair.records == len(found)
    missing = set(range(spool.released + 1, spool.last + 1)) - set(numbers)
    assert repair.lost == len(missing)
    if is_killed:
        assert repair.lost == 0
        assert spool.released == released
    assert spool.append(b"next") > max(numbers, default=0)
    spool.close()
