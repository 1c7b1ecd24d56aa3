"""Checkpoints on a real PostgreSQL: one value a name and account, the last one written."""

import pytest

from gateway.database import checkpoints, db
from gateway.errors import StoreAway, StoreRefused


def test_what_was_last_written_under_a_name_is_read(connection: db.Connection) -> None:
    assert checkpoints.read(connection, "main", "executions") is None
    checkpoints.write(connection, "main", "executions", {"time_ms": 1_767_225_600_000, "ids": ["a", "b"]})
    assert checkpoints.read(connection, "main", "executions") == {"time_ms": 1_767_225_600_000, "ids": ["a", "b"]}
    checkpoints.write(connection, "main", "executions", {"time_ms": 5, "nested": {"x": None, "y": True, "amount": "0.10"}})
    assert checkpoints.read(connection, "main", "executions") == {
        "time_ms": 5, "nested": {"x": None, "y": True, "amount": "0.10"},
    }  # fmt: skip


def test_names_and_accounts_know_nothing_of_each_other(connection: db.Connection) -> None:
    for account, name in (("main", "a"), ("main", "b"), ("other", "a")):
        checkpoints.write(connection, account, name, {"of": f"{account} {name}"})
    assert checkpoints.read(connection, "main", "a") == {"of": "main a"}
    assert checkpoints.read(connection, "other", "a") == {"of": "other a"}
    assert checkpoints.read(connection, "other", "b") is None


def test_a_checkpoint_survives_the_connection_that_wrote_it(database_url: str, connection: db.Connection) -> None:
    checkpoints.write(connection, "main", "a", {"x": 1})
    other = db.connect(database_url, name="test other")
    assert checkpoints.read(other, "main", "a") == {"x": 1}
    other.close()


def test_a_value_that_postgresql_cannot_hold_is_refused_and_the_old_one_stays(connection: db.Connection) -> None:
    checkpoints.write(connection, "main", "a", {"x": 1})
    with pytest.raises(StoreRefused):
        checkpoints.write(connection, "main", "a", {"x": "a\0b"})
    assert checkpoints.read(connection, "main", "a") == {"x": 1}


def test_a_database_that_is_gone_is_store_away(database_url: str) -> None:
    gone = db.connect(database_url, name="test gone")
    gone.close()
    with pytest.raises(StoreAway):
        checkpoints.read(gone, "main", "a")
    with pytest.raises(StoreAway):
        checkpoints.write(gone, "main", "a", {})
