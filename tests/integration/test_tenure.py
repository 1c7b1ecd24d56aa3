"""Tenure: of two machines that are set up with the same process one works, and the other says who is in the way."""

from pathlib import Path

import psycopg2
import pytest
from running import wait_for
from stored import add

from gateway.database import db, store, tenure
from gateway.database.tenure import NOT_ASKED, Host, Tenure, host_of
from gateway.disk.memo import Memo
from gateway.wire import TopicReport
from workers.wanted import WantedReader, Wishes


class Machine:
    """One process of linear on one of the machines, at a time of its own."""

    def __init__(self, connection: db.Connection, folder: Path, name: str, number: int = 0, processes: int = 2) -> None:
        self.at = 0.0
        self.connection = connection
        self.memo = Memo(folder / f"{name}.json", bool)
        self.tenure = Tenure(Host(name, name), "linear", number, processes, self.memo, lambda: self.at)

    def look(self) -> str | None:
        self.at += tenure.EVERY_S
        self.tenure.renew(self.connection)
        return self.tenure.in_the_way


@pytest.fixture
def connection(database_url: str) -> db.Connection:
    return db.connect(database_url, name="test", autocommit=True)


def forget_renewals(connection: db.Connection) -> None:
    """As if nobody had renewed anything for so long that he counts as gone."""
    with db.transaction(connection) as cursor:
        cursor.execute("update slots set seen_at = seen_at - make_interval(secs => %s)", (tenure.SILENT_S + 1,))


def test_who_comes_first_works_and_the_second_says_who_is_in_the_way(connection: db.Connection, tmp_path: Path) -> None:
    first, second = Machine(connection, tmp_path, "alpha"), Machine(connection, tmp_path, "beta")
    assert first.tenure.in_the_way == second.tenure.in_the_way == NOT_ASKED
    assert first.look() is None
    assert second.look() == "linear_00 of 2 runs on alpha too; expected each process of linear on one machine"
    assert first.look() is None
    first.tenure.leave(connection)
    assert second.look() is None
    assert first.look() == "linear_00 of 2 runs on beta too; expected each process of linear on one machine"


def test_machines_with_different_processes_of_one_count_work_beside_each_other(connection: db.Connection, tmp_path: Path) -> None:
    assert [Machine(connection, tmp_path, name, number).look() for name, number in (("alpha", 0), ("beta", 1))] == [None, None]


def test_a_machine_that_counts_otherwise_waits_until_the_others_do_too(connection: db.Connection, tmp_path: Path) -> None:
    first, second = Machine(connection, tmp_path, "alpha", 0, 2), Machine(connection, tmp_path, "beta", 2, 3)
    assert first.look() is None
    assert second.look() == "linear_00 of 2 runs on alpha; expected the same count on all machines, and found 3 here"
    first.tenure.leave(connection)
    again = Machine(connection, tmp_path, "alpha", 0, 3)
    assert (second.look(), again.look()) == (None, None)


def test_a_machine_that_has_vanished_is_waited_for_and_then_no_more(connection: db.Connection, tmp_path: Path) -> None:
    first, second = Machine(connection, tmp_path, "alpha"), Machine(connection, tmp_path, "beta")
    assert (first.look(), second.look() is None) == (None, False)
    forget_renewals(connection)
    assert second.look() is None
    assert first.look() is not None, "it comes back, and finds that it is another's now"


def test_the_same_machine_goes_on_at_once_however_its_process_ended(connection: db.Connection, tmp_path: Path) -> None:
    assert Machine(connection, tmp_path, "alpha").look() is None
    again = Machine(connection, tmp_path, "alpha")
    assert again.tenure.in_the_way is None, "also while PostgreSQL cannot be asked"
    assert again.look() is None


def test_who_was_told_to_stand_by_does_not_work_either_while_nobody_can_be_asked(connection: db.Connection, tmp_path: Path) -> None:
    Machine(connection, tmp_path, "alpha").look()
    Machine(connection, tmp_path, "beta").look()
    assert Machine(connection, tmp_path, "beta").tenure.in_the_way == NOT_ASKED


def test_it_is_renewed_now_and_then_and_not_with_every_look(connection: db.Connection, tmp_path: Path, database_url: str) -> None:
    machine = Machine(connection, tmp_path, "alpha")
    assert machine.look() is None
    with psycopg2.connect(database_url) as other, other.cursor() as cursor:
        cursor.execute("delete from slots")
    machine.tenure.renew(connection)
    with psycopg2.connect(database_url) as other, other.cursor() as cursor:
        cursor.execute("select count(*) from slots")
        assert cursor.fetchone() == (0,)


def test_a_folder_names_its_machine_once(tmp_path: Path) -> None:
    first = host_of(tmp_path / "a")
    assert host_of(tmp_path / "a") == first
    assert host_of(tmp_path / "b").id != first.id
    assert str(tmp_path / "a") in first.name


def test_of_the_account_one_machine_runs_all_processes_and_another_takes_over_when_it_has_gone(
    connection: db.Connection, tmp_path: Path
) -> None:
    at = [0.0]

    def renewed(name: str, number: int) -> Tenure:
        at[0] += tenure.EVERY_S
        found = Tenure(Host(name, name), "private", number, 2, Memo(tmp_path / f"{name}{number}.json", bool), lambda: at[0])
        found.renew(connection)
        return found

    first, second = renewed("alpha", 0), renewed("alpha", 1)
    assert (first.in_the_way, second.in_the_way) == (None, None)
    assert renewed("beta", 1).in_the_way == "private_01 of 2 runs on alpha too; expected each process of private on one machine"
    second.leave(connection)
    assert renewed("beta", 1).in_the_way == "private_00 of 2 runs on alpha; this machine takes over when that has gone"
    first.leave(connection)
    assert renewed("beta", 1).in_the_way is None


def test_a_machine_that_stands_by_remembers_nothing_as_its_own_and_goes_on_from_where_the_other_was(
    connection: db.Connection, database_url: str, tmp_path: Path
) -> None:
    """Else it would take for told what was told elsewhere, and miss it in silence. It looks for its turn however seldom it polls."""
    first = Machine(connection, tmp_path, "alpha", processes=1)
    assert first.look() is None
    row = add(connection)
    memo = Memo(tmp_path / "wishes.json", Wishes)
    mine = Tenure(Host("beta", "beta"), "linear", 0, 1, Memo(tmp_path / "beta.json", bool))
    reader = WantedReader(database_url, name="test", endpoint="linear", mine=lambda _: True, poll_s=60.0, memo=memo, tenure=mine)
    reader.start()
    try:
        wait_for(lambda: reader.wishes is not None, "the wishes are read")
        assert (memo.read(), reader.held_ms) == (None, None)
        assert reader.in_the_way is not None
        store.report_topics(connection, "linear", [TopicReport(row["topic"], "acknowledged", None, 1_700_000_000_123)])
        first.tenure.leave(connection)
        wait_for(lambda: reader.in_the_way is None, "it has its turn")
        assert reader.held_ms == {row["topic"]: 1_700_000_000_123}
        kept = memo.read()
        assert kept is not None
        assert [wanted.topic for wanted in kept.rows] == [row["topic"]]
    finally:
        reader.stop()
    assert first.look() is None, "it has left at once"
