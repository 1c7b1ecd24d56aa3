"""A disk that takes nothing more: the private stream is not read, nothing is lost, and it goes on by itself, in virtual time."""

import json
from pathlib import Path

from world import BACK_S, RESTORED_S, Worker, World, make

from gateway.disk.spool import Spool
from simulator.faults import Fault
from workers.journal import Journal

TOPICS = {"order": False, "execution": False, "position": False, "wallet": False}


class NarrowSpool(Spool):
    """A spool on a disk whose room a test decides. is_full: it refuses everything."""

    is_full = False

    def append(self, payload: bytes) -> int:
        self._max_bytes = 0 if self.is_full else 1 << 30
        return super().append(payload)


def start(folder: Path) -> tuple[World, Worker, NarrowSpool]:
    world = make(steps_per_s=0.5, trade_rate=0.5, account_every_s=1.0, only=("BTCUSDT",))
    spool = NarrowSpool(folder, max_bytes=1 << 30)
    journal = Journal(spool)
    journal.open()
    worker = world.add("private", dict(TOPICS), journal=journal)
    world.run_until(worker.is_restored, RESTORED_S, what="live")
    world.run(5)
    return world, worker, spool


def facts(world: World) -> list[str]:
    """The orders' states that the exchange told, in order."""
    entries = world.exchange.ledger.read(endpoint="private", direction="sent", topic="order")
    return [f"{row['orderId']} {row['orderStatus']}" for entry in entries for row in json.loads(entry.text)["data"]]


def events(worker: Worker) -> list[str]:
    bodies = [json.loads(record.body)["payload"] for record in worker.bus.records if record.event_type == "order"]
    return [f"{body['order_id']} {body['status']}" for body in bodies]


def test_nothing_is_read_while_it_cannot_be_kept_and_nothing_is_lost_by_that(tmp_path: Path) -> None:
    world, worker, spool = start(tmp_path)
    spool.is_full = True
    world.run_until(lambda: worker.delivery.journal.error, 5, what="noticed")
    held = len(events(worker))
    world.run(15)
    assert len(events(worker)) == held, "nothing goes out that is not kept"
    assert len(facts(world)) > held
    for full in (False, True, False):  # a little room comes and goes
        spool.is_full = full
        world.run(1)
    world.run(2)
    assert worker.delivery.journal.error is None
    assert events(worker) == facts(world)
    assert (world.dials, worker.link.reconnections) == (1, 0)
    told = [row for row in worker.occurrences() if row["cause"] == "disk_full"]
    assert [(row["kind"], row["recovered"]) for row in told] == [("gap", None), ("recovered", True)]
    named = [json.loads(record.body)["gap_id"] for record in worker.bus.records if record.event_type == "order"]
    assert [gap_id for gap_id in named if gap_id] == [told[0]["gap_id"]], "the first event behind it"


def test_a_frame_in_hand_outlives_its_connection_and_nobody_dials_before_it_is_kept(tmp_path: Path) -> None:
    world, worker, spool = start(tmp_path)
    spool.is_full = True
    world.run_until(lambda: worker.link.intake.is_stuck, 5, what="stuck")
    before = len(events(worker))
    world.exchange.do(Fault(kind="cut"))
    world.run(40)
    assert worker.link.intake.is_stuck
    dials = world.dials
    spool.is_full = False
    world.run_until(worker.is_restored, BACK_S, what="live again")
    assert world.dials == dials + 1
    assert len(events(worker)) > before


def test_a_worker_that_ends_meanwhile_hands_on_the_frame_in_hand(tmp_path: Path) -> None:
    world, worker, spool = start(tmp_path)
    spool.is_full = True
    world.run_until(lambda: worker.link.intake.is_stuck, 5, what="stuck")
    before = len(worker.bus.records)
    worker.link.close()
    assert not worker.link.intake.is_stuck
    assert len(worker.bus.records) > before


def test_pongs_that_waited_unread_say_nothing_of_the_clock(tmp_path: Path) -> None:
    world, worker, spool = start(tmp_path)
    assert worker.link.clock_skew_ms == 0
    spool.is_full = True
    world.run(50)
    assert worker.link.intake.is_stuck
    spool.is_full = False
    world.run_until(lambda: not worker.line or not worker.line.has_bytes(), 5, what="all is read")
    assert worker.link.clock_skew_ms == 0
    world.exchange.do(Fault(kind="clock", amount=2_000.0))
    world.run(25)
    assert worker.link.clock_skew_ms == 2_000, "later ones do again"
