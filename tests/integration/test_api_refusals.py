"""What the control API refuses, in one shape: bad bodies, queries and paths, and everything while PostgreSQL cannot be asked."""

import io
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from asking import BASE, CALLS, HEADERS, WISH, assert_error, call, filled, make_client, subscribe
from flask.testing import FlaskClient

from gateway.database import migrate
from gateway.servers.server import free_ports


def test_what_does_not_exist_is_404_and_what_is_not_allowed_405(client: FlaskClient) -> None:
    assert_error(call(client, "GET", "/api/v1/nothing"), 404, "NOT_FOUND", "/api/v1/nothing")
    for method in ("GET", "DELETE"):
        for identity in (uuid.uuid4(), "not-a-uuid"):
            assert_error(call(client, method, f"{BASE}/{identity}"), 404, "SUBSCRIPTION_NOT_FOUND", str(identity))
    assert_error(call(client, "DELETE", BASE), 405, "METHOD_NOT_ALLOWED", "expected GET, HEAD, OPTIONS, POST")


def test_a_path_that_is_not_there_or_not_allowed_says_so_whatever_the_body(client: FlaskClient) -> None:
    for method, given in (("PUT", {}), ("PATCH", {"data": "x"}), ("PUT", {"json": {}})):
        assert_error(call(client, method, BASE, **given), 405, "METHOD_NOT_ALLOWED", f"found {method} {BASE}")
        assert_error(call(client, method, "/api/v1/nothing", **given), 404, "NOT_FOUND")
    assert_error(call(client, "POST", "/api/v1/balances"), 405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize(
    ("given", "status", "code", "words"),
    [
        ({"data": "{}", "content_type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE", "expected application/json"),
        ({"data": json.dumps(WISH), "content_type": "application/json; charset=latin-1"}, 415, "UNSUPPORTED_MEDIA_TYPE", "charset=latin-1"),
        ({"data": json.dumps(WISH), "content_type": "application/x-www-form-urlencoded"}, 415, "UNSUPPORTED_MEDIA_TYPE", "expected application/json"),
        ({"data": json.dumps(WISH)}, 415, "UNSUPPORTED_MEDIA_TYPE", "found no content type"),
        ({"json": {**WISH, "symbol": "x" * 201}}, 400, "INVALID_REQUEST", "at most 200 characters"),
        ({"json": {**WISH, "more": [{"deep": "a\0b"}]}}, 400, "INVALID_REQUEST", "found a NUL character in the body"),
        ({"json": WISH, "query_string": "colour=red"}, 400, "INVALID_REQUEST", "the field colour is unknown"),
        ({"data": b"x" * 270_000, "content_type": "application/json"}, 413, "PAYLOAD_TOO_LARGE", "expected at most 262144"),
        ({"data": "{", "content_type": "application/json"}, 400, "INVALID_REQUEST", "the body is not JSON"),
        ({"data": b"\xff", "content_type": "application/json"}, 400, "INVALID_REQUEST", "the body is not JSON"),
        ({"data": "[]", "content_type": "application/json"}, 400, "INVALID_REQUEST", "expected a JSON object"),
        ({"json": {**WISH, "colour": "red"}}, 400, "INVALID_REQUEST", "the field colour is unknown"),
        ({"json": {**WISH, "requesting_service": "a b"}}, 400, "INVALID_REQUEST", "requesting_service"),
        ({"json": {**WISH, "requesting_service": "-a"}}, 400, "INVALID_REQUEST", "requesting_service"),
        ({"json": {"channel_type": "trades"}}, 400, "INVALID_REQUEST", "requesting_service"),
        ({"json": {**WISH, "depth": "50"}}, 400, "INVALID_REQUEST", "depth"),
        ({"json": {**WISH, "symbol": 5}}, 400, "INVALID_REQUEST", "symbol"),
        ({"json": {**WISH, "ttl_seconds": "60"}}, 400, "INVALID_REQUEST", "ttl_seconds: found '60'; Input should be a valid number"),
        ({"json": {**WISH, "ttl_seconds": True}}, 400, "INVALID_REQUEST", "ttl_seconds: found True; Input should be a valid number"),
        ({"json": {**WISH, "snapshot_seconds": "60"}}, 400, "INVALID_REQUEST", "snapshot_seconds: found '60'; Input should be a valid number"),
        ({"json": {"channel_type": "trades", "api_key": 5}}, 400, "INVALID_REQUEST", "requesting_service: found nothing; Field required"),
        ({"json": {**WISH, "channel_type": "moon"}}, 400, "INVALID_CHANNEL_TYPE", "moon"),
        ({"json": {**WISH, "category": "option"}}, 400, "UNKNOWN_SYMBOL", "BTCUSDT"),
    ],
)  # fmt: skip
def test_a_bad_body_is_one_sentence_in_shape(
    client: FlaskClient, given: dict[str, Any], status: int, code: str, words: str
) -> None:
    assert_error(call(client, "POST", BASE, **given), status, code, words)


@pytest.mark.parametrize("field", ["channel_type", "symbol", "category", "interval", "topic", "delivery"])
def test_a_nul_character_in_the_body_is_said(client: FlaskClient, field: str) -> None:
    assert_error(
        call(client, "POST", BASE, json={**WISH, field: "a\0b"}), 400, "INVALID_REQUEST", "found a NUL character in the body"
    )


@pytest.mark.parametrize(("length", "status"), [(262_144, 201), (262_145, 413), (270_000, 413)])
def test_a_body_without_a_length_is_never_cut_but_refused_when_it_is_too_long(
    client: FlaskClient, length: int, status: int
) -> None:
    chunked = {"wsgi.input": io.BytesIO(json.dumps(WISH).encode().ljust(length)), "wsgi.input_terminated": True}
    headers = {**HEADERS, "Transfer-Encoding": "chunked"}
    answer = client.post(BASE, headers=headers, environ_overrides=chunked, content_type="application/json")
    assert answer.status_code == status
    assert answer.get_json().get("code") == (None if status == 201 else "PAYLOAD_TOO_LARGE")


def test_deep_nesting_is_400(client: FlaskClient) -> None:
    body = '{"a":' * 5000 + "1" + "}" * 5000
    assert call(client, "POST", BASE, data=body, content_type="application/json")[0] == 400


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("limit=0", "limit: found '0'"),
        ("limit=1001", "less than or equal to 1000"),
        ("limit=x", "limit: found 'x'"),
        ("limit=" + "9" * 40, "limit: found"),
        ("offset=-1", "offset: found '-1'"),
        *((f"limit={text}", "limit: found '") for text in ("1_0", "1.0", "%2B1", "1e1", "0x1", "%D9%A1", "", "%201")),
        ("offset=" + "9" * 40, "offset: found"),
        ("colour=red", "the field colour is unknown"),
        ("is_active=maybe", "is_active: found 'maybe'"),
        ("symbol=", "symbol: found ''"),
        ("state=moon", "found state 'moon'; expected one of requested, acknowledged, live, stalled, refused, cancelled"),
        ("channel_type=moon", "found channel_type 'moon'; expected one of trades, ticker"),
        ("category=LINEAR", "found category 'LINEAR'; expected one of spot, linear, inverse, option, spread"),
    ],
)
def test_a_bad_query_is_one_sentence(client: FlaskClient, query: str, words: str) -> None:
    assert_error(call(client, "GET", f"{BASE}?{query}"), 400, "INVALID_REQUEST", words)


def test_an_unknown_field_of_any_query_is_refused_by_name(client: FlaskClient) -> None:
    pages = [("GET", path) for path in ("/docs", "/docs/", "/docs/redoc", "/docs/openapi.json", "/openapi.json")]
    for method, path in (*pages, *((method, path) for method, path, _ in CALLS)):
        answer = client.open(filled(path), method=method, headers=HEADERS, query_string={"colour": "red"})
        assert_error((answer.status_code, answer.get_json()), 400, "INVALID_REQUEST", "the field colour is unknown")


@pytest.mark.parametrize("service", ["a b", "-a", "a" * 101, ".a", "a%0A", "é"])
def test_a_service_that_cannot_be_one_is_400(client: FlaskClient, service: str) -> None:
    for method in ("DELETE", "PUT"):
        answer = call(client, method, f"{BASE}/by-service/{service}", json={"subscriptions": []})
        assert_error(answer, 400, "INVALID_REQUEST", "service")


@pytest.mark.parametrize(
    "place", [{"api_key": "a-key"}, {"symbol": {"api_key": "a-key"}}, {"symbol": ["a-key"]}, {"channel_type": None}]
)
def test_nothing_of_what_stands_in_a_field_that_is_none_is_repeated(client: FlaskClient, place: dict[str, Any]) -> None:
    whole = {**WISH, **place, "more": "a-key"}
    without_service = {name: value for name, value in whole.items() if name != "requesting_service"}
    for path, method, body in (
        (BASE, "POST", whole), (BASE, "POST", without_service), (f"{BASE}/by-service/tester", "PUT", {"subscriptions": [whole]}),
        (f"{BASE}/by-service/tester", "PUT", {"subscriptions": whole}), (f"{BASE}/by-service/tester", "PUT", whole),
    ):  # fmt: skip
        answer = call(client, method, path, json=body)
        assert_error(answer, 400, "INVALID_REQUEST")
        assert "a-key" not in json.dumps(answer[1])


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
