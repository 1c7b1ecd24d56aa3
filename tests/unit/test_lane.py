"""A lane around a sink that can be away, slow or blocked, and around a disk that can be full."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lanes import TAKEN_AT_ONCE, Bench, numbered, record

from gateway.lanes import lane
from gateway.lanes.part import Ticket


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path / "spool")
    bench.step()  # its sink is open
    return bench


def test_while_the_sink_keeps_up_nothing_touches_the_disk(bench: Bench) -> None:
    for _ in range(50):
        bench.put(10)
        bench.step()
        bench.turn()
    assert bench.ids == numbered(500)
    assert bench.acknowledged == 500
    assert not bench.folder.exists()


def test_a_ticket_comes_back_only_when_sink_or_disk_have_its_records(bench: Bench) -> None:
    bench.sink.holding = True
    bench.put(10)
    bench.step()
    bench.turn()
    assert bench.acknowledged == 0
    assert bench.lane.state().waiting == 10
    bench.sink.holding = False
    bench.step()
    bench.turn()
    assert bench.acknowledged == 10
    assert bench.lane.state().waiting == 0


def test_a_sink_that_is_slow_for_a_second_costs_no_acknowledgement_and_gets_nothing_twice(bench: Bench) -> None:
    bench.sink.holding = True
    bench.put(10)
    bench.step()
    bench.turn(0.9)
    assert bench.acknowledged == 0
    bench.turn(0.2)
    assert bench.acknowledged == 10
    assert bench.lane.state().spool_messages == 10
    bench.put(5)
    assert (bench.acknowledged, bench.lane.state().spool_messages) == (15, 15)
    bench.heal()
    assert bench.ids == numbered(15)


def test_what_is_put_while_the_sink_is_away_is_on_disk_and_acknowledged_at_once(bench: Bench) -> None:
    bench.sink.away = True
    bench.step(1.0)
    bench.put(100)
    assert bench.acknowledged == 100
    assert (bench.lane.state().spool_messages, bench.lane.state().waiting) == (100, 100)
    assert 0 < sum(file.stat().st_size for file in bench.folder.glob("*.log")) == bench.lane.state().spool_bytes
    bench.heal()
    assert bench.ids == numbered(100)
    assert (bench.lane.state().spool_messages, bench.lane.state().spool_bytes) == (0, 0)


def test_what_was_under_way_when_the_sink_was_lost_goes_again_before_what_is_newer(bench: Bench) -> None:
    bench.sink.holding, bench.sink.forgetful = True, False
    bench.put(10)
    bench.step()
    bench.sink.away = True
    bench.put(10)  # the lane does not know yet
    bench.step(1.0)
    bench.turn()
    assert bench.acknowledged == 20
    bench.put(10)
    bench.heal()
    assert bench.ids == numbered(10) + numbered(30)
    assert bench.lane.state().reconnects == 1


def test_what_was_fed_from_the_spool_and_not_settled_is_fed_again_after_a_loss(bench: Bench) -> None:
    bench.sink.away = True
    bench.step(1.0)
    bench.put(10)
    bench.sink.away, bench.sink.holding = False, True
    bench.step(2.0)
    bench.turn()
    bench.step()
    bench.sink.away = True
    bench.step()
    bench.turn()
    bench.put(10)
    bench.heal()
    assert bench.ids == numbered(20)


def test_a_blocked_sink_gets_nothing_and_memory_holds_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "spool", max_bytes=1 << 30, segment_bytes=1 << 20)
    bench.sink.blocked = True
    bench.step()
    bench.put(2 * lane.FLIGHT_RECORDS)
    assert bench.acknowledged == bench.put_count
    assert not bench.lane.is_waiting
    bench.step()
    bench.turn()
    assert bench.ids == []
    assert bench.lane.state().connected


def test_what_the_carrier_has_is_bounded_in_records_and_in_bytes(tmp_path: Path) -> None:
    for body, most in ((b"", lane.FLIGHT_RECORDS), (bytes(100_000), lane.FLIGHT_BYTES // 100_000 + 1)):
        bench = Bench(tmp_path / f"spool-{most}", max_bytes=1 << 30, segment_bytes=16 << 20, body=body)
        bench.step()
        bench.put(most)
        assert bench.lane.state().spool_messages == 0
        bench.put(1)
        assert bench.lane.state().spool_messages == most + 1, "all that is older goes first"
        bench.heal()
        assert bench.ids == numbered(most + 1)


def test_a_spool_that_is_left_is_carried_over_first_by_the_next_process(bench: Bench) -> None:
    bench.sink.away = True
    bench.step(1.0)
    bench.put(100)
    bench.crash()
    assert (bench.repair.records, bench.repair.lost) == (100, 0)
    assert bench.lane.state().spool_messages == 100
    bench.put(5)
    bench.heal()
    assert bench.ids == numbered(105)


def test_messages_are_counted_across_processes_and_releases(bench: Bench) -> None:
    bench.sink.away = True
    bench.step(1.0)
    bench.turn()
    for first in range(0, 60, 3):
        bench.lane.put(Ticket(b"other", 10**6), [record(number) for number in range(first, first + 3)], bench.now)
    bench.crash()
    assert (bench.repair.records, bench.lane.state().spool_messages) == (20, 60)
    bench.lane.spool.release(5)
    bench.crash()
    assert (bench.repair.records, bench.lane.state().spool_messages) == (15, 45)
    bench.heal()
    assert bench.lane.state().spool_messages == 0
    assert bench.ids == numbered(60)[15:]


def test_a_lane_whose_spool_is_full_says_so_takes_nothing_more_and_goes_on_by_itself(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "spool", max_bytes=20_000)
    assert bench.lane.full is None
    bench.put(1000)
    assert bench.lane.full == f"{tmp_path / 'spool'} is full: {bench.lane.state().spool_bytes} of 20000 bytes wait"
    assert bench.lane.state().full == bench.lane.full
    assert 50 < bench.sent < 1000, "the router stopped"
    assert bench.sent - TAKEN_AT_ONCE <= bench.acknowledged < bench.sent, "the worker keeps those that found no room"
    for _ in range(10):
        bench.turn(1.0)
    assert bench.lane.full
    bench.heal()
    assert bench.lane.full is None
    assert bench.first_seen == numbered(1000)


def test_without_any_disk_events_go_directly_and_an_outage_is_back_pressure(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("no folder can be made here")
    bench = Bench(tmp_path / "spool")
    bench.step()
    bench.put(10)
    bench.step()
    bench.turn()
    assert bench.ids == numbered(10)
    bench.sink.away = True
    bench.step()
    bench.put(10)
    assert bench.lane.full == f"{tmp_path / 'spool'} cannot be written: File exists"
    assert bench.sent == 10 + TAKEN_AT_ONCE
    bench.heal()
    assert bench.ids == numbered(20)


def test_nothing_overtakes_what_found_no_room(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "spool", max_bytes=0)
    bench.step()
    bench.sink.blocked = True
    bench.step()
    bench.sink.blocked = False
    bench.put(TAKEN_AT_ONCE, bench.step)  # the first finds the sink blocked, the others do not
    bench.heal()
    assert bench.ids == numbered(TAKEN_AT_ONCE)


def test_stopping_keeps_on_disk_what_the_sink_does_not_take_and_forgets_what_it_takes(bench: Bench) -> None:
    bench.sink.holding = True
    bench.put(10)
    bench.step()
    bench.lane.hand_over(bench.now)
    bench.send()
    assert bench.acknowledged == 10
    assert bench.lane.look(bench.now)
    bench.sink.holding = False
    bench.step()
    assert not bench.lane.look(bench.now)
    bench.lane.close()
    bench.crash()
    assert bench.repair.records == 0
    bench.sink.away = True
    bench.put(3)
    bench.lane.hand_over(bench.now)
    bench.crash()
    assert bench.repair.records == 3


def test_a_part_that_no_version_can_read_is_passed_over_and_told_as_damage(bench: Bench) -> None:
    bench.sink.away = True
    bench.step(1.0)
    bench.put(2)
    bench.lane.spool.append(b"what is this")
    bench.crash()
    bench.put(2)
    bench.heal()
    assert bench.ids == numbered(4)
    assert [(hole.first, hole.last, hole.records) for hole in bench.holes] == [(3, 3, None)]


def damage(path: Path, part: int, parts: int) -> None:
    """One byte of one of the equally long parts of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // parts * part - 1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("is_open", [True, False])
def test_parts_that_the_disk_damages_are_told_and_the_others_arrive(bench: Bench, *, is_open: bool) -> None:
    bench.sink.away = True
    bench.step(1.0)
    bench.put(8)
    [path] = bench.folder.glob("*.log")
    for part in (3, 4, 6):
        damage(path, part, 8)
    if not is_open:
        bench.crash()
    bench.heal()
    assert bench.ids == [f"id-{number}" for number in (0, 1, 4, 6, 7)]
    assert [(hole.first, hole.last, hole.records) for hole in bench.holes] == [(3, 4, 2), (6, 6, 1)]
    bench.crash()
    bench.put(1)
    bench.heal()
    assert len(bench.holes) == 2, "what is done with is not told again"


@pytest.mark.parametrize("is_open", [True, False])
def test_damage_to_the_newest_part_is_told_too(bench: Bench, *, is_open: bool) -> None:
    bench.sink.away = True
    bench.step(1.0)
    bench.put(8)
    [path] = bench.folder.glob("*.log")
    damage(path, 8, 8)
    size_bytes = path.stat().st_size // 8
    if not is_open:
        bench.crash()
    bench.heal()
    assert bench.ids == numbered(7)
    assert [(hole.first, hole.last, hole.bytes_cut) for hole in bench.holes] == [(8, 8, 0) if is_open else (8, None, size_bytes)]
    bench.crash()
    bench.put(1)
    bench.heal()
    assert len(bench.holes) == 1, "nothing of it is left that could be found again"
    assert bench.ids == [*numbered(7), "id-8"]


def test_a_disk_that_refuses_to_read_holds_the_lane_up_in_words_and_is_asked_again(bench: Bench) -> None:
    bench.sink.away = True
    bench.step(1.0)
    bench.put(8)
    [path] = bench.folder.glob("*.log")
    path.rename(bench.folder / "good")
    path.symlink_to("/proc/self/mem")  # whoever reads its first bytes gets EIO
    bench.sink.away = False
    bench.step(2.0)
    bench.turn()
    bench.put(2)
    assert bench.lane.state().unread == f"{path} cannot be read: Input/output error"
    (bench.folder / "good").replace(path)
    bench.heal()
    assert bench.lane.state().unread is None
    assert (bench.ids, bench.holes) == (numbered(10), [])


def test_a_file_that_cannot_be_read_for_long_is_laid_aside_and_told(bench: Bench) -> None:
    bench.sink.away = True
    bench.step(1.0)
    bench.put(8)
    [path] = bench.folder.glob("*.log")
    path.unlink()
    path.symlink_to("/proc/self/mem")
    bench.sink.away = False
    bench.step(2.0)
    bench.turn()
    bench.turn(lane.GIVE_UP_S - 1.0)
    assert bench.lane.state().unread
    bench.turn(2.0)
    bench.put(2)
    bench.heal()
    assert bench.ids == ["id-8", "id-9"]
    assert [(hole.first, hole.last, hole.records) for hole in bench.holes] == [(1, 8, 8)]
    assert path.with_suffix(".unreadable").is_symlink()


def test_a_file_that_cannot_be_read_at_the_start_is_laid_aside_and_its_numbers_are_not_given_again(bench: Bench) -> None:
    bench.sink.away = True
    bench.step(1.0)
    bench.put(8)
    [path] = bench.folder.glob("*.log")
    path.unlink()
    path.symlink_to("/proc/self/mem")
    bench.crash()
    bench.put(2)
    assert {file.name for file in bench.folder.iterdir()} >= {"00000000000000000001.unreadable", "00000000000000000002.log"}
    bench.heal()
    assert bench.ids == ["id-8", "id-9"]
    assert [(hole.first, hole.last) for hole in bench.holes] == [(1, 1)]


def test_a_lane_says_since_when_its_sink_takes_nothing_and_the_oldest_waits(bench: Bench) -> None:
    assert (bench.lane.state().blocked_ms, bench.lane.state().oldest_ms) == (None, None)
    before_ms = time.time_ns() // 1_000_000
    bench.sink.blocked = True
    bench.put(1)
    bench.step()
    bench.put(3)
    said = bench.lane.state()
    assert said.connected
    assert said.blocked_ms is not None
    assert said.oldest_ms is not None
    assert before_ms <= said.oldest_ms <= said.blocked_ms
    bench.step()
    bench.turn(5.0)
    assert bench.lane.state().blocked_ms == said.blocked_ms
    assert bench.lane.state().oldest_ms == said.oldest_ms
    bench.heal()
    assert (bench.lane.state().blocked_ms, bench.lane.state().oldest_ms) == (None, None)
    bench.sink.away = True
    bench.step()
    bench.put(3)
    bench.crash()
    assert bench.lane.state().oldest_ms == 0, "when the record was received"


#: What may happen to a lane, to its sink, to its disk and to its process.
DEEDS = {
    "put": lambda bench: bench.put(),
    "put many": lambda bench: bench.put(10),
    "put while the carrier works": lambda bench: bench.put(10, bench.step),
    "turn": lambda bench: bench.turn(),
    "step": lambda bench: bench.step(),
    "both": lambda bench: (bench.step(), bench.turn()),
    "a second of work": lambda bench: (bench.step(1.1), bench.turn(), bench.step()),
    "a second passes": lambda bench: setattr(bench, "now", bench.now + 1.1),
    "away": lambda bench: setattr(bench.sink, "away", True),
    "back": lambda bench: setattr(bench.sink, "away", False),
    "holding": lambda bench: setattr(bench.sink, "holding", True),
    "settling": lambda bench: setattr(bench.sink, "holding", False),
    "blocked": lambda bench: setattr(bench.sink, "blocked", True),
    "unblocked": lambda bench: setattr(bench.sink, "blocked", False),
    "unconfirmed arrives": lambda bench: setattr(bench.sink, "forgetful", False),
    "unconfirmed is gone": lambda bench: setattr(bench.sink, "forgetful", True),
    "crash": lambda bench: bench.crash(),
}


@settings(max_examples=120, deadline=None)
@given(
    deeds=st.lists(st.sampled_from(sorted(DEEDS)), min_size=20, max_size=100),
    max_bytes=st.sampled_from([0, 800, 2400, 1 << 20]),
    flight_bytes=st.sampled_from([8, 1 << 20]),
)
def test_whatever_happens_nothing_is_lost_or_reordered(
    tmp_path_factory: pytest.TempPathFactory, deeds: list[str], max_bytes: int, flight_bytes: int
) -> None:
    bench = Bench(tmp_path_factory.mktemp("lane") / "spool", max_bytes=max_bytes, segment_bytes=400, flight_bytes=flight_bytes)
    for deed in deeds:
        DEEDS[deed](bench)
    bench.heal()
    assert bench.first_seen == numbered(bench.put_count)
    assert bench.holes == []
    if not {"away", "crash"} & set(deeds):
        assert bench.ids == bench.first_seen, "a repeat without a loss"
