"""Stored balances over the control API: every digit, the latest of each coin and all that it was, filtered and paged."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from asking import assert_error, call, make_client
from flask.testing import FlaskClient

from api import examples
from gateway.database import balances, db
from gateway.models import Envelope
from gateway.servers.server import free_ports
from gateway.wire import event_id

BALANCES = "/api/v1/balances"
HISTORY = f"{BALANCES}/history"


@pytest.fixture
def client(tmp_path: Path, database_url: str) -> FlaskClient:
    """These routes need no broker."""
    return make_client(tmp_path, database_url, f"amqp://127.0.0.1:{free_ports(1)[0]}/")


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
    assert set(body["balances"][0]) == set(examples.BALANCES["balances"][0])
    assert set(body["margin_balance"]) == set(examples.BALANCES["margin_balance"])
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


def shown(client: FlaskClient, query: str = "") -> tuple[list[tuple[str, str]], int]:
    """Coin and amount of each row of a page of the history, and how many match."""
    status, body = call(client, "GET", f"{HISTORY}?{query}")
    assert status == 200, body
    assert list(body) == ["balances", "total"]
    return [(row["coin"], row["wallet_balance"]) for row in body["balances"]], body["total"]


def test_the_history_is_all_rows_newest_first_by_the_exchanges_time_whatever_came_first(
    client: FlaskClient, connection: db.Connection
) -> None:
    assert shown(client) == ([], 0)
    hold(connection, 3, {"BTC": "3", "ETH": "30"})
    hold(connection, 1, {"BTC": "1"})
    hold(connection, 2, {"BTC": "2", "SOL": "20"})
    assert shown(client) == ([("BTC", "3"), ("ETH", "30"), ("BTC", "2"), ("SOL", "20"), ("BTC", "1")], 5)
    assert shown(client, "coin=BTC") == ([("BTC", "3"), ("BTC", "2"), ("BTC", "1")], 3)
    assert shown(client, "coin=NONE") == ([], 0)
    assert call(client, "GET", f"{HISTORY}?coin=SOL")[1]["balances"] == call(client, "GET", f"{BALANCES}?coin=SOL")[1]["balances"]


def test_pages_of_the_history_miss_nothing_and_repeat_nothing(client: FlaskClient, connection: db.Connection) -> None:
    for second in range(1, 6):
        hold(connection, second, {"BTC": f"{second}", "ETH": f"{second}0"})
        hold(connection, second, {"BTC": f"{second}00"}, account_type="FUND")
    whole, total = shown(client)
    assert (len(whole), total) == (15, 15)
    for limit in (1, 2, 4, 15, 1000):
        pages = [shown(client, f"limit={limit}&offset={offset}") for offset in range(0, 15, limit)]
        assert [row for page, _ in pages for row in page] == whole
        assert {total for _, total in pages} == {15}
    assert shown(client, "offset=15") == ([], 15)


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("from=2026-01-01T00:00:02Z", [3, 2]), ("to=2026-01-01T00:00:02Z", [2, 1]), ("from=2026-01-01T00:00:02.001Z", [3]),
        ("to=2026-01-01T00:00:01.999999Z", [1]), ("from=2026-01-01T00:00:02Z&to=2026-01-01T00:00:02Z", [2]),
        ("from=2026-01-01T02:00:02%2B02:00&to=2025-12-31T23:00:03-01:00", [3, 2]), ("from=20260101T000002Z&to=20260101T000002,5Z", [2]),
        ("from=2026-01-01&to=2026-01-01", [3, 2, 1]), ("from=2026-W01-4&to=2026-W01-4", [3, 2, 1]), ("to=2025-12-31", []),
        ("from=2026-01-02", []), ("from=2026-01-01T00:00:02", [3, 2]), ("from=20260101&limit=1&offset=1", [2]),
    ],
)  # fmt: skip
def test_both_ends_of_a_time_in_any_form_belong_to_it(
    client: FlaskClient, connection: db.Connection, query: str, seconds: list[int]
) -> None:
    for second in (1, 2, 3):
        hold(connection, second, {"BTC": str(second)})
    found, total = shown(client, query)
    assert [int(amount) for _, amount in found] == seconds
    assert total == (3 if "offset" in query else len(seconds))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=never", "found from 'never'; expected ISO 8601"), ("to=", "found to ''; expected ISO 8601"), ("from=1767225600", "ISO 8601"),
        ("from=2026-01-02&to=2026-01-01", "expected from at or before to"), ("from=2026-02-30", "found from '2026-02-30'"),
    ],
)  # fmt: skip
def test_a_time_of_the_history_that_cannot_be_used_is_refused_in_one_sentence(client: FlaskClient, query: str, words: str) -> None:
    assert_error(call(client, "GET", f"{HISTORY}?{query}"), 400, "INVALID_TIME_RANGE", words)


@pytest.mark.parametrize("path", [BALANCES, HISTORY])
@pytest.mark.parametrize(
    "query", ["limit=0", "limit=" + "1" + "0" * 30, "offset=-1", "colour=red", "coin=", "coin=" + "x" * 201, "limit=1.5"]
)
def test_a_bad_query_of_balances_is_400_and_names_the_field(client: FlaskClient, path: str, query: str) -> None:
    assert_error(call(client, "GET", f"{path}?{query}"), 400, "INVALID_REQUEST", query.partition("=")[0])
