"""The sink of PostgreSQL: a database that is not ready is away, and a record that it cannot take costs itself alone."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sink_places import STAMP, postgres, record, settle

from gateway.database import db
from gateway.disk.dead_letters import DeadLetters
from gateway.errors import SinkAway
from gateway.models import Record
from gateway.occurrences import Gap, occurrence
from gateway.sinks.postgres import PostgresSink
from tests.standins import KeepingLetters, frozen


def test_postgresql_without_the_schema_is_away_until_it_is_there(empty_database_url: str) -> None:
    sink = PostgresSink(empty_database_url, KeepingLetters())
    with pytest.raises(SinkAway, match="waiting for `prepare`"):
        sink.open()
    sink.close()


@pytest.mark.parametrize("field", ["timestamp", "received_at", "event_id"])
def test_an_envelope_that_postgresql_cannot_read_costs_its_neighbours_nothing(database_url: str, field: str) -> None:
    place = postgres(database_url, "")
    sink, bad = place.sink, record(2)
    assert isinstance(sink, PostgresSink)
    bad.body = json.dumps({**json.loads(bad.body), field: "never"}).encode()
    sink.open()
    sink.write([record(1), bad, record(3)])
    settle(sink, 3)
    assert (place.arrived(), sink.rejected) == ([1, 3], 1)
    sink.close()


def test_a_database_connection_that_breaks_is_sink_away_and_what_was_not_settled_can_be_written_again(database_url: str) -> None:
    place = postgres(database_url, "")
    place.sink.open()
    place.sink.write([record(1)])
    settle(place.sink, 1)
    killer = db.connect(database_url, name="killer", autocommit=True)
    with db.transaction(killer) as cursor:
        cursor.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'ws-gateway router' and datname = current_database()"
        )
        assert cursor.fetchall() == [(True,)]
    killer.close()
    with pytest.raises(SinkAway, match="PostgreSQL is away"):
        place.sink.write([record(2)])
    with pytest.raises(SinkAway):
        place.sink.tick()
    place.sink.open()
    assert place.sink.settled() == 0
    place.sink.write([record(1), record(2)])
    settle(place.sink, 2)
    assert place.arrived() == [1, 2]
    place.sink.close()


def test_a_value_too_long_for_its_index_costs_its_neighbours_nothing(database_url: str) -> None:
    place = postgres(database_url, "")
    bad = record(5)
    body = json.loads(bad.body)
    body["payload"]["account_type"] = "".join(f"{number:X}" for number in range(5000))
    bad.body = json.dumps(body).encode()
    place.sink.open()
    place.sink.write([record(1), bad, record(9)])
    settle(place.sink, 3)
    assert place.arrived() == [1, 9]
    place.sink.close()


#: What makes a database that answers unable to take a row, and what mends it.
UNREADY = {
    "without its tables": ("alter table account_balances rename to elsewhere", "alter table elsewhere rename to account_balances"),
    "on a standby": (
        "alter database {name} set default_transaction_read_only = on",
        "set default_transaction_read_only = off; alter database {name} reset default_transaction_read_only",
    ),
}


@pytest.mark.parametrize("how", UNREADY)
def test_a_database_that_is_not_ready_is_away_and_nothing_is_rejected(database_url: str, how: str) -> None:
    place = postgres(database_url, "")
    assert isinstance(place.sink, PostgresSink)
    person = db.connect(database_url, name="person", autocommit=True)
    spoil, mend = (step.format(name=database_url.rpartition("/")[2]) for step in UNREADY[how])
    with db.transaction(person) as cursor:
        cursor.execute(spoil)
    place.sink.open()
    with pytest.raises(SinkAway):
        place.sink.write([record(1)])
    with db.transaction(person) as cursor:
        cursor.execute(mend)
    person.close()
    place.sink.open()
    place.sink.write([record(1)])
    settle(place.sink, 1)
    assert (place.arrived(), place.sink.rejected) == ([1], 0)
    place.sink.close()


@pytest.mark.parametrize("nul", ["coin", "account_type"])
def test_a_record_that_postgresql_can_never_hold_costs_its_neighbours_nothing(database_url: str, nul: str) -> None:
    place = postgres(database_url, "")
    bad = record(5)
    body = json.loads(bad.body)
    (body["payload"] if nul == "account_type" else body["payload"]["coins"][0])[nul] = "a\0b"
    bad.body = json.dumps(body).encode()
    report = record(6)
    report.routing_key, report.event_type = "", "topic_state"
    report.body = json.dumps(
        {"endpoint": "linear", "reports": [{"topic": "t\0", "state": "refused", "last_error": "words\0"}]}
    ).encode()
    place.sink.open()
    place.sink.write([record(1), bad, report, record(9)])
    settle(place.sink, 4)
    assert place.arrived() == [1, 9]
    place.sink.close()


def ask(connection: db.Connection, statement: str) -> list[tuple[Any, ...]]:
    with db.transaction(connection) as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def system(identity: str, gap: Gap | None = None, **payload: Any) -> Record:
    """What the linear worker says, with some words of it changed."""
    event = occurrence("gap", identity=identity, endpoint="linear", worker="linear_00", now_ms=1_700_000_000_000, gap=gap)
    event.payload |= payload
    return STAMP.record(event, received_ns=1_700_000_000_000_000_000, trace_id=f"t-{identity}")


def sound(_record: Record) -> None:
    """Nothing is wrong with it."""


def no_envelope(record: Record) -> None:
    record.body = b"never"


def no_time(record: Record) -> None:
    record.body = json.dumps({**json.loads(record.body), "timestamp": "never"}).encode()


def no_number(record: Record) -> None:
    body = json.loads(record.body)
    body["payload"]["coins"][0]["wallet_balance"] = "much"
    record.body = json.dumps(body).encode()


#: How a record is bad: what it is, what is done to it, what its dead letter says, and of which topic.
BAD: dict[str, tuple[Callable[[], Record], Callable[[Record], None], str, str]] = {
    "a balance that is no envelope": (lambda: record(5), no_envelope, "malformed", "wallet"),
    "a balance that is no number": (lambda: record(5), no_number, "'much'", "wallet"),
    "a balance without a time": (lambda: record(5), no_time, "invalid input syntax for type timestamp", "wallet"),
    "an occurrence that is no envelope": (lambda: system("x"), no_envelope, "malformed", "system"),
    "an occurrence without a time": (lambda: system("x"), no_time, "invalid input syntax for type timestamp", "system"),
    "an occurrence without a kind": (lambda: system("x", kind=None), sound, "kind", "system"),
    "a gap whose id is none": (lambda: system("x", Gap("none", "hole", 1)), sound, "invalid input syntax for type uuid", "system"),
    "a gap without a beginning": (lambda: system("x", gap_id=GAP, cause="hole"), sound, "without `from`", "system"),
}
GAP = "6f9619ff-8b86-d011-b42d-00c04fc964ff"


@pytest.mark.parametrize("how", BAD)
def test_a_bad_record_is_a_dead_letter_in_the_table_and_in_the_file_and_its_neighbours_are_stored(
    database_url: str, connection: db.Connection, tmp_path: Path, how: str
) -> None:
    make, spoil, words, topic = BAD[how]
    bad = make()
    spoil(bad)
    sink = PostgresSink(database_url, DeadLetters(tmp_path, "router_00"))
    sink.open()
    batch = [record(1), system("a", Gap(GAP, "hole", 1_700_000_000_000)), bad, record(9), system("b")]
    sink.write(batch)
    assert (sink.settled(), sink.rejected) == (5, 1)
    letters = ask(connection, "select process, topic, reason, record from dead_letters")
    assert [letter[:2] for letter in letters] == [("router_00", topic)]
    assert words in letters[0][2]
    assert letters[0][3]
    [line] = (tmp_path / "dead_letters" / "router_00.jsonl").read_text().splitlines()
    assert (json.loads(line)["topic"], json.loads(line)["reason"]) == (topic, letters[0][2])
    stored = "select count(*) from account_balances where wallet_balance in (1, 9)"
    assert ask(connection, stored) == [(2,)]
    assert ask(connection, "select count(*) from occurrences") == [(2,)]
    assert ask(connection, "select to_at from gaps") == [(None,)]
    sink.write(batch)
    assert len(ask(connection, "select from dead_letters")) == 1, "written again it is the same letter"
    sink.close()


def test_each_bad_record_is_counted_once_however_it_was_found_out(database_url: str, connection: db.Connection) -> None:
    unread, unstorable = record(5), record(6)
    no_number(unread)
    no_time(unstorable)
    sink = PostgresSink(database_url, KeepingLetters())
    sink.open()
    sink.write([record(1), unread, unstorable, record(9)])
    assert (sink.settled(), sink.rejected) == (4, 2)
    assert len(ask(connection, "select from dead_letters")) == 2
    sink.close()


def test_a_dead_letter_that_even_its_table_refuses_is_in_the_file(
    database_url: str, connection: db.Connection, tmp_path: Path
) -> None:
    ask(connection, "alter table dead_letters add check (reason is null); select 1")
    bad = record(5)
    no_number(bad)
    sink = PostgresSink(database_url, DeadLetters(tmp_path, "router_00"))
    sink.open()
    sink.write([record(1), bad, record(9)])
    assert (sink.settled(), sink.rejected) == (3, 1)
    assert ask(connection, "select wallet_balance::int from account_balances order by 1") == [(1,), (9,)]
    assert "'much'" in (tmp_path / "dead_letters" / "router_00.jsonl").read_text()
    sink.close()


#: Tables that somebody may hold, and a record that needs each.
NEEDED: dict[str, Callable[[], Record]] = {
    "account_balances": lambda: record(1),
    "occurrences": lambda: system("a"),
    "gaps": lambda: system("a", Gap(GAP, "hole", 1_700_000_000_000)),
}


@pytest.mark.parametrize("table", NEEDED)
def test_a_locked_table_costs_a_bounded_wait_and_what_was_not_written_is_written_later(
    database_url: str, connection: db.Connection, table: str
) -> None:
    sink, needs_it = PostgresSink(database_url, KeepingLetters()), NEEDED[table]()
    sink.open()
    person = db.connect(database_url, name="person")
    with person.cursor() as cursor:
        cursor.execute(f"lock table {table} in access exclusive mode")
    began = time.monotonic()
    with pytest.raises(SinkAway, match="lock timeout"):
        sink.write([needs_it])
    assert 1.5 < time.monotonic() - began < 5
    person.rollback()
    person.close()
    sink.open()
    sink.write([needs_it])
    assert (sink.settled(), sink.rejected) == (1, 0)
    assert ask(connection, f"table {table}")
    sink.close()


def test_a_frozen_server_is_away_within_five_seconds(database_url: str, connection: db.Connection) -> None:
    sink = PostgresSink(database_url, KeepingLetters())
    sink.open()
    [(pid,)] = ask(
        connection, "select pid from pg_stat_activity where application_name = 'ws-gateway router' and datname = current_database()"
    )
    with frozen(pid):
        began = time.monotonic()
        with pytest.raises(SinkAway, match="no answer within 4 s"):
            sink.write([record(1)])
        assert time.monotonic() - began < 5
    sink.open()
    sink.write([record(1)])
    assert sink.settled() == 1
    sink.close()
