"""A recording's file: what goes in comes out; what is cut off, damaged or had no room is said, with the place."""

import resource
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RecordingDamaged, RequestError
from gateway.recording import entries, reader
from gateway.recording.entries import Entry, Kind, Lost, encode, entries_in, whole_bytes
from gateway.recording.layout import CHUNK, PAGE_BYTES, TALLY_AT
from gateway.recording.writer import Writer

SOME = st.lists(
    st.builds(Entry, st.sampled_from(Kind), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.binary(max_size=200))
)


def encoded(entry: Entry) -> bytes:
    return encode(entry.kind, entry.at_ns, entry.connection, entry.data)


def frame(number: int) -> Entry:
    return Entry(Kind.RECEIVED, 1_000 + number, 1, b'{"number":%d}' % number)


def written(path: Path, counts: dict[str, int], *, per_chunk: int = 100) -> Path:
    """Frames of workers, in chunks of so many."""
    writer = Writer(path)
    for worker, count in counts.items():
        for number in range(count):
            writer.add(worker, encoded(frame(number)), 1)
            if (number + 1) % per_chunk == 0:
                writer.flush()
    writer.close()
    return path


@given(SOME)
def test_entries_come_out_as_they_went_in(some: list[Entry]) -> None:
    content = b"".join(map(encoded, some))
    assert list(entries_in(content)) == some
    assert whole_bytes(content) == (len(content), len(some))


@given(SOME, st.binary(max_size=100))
def test_bytes_that_are_no_entries_are_refused_and_never_end_otherwise(some: list[Entry], noise: bytes) -> None:
    content = b"".join(map(encoded, some)) + noise
    try:
        found = list(entries_in(content))
    except RecordingDamaged:
        return
    assert b"".join(map(encoded, found)) == content


def test_a_whole_file_gives_each_workers_entries_in_their_order(tmp_path: Path) -> None:
    recording = reader.opened(written(tmp_path / "a", {"linear_00": 1_000, "spot_00": 50}))
    assert {worker: list(recording.of(worker)) for worker in recording.lanes} == {
        "linear_00": [frame(number) for number in range(1_000)],
        "spot_00": [frame(number) for number in range(50)],
    }
    assert (recording.damage, recording.entries) == (None, 1_050)
    assert recording.tally is not None
    assert (recording.tally.finished, recording.tally.lost, recording.tally.entries) == (True, 0, 1_050)


def test_a_file_is_for_its_owner_and_smaller_than_what_it_holds(tmp_path: Path) -> None:
    path = written(tmp_path / "a", {"linear_00": 5_000}, per_chunk=5_000)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size < sum(len(encoded(frame(number))) for number in range(5_000)) / 2


def test_a_file_that_exists_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("precious")
    with pytest.raises(RequestError, match="expected a file that is not there yet"):
        Writer(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "precious"


def test_wherever_a_file_is_cut_off_it_is_said_and_what_is_before_is_there(tmp_path: Path) -> None:
    whole = written(tmp_path / "a", {"linear_00": 1_000}).read_bytes()
    recording = reader.opened(tmp_path / "a")
    ends = [PAGE_BYTES, *(begin + head.stored_bytes for begin, head in recording.lanes["linear_00"])]
    assert len(ends) == 11
    cut = tmp_path / "cut"
    for size in [*ends[:-1], *(end + more for end in ends[:-1] for more in (1, CHUNK.size - 1, CHUNK.size + 1)), len(whole) - 1]:
        cut.write_bytes(whole[:size])
        with pytest.raises(RecordingDamaged, match=rf"cut off at byte {size}\b.*--lenient takes the \d+ entries before"):
            reader.opened(cut)
        found = reader.opened(cut, lenient=True)
        before = 100 * max(number for number, end in enumerate(ends) if end <= size)
        kept = [entry for worker in found.lanes for entry in found.of(worker)]
        assert kept == [frame(number) for number in range(before)]


def test_whichever_byte_is_damaged_it_is_found_and_what_is_before_its_chunk_is_there(tmp_path: Path) -> None:
    whole = bytearray(written(tmp_path / "a", {"linear_00": 300}).read_bytes())
    begins = [begin - CHUNK.size for begin, _ in reader.opened(tmp_path / "a").lanes["linear_00"]]
    spoilt = tmp_path / "spoilt"
    for place in range(PAGE_BYTES, len(whole), 7):
        copy = bytearray(whole)
        copy[place] ^= 0x41
        spoilt.write_bytes(copy)
        chunk = max(number for number, begin in enumerate(begins) if begin <= place)
        with pytest.raises(RecordingDamaged, match=rf"(damaged at byte {begins[chunk]}:|cut off at byte {len(whole)},)"):
            reader.opened(spoilt)
        found = reader.opened(spoilt, lenient=True)
        assert sum(1 for worker in found.lanes for _ in found.of(worker)) == 100 * chunk


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        (0, "at byte 0; expected a recording"),
        (8, "found format version 64 at byte 8; expected 1"),
        (TALLY_AT + 3, "damaged at byte 64"),
    ],
)
def test_a_page_that_is_none_of_ours_is_said(tmp_path: Path, place: int, sentence: str) -> None:
    path = written(tmp_path / "a", {"linear_00": 1})
    content = bytearray(path.read_bytes())
    content[place] ^= 0x41
    path.write_bytes(content)
    with pytest.raises(RecordingDamaged, match=sentence):
        reader.opened(path)


def test_an_empty_file_is_no_recording(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(RecordingDamaged, match="found b'' at byte 0; expected a recording"):
        reader.opened(tmp_path / "a")


def test_a_recorder_that_was_killed_leaves_what_it_had_flushed_and_no_last_word(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "a")
    writer.add("linear_00", encoded(frame(0)), 1)
    writer.flush()
    writer.add("linear_00", encoded(frame(1)), 1)  # not in the file yet when it is looked at, as after a kill
    with pytest.raises(RecordingDamaged, match="without its recorder's last word"):
        reader.opened(tmp_path / "a")
    assert list(reader.opened(tmp_path / "a", lenient=True).of("linear_00")) == [frame(0)]
    writer.close()
    assert list(reader.opened(tmp_path / "a").of("linear_00")) == [frame(0), frame(1)]


def test_what_a_worker_could_not_tell_its_recorder_counts_as_lost(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "a")
    writer.add("linear_00", entries.lost(7, 500, 900) + encoded(frame(0)), 2)
    writer.close()
    assert (writer.tally.lost, writer.tally.lost_since_ns) == (7, 900)


def test_a_change_while_it_is_read_is_said(tmp_path: Path) -> None:
    path = written(tmp_path / "a", {"linear_00": 10})
    recording = reader.opened(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RecordingDamaged, match=rf"was changed at byte {PAGE_BYTES + CHUNK.size} while it was read"):
        list(recording.of("linear_00"))


#: Writes chunks of 100 frames to a disk that has room for less, then to one that has room again; what the tally says in between.
_ON_A_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from gateway.recording.writer import Writer
from tests.unit.test_recording import encoded, frame
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
writer = Writer(Path(sys.argv[1]))
def some(first):
    for number in range(first, first + 100):
        writer.add("linear_00", encoded(frame(number)), 1)
    writer.flush()
some(0)
size = writer.tally.end + 100
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
some(100)
some(200)
print(writer.trouble, writer.tally.lost, writer.tally.end < size, flush=True)
if sys.argv[2] == "room":
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    some(300)
writer.close()
"""


@pytest.mark.parametrize("ending", ["room", "full"])
def test_a_full_disk_costs_entries_that_are_counted_and_marked_and_the_file_stays_whole(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "a"
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", _ON_A_FULL_DISK, str(path), ending]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "File too large 200 True\n"
    recording = reader.opened(path)
    assert recording.tally is not None
    assert (recording.tally.lost, recording.tally.lost_since_ns) == (200, frame(100).at_ns)
    found = list(recording.of("linear_00"))
    assert found[:100] == [frame(number) for number in range(100)]
    if ending == "full":
        assert len(found) == 100, "the tally alone says it"
    else:
        assert (found[100].kind, msgspec.json.decode(found[100].data, type=Lost)) == (Kind.LOST, Lost(200, frame(100).at_ns))
        assert found[101:] == [frame(number) for number in range(300, 400)]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY, "the limit was the child's alone"
