"""What a process knows of its gaps outlives it: the next run goes on with them, whenever this one dies."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.disk.memo import Memo
from gateway.protocol.endpoints import ENDPOINTS
from gateway.wire import Stamp
from tests.standins import KeepingBus
from workers.dispatch import Dispatch
from workers.gaps import Gaps, OpenGap
from workers.journal import Journal
from workers.ledger import Ledger
from workers.voice import Voice

SECOND_NS = 10**9
LINEAR = ENDPOINTS["linear"]
TOPICS = {"publicTrade.A", "orderbook.50.A"}


@dataclass(frozen=True)
class Standing:
    """All topics are wanted, and back and held but for these."""

    away: str = ""
    refused: str = ""

    def is_back(self, name: str) -> bool:
        return name != self.away

    def is_held(self, name: str) -> bool:
        return name != self.refused

    def is_wanted(self, _name: str) -> bool:
        return True


class Run:
    """One run of a worker, as far as it tells of gaps."""

    def __init__(self, folder: Path, number: int) -> None:
        self.bus = KeepingBus()
        stamp = Stamp(worker="w", account="main", include_raw="off", started_ms=number)
        self.memo = Memo(folder / "gaps.json", list[OpenGap])
        dispatch = Dispatch("w", self.bus, Journal())  # type: ignore[arg-type] # it has all that it uses
        self.ledger = Ledger(Voice("w", ENDPOINTS["linear"], stamp), dispatch, Gaps(), self.memo)

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(record.body)["payload"] for record in self.bus.records]


def test_a_process_that_ended_without_a_word_leaves_a_gap_since_what_it_had_delivered(tmp_path: Path) -> None:
    run = Run(tmp_path, 1)
    run.ledger.was_away(5_000, TOPICS, now_ns=9 * SECOND_NS)
    run.ledger.flush()
    [told] = run.told()
    assert (told["kind"], told["cause"], told["from"], told["to"]) == ("gap", "restarted", 5_000, None)
    assert set(run.ledger.gaps.marks) == TOPICS


def test_a_first_run_and_one_that_had_no_work_leave_none(tmp_path: Path) -> None:
    run = Run(tmp_path, 1)
    run.ledger.was_away(None, TOPICS, now_ns=SECOND_NS)
    run.ledger.was_away(5_000, [], now_ns=SECOND_NS)
    run.ledger.flush()
    assert run.told() == []


def test_a_process_that_stopped_as_told_leaves_one_gap_that_the_next_run_goes_on_with_and_closes(tmp_path: Path) -> None:
    first = Run(tmp_path, 1)
    first.ledger.connection_lost("restarted", TOPICS, from_ms=4_000, now_ns=5 * SECOND_NS, detail="the worker is stopping")
    first.ledger.flush()
    second = Run(tmp_path, 2)
    second.ledger.was_away(None, ["orderbook.50.A"], now_ns=9 * SECOND_NS)
    second.ledger.look(LINEAR, Standing(away="publicTrade.A"), now_ns=10 * SECOND_NS)
    second.ledger.look(LINEAR, Standing(), now_ns=11 * SECOND_NS)
    second.ledger.flush()
    told = first.told() + second.told()
    assert [(entry["kind"], entry["from"], entry["to"]) for entry in told] == [
        ("disconnected", 4_000, None), ("gap", 4_000, None), ("recovered", 4_000, 11_000),
    ]  # fmt: skip
    assert len({entry["gap_id"] for entry in told}) == 1
    third = Run(tmp_path, 3)
    third.ledger.was_away(None, TOPICS, now_ns=12 * SECOND_NS)
    assert third.told() == [], "it was closed for good"


def test_what_the_exchange_gives_no_more_is_not_recovered(tmp_path: Path) -> None:
    run = Run(tmp_path, 1)
    run.ledger.connection_lost("disconnected", ["orderbook.50.A", "tickers.A"], from_ms=1, now_ns=SECOND_NS, detail="cut")
    run.ledger.look(LINEAR, Standing(refused="orderbook.50.A"), now_ns=2 * SECOND_NS)
    run.ledger.flush()
    closed = run.told()[-1]
    assert closed["recovered"] is False
    assert closed["detail"].endswith("refused: orderbook.50.A")


def test_gaps_of_topics_that_an_earlier_run_left_open_are_closed_by_the_next(tmp_path: Path) -> None:
    first = Run(tmp_path, 1)
    gap_id = first.ledger.begin("gap", "hole", now_ns=SECOND_NS, from_ms=900, topic="orderbook.50.A")
    first.ledger.flush()
    second = Run(tmp_path, 2)
    second.ledger.was_away(1_000, TOPICS, now_ns=2 * SECOND_NS)
    second.ledger.flush()
    told = [(entry["kind"], entry["cause"], entry["gap_id"] == gap_id, entry["recovered"]) for entry in second.told()]
    assert told == [("recovered", "hole", True, False), ("gap", "restarted", False, None)]


def test_a_gap_is_on_disk_before_anybody_hears_of_it_and_until_its_end_was_sent(tmp_path: Path) -> None:
    run = Run(tmp_path, 1)
    seen: list[int] = []
    send = run.bus.send
    run.bus.send = lambda records: (seen.append(len(run.memo.read() or [])), send(records))  # type: ignore[method-assign, assignment, func-returns-value]
    gap_id = run.ledger.begin("stalled", "stalled", now_ns=SECOND_NS, from_ms=900, topic="tickers.A")
    assert run.memo.read() is None
    run.ledger.flush()
    run.ledger.end(gap_id, now_ns=2 * SECOND_NS, recovered=True)
    run.ledger.flush()
    assert seen == [1, 1]
    assert run.memo.read() == []


def test_a_gap_that_was_closed_before_its_run_was_killed_is_told_again_and_not_opened(tmp_path: Path) -> None:
    first = Run(tmp_path, 1)
    first.ledger.connection_lost("disconnected", TOPICS, from_ms=4_000, now_ns=5 * SECOND_NS, detail="cut")
    first.ledger.flush()
    gap = first.ledger.gaps.connection
    assert gap is not None
    first.ledger.end(gap.gap.id, now_ns=7 * SECOND_NS, recovered=True, detail="12 fetched")
    first.memo.write([*first.ledger.gaps.open, *first.ledger.gaps.ended])  # killed between the two writes of `flush`
    second = Run(tmp_path, 2)
    second.ledger.was_away(6_000, TOPICS, now_ns=9 * SECOND_NS)
    second.ledger.flush()
    [again, restart] = second.told()
    assert (again["kind"], again["gap_id"], again["to"], again["recovered"]) == ("recovered", gap.gap.id, 7_000, True)
    assert again["detail"] == "12 fetched"
    assert (restart["kind"], restart["cause"], restart["from"]) == ("gap", "restarted", 6_000)
    assert [kept.gap.cause for kept in second.memo.read() or []] == ["restarted"]


def test_a_gap_that_lasts_on_begins_where_the_run_before_had_delivered(tmp_path: Path) -> None:
    """What waited in the memory of a killed process is lost, and older than the loss of its connection."""
    first = Run(tmp_path, 1)
    first.ledger.connection_lost("disconnected", TOPICS, from_ms=4_000, now_ns=5 * SECOND_NS, detail="cut")
    first.ledger.flush()
    for since_ms, expected in ((3_000, 3_000), (9_000, 3_000), (None, 3_000)):
        run = Run(tmp_path, 2)
        run.ledger.was_away(since_ms, TOPICS, now_ns=9 * SECOND_NS)
        run.ledger.flush()
        assert [entry["from"] for entry in run.told()] == [expected]
