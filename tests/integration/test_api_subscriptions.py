"""Subscriptions over the control API: made once whoever asks, shown, listed and cancelled."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asking import BASE, HEADERS, WISH, call, subscribe
from flask.testing import FlaskClient

from gateway import db, store
from gateway.wire import TopicReport


def test_a_subscription_has_the_fields_of_the_contract_and_the_same_wish_again_is_200(client: FlaskClient) -> None:
    row = subscribe(client)
    contract = {
        "id", "channel_type", "symbol", "category", "category_source", "topic", "requesting_service", "delivery", "queue", "queue_state",
        "is_active", "state", "created_at", "updated_at", "last_event_at", "last_error",
    }  # fmt: skip
    assert contract <= set(row)
    assert (row["queue"], row["queue_state"], row["state"]) == ("ws-gateway.trade.tester", "ready", "requested")
    assert call(client, "POST", BASE, json=WISH) == (200, row)
    assert call(client, "GET", f"{BASE}/{row['id']}") == (200, row)


def test_the_same_wish_from_many_at_once_is_one_subscription(client: FlaskClient) -> None:
    start = threading.Barrier(6)

    def post(_: int) -> tuple[int, Any]:
        start.wait()
        answer = client.application.test_client().post(BASE, json=WISH, headers=HEADERS)
        return answer.status_code, answer.get_json()["id"]

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(post, range(6)))
    assert sorted(status for status, _ in answers) == [200] * 5 + [201]
    assert len({identity for _, identity in answers}) == 1


def test_lists_are_filtered_and_paged_and_total_counts_all(client: FlaskClient) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"):
        subscribe(client, symbol=symbol)
    subscribe(client, requesting_service="other")
    status, body = call(client, "GET", f"{BASE}?requesting_service=tester&limit=2&offset=1&is_active=true&state=requested")
    assert (status, [row["symbol"] for row in body["subscriptions"]], body["total"]) == (200, ["ETHUSDT", "SOLUSDT"], 3)
    assert call(client, "GET", f"{BASE}?symbol=NOPE")[1] == {"subscriptions": [], "total": 0}


def test_what_a_worker_reports_is_shown(client: FlaskClient, connection: db.Connection) -> None:
    row = subscribe(client)
    store.report_topics(connection, "linear", [TopicReport("publicTrade.BTCUSDT", "acknowledged", None, 1_700_000_000_123)])
    shown = call(client, "GET", f"{BASE}/{row['id']}")[1]
    assert (shown["state"], shown["last_event_at"]) == ("acknowledged", "2023-11-14T22:13:20.123000Z")
    assert shown["created_at"] == row["created_at"]


def test_cancelling_for_a_service_without_wishes_counts_none(client: FlaskClient) -> None:
    assert call(client, "DELETE", f"{BASE}/by-service/nobody") == (200, {"message": "cancelled", "cancelled_count": 0})
