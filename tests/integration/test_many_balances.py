"""A million rows of balances: what the API asks of them goes through indexes, and pruning takes a few at a time."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.database import balances, db, pruning
from gateway.database.db import Connection
from gateway.database.pages import Span
from gateway.database.pruning import Retention
from gateway.database.statements import query

ROWS, COINS = 1_000_000, 100
#: An answer of the API takes at most this of PostgreSQL; milliseconds, the best of some tries: the machine does other things.
QUICK_MS, TRIES = 50.0, 5
#: A statement that prunes; milliseconds.
PRUNE_MS = 500.0

#: The newest is of now, and one every ten seconds; ids grow, which spares the random places of real ones.
FILL = f"""
insert into account_balances
select lpad(to_hex(n), 32, '0')::uuid, 'main', 'UNIFIED', 'COIN' || n % {COINS}, n, n, 0, n, n, true, 0, 0, at, at,
       lpad(to_hex(n), 32, '0')::uuid, 't', 'stream', '{{}}', '{{}}'
from (select n, now() - ({ROWS} - n) * interval '10 seconds' as at from generate_series(1, {ROWS}) as n) as made;
insert into account_margin_balances
select lpad(to_hex(n), 32, '0')::uuid, 'main', 'UNIFIED', n, n, n, n, n, n, n, 'USD', at, at, lpad(to_hex(n), 32, '0')::uuid, 't',
       'stream', '{{}}'
from (select n, now() - ({ROWS} - 10 * n) * interval '10 seconds' as at from generate_series(1, {ROWS // 10}) as n) as made;
"""  # noqa: S608 # numbers of ours


@pytest.fixture(scope="module")
def filled(new_database: Callable[[], str]) -> Iterator[Connection]:
    """Vacuumed, as it is by PostgreSQL itself now and then."""
    connection = db.connect(new_database(), name="test", autocommit=True, statement_timeout_ms=110_000)
    ask(connection, FILL)
    ask(connection, "vacuum analyze account_balances, account_margin_balances")
    yield connection
    connection.close()


def ask(connection: Connection, statement: str, values: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    with db.transaction(connection) as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def took_ms(work: Callable[[], object]) -> float:
    took = []
    for _ in range(TRIES):
        began = time.monotonic()
        work()
        took.append(time.monotonic() - began)
    return min(took) * 1000


#: Statement of the API → each way in which it is asked.
NOTHING = {"coin": None, "from": None, "to": None, "limit": 100, "offset": 0}
OF_A_TIME = {"from": datetime.now(UTC).replace(hour=0), "to": datetime.now(UTC)}
ASKED: dict[str, list[dict[str, Any]]] = {
    "latest_balances": [{"coin": None, "account_type": None, "limit": 100, "offset": 0}],
    "latest_margin_balance": [{"account_type": None}],
    "find_balances": [NOTHING, {**NOTHING, "coin": "COIN7"}, {**NOTHING, **OF_A_TIME}, {**NOTHING, "coin": "COIN7", **OF_A_TIME}, {**NOTHING, "coin": "NONE"}],
    "count_balances": [NOTHING, {**NOTHING, "coin": "COIN7"}, {**NOTHING, **OF_A_TIME}],
    "held_coins": [{"account": "main"}],
    "coins_since": [{"account": "main", "since_ms": 1_750_000_000_000}],
    "coins_of": [{"event_ids": ["00000000-0000-0000-0000-000000000007"]}],
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_no_statement_of_the_api_reads_a_whole_table(filled: Connection, name: str) -> None:
    for values in ASKED[name]:
        plan = "\n".join(line for (line,) in ask(filled, f"explain {query(name)}", values))
        assert "Seq Scan" not in plan, plan


def test_the_latest_balances_and_pages_of_the_history_take_less_than_50_ms(filled: Connection) -> None:
    no_end, page = Span(), {"limit": 100, "offset": 0}
    today = Span(OF_A_TIME["from"], OF_A_TIME["to"])
    rows, margin, total = balances.latest(filled, coin=None, account_type=None, **page)
    assert (len(rows), total, margin is not None) == (100, COINS, True)
    assert took_ms(lambda: balances.latest(filled, coin=None, account_type=None, **page)) < QUICK_MS
    for coin, span, expected in (("COIN7", no_end, ROWS // COINS), (None, today, None), ("COIN7", today, None)):
        rows, total = balances.history(filled, coin=coin, span=span, **page)
        assert total == expected or expected is None
        assert took_ms(lambda coin=coin, span=span: balances.history(filled, coin=coin, span=span, **page)) < QUICK_MS  # type: ignore[misc]


def test_a_page_of_all_there_is_takes_as_long_as_it_takes_to_count_a_million(filled: Connection) -> None:
    values = NOTHING
    assert took_ms(lambda: ask(filled, query("find_balances"), values)) < QUICK_MS
    assert balances.history(filled, coin=None, span=Span(), limit=1, offset=0)[1] == ROWS
    assert took_ms(lambda: ask(filled, query("count_balances"), values)) < 5 * QUICK_MS


def test_pruning_takes_a_bounded_part_at_a_time_and_leaves_the_newest_row_of_each_coin(filled: Connection) -> None:
    ask(
        filled,
        "update account_balances set coin = 'OLD' where id in (select id from account_balances order by event_timestamp limit 2)",
    )
    retention = Retention(balance_days=100)
    old = "select count(*) from account_balances where event_timestamp < now() - interval '100 days'"
    [(before,)] = ask(filled, old)
    assert before > 10 * pruning.MOST
    took = []
    for _ in range(3):
        began = time.monotonic()
        assert pruning.prune(filled, retention) == {"balances": pruning.MOST, "margin_balances": pruning.MOST}
        took.append((time.monotonic() - began) * 1000)
    assert min(took) < PRUNE_MS, took
    [(after,)] = ask(filled, old)
    assert 0 <= after - (before - 3 * pruning.MOST) < 10, "further rows have grown old meanwhile"
    ask(filled, "delete from account_balances where event_timestamp < now() - interval '100 days' and coin <> 'OLD'")
    pruning.prune(filled, retention)
    assert ask(filled, old) == [(1,)], "the newest of a coin stays, however old"
