"""What the control API does with topics in the exchange's words, with whole books, and with a topic asked for anew."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from asking import BASE, HEADERS, WISH, ask, assert_error, call, make_client, subscribe
from flask.testing import FlaskClient

from gateway.database import db, store

BOOK = {"channel_type": "orderbook", "requesting_service": "tester", "symbol": "BTCUSDT", "category": "linear"}


def test_a_topic_in_the_exchanges_words_is_a_subscription_with_its_familys_queue(
    client: FlaskClient, connection: db.Connection
) -> None:
    status, row = ask(client, "raw", topic="publicTrade.BTCUSDT", category="linear")
    assert (status, row["channel_type"], row["queue"]) == (201, "raw", "ws-gateway.trade.tester")
    assert ask(client, "raw", topic="publicTrade.BTCUSDT", category="linear") == (200, row)
    status, other = ask(client, "raw", topic="liquidation.BTCUSDT", category="linear")
    assert (status, other["queue"], other["queue_state"]) == (201, "ws-gateway.raw.tester", "ready")
    bindings = {binding for entry in store.service_queues(connection) for binding in entry.bindings}
    assert bindings == {"trade.linear.BTCUSDT.-", "raw.linear.*.liquidation_BTCUSDT"}
    assert {entry.topic for entry in store.wanted(connection, "linear")} == {"publicTrade.BTCUSDT", "liquidation.BTCUSDT"}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"channel_type": "raw"}, "INVALID_TOPIC"),
        ({"channel_type": "raw", "topic": "publicTrade.BTCUSDT"}, "INVALID_TOPIC"),
        ({"channel_type": "raw", "topic": "dcp.future"}, "INVALID_TOPIC"),
        ({"channel_type": "raw", "topic": "nobody.knows", "category": "linear", "symbol": "X"}, "UNEXPECTED_SYMBOL"),
        ({"channel_type": "raw", "topic": "kline.1.X", "category": "option"}, "UNSUPPORTED_FOR_CATEGORY"),
        ({"channel_type": "raw", "topic": "orderbook.7.BTCUSDT", "category": "linear"}, "INVALID_DEPTH"),
        ({"channel_type": "raw", "topic": "kline.7.BTCUSDT", "category": "linear"}, "INVALID_INTERVAL"),
        ({"channel_type": "order", "topic": "order.linear", "category": "spot"}, "INVALID_TOPIC"),
        ({"channel_type": "insurance"}, "MISSING_SYMBOL"),
        ({"channel_type": "insurance", "symbol": "BTCUSDT"}, "UNKNOWN_SYMBOL"),
        ({"channel_type": "adl_alert", "symbol": "USDT", "category": "inverse"}, "UNSUPPORTED_FOR_CATEGORY"),
        ({"channel_type": "trades", "symbol": "BTCUSDT", "snapshot_seconds": 5}, "INVALID_REQUEST"),
        ({"channel_type": "orderbook", "symbol": "BTCUSDT", "snapshot_seconds": 0}, "INVALID_REQUEST"),
        ({"channel_type": "orderbook", "symbol": "BTCUSDT", "snapshot_seconds": "5"}, "INVALID_REQUEST"),
        ({"channel_type": "orderbook", "symbol": "BTCUSDT", "snapshot_seconds": True}, "INVALID_REQUEST"),
    ],
)
def test_a_refusal_has_its_code_and_leaves_nothing(client: FlaskClient, given: dict[str, Any], code: str) -> None:
    assert_error(call(client, "POST", BASE, json={"requesting_service": "tester", **given}), 400, code)
    assert call(client, "GET", BASE)[1]["total"] == 0


def test_the_demo_exchange_has_no_spreads_of_the_account(tmp_path: Path, database_url: str, broker_url: str) -> None:
    client = make_client(tmp_path, database_url, broker_url, BYBIT_ENVIRONMENT="demo")
    assert_error(ask(client, "execution_fast"), 400, "UNSUPPORTED_FOR_ENVIRONMENT", "'demo'")
    assert_error(ask(client, "order", category="spread"), 400, "UNSUPPORTED_FOR_ENVIRONMENT")
    assert ask(client, "order")[0] == 201


def test_one_form_of_a_private_topic_keeps_the_other_out_until_it_is_cancelled(client: FlaskClient) -> None:
    status, row = ask(client, "order", topic="order.linear")
    assert (status, row["topic"], row["category"]) == (201, "order.linear", "linear")
    words = "found topic 'order' while 'order.linear' is held"
    assert_error(ask(client, "order", category="linear"), 409, "CONFLICT", words)
    assert_error(ask(client, "raw", topic="order"), 409, "CONFLICT", words)
    assert ask(client, "order", topic="order.spot")[0] == 201
    assert ask(client, "position")[0] == 201
    call(client, "DELETE", f"{BASE}/by-service/tester")
    assert ask(client, "order")[0] == 201
    assert_error(ask(client, "order", topic="order.spot"), 409, "CONFLICT", "'order' is held")


def test_two_forms_of_a_private_topic_never_meet_whoever_asks_at_once(client: FlaskClient) -> None:
    start = threading.Barrier(10)

    def post(number: int) -> int:
        wish = {"channel_type": "order", "requesting_service": f"s{number}", "topic": ("order", "order.linear")[number % 2]}
        start.wait()
        return client.application.test_client().post(BASE, json=wish, headers=HEADERS).status_code

    with ThreadPoolExecutor(10) as threads:
        assert sorted(threads.map(post, range(10))) == [201] * 5 + [409] * 5
    rows = call(client, "GET", f"{BASE}?is_active=true")[1]["subscriptions"]
    assert len({row["topic"] for row in rows}) == 1


def test_a_book_wished_for_whole_says_how_often_and_the_last_word_counts(client: FlaskClient) -> None:
    status, row = call(client, "POST", BASE, json={**BOOK, "snapshot_seconds": 1.5})
    assert (status, row["snapshot_seconds"]) == (201, 1.5)
    assert call(client, "POST", BASE, json=BOOK) == (200, row)
    status, other = call(client, "POST", BASE, json={**BOOK, "snapshot_seconds": 60})
    assert (status, other["id"], other["snapshot_seconds"]) == (200, row["id"], 60)
    assert other["updated_at"] > row["updated_at"]
    assert call(client, "GET", f"{BASE}/{row['id']}") == (200, other)
    assert subscribe(client)["snapshot_seconds"] is None


def test_a_topic_asked_for_anew_is_202_and_its_worker_can_see_it(client: FlaskClient, connection: db.Connection) -> None:
    row = subscribe(client)
    for body in ({}, {"json": {}}):
        status, answer = call(client, "POST", f"{BASE}/{row['id']}/resync", **body)
        assert (status, answer | {"trace_id": row["trace_id"]}) == (202, row)
        assert answer["trace_id"] != row["trace_id"]
    assert [wanted.resyncs for wanted in store.wanted(connection, "linear")] == [2]
    answer = call(client, "POST", f"{BASE}/{row['id']}/resync", data="{", content_type="application/json")
    assert_error(answer, 400, "INVALID_REQUEST", "the body is not JSON")


def test_what_cannot_be_asked_for_anew_says_why(client: FlaskClient) -> None:
    for identity in (uuid.uuid4(), "not-a-uuid"):
        assert_error(call(client, "POST", f"{BASE}/{identity}/resync"), 404, "SUBSCRIPTION_NOT_FOUND", str(identity))
    told = ask(client, "system")[1]
    assert_error(call(client, "POST", f"{BASE}/{told['id']}/resync"), 409, "CONFLICT", "the gateway itself tells")
    mine = ask(client, "balance")[1]
    assert_error(call(client, "POST", f"{BASE}/{mine['id']}/resync"), 409, "CONFLICT", "found 'wallet', a topic of the account")
    row = subscribe(client)
    call(client, "DELETE", f"{BASE}/{row['id']}")
    assert_error(call(client, "POST", f"{BASE}/{row['id']}/resync"), 409, "CONFLICT", "found a cancelled subscription")
    answer = client.post(f"{BASE}/{row['id']}/resync")
    assert_error((answer.status_code, answer.get_json()), 401, "AUTHENTICATION_FAILED")
    many = call(
        client, "POST", BASE, json={"channel_type": "ticker", "requesting_service": "svc", "symbol": "BTC*", "category": "linear"}
    )[1]
    assert_error(
        call(client, "POST", f"{BASE}/{many['id']}/resync"), 409, "CONFLICT", "found the pattern 'BTC*', which is many topics"
    )
    assert_error(call(client, "GET", f"{BASE}/{row['id']}/resync"), 405, "METHOD_NOT_ALLOWED")


def test_the_same_topic_under_its_channel_and_under_raw_are_two_wishes_on_one_topic(
    client: FlaskClient, connection: db.Connection
) -> None:
    first = subscribe(client)
    status, second = ask(client, "raw", topic=first["topic"], category=WISH["category"])
    assert (status, second["queue"]) == (201, first["queue"])
    call(client, "DELETE", f"{BASE}/{first['id']}")
    [left] = store.wanted(connection, "linear")
    assert (left.topic, left.channel_type, left.queue) == (first["topic"], "raw", first["queue"])
