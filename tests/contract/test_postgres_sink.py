"""The sink of PostgreSQL: a database that is not ready is away, and a record that it cannot take costs itself alone."""

import json

import pytest
from sink_places import postgres, record, settle

from gateway import db
from gateway.errors import SinkAway
from gateway.sinks.postgres import PostgresSink
from tests.standins import KeepingLetters


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


def test_a_value_too_long_for_its_index_costs_its_neighbours_nothing(database_url: str, broker_url: str) -> None:
    place = postgres(database_url, broker_url)
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
def test_a_database_that_is_not_ready_is_away_and_nothing_is_rejected(database_url: str, broker_url: str, how: str) -> None:
    place = postgres(database_url, broker_url)
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
def test_a_record_that_postgresql_can_never_hold_costs_its_neighbours_nothing(database_url: str, broker_url: str, nul: str) -> None:
    place = postgres(database_url, broker_url)
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
