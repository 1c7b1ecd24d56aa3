"""Stored balances over the control API: every digit, the latest of each coin, filtered and paged."""

from typing import Any

import msgspec
import pytest
from asking import assert_error, call
from flask.testing import FlaskClient

from gateway import balances, db
from gateway.models import Envelope
from gateway.wire import event_id

BALANCES = "/api/v1/balances"


def hold(connection: db.Connection, second: int, coins: dict[str, str], account_type: str = "UNIFIED", **account: Any) -> None:
    payload = {
        "account_type": account_type,
        "coins": [{"coin": coin, "wallet_balance": amount} for coin, amount in coins.items()],
        **account,
    }
    envelope = Envelope(
        event_id=event_id(f"{second}{account_type}"), event_type="balance", category=None, symbol=None, account="main", topic="wallet",
        timestamp=f"2026-01-01T00:00:{second:02d}.000Z", received_at="2026-01-01T00:00:59.000001Z", sequence=second, epoch="e",
        gap_id=None, source="stream", trace_id="t", payload=payload,
    )  # fmt: skip
    balances.insert_balances(connection, [msgspec.json.encode(envelope)], pytest.fail)


def test_balances_are_empty_before_the_first(client: FlaskClient) -> None:
    assert call(client, "GET", "/api/v1/balances") == (200, {"balances": [], "margin_balance": None, "total": 0})


@pytest.mark.parametrize("amount", ["0.000000000000000001", "1" + "0" * 30, "-0.0000000", "123456789.123456789012345678", "0"])
def test_an_amount_is_a_plain_decimal_text_with_every_digit(client: FlaskClient, connection: db.Connection, amount: str) -> None:
    hold(connection, 1, {"BTC": amount}, total_equity=amount)
    status, body = call(client, "GET", BALANCES)
    shown = amount.removeprefix("-") if not amount.strip("-0.") else amount
    assert (status, body["balances"][0]["wallet_balance"], body["margin_balance"]["total_equity"]) == (200, shown, shown)


def test_a_balance_has_the_columns_of_the_contract_and_times_in_utc(client: FlaskClient, connection: db.Connection) -> None:
    hold(connection, 1, {"BTC": "1"}, total_equity="5")
    body = call(client, "GET", BALANCES)[1]
    assert set(body) == {"balances", "margin_balance", "total"}
    assert set(body["balances"][0]) == {
        "id", "account", "account_type", "coin", "wallet_balance", "available_balance", "frozen", "equity", "usd_value",
        "margin_collateral", "total_order_im", "total_position_im", "event_timestamp", "received_at", "event_id", "trace_id", "source",
        "derived", "warnings",
    }  # fmt: skip
    assert set(body["margin_balance"]) == {
        "id", "account", "account_type", "total_equity", "total_wallet_balance", "total_margin_balance", "total_available_balance",
        "total_initial_margin", "total_maintenance_margin", "total_order_im", "base_currency", "event_timestamp", "received_at",
        "event_id", "trace_id", "source", "warnings",
    }  # fmt: skip
    assert body["balances"][0]["event_timestamp"] == "2026-01-01T00:00:01.000000Z"
    assert body["balances"][0]["received_at"] == "2026-01-01T00:00:59.000001Z"


def test_the_latest_of_each_coin_is_shown_filtered_and_paged(client: FlaskClient, connection: db.Connection) -> None:
    hold(connection, 2, {"BTC": "2", "ETH": "20"}, total_equity="22")
    hold(connection, 1, {"BTC": "1", "SOL": "300"}, total_equity="301")
    hold(connection, 3, {"BTC": "7"}, account_type="FUND")

    def shown(query: str) -> tuple[list[tuple[str, str]], int]:
        body = call(client, "GET", f"{BALANCES}?{query}")[1]
        return [(row["coin"], row["wallet_balance"]) for row in body["balances"]], body["total"]

    assert shown("account_type=UNIFIED") == ([("BTC", "2"), ("ETH", "20"), ("SOL", "300")], 3)
    assert shown("account_type=UNIFIED&limit=1&offset=1") == ([("ETH", "20")], 3)
    assert shown("coin=BTC") == ([("BTC", "7"), ("BTC", "2")], 2)
    assert shown("coin=BTC&offset=9") == ([], 2)
    assert shown("coin=NONE") == ([], 0)
    assert call(client, "GET", f"{BALANCES}?account_type=UNIFIED")[1]["margin_balance"]["total_equity"] == "22"


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=" + "1" + "0" * 30, "offset=-1", "colour=red", "coin=", "coin=" + "x" * 201, "limit=1.5"]
)
def test_a_bad_query_of_balances_is_400_and_names_the_field(client: FlaskClient, query: str) -> None:
    assert_error(call(client, "GET", f"{BALANCES}?{query}"), 400, "INVALID_REQUEST", query.partition("=")[0])
