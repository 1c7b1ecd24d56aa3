"""Balances through the whole gateway: what the exchange's socket says is what GET tells, digit for digit and within a second."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from running import RunningGateway, wait_for

from simulator.remote import RunningSimulator

BALANCES = "/api/v1/balances"
#: From the socket to an answer of the API; seconds. Source: the public contract, section 7.
AT_MOST_S = 1.0

#: Coin → what the exchange says of it, and what is told: the exchange's key → our column.
COLUMNS = {
    "walletBalance": "wallet_balance", "availableToWithdraw": "available_balance", "equity": "equity", "usdValue": "usd_value",
    "totalOrderIM": "total_order_im", "totalPositionIM": "total_position_im",
}  # fmt: skip
COINS: dict[str, dict[str, str]] = {
    "WEI": dict.fromkeys(COLUMNS, "0.000000000000000001") | {"totalOrderIM": "0", "totalPositionIM": "0"},
    "OWED": {"walletBalance": "-0.123456789012345678", "availableToWithdraw": "-0.123456789012345678", "equity": "-12345.000000000000000001"},
    "BONK": {"walletBalance": "1234567890123.123456789012345678", "availableToWithdraw": "1234567890123.1234567890123456", "usdValue": "9999999999999.99"},
    "A2345678901234567890": {"walletBalance": "100.00", "availableToWithdraw": "99.90", "totalOrderIM": "0.05", "totalPositionIM": "0.050"},
    "PADDED": {"walletBalance": "10.5000", "availableToWithdraw": "10.5000", "equity": "0.00"},
}  # fmt: skip
WARNINGS = {
    "OWED": {"negative_wallet_balance", "negative_available_balance", "negative_equity"},
    "BONK": {"wallet_balance_differs_from_available_plus_frozen"},
}


@pytest.fixture(scope="module")
def gateway(shared_gateway: RunningGateway) -> RunningGateway:
    """It listens to the wallet."""
    shared_gateway.wait_until_held(shared_gateway.subscribe("balance")["id"])
    return shared_gateway


def push(simulator: RunningSimulator, at_ms: int, coins: dict[str, dict[str, str]]) -> None:
    """A frame on the account's stream."""
    row = {"accountType": "UNIFIED", "totalEquity": "1.10", "coin": [{"coin": coin, **said} for coin, said in coins.items()]}
    frame = {"id": f"push-{at_ms}", "topic": "wallet", "creationTime": at_ms, "data": [row]}
    assert simulator.send("private", json.dumps(frame)) == 1


def rows_of(gateway: RunningGateway, path: str = "", **query: str) -> list[dict[str, Any]]:
    status, body = gateway.call("GET", f"{BALANCES}{path}?{'&'.join(f'{key}={value}' for key, value in query.items())}")
    assert status == 200, body
    return list(body["balances"])


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_every_digit_comes_through_and_broken_rules_are_named(gateway: RunningGateway, shared_simulator: RunningSimulator) -> None:
    at_ms = now_ms()
    push(shared_simulator, at_ms, COINS)
    found = wait_for(lambda: rows_of(gateway, coin="PADDED"), "the rows")
    assert len(found) == 1
    latest = {row["coin"]: row for row in rows_of(gateway)}
    for coin, said in COINS.items():
        assert rows_of(gateway, "/history", coin=coin) == [latest[coin]]
        for key, column in COLUMNS.items():
            assert latest[coin][column] == said.get(key), (coin, column)
        assert set(latest[coin]["warnings"]) == WARNINGS.get(coin, set()), coin
        assert latest[coin]["source"] == "stream"
    assert latest["A2345678901234567890"]["frozen"] == "0.100"
    assert gateway.call("GET", BALANCES)[1]["margin_balance"]["total_equity"] == "1.10"


def test_a_number_with_an_exponent_is_told_without_one(gateway: RunningGateway, shared_simulator: RunningSimulator) -> None:
    push(shared_simulator, now_ms(), {"EXP": {"walletBalance": "1E-18", "equity": "1.5e3"}})
    [row] = wait_for(lambda: rows_of(gateway, coin="EXP"), "the row")
    assert (row["wallet_balance"], row["available_balance"], row["equity"]) == (
        "0.000000000000000001",
        "0.000000000000000001",
        "1500",
    )
    assert row["derived"] == ["available_balance"]


def test_a_push_is_told_within_a_second(gateway: RunningGateway, shared_simulator: RunningSimulator) -> None:
    took = []
    for number in range(1, 21):
        amount, began = f"{number}.000000000000000001", time.monotonic()
        push(shared_simulator, now_ms(), {"QUICK": {"walletBalance": amount}})

        def told(amount: str = amount) -> bool:
            return any(row["wallet_balance"] == amount for row in rows_of(gateway, coin="QUICK"))

        wait_for(told, amount)
        took.append(time.monotonic() - began)
    assert max(took) < AT_MOST_S, sorted(took)
    told_of = [row["wallet_balance"] for row in rows_of(gateway, "/history", coin="QUICK")]
    assert told_of == [f"{number}.000000000000000001" for number in range(20, 0, -1)]


def test_an_older_frame_that_comes_late_is_history_and_not_the_newest(
    gateway: RunningGateway, shared_simulator: RunningSimulator
) -> None:
    at_ms = now_ms()
    push(shared_simulator, at_ms, {"LATE": {"walletBalance": "2"}})
    push(shared_simulator, at_ms - 60_000, {"LATE": {"walletBalance": "1"}})
    found = wait_for(lambda: rows if len(rows := rows_of(gateway, "/history", coin="LATE")) == 2 else None, "both rows")
    assert [row["wallet_balance"] for row in found] == ["2", "1"]
    assert [row["wallet_balance"] for row in rows_of(gateway, coin="LATE")] == ["2"]


def test_syncs_at_once_over_all_processes_of_the_api_are_one_at_a_time(
    gateway: RunningGateway, shared_simulator: RunningSimulator
) -> None:
    shared_simulator.account("wallet", balances={"SYNCED": "0.000000000000000007"})
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: gateway.call("POST", f"{BALANCES}/sync", {}), range(8)))
    assert {status for status, _ in answers} <= {200, 409}
    done = [body for status, body in answers if status == 200]
    assert done
    assert all("SYNCED" in body["updated_coins"] for body in done)
    history = rows_of(gateway, "/history", coin="SYNCED")
    assert {row["wallet_balance"] for row in history} == {"0.000000000000000007"}
    assert len([row for row in history if row["source"] == "rest"]) >= len(done)
