"""The ledger on a real PostgreSQL: the same rows stand in the end, however late, often and out of order they are told."""

import json
from datetime import UTC, datetime
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledgers import GAP, closes, gap_rows, happened, opens, store_all, told

from gateway.database import db, ledger
from gateway.database.pages import Span
from gateway.errors import StoreRefused
from gateway.models import Record


def at(second: int) -> datetime:
    return datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC)


def empty(connection: db.Connection) -> None:
    with db.transaction(connection) as cursor:
        cursor.execute("truncate gaps, occurrences")


def test_an_occurrence_is_one_row_however_often_it_is_told(connection: db.Connection) -> None:
    record = told("refused", "one", topic="t", detail="the exchange's words")
    for batch in ([record], [record, record], [record]):
        store_all(connection, batch)
    assert happened(connection) == [("refused", "the exchange's words", None)]
    assert gap_rows(connection) == []


def test_a_gap_is_a_row_that_the_later_telling_completes(connection: db.Connection) -> None:
    store_all(connection, [opens(topic="t", detail="cut")])
    [row] = gap_rows(connection)
    assert (row["from_at"], row["to_at"], row["recovered"], row["opened_at"]) == (at(0), None, None, at(0))
    store_all(connection, [closes(topic="t", detail="fetched")])
    [row] = gap_rows(connection)
    assert {key: row[key] for key in row if key not in ("sequence", "told_by")} == {
        "id": UUID(GAP), "endpoint": "linear", "worker": "linear_00", "topic": "t", "cause": "disconnected", "from_at": at(0),
        "to_at": at(10), "recovered": True, "detail": "fetched", "opened_at": at(0), "updated_at": at(10),
    }  # fmt: skip
    assert happened(connection) == [("disconnected", "cut", UUID(GAP)), ("reconnected", "fetched", UUID(GAP))]


def test_a_close_that_comes_alone_makes_a_whole_row_and_its_open_changes_only_when_it_was_opened(connection: db.Connection) -> None:
    store_all(connection, [closes()])
    [alone] = gap_rows(connection)
    assert (alone["from_at"], alone["to_at"], alone["recovered"], alone["opened_at"]) == (at(0), at(10), True, at(10))
    store_all(connection, [opens()])
    assert gap_rows(connection) == [{**alone, "opened_at": at(0)}]


def test_a_closed_gap_is_not_opened_again_by_a_telling_that_is_dated_later(connection: db.Connection) -> None:
    store_all(connection, [closes(second=10)])
    store_all(connection, [opens(second=11)])
    assert gap_rows(connection)[0]["to_at"] == at(10)


def test_the_verdict_of_the_later_close_holds(connection: db.Connection) -> None:
    first, second = closes("first", recovered=False, second=10), closes("second", recovered=True, second=10)
    for batches in ([[first], [second]], [[second], [first]], [[first, second]], [[second, first]]):
        for batch in batches:
            store_all(connection, batch)
        assert gap_rows(connection)[0]["recovered"] is True, "of one moment, the one with the higher number"
        empty(connection)


def test_each_order_of_tellings_and_each_cut_into_batches_makes_the_same_rows(connection: db.Connection) -> None:
    tellings = [opens("a", second=1), opens("b", begins=1, second=2), closes("c", second=3), closes("d", recovered=False, second=4)]
    found = []
    for order in permutations(tellings):
        for size in (1, 2, 4):
            for first in range(0, 4, size):
                store_all(connection, order[first : first + size])
            found.append((gap_rows(connection), happened(connection)))
            empty(connection)
    assert len(found) == 72
    assert all(rows == found[0] for rows in found)
    assert (found[0][0][0]["recovered"], found[0][0][0]["opened_at"]) == (False, at(1))


OTHER = "00000000-0000-0000-0000-000000000002"
TELLINGS = [
    make(f"{name}-{gap}-{second}", gap_id=gap, second=second)
    for gap in (GAP, OTHER)
    for second in (1, 2, 3)
    for name, make in (("opens", opens), ("closes", closes))
]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.sampled_from(TELLINGS), max_size=6), max_size=6), st.randoms())
def test_replays_of_any_kind_leave_the_rows_as_they_are(
    connection: db.Connection, batches: list[list[Record]], chance: Any
) -> None:
    empty(connection)
    store_all(connection, [record for batch in batches for record in batch])
    once = gap_rows(connection)
    for _ in range(2):
        chance.shuffle(batches)
        for batch in batches:
            chance.shuffle(batch)
            store_all(connection, batch)
    assert gap_rows(connection) == once
    empty(connection)
    for batch in batches:
        store_all(connection, batch)
    assert gap_rows(connection) == once


def test_more_gaps_than_one_statement_takes_are_all_stored(connection: db.Connection) -> None:
    ids = [str(UUID(int=number)) for number in range(1, 251)]
    store_all(connection, [make(f"{make.__name__}{id_}", gap_id=id_) for make in (opens, closes) for id_ in ids])
    assert [(str(row["id"]), row["to_at"]) for row in gap_rows(connection)] == [(id_, at(10)) for id_ in ids]
    assert len(happened(connection)) == 500


def changed(record: Record, **payload: Any) -> Record:
    body = json.loads(record.body)
    body["payload"] |= payload
    record.body = json.dumps(body).encode()
    return record


def test_a_nul_in_the_exchanges_words_costs_only_itself(connection: db.Connection) -> None:
    store_all(connection, [changed(opens(), detail="a\0b", topic="t\0")])
    assert happened(connection) == [("disconnected", "ab", UUID(GAP))]
    assert [(row["topic"], row["detail"]) for row in gap_rows(connection)] == [("t", "ab")]


def test_an_occurrence_may_name_a_gap_without_telling_of_it(connection: db.Connection) -> None:
    store_all(connection, [changed(told("recovered", "one"), gap_id=GAP)])
    assert (happened(connection), gap_rows(connection)) == ([("recovered", None, UUID(GAP))], [])


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"kind": None}, "kind"),
        ({"from": None}, "without `from`"),
        ({"from": "yesterday"}, "from"),
        ({"recovered": 1}, "recovered"),
    ],
)
def test_an_occurrence_that_cannot_be_read_is_rejected_and_its_neighbours_are_stored(
    connection: db.Connection, payload: dict[str, Any], words: str
) -> None:
    rejected: list[str] = []
    bodies = [told("connected", "a").body, changed(opens(), **payload).body, told("subscribed", "b").body]
    ledger.insert_occurrences(connection, bodies, lambda reason, _record, _trace: rejected.append(reason))
    assert [kind for kind, _, _ in happened(connection)] == ["connected", "subscribed"]
    assert len(rejected) == 1
    assert words in rejected[0]


@pytest.mark.parametrize("payload", [{"gap_id": "none"}, {"from": 10**18}, {"from": -(10**17)}])
def test_a_gap_that_postgresql_cannot_hold_is_refused_as_a_whole(connection: db.Connection, payload: dict[str, Any]) -> None:
    with pytest.raises(StoreRefused):
        store_all(connection, [told("connected", "a"), changed(opens(), **payload)])
    assert (happened(connection), gap_rows(connection)) == ([], [])


@pytest.mark.parametrize(
    ("topic", "endpoints"),
    [
        ("orderbook.50.BTCUSDT", {"spot", "linear", "inverse", "option", "spread"}),
        ("allLiquidation.BTCUSD", {"linear", "inverse"}),
        ("wallet", {"private"}),
        ("order.linear", {"private"}),
        ("system.status", {"status"}),
        ("nobody.knows.it", {"private", "spot", "linear", "inverse", "option", "spread", "status"}),
    ],
)
def test_a_topic_is_carried_by_the_endpoints_whose_rows_read_it(topic: str, endpoints: set[str]) -> None:
    assert ledger.carriers(topic) == endpoints


def test_gaps_of_a_topic_are_its_own_and_those_of_whole_connections_that_carry_it(connection: db.Connection) -> None:
    def gap(number: int, endpoint: str, topic: str | None) -> Record:
        return opens(str(number), gap_id=str(UUID(int=number)), begins=number, endpoint=endpoint, topic=topic)

    store_all(
        connection,
        [
            gap(1, "linear", "allLiquidation.BTCUSDT"), gap(2, "linear", "allLiquidation.ETHUSDT"), gap(3, "linear", None),
            gap(4, "spot", None), gap(5, "inverse", None), gap(6, "router", None), gap(7, "private", None),
        ],
    )  # fmt: skip

    def found(topic: str | None, **page: int) -> tuple[list[int], int]:
        rows, total = ledger.find_gaps(connection, topic=topic, span=Span(), **{"limit": 10, "offset": 0, **page})
        return [row["id"].int for row in rows], total

    assert found("allLiquidation.BTCUSDT") == ([6, 5, 3, 1], 4)
    assert found("wallet") == ([7, 6], 2)
    assert found(None) == ([7, 6, 5, 4, 3, 2, 1], 7)
    assert found(None, limit=2, offset=1) == ([6, 5], 7)
    assert found(None, offset=9) == ([], 7)
