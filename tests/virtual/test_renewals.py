"""Renewals: a broken book is made whole, whatever happens to the snapshot that was asked for; consumers are told both ends."""

import msgspec
from world import RESTORED_S, Worker
from worlds import world_with

from simulator.faults import Fault

BOOK = "orderbook.50.BTCUSDT"


def last_book_is_in_sync(worker: Worker) -> bool:
    books = [msgspec.json.decode(record.body) for record in worker.bus.records if record.event_type == "orderbook"]
    return bool(books[-1]["payload"]["in_sync"])


def kinds(worker: Worker) -> list[str]:
    return [event["kind"] for event in worker.occurrences() if event["topic"] == BOOK]


def test_a_book_whose_new_snapshot_got_lost_is_renewed_again() -> None:
    world, worker = world_with("linear")
    world.run_until(worker.is_restored, RESTORED_S, what="live")
    world.exchange.do(Fault(kind="book", how="skip", topic=BOOK, times=1))
    world.traps["subscribe"] = lambda: world.exchange.do(Fault(kind="drop", topic=BOOK, times=1))
    world.run(60)
    assert last_book_is_in_sync(worker)
    assert kinds(worker) == ["gap", "recovered"]


def test_a_gap_that_a_reconnect_ends_is_told_to_be_recovered() -> None:
    world, worker = world_with("linear")
    world.run_until(worker.is_restored, RESTORED_S, what="live")
    world.exchange.do(Fault(kind="book", how="skip", topic=BOOK, times=1))
    world.traps["unsubscribe"] = lambda: world.exchange.do(Fault(kind="cut"))
    world.run(60)
    assert worker.link.reconnections == 1
    assert kinds(worker) == ["gap", "recovered"]
