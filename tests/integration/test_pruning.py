"""Old rows are taken away, on a real PostgreSQL: so many at a time, and never what still holds."""

import time
from uuid import UUID

import msgspec
import pytest
from ledgers import T0_MS, closes, opens, store_all, told

from gateway.database import audit, balances, db, pruning
from gateway.database.pruning import KEEP_ALL, Retention
from gateway.disk import dead_letters
from gateway.disk.dead_letters import Letter
from gateway.models import Envelope
from gateway.wire import iso_ms

TABLES = ("gaps", "occurrences", "dead_letters", "audit", "account_balances", "account_margin_balances")


def all_of(connection: db.Connection, table: str) -> list[db.Row]:
    with db.transaction(connection) as cursor:
        cursor.execute(f"table {table}")
        return db.rows(cursor)


def count(connection: db.Connection) -> dict[str, int]:
    return {table: len(found) for table in TABLES if (found := all_of(connection, table))}


def ago_ms(days: float) -> int:
    return time.time_ns() // 1_000_000 - round(days * 86_400_000)


def keep(connection: db.Connection, number: int, days: float) -> None:
    """A closed gap, its two occurrences, a dead letter and a change, so old."""
    gap_id, second = str(UUID(int=number)), (ago_ms(days) - T0_MS) / 1000
    opened = opens(f"o{number}", gap_id=gap_id, begins=second - 1e6, second=second)
    store_all(connection, [opened, closes(f"c{number}", gap_id=gap_id, begins=second - 1e6, ends=second, second=second)])
    dead_letters.insert(connection, "router_00", [Letter("wallet", "odd", number, "")], ago_ms(days) * 1_000_000)
    with db.transaction(connection) as cursor:
        audit.record(cursor, audit.GATEWAY, str(number), {})
        cursor.execute("update audit set at = to_timestamp(%s) where action = %s", (ago_ms(days) / 1000, str(number)))


def test_records_older_than_their_retention_go_and_younger_ones_stay(connection: db.Connection) -> None:
    keep(connection, 1, days=31)
    keep(connection, 2, days=29)
    assert pruning.prune(connection, Retention(records_days=30)) == {"gaps": 1, "occurrences": 2, "dead_letters": 1, "audit": 1}
    assert [row["id"] for row in all_of(connection, "gaps")] == [UUID(int=2)]
    assert [row["record"] for row in all_of(connection, "dead_letters")] == ["2"]
    assert count(connection) == {"gaps": 1, "occurrences": 2, "dead_letters": 1, "audit": 1}
    assert set(pruning.prune(connection, Retention(records_days=30)).values()) == {0}


def test_an_open_gap_stays_however_old_it_is(connection: db.Connection) -> None:
    store_all(connection, [opens(begins=-9e8, second=-9e8)])
    assert pruning.prune(connection, Retention(records_days=1)) == {"gaps": 0, "occurrences": 1, "dead_letters": 0, "audit": 0}
    assert len(all_of(connection, "gaps")) == 1


def test_without_a_retention_everything_stays(connection: db.Connection) -> None:
    keep(connection, 1, days=5000)
    before = count(connection)
    assert pruning.prune(connection, KEEP_ALL) == {}
    assert count(connection) == before == {"gaps": 1, "occurrences": 2, "dead_letters": 1, "audit": 1}


def test_no_more_rows_go_at_a_time_than_were_said_and_the_oldest_go_first(connection: db.Connection) -> None:
    old = (ago_ms(40) - T0_MS) / 1000
    store_all(connection, [told("connected", str(number), detail=str(number), second=old + number) for number in range(5)])
    for left in ({"2", "3", "4"}, {"4"}, set()):
        pruning.prune(connection, Retention(records_days=30), most=2)
        assert {row["detail"] for row in all_of(connection, "occurrences")} == left


#: Account, type, coin, days ago by the exchange's time, and days ago that it was received.
ROWS = {
    1: ("main", "UNIFIED", "BTC", 50, 5), 2: ("main", "UNIFIED", "BTC", 40, 5), 3: ("main", "UNIFIED", "BTC", 1, 5),
    4: ("main", "UNIFIED", "OLD", 90, 5), 5: ("main", "UNIFIED", "OLD", 80, 9), 6: ("main", "UNIFIED", "OLD", 80, 3),
    7: ("main", "FUND", "BTC", 70, 5), 8: ("other", "UNIFIED", "BTC", 60, 5),
}  # fmt: skip


def test_old_balances_go_but_never_the_newest_of_a_coin_or_an_account(connection: db.Connection) -> None:
    now = ago_ms(0)
    for number, (account, account_type, coin, days, received) in ROWS.items():
        payload = {"account_type": account_type, "coins": [{"coin": coin, "wallet_balance": "1"}]}
        envelope = Envelope(
            event_id=str(UUID(int=number)), event_type="balance", category=None, symbol=None, account=account, topic="wallet",
            timestamp=iso_ms(now - days * 86_400_000), received_at=iso_ms(now - received * 86_400_000), sequence=number, epoch="e",
            gap_id=None, source="stream", trace_id="t", payload=payload,
        )  # fmt: skip
        balances.insert_balances(connection, [msgspec.json.encode(envelope)], pytest.fail)

    def left(table: str) -> set[int]:
        return {row["event_id"].int for row in all_of(connection, table)}

    assert pruning.prune(connection, Retention(records_days=30)) == {"gaps": 0, "occurrences": 0, "dead_letters": 0, "audit": 0}
    assert left("account_balances") == left("account_margin_balances") == set(ROWS)
    assert pruning.prune(connection, Retention(balance_days=45), most=1) == {"balances": 1, "margin_balances": 1}
    assert left("account_balances") == set(ROWS) - {4}, "the oldest first"
    assert pruning.prune(connection, Retention(balance_days=45)) == {"balances": 2, "margin_balances": 3}
    assert left("account_balances") == {2, 3, 6, 7, 8}
    assert left("account_margin_balances") == {2, 3, 7, 8}
