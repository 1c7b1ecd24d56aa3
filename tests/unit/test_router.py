"""The router between a bus that a test fills and lanes around sinks in memory."""

import json
import shutil
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from lanes import Place, record

from gateway.backoff import Backoff
from gateway.bus.bus import Batch
from gateway.disk.spool import Spool, Syncer
from gateway.health.words import LaneState
from gateway.lanes.announcements import Announcements
from gateway.lanes.carrier import Carrier
from gateway.lanes.lane import Lane
from gateway.lanes.router import Router
from gateway.wire import Stamp
from tests import scraping
from tests.scraping import known, meter
from workers.router import serve


class FilledBus:
    """In the place of ZeroMQ.

    batches   to be taken
    settled   worker → the last number that was acknowledged
    """

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.settled: dict[bytes, int] = {}
        self.is_closed = False

    def wait(self, wake: int, seconds: float, *, reading: bool) -> None:
        """Nothing is waited for."""

    def take(self) -> list[Batch]:
        taken, self.batches = self.batches, []
        return taken

    def settle(self, peer: bytes, number: int) -> None:
        assert number > self.settled.get(peer, 0)
        self.settled[peer] = number

    def forget_silent(self, older_than_s: float) -> None:
        """Nobody is known."""

    def close(self) -> None:
        self.is_closed = True


class Bench:
    """Two lanes: everything goes to `broker`, what has an odd number to `postgres` too."""

    def __init__(self, folder: Path, max_bytes: int = 1 << 20, before: Mapping[str, LaneState] = MappingProxyType({})) -> None:
        self.bus = FilledBus()
        self.sinks = [Place("broker"), Place("postgres", lambda record: record.event_id[-1] in "13579")]
        carriers = [Carrier(sink, backoff=Backoff(1.0, dice=lambda: 0.5), wake_router=lambda: None) for sink in self.sinks]
        self.lanes = [Lane(carrier, Spool(folder / carrier.sink.name, max_bytes=max_bytes)) for carrier in carriers]
        for lane in self.lanes:
            lane.open()
        stamp = Stamp(worker="router_00", account="main", include_raw="off", started_ms=1)
        self.router = Router(self.bus, self.lanes, Announcements(stamp, lambda: None), before)
        self.now = 1000.0
        self.number = 0

    def arrive(self, *numbers: int, peer: bytes = b"one") -> None:
        """One batch of these records."""
        self.number += 1
        self.bus.batches.append(Batch(peer, self.number, [record(number) for number in numbers]))

    def go_on(self, seconds: float = 0.1) -> None:
        self.now += seconds
        for lane in self.lanes:
            lane.carrier.step(self.now)
        self.router.turn(self.now)
        for lane in self.lanes:
            lane.carrier.step(self.now)
        self.router.turn(self.now)

    def told(self) -> list[dict[str, Any]]:
        """Payloads of what the router said itself."""
        return [json.loads(record.body)["payload"] for record in self.sinks[0].records if record.event_type == "system"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.go_on()
    return bench


def make_full(folder: Path) -> Bench:
    """PostgreSQL is away and its lane has no room: it has not taken what arrived."""
    bench = Bench(folder, max_bytes=0)
    bench.go_on()
    bench.sinks[1].away = True
    bench.go_on()
    bench.arrive(1)
    bench.go_on()
    return bench


def test_each_record_goes_to_the_lanes_that_want_it_and_a_batch_is_acknowledged_once_all_have_it(bench: Bench) -> None:
    bench.sinks[1].holding = True
    bench.arrive(2)
    bench.arrive(3, 4)
    bench.arrive(6)
    bench.go_on()
    assert [record.event_id for record in bench.sinks[0].records] == ["id-2", "id-3", "id-4", "id-6"]
    assert bench.bus.settled == {b"one": 1}, "the second waits for PostgreSQL, and the third for the second"
    bench.sinks[1].holding = False
    bench.go_on()
    assert bench.bus.settled == {b"one": 3}
    assert [record.event_id for record in bench.sinks[1].records] == ["id-3"]


def test_a_batch_without_records_is_acknowledged_too(bench: Bench) -> None:
    bench.arrive()
    bench.go_on()
    assert bench.bus.settled == {b"one": 1}


def test_one_sink_that_is_away_costs_no_other_sink_and_no_acknowledgement(bench: Bench) -> None:
    bench.sinks[1].away = True
    bench.go_on()
    bench.arrive(1)
    bench.arrive(2, peer=b"two")
    bench.go_on()
    assert bench.bus.settled == {b"one": 1, b"two": 2}
    assert [record.event_id for record in bench.sinks[0].records] == ["id-1", "id-2"]
    assert bench.lanes[1].state().spool_messages == 1


def test_a_lane_without_room_stops_the_reading_is_told_of_and_ends_by_itself(tmp_path: Path) -> None:
    bench = make_full(tmp_path)
    assert bench.router.is_full
    bench.arrive(2)
    bench.go_on()
    assert [record.event_id for record in bench.sinks[0].records if record.event_type != "system"] == ["id-1"]
    assert len(bench.bus.batches) == 1, "it was not taken"
    read = meter(lambda: known(router=scraping.router(lanes=bench.router.states())))
    assert read.value("gaps_open", worker="router_00") == 1
    bench.sinks[1].away = False
    with read.moving("gaps_open", worker="router_00", to=lambda count: count == 0):
        for _ in range(40):
            bench.go_on()
    assert not bench.router.is_full
    assert bench.bus.settled == {b"one": 2}
    assert [(event["kind"], event["cause"], event["recovered"]) for event in bench.told()] == [
        ("gap", "disk_full", None), ("recovered", "disk_full", True),
    ]  # fmt: skip
    assert bench.router.events == 2


def test_a_lane_that_is_full_when_the_router_dies_is_one_gap_with_an_end(tmp_path: Path) -> None:
    bench = make_full(tmp_path)
    words = msgspec.json.decode(msgspec.json.encode(bench.router.states()), type=dict[str, LaneState])  # as its state file has them
    after = Bench(tmp_path / "next", before=words)
    for _ in range(40):
        after.go_on()
    [opened], [closed] = bench.told(), after.told()
    assert (opened["kind"], opened["cause"], closed["kind"]) == ("gap", "disk_full", "recovered")
    assert (closed["gap_id"], closed["from"]) == (opened["gap_id"], opened["from"])
    assert after.router.states()["postgres"].full_gap is None


def test_what_the_disk_damaged_is_told_to_both_sinks_and_again_as_the_same_gap(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.go_on()
    bench.sinks[0].away = True
    bench.go_on()
    for number in range(3):
        bench.arrive(number)
        bench.go_on()
    [path] = (tmp_path / "broker").glob("*.log")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    ids = []
    for folder in ("one", "two"):
        shutil.copytree(tmp_path / "broker", tmp_path / folder / "broker")
        after = Bench(tmp_path / folder)
        for _ in range(4):
            after.go_on()
        assert [record.event_id for record in after.sinks[0].records if record.event_type != "system"] == ["id-0", "id-2"]
        [gap] = after.told()
        assert (gap["cause"], gap["detail"]) == (
            "damaged",
            "1 parts in the spool of broker, 2 to 2, are damaged or missing: 1 records",
        )
        ids.append((gap["gap_id"], [record.event_id for record in after.sinks[0].records if record.event_type == "system"]))
    assert ids[0] == ids[1]


def test_stopping_acknowledges_all_that_was_taken_and_keeps_what_no_sink_took(bench: Bench, tmp_path: Path) -> None:
    for sink in bench.sinks:
        sink.holding = True
    bench.arrive(1, 2)
    bench.go_on()
    assert bench.bus.settled == {}
    for lane in bench.lanes:
        lane.carrier.start()
    bench.router.stop(0)
    assert bench.bus.settled == {b"one": 1}
    assert bench.bus.is_closed
    assert [Spool(tmp_path / name, max_bytes=1 << 20).open().records for name in ("broker", "postgres")] == [1, 1]


def test_stopping_waits_for_what_the_sinks_settle_so_that_it_is_not_sent_again(bench: Bench, tmp_path: Path) -> None:
    bench.arrive(1, 2)
    bench.router.turn(bench.now)
    for lane in bench.lanes:
        lane.carrier.start()
    bench.router.stop(0)
    assert [len(sink.records) for sink in bench.sinks] == [2, 1]
    assert [Spool(tmp_path / name, max_bytes=1 << 20).open().records for name in ("broker", "postgres")] == [0, 0]


def test_a_thread_that_has_ended_ends_the_process_and_is_named(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    syncer = Syncer([])
    ended = threading.Thread(target=lambda: None, name="topology")
    for thread in (syncer, ended):
        thread.start()
    ended.join()
    reported: list[bool] = []
    serve(bench.router, bench.bus, [syncer, ended], lambda *, at_once: reported.append(at_once), 0, [])
    syncer.stop()
    assert [(record.levelname, record.getMessage()) for record in caplog.records if record.levelname == "ERROR"] == [
        ("ERROR", "router thread_ended threads=topology")
    ]
    assert reported == [False]


class MovedBus(FilledBus):
    """Something happens each time that it is waited for."""

    def __init__(self, *occurrences: Callable[[], object]) -> None:
        super().__init__()
        self._occurrences = iter(occurrences)

    def wait(self, wake: int, seconds: float, *, reading: bool) -> None:
        super().wait(wake, seconds, reading=reading)
        next(self._occurrences)()


def test_that_a_sink_has_gone_is_said_at_once_and_so_that_it_is_there_again(bench: Bench) -> None:
    syncer, stopping, reported = Syncer([]), list[int](), list[tuple[bool, frozenset[str]]]()
    syncer.start()

    def turn(*, away: bool) -> None:
        bench.sinks[1].away = away
        bench.go_on(60.0)

    bus = MovedBus(bench.go_on, partial(turn, away=True), partial(turn, away=False), lambda: stopping.append(15))
    serve(bench.router, bus, [syncer], lambda *, at_once: reported.append((at_once, bench.router.away)), 0, stopping)
    syncer.stop()
    assert reported == [(False, frozenset()), (True, frozenset({"postgres"})), (True, frozenset())]
