"""The control API over real PostgreSQL and RabbitMQ: every route, every refusal, and nothing that makes it stumble."""

import json
import socket
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pika
import pytest
from asking import BASE, HEADERS, WISH, assert_error, call, make_client, subscribe
from flask.testing import FlaskClient
from running import KEY, ROOT, Consumer

from api.openapi import document
from gateway import migrate, names
from gateway.servers.server import free_ports

# ---- subscriptions


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


def test_the_queue_is_bound_when_the_answer_comes(client: FlaskClient, consumer: Consumer, broker_url: str) -> None:
    rows = [subscribe(client), subscribe(client, requesting_service="other"), subscribe(client, symbol="BTC", category="option")]
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        channel = connection.channel()
        for key in ("trade.linear.BTCUSDT.-", "trade.linear.ETHUSDT.-", "trade.spot.BTCUSDT.-", "trade.option.BTC-1JAN27-1-C.BTC"):
            channel.basic_publish(names.EXCHANGE, key, json.dumps(key).encode())
    assert consumer.take(rows[0]["queue"]) == ["trade.linear.BTCUSDT.-", "trade.option.BTC-1JAN27-1-C.BTC"]
    assert consumer.take(rows[1]["queue"]) == ["trade.linear.BTCUSDT.-"]


def test_cancelling_takes_the_binding_and_the_empty_queue_away_and_leaves_others_alone(
    client: FlaskClient, consumer: Consumer
) -> None:
    first, second, other = subscribe(client), subscribe(client, symbol="ETHUSDT"), subscribe(client, requesting_service="other")
    answer = call(client, "DELETE", f"{BASE}/{first['id']}")
    assert answer == (200, {"message": "cancelled", "subscription_id": first["id"]})
    assert consumer.exists(first["queue"]), "the other topic still needs it"
    assert call(client, "GET", f"{BASE}/{first['id']}")[1]["state"] == "cancelled"
    assert call(client, "DELETE", f"{BASE}/{first['id']}")[0] == 200
    assert call(client, "DELETE", f"{BASE}/by-service/tester") == (200, {"message": "cancelled", "cancelled_count": 1})
    assert not consumer.exists(second["queue"])
    assert consumer.exists(other["queue"])


def test_a_queue_that_still_holds_messages_stays_until_it_is_read(client: FlaskClient, consumer: Consumer, broker_url: str) -> None:
    row = subscribe(client)
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        connection.channel().basic_publish(names.EXCHANGE, "trade.linear.BTCUSDT.-", b"1")
    call(client, "DELETE", f"{BASE}/{row['id']}")
    assert consumer.take(row["queue"]) == [1]


def test_lists_are_filtered_and_paged_and_total_counts_all(client: FlaskClient) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"):
        subscribe(client, symbol=symbol)
    subscribe(client, requesting_service="other")
    status, body = call(client, "GET", f"{BASE}?requesting_service=tester&limit=2&offset=1&is_active=true&state=requested")
    assert (status, [row["symbol"] for row in body["subscriptions"]], body["total"]) == (200, ["ETHUSDT", "SOLUSDT"], 3)
    assert call(client, "GET", f"{BASE}?symbol=NOPE")[1] == {"subscriptions": [], "total": 0}


def test_without_the_broker_a_subscription_waits_for_it(tmp_path: Path, database_url: str) -> None:
    client = make_client(tmp_path, database_url, f"amqp://127.0.0.1:{free_ports(1)[0]}/")
    row = subscribe(client)
    assert row["queue_state"] == "pending"
    assert call(client, "DELETE", f"{BASE}/{row['id']}")[0] == 200


def test_without_the_database_every_answer_is_503_in_shape_and_health_still_answers(tmp_path: Path, broker_url: str) -> None:
    client = make_client(tmp_path, f"postgresql://127.0.0.1:{free_ports(1)[0]}/none", broker_url)
    for method, path, given in (("POST", BASE, {"json": WISH}), ("GET", BASE, {}), ("GET", "/api/v1/balances", {})):
        assert_error(call(client, method, path, **given), 503, "SERVICE_UNAVAILABLE", "PostgreSQL")
    status, body = call(client, "GET", "/health")
    assert (status, body["status"]) == (503, "unhealthy")
    assert call(client, "GET", "/health/live") == (200, {"status": "live"})
    assert call(client, "GET", "/health/ready")[0] == 503


def test_before_prepare_every_answer_is_503_in_shape(tmp_path: Path, empty_database_url: str, broker_url: str) -> None:
    client = make_client(tmp_path, empty_database_url, broker_url)
    for method, path, given in (("POST", BASE, {"json": WISH}), ("GET", BASE, {}), ("GET", "/api/v1/balances", {})):
        assert_error(call(client, method, path, **given), 503, "SERVICE_UNAVAILABLE", "PostgreSQL")
    migrate.migrate(empty_database_url)
    subscribe(client)


def test_a_broker_that_never_answers_makes_nobody_wait_for_another(tmp_path: Path, database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=50) as mute:
        client = make_client(tmp_path, database_url, f"amqp://127.0.0.1:{mute.getsockname()[1]}/")

        def post(number: int) -> tuple[int, Any]:
            wish = {**WISH, "symbol": f"A{number}USDT"}  # all in one queue
            answer = client.application.test_client().post(BASE, json=wish, headers=HEADERS)
            return answer.status_code, answer.get_json()

        with ThreadPoolExecutor(6) as threads:
            answers = list(threads.map(post, range(6)))
        assert [(status, body.get("queue_state")) for status, body in answers] == [(201, "pending")] * 6
        assert call(client, "POST", BASE, json={**WISH, "symbol": "A1USDT"})[0] == 200


def test_balances_are_empty_before_the_first(client: FlaskClient) -> None:
    assert call(client, "GET", "/api/v1/balances") == (200, {"balances": [], "margin_balance": None, "total": 0})


def test_connections_are_listed_by_name(client: FlaskClient) -> None:
    assert call(client, "GET", "/api/v1/connections") == (200, {"connections": {}})


# ---- access and refusals


@pytest.mark.parametrize(
    "given", [{"headers": {"X-API-Key": KEY}}, {"headers": {"Authorization": f"Bearer {KEY}"}}, {"query_string": {"api_key": KEY}}]
)
def test_the_key_may_stand_in_three_places(client: FlaskClient, given: dict[str, Any]) -> None:
    assert client.get(BASE, **given).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": "wrong"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": "Bearer"},
        {"X-API-Key": "schlüssel"},
    ],
)
def test_without_the_key_everything_but_health_and_documentation_is_401(client: FlaskClient, headers: dict[str, str]) -> None:
    for path in (BASE, "/api/v1/balances", "/api/v1/connections", "/api/v1/nothing"):
        answer = client.get(path, headers=headers)
        assert_error((answer.status_code, answer.get_json()), 401, "AUTHENTICATION_FAILED")
        assert answer.headers["X-Trace-Id"]
    for path in ("/health/live", "/api/v1/health/live", "/openapi.json"):
        assert client.get(path, headers=headers).status_code == 200
    assert client.get("/docs/", headers=headers).status_code == 200


def test_a_callers_trace_id_comes_back_where_it_is_sane(client: FlaskClient) -> None:
    assert client.get("/health/live", headers={"X-Trace-Id": "abc-1"}).headers["X-Trace-Id"] == "abc-1"
    assert client.get("/health/live", headers={"X-Trace-Id": "a b\tc"}).headers["X-Trace-Id"] != "a b\tc"


def test_what_does_not_exist_is_404_and_what_is_not_allowed_405(client: FlaskClient) -> None:
    assert_error(call(client, "GET", "/api/v1/nothing"), 404, "NOT_FOUND", "/api/v1/nothing")
    for method in ("GET", "DELETE"):
        for identity in (uuid.uuid4(), "not-a-uuid"):
            assert_error(call(client, method, f"{BASE}/{identity}"), 404, "SUBSCRIPTION_NOT_FOUND", str(identity))
    assert_error(call(client, "DELETE", BASE), 405, "METHOD_NOT_ALLOWED", "expected GET, HEAD, OPTIONS, POST")


@pytest.mark.parametrize(
    ("given", "status", "code", "words"),
    [
        ({"data": "{}", "content_type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE", "expected application/json"),
        ({"data": b"x" * 70_000, "content_type": "application/json"}, 413, "PAYLOAD_TOO_LARGE", "expected at most 65536"),
        ({"data": "{", "content_type": "application/json"}, 400, "INVALID_REQUEST", "the body is not JSON"),
        ({"data": b"\xff", "content_type": "application/json"}, 400, "INVALID_REQUEST", "the body is not JSON"),
        ({"data": "[]", "content_type": "application/json"}, 400, "INVALID_REQUEST", "expected a JSON object"),
        ({"json": {**WISH, "colour": "red"}}, 400, "INVALID_REQUEST", "the field colour is unknown"),
        ({"json": {**WISH, "requesting_service": "a b"}}, 400, "INVALID_REQUEST", "requesting_service"),
        ({"json": {**WISH, "requesting_service": "-a"}}, 400, "INVALID_REQUEST", "requesting_service"),
        ({"json": {"channel_type": "trades"}}, 400, "INVALID_REQUEST", "requesting_service"),
        ({"json": {**WISH, "depth": "50"}}, 400, "INVALID_REQUEST", "depth"),
        ({"json": {**WISH, "symbol": 5}}, 400, "INVALID_REQUEST", "symbol"),
        ({"json": {**WISH, "channel_type": "moon"}}, 400, "INVALID_CHANNEL_TYPE", "moon"),
        ({"json": {**WISH, "category": "option"}}, 400, "UNKNOWN_SYMBOL", "BTCUSDT"),
    ],
)  # fmt: skip
def test_a_bad_body_is_one_sentence_in_shape(
    client: FlaskClient, given: dict[str, Any], status: int, code: str, words: str
) -> None:
    assert_error(call(client, "POST", BASE, **given), status, code, words)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=x",
        "limit=" + "9" * 40,
        "offset=-1",
        "offset=" + "9" * 40,
        "colour=red",
        "is_active=maybe",
        "symbol=",
    ],
)
def test_a_bad_query_is_400(client: FlaskClient, query: str) -> None:
    assert_error(call(client, "GET", f"{BASE}?{query}"), 400, "INVALID_REQUEST")


HOSTILE: list[Any] = [
    None, True, 0, -1, 2**70, 1e308, "", " ", "\0", "a\0b", "\ud800", "‮x", "x" * 5000, [], {}, [[]], {"a": {"b": []}}, "'; drop table subscriptions; --",
    "../../etc/passwd", "%s%n", "BTCUSDT\n", "*" * 50, "#", "a.b.c",
]  # fmt: skip


@pytest.mark.parametrize(
    "field",
    [
        "channel_type",
        "requesting_service",
        "symbol",
        "category",
        "depth",
        "interval",
        "topic",
        "delivery",
        "snapshot_seconds",
        "ttl_seconds",
    ],
)
def test_no_value_of_any_field_makes_it_stumble(client: FlaskClient, field: str) -> None:
    for value in HOSTILE:
        status, body = call(client, "POST", BASE, data=json.dumps({**WISH, field: value}), content_type="application/json")
        assert status in (200, 201, 400), (value, body)
    assert call(client, "GET", BASE)[0] == 200


def test_no_query_or_path_makes_it_stumble(client: FlaskClient) -> None:
    for text in ("\0", "%00", "%ff", "'", "x" * 3000, "%F0%9F%92%A9", "../..", "a%2Fb"):
        for path in (f"{BASE}?symbol={text}", f"/api/v1/balances?coin={text}", f"{BASE}/{text}", f"{BASE}/by-service/{text}"):
            for method in ("GET", "DELETE"):
                assert client.open(path, method=method, headers=HEADERS).status_code < 500, (method, path)


def test_deep_nesting_is_400(client: FlaskClient) -> None:
    body = '{"a":' * 5000 + "1" + "}" * 5000
    assert call(client, "POST", BASE, data=body, content_type="application/json")[0] == 400


# ---- documents


def test_the_copy_of_the_openapi_document_says_what_the_code_does() -> None:
    copy = (ROOT / "docs" / "openapi.json").read_text()
    assert copy == document(), "run: python -m api.openapi > docs/openapi.json"
    assert json.loads(copy)["openapi"].startswith("3.1")


def test_every_route_is_in_the_readme(client: FlaskClient) -> None:
    readme = (ROOT / "README.md").read_text()
    for path, methods in json.loads(document())["paths"].items():
        for method in methods:
            written = path.replace("{subscription_id}", "{id}")
            assert f"{method.upper()} {path}" in readme or f"{method.upper()} {written}" in readme, f"{method.upper()} {path}"
