"""Subscriptions over the control API: made once whoever asks, shown, listed and cancelled."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asking import BASE, HEADERS, WISH, call, subscribe
from flask.testing import FlaskClient

from gateway.database import db, store
from gateway.wire import TopicReport


def test_a_subscription_has_the_fields_of_the_contract_and_the_same_wish_again_is_200(client: FlaskClient) -> None:
    row = subscribe(client)
    contract = {
        "id", "channel_type", "symbol", "category", "category_source", "topic", "requesting_service", "delivery", "queue", "queue_state",
        "is_active", "state", "created_at", "updated_at", "last_event_at", "last_error", "expires_at",
    }  # fmt: skip
    assert contract <= set(row)
    assert (row["queue"], row["queue_state"], row["state"]) == ("ws-gateway.trade.tester", "ready", "requested")
    assert call(client, "POST", BASE, json=WISH) == (200, row)
    assert call(client, "GET", f"{BASE}/{row['id']}") == (200, row)


def test_the_same_wish_from_many_at_once_is_one_subscription(client: FlaskClient) -> None:
    wish = dict(WISH)
    start = threading.Barrier(10)

    def post(_: int) -> tuple[int, Any]:
        start.wait()
        answer = client.application.test_client().post(BASE, json=wish, headers=HEADERS)
        return answer.status_code, answer.get_json()["id"]

    for service in ("one", "two", "three"):
        wish["requesting_service"] = service
        with ThreadPoolExecutor(10) as threads:
            answers = list(threads.map(post, range(10)))
        assert sorted(status for status, _ in answers) == [200] * 9 + [201]
        assert len({identity for _, identity in answers}) == 1
    assert call(client, "GET", BASE)[1]["total"] == 3


@pytest.mark.parametrize(
    ("query", "symbols"),
    [
        ("", ["BTCUSDT", "ETHUSDT", "BTCUSD", "BTC*", "BTCUSDT"]),
        ("requesting_service=tester", ["BTCUSDT", "ETHUSDT", "BTCUSD", "BTC*"]),
        ("requesting_service=nobody", []),
        ("is_active=true", ["BTCUSDT", "BTCUSD", "BTC*", "BTCUSDT"]),
        ("is_active=false", ["ETHUSDT"]),
        ("channel_type=trades", ["BTCUSDT", "ETHUSDT", "BTCUSD"]),
        ("channel_type=balance", []),
        ("category=inverse", ["BTCUSD"]),
        ("symbol=BTCUSDT", ["BTCUSDT", "BTCUSDT"]),
        ("symbol=BTC*", ["BTC*"]),
        ("symbol=NOPE", []),
        ("state=cancelled", ["ETHUSDT"]),
        ("state=requested&symbol=BTCUSDT&requesting_service=other&is_active=1&channel_type=kline&category=linear", ["BTCUSDT"]),
    ],
)
def test_lists_are_filtered_and_paged_and_total_counts_all(client: FlaskClient, query: str, symbols: list[str]) -> None:
    subscribe(client)
    gone = subscribe(client, symbol="ETHUSDT")
    subscribe(client, symbol="BTCUSD", category="inverse")
    subscribe(client, channel_type="ticker", symbol="BTC*")
    subscribe(client, channel_type="kline", requesting_service="other")
    call(client, "DELETE", f"{BASE}/{gone['id']}")
    for limit, offset in ((1000, 0), (2, 1), (1, 9)):
        status, body = call(client, "GET", f"{BASE}?{query}&limit={limit}&offset={offset}")
        assert (status, body["total"]) == (200, len(symbols))
        assert [row["symbol"] for row in body["subscriptions"]] == symbols[offset : offset + limit]


def test_what_a_worker_reports_is_shown(client: FlaskClient, connection: db.Connection) -> None:
    row = subscribe(client)
    store.report_topics(connection, "linear", [TopicReport("publicTrade.BTCUSDT", "acknowledged", None, 1_700_000_000_123)])
    shown = call(client, "GET", f"{BASE}/{row['id']}")[1]
    assert (shown["state"], shown["last_event_at"]) == ("acknowledged", "2023-11-14T22:13:20.123000Z")
    assert shown["created_at"] == row["created_at"]


def test_cancelling_for_a_service_without_wishes_counts_none(client: FlaskClient) -> None:
    assert call(client, "DELETE", f"{BASE}/by-service/nobody") == (200, {"message": "cancelled", "cancelled_count": 0})
