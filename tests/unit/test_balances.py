"""Balances on a real PostgreSQL: exact, once, and stored with a warning where they break a rule."""

from decimal import Decimal
from itertools import permutations
from typing import Any

import msgspec
import pytest

from gateway.database import balances, db
from gateway.models import Envelope
from gateway.wire import event_id


def stored(connection: db.Connection, bodies: list[bytes]) -> int:
    """Store; how many rows were rejected, each with a sentence and what it is of."""
    rejected: list[tuple[str, Any, str]] = []
    balances.insert_balances(connection, bodies, lambda *letter: rejected.append(letter))
    assert all(reason and record is not None for reason, record, _ in rejected)
    return len(rejected)


def ask(connection: db.Connection, statement: str) -> list[tuple[Any, ...]]:
    with db.transaction(connection) as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def balance(
    identity: str, coins: list[dict[str, Any]], *, timestamp: str = "2026-01-01T00:00:00.000Z",
    received_at: str = "2026-01-01T00:00:00.100000Z", label: str = "main", **account: Any,
) -> bytes:  # fmt: skip
    return msgspec.json.encode(
        Envelope(
            event_id=event_id(identity), event_type="balance", category=None, symbol=None, account=label, topic="wallet",
            timestamp=timestamp, received_at=received_at, sequence=1, epoch="e", gap_id=None, source="stream",
            trace_id="t", payload={"account_type": "UNIFIED", "coins": coins, **account},
        )
    )  # fmt: skip


def coin(name: str, wallet: Any, available: Any = None, frozen: Any = None, derived: list[str] | None = None) -> dict[str, Any]:
    return {"coin": name, "wallet_balance": wallet, "available_balance": available, "frozen": frozen, "derived": derived or []}


def test_amounts_are_stored_exactly_and_writing_twice_changes_nothing(connection: db.Connection) -> None:
    long = "123456789012345678901234567890.123456789012345678901234567890"
    body = balance("a", [coin("BTC", long), coin("A" * 90, "0.000000000000000001")], total_equity="10.50")
    for _ in range(2):
        assert stored(connection, [body]) == 0
    rows, margin, total = balances.latest(connection, coin=None, account_type=None, limit=10, offset=0)
    assert [(row["coin"], f"{row['wallet_balance']:f}") for row in rows] == [("A" * 90, "0.000000000000000001"), ("BTC", long)]
    assert total == 2
    assert margin is not None
    assert (margin["total_equity"], margin["base_currency"]) == (Decimal("10.50"), "USD")
    assert ask(connection, "select count(*) from account_balances") == [(2,)]


def test_what_breaks_a_rule_is_stored_with_a_warning(connection: db.Connection) -> None:
    body = balance(
        "a",
        [coin("A", "-1"), coin("B", "10", "5", "4"), coin("C", "10", "6", "4"), coin("D", "1", "9", "4", ["available_balance"])],
    )
    assert stored(connection, [body]) == 0
    rows = ask(connection, "select coin, warnings from account_balances order by coin")
    assert rows == [
        ("A", ["negative_wallet_balance"]), ("B", ["wallet_balance_differs_from_available_plus_frozen"]), ("C", []), ("D", []),
    ]  # fmt: skip


@pytest.mark.parametrize("bad", [coin("BAD", "much"), coin("BAD", "1e5"), coin("", "1"), coin("BAD", [1])])
def test_what_is_no_number_is_rejected_and_its_neighbours_are_stored(connection: db.Connection, bad: dict[str, Any]) -> None:
    assert stored(connection, [b"not an envelope", balance("a", [coin("A", "1"), bad, coin("Z", "2")])]) == 2
    assert ask(connection, "select coin from account_balances order by coin") == [("A",), ("Z",)]


def test_the_latest_balance_is_the_newest_by_the_exchanges_time_whatever_came_last(connection: db.Connection) -> None:
    newer = balance("newer", [coin("BTC", "2")], timestamp="2026-01-01T00:00:02.000Z", total_equity="2")
    older = balance("older", [coin("BTC", "1"), coin("ETH", "5")], timestamp="2026-01-01T00:00:01.000Z", total_equity="1")
    stored(connection, [newer])
    stored(connection, [older])
    rows, margin, total = balances.latest(connection, coin=None, account_type=None, limit=1, offset=0)
    assert ([(row["coin"], row["wallet_balance"]) for row in rows], total) == ([("BTC", Decimal(2))], 2)
    assert margin is not None
    assert margin["total_equity"] == Decimal(2)
    rows, _, total = balances.latest(connection, coin="ETH", account_type="UNIFIED", limit=10, offset=0)
    assert ([row["wallet_balance"] for row in rows], total) == ([Decimal(5)], 1)
    assert balances.latest(connection, coin=None, account_type=None, limit=10, offset=50)[::2] == ([], 2)


@pytest.mark.parametrize(
    "amount",
    [
        "0.000000000000000001", "0.100000000000000000000000000000", "-0.000000000000000000000000000001", "9" * 100 + "." + "9" * 100, "0", "00.10",
    ],
)  # fmt: skip
def test_an_amount_comes_back_with_every_digit_in_every_column(connection: db.Connection, amount: str) -> None:
    every = dict.fromkeys(balances.COIN_AMOUNTS, amount)
    account = dict.fromkeys(balances.ACCOUNT_AMOUNTS, amount)
    assert stored(connection, [balance("a", [{**coin("BTC", amount), **every}], **account)]) == 0
    rows, margin, _ = balances.latest(connection, coin=None, account_type=None, limit=10, offset=0)
    assert margin is not None
    expected = f"{Decimal(amount):f}"
    assert {f"{rows[0][column]:f}" for column in balances.COIN_AMOUNTS} == {expected}
    assert {f"{margin[column]:f}" for column in balances.ACCOUNT_AMOUNTS} == {expected}


@pytest.mark.parametrize(
    "amount", ["1e5", "NaN", "Infinity", "0x10", "1,5", " 1", "1 ", "+1", ".5", "5.", "٣", "", "9" * 101, True, 1.5, {}]
)
def test_what_is_no_plain_decimal_is_rejected_and_never_guessed(connection: db.Connection, amount: Any) -> None:
    assert stored(connection, [balance("a", [coin("BTC", amount), coin("ETH", "1")])]) == 1
    assert ask(connection, "select coin from account_balances") == [("ETH",)]


def test_a_coin_whose_name_no_index_can_hold_is_rejected_and_its_neighbours_are_stored(connection: db.Connection) -> None:
    long = "".join(f"{number:X}" for number in range(5000))
    assert stored(connection, [balance("a", [coin("BTC", "1"), coin(long, "1"), coin("A" * 1000, "1")])]) == 1
    assert ask(connection, "select coin from account_balances order by coin") == [("A" * 1000,), ("BTC",)]


def test_totals_that_are_no_number_are_rejected_and_the_coins_are_stored(connection: db.Connection) -> None:
    assert stored(connection, [balance("a", [coin("BTC", "1")], total_equity="much")]) == 1
    assert ask(connection, "select (select count(*) from account_balances), (select count(*) from account_margin_balances)") == [
        (1, 0)
    ]


def test_every_negative_amount_has_its_warning_and_a_difference_in_the_last_digit_is_one(connection: db.Connection) -> None:
    long = "1." + "0" * 60
    coins = [
        coin("A", "-3", "-2", "-1"),
        coin("B", long + "1", long, "0." + "0" * 60 + "1"),
        coin("C", long + "1", long, "0." + "0" * 60 + "2"),
    ]
    assert stored(connection, [balance("a", coins, total_equity="-0.1", total_order_im="-1")]) == 0
    assert ask(connection, "select coin, warnings from account_balances order by coin") == [
        ("A", ["negative_wallet_balance", "negative_available_balance", "negative_frozen"]),
        ("B", []),
        ("C", ["wallet_balance_differs_from_available_plus_frozen"]),
    ]
    assert ask(connection, "select warnings from account_margin_balances") == [
        (["negative_total_equity", "negative_total_order_im"],)
    ]


def test_a_blank_amount_is_unknown_and_breaks_no_rule(connection: db.Connection) -> None:
    assert stored(connection, [balance("a", [coin("BTC", "1", None, "5")])]) == 0
    assert ask(connection, "select available_balance, warnings from account_balances") == [(None, [])]


def test_the_same_event_with_other_numbers_changes_nothing(connection: db.Connection) -> None:
    for amount in ("1", "2"):
        assert stored(connection, [balance("a", [coin("BTC", amount)], total_equity=amount)]) == 0
    assert ask(connection, "select wallet_balance, (select total_equity from account_margin_balances) from account_balances") == [
        (1, 1)
    ]


def test_one_event_twice_in_one_batch_is_one_row(connection: db.Connection) -> None:
    body = balance("a", [coin("BTC", "1")])
    assert stored(connection, [body, body]) == 0
    assert ask(connection, "select count(*) from account_balances") == [(1,)]


@pytest.mark.parametrize("coins", ["BTC", 5, {"no": "name"}, [None], ["BTC"], [5], [[]], [{}]])
def test_coins_of_a_shape_that_nobody_expects_are_rejected_and_the_neighbours_are_stored(
    connection: db.Connection, coins: Any
) -> None:
    assert stored(connection, [balance("a", coins), balance("good", [coin("ETH", "1")])]) == 1
    assert ask(connection, "select coin from account_balances") == [("ETH",)]


@pytest.mark.parametrize("coins", [None, []])
def test_an_account_without_coins_is_its_totals(connection: db.Connection, coins: Any) -> None:
    assert stored(connection, [balance("a", coins, total_equity="5")]) == 0
    assert ask(connection, "select total_equity, (select count(*) from account_balances) from account_margin_balances") == [(5, 0)]


def shown(connection: db.Connection) -> tuple[dict[str, str], str]:
    """The newest amount of each coin, and the newest total."""
    rows, margin, _ = balances.latest(connection, coin=None, account_type=None, limit=10, offset=0)
    assert margin is not None
    return {row["coin"]: str(row["wallet_balance"]) for row in rows}, str(margin["total_equity"])


def at(second: int, *, received: int, identity: str = "", **coins: str) -> bytes:
    """What the exchange dates to one second and we received at another."""
    return balance(
        identity or f"{second} {received}", [coin(name, amount) for name, amount in coins.items()],
        timestamp=f"2026-01-01T00:00:{second:02d}.000Z", received_at=f"2026-01-01T00:01:{received:02d}.000000Z", total_equity=f"{received}",
    )  # fmt: skip


#: Frames of one account, and what is the newest of them by the exchange's time, then by when it was received.
FRAMES = [at(1, received=1, BTC="1", ETH="10"), at(2, received=2, BTC="2"), at(3, received=3, ETH="0"), at(3, received=4, ETH="30")]


def test_frames_that_come_late_or_twice_or_in_any_order_leave_the_same_newest_rows(connection: db.Connection) -> None:
    for order in permutations(FRAMES):
        for frame in (*order, *reversed(order)):
            assert stored(connection, [frame]) == 0
        assert shown(connection) == ({"BTC": "2", "ETH": "30"}, "4")
        assert ask(connection, "select count(*), (select count(*) from account_margin_balances) from account_balances") == [(5, 4)]
        ask(connection, "truncate account_balances, account_margin_balances; select 1")


def test_of_two_frames_that_nothing_orders_the_same_one_is_the_newest_whichever_came_first(connection: db.Connection) -> None:
    frames = [at(1, received=1, identity=name, BTC=amount) for name, amount in (("a", "1"), ("b", "2"))]
    found = []
    for order in (frames, frames[::-1]):
        for frame in order:
            stored(connection, [frame])
        found.append(shown(connection))
        ask(connection, "truncate account_balances, account_margin_balances; select 1")
    assert found[0] == found[1]


def test_writing_the_same_frames_again_changes_no_column_of_any_row(connection: db.Connection) -> None:
    def everything() -> list[Any]:
        return [ask(connection, f"table {table} order by id") for table in ("account_balances", "account_margin_balances")]

    stored(connection, FRAMES)
    before = everything()
    assert [len(rows) for rows in before] == [5, 4]
    for frames in (FRAMES, FRAMES[::-1], FRAMES[1:2]):
        assert stored(connection, frames) == 0
    assert everything() == before
