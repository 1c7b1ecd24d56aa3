"""Keys over the control API: every call of the document asks for its scope, a service's key changes that service alone, failures are limited."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from asking import BASE, CALLS, HEADERS, WISH, assert_error, call, filled, make_client, subscribe
from flask.testing import FlaskClient

from gateway.database import api_keys, db
from gateway.database.api_keys import SCOPES
from gateway.database.audit import By
from gateway.disk.attempts import TRIES
from gateway.servers.server import free_ports
from simulator.remote import RunningSimulator

SYNC = "/api/v1/balances/sync"
#: The wish, but for whom.
WANTED = {name: value for name, value in WISH.items() if name != "requesting_service"}
#: In the form of a key.
UNKNOWN = f"wsg_{'0' * 16}_{'A' * 43}"

Key = Callable[..., dict[str, str]]


@pytest.fixture
def key(connection: db.Connection) -> Key:
    """The headers that carry a new key."""

    def make(scope: str, service: str | None = None, name: str = "") -> dict[str, str]:
        given = {"name": name or f"{scope}-key", "scopes": [scope], "service": service, "by": By("tester")}
        return {"X-API-Key": api_keys.create(connection, **given)[0]}

    return make


def test_the_document_says_of_every_call_which_scope_it_needs_in_each_place_of_a_key() -> None:
    for method, path, said in CALLS:
        if "security" in said:
            scope = "admin" if path == "/api/v1/audit" else "read" if method == "GET" else "write"
            assert said["security"] == [{"key": [scope]}, {"bearer": [scope]}, {"query": [scope]}], (method, path)
            assert {"400", "401", "429", "503"} <= set(said["responses"])
            assert ("403" in said["responses"]) == (scope != "read"), "a key that reads, reads everything"


def test_every_call_needs_a_key_unless_the_document_declares_it_open(client: FlaskClient) -> None:
    for method, path, said in CALLS:
        answer = client.open(filled(path), method=method)
        wrong = client.open(filled(path), method=method, headers={"X-API-Key": "wrong"})
        if "security" in said:
            assert_error((answer.status_code, answer.get_json()), 401, "AUTHENTICATION_FAILED", "found no API key")
            assert_error((wrong.status_code, wrong.get_json()), 401, "AUTHENTICATION_FAILED", "found no valid API key")
        else:
            assert answer.status_code in (200, 503), (method, path)


def test_every_call_is_403_for_a_key_of_a_lower_scope_and_for_no_other(client: FlaskClient, key: Key) -> None:
    for scope in SCOPES:
        headers = key(scope)
        for method, path, said in CALLS:
            if "security" not in said:
                continue
            needed = said["security"][0]["key"][0]
            answer = client.open(filled(path), method=method, headers=headers)
            if SCOPES.index(scope) < SCOPES.index(needed):
                words = f"found a key of scope {scope}; expected scope {needed} for {method} "
                assert_error((answer.status_code, answer.get_json()), 403, "FORBIDDEN", words)
            else:
                assert answer.status_code not in (401, 403), (scope, method, path)


@pytest.mark.parametrize("place", ["X-API-Key", "Authorization", "api_key"])
def test_a_services_key_may_stand_in_all_three_places(client: FlaskClient, key: Key, place: str) -> None:
    [text] = key("read").values()
    given = {"X-API-Key": text, "Authorization": f"bearer {text}"}
    asked = client.get(f"{BASE}?limit=1&api_key={text}" if place == "api_key" else BASE, headers={place: given.get(place, "")})
    assert asked.status_code == 200
    assert text not in asked.get_data(as_text=True)


def test_a_key_of_one_service_changes_that_service_alone_and_reads_all(client: FlaskClient, key: Key) -> None:
    headers = key("write", "mine")
    theirs = subscribe(client, requesting_service="theirs")
    mine = client.post(BASE, json={**WISH, "requesting_service": "mine"}, headers=headers)
    assert mine.status_code == 201
    for method, path, given in (
        ("POST", BASE, {"json": {**WISH, "requesting_service": "theirs", "symbol": "ETHUSDT"}}),
        ("POST", BASE, {"json": {"channel_type": "trades"}}),
        ("POST", BASE, {"json": {**WISH, "requesting_service": ["mine"]}}),
        ("DELETE", f"{BASE}/{theirs['id']}", {}),
        ("POST", f"{BASE}/{theirs['id']}/resync", {}),
        ("POST", f"{BASE}/{theirs['id']}/heartbeat", {}),
        ("PUT", f"{BASE}/by-service/theirs", {"json": {"subscriptions": []}}),
        ("POST", f"{BASE}/by-service/theirs/heartbeat", {}),
        ("DELETE", f"{BASE}/by-service/theirs", {}),
        ("POST", SYNC, {}),
    ):
        answer = client.open(path, method=method, headers=headers, **given)
        assert_error((answer.status_code, answer.get_json()), 403, "FORBIDDEN", "expected 'mine', all that this key may change")
    assert client.get(BASE, headers=headers).get_json()["total"] == 2
    assert client.get(f"{BASE}/{theirs['id']}", headers=headers).get_json()["is_active"] is True
    for path in (f"{BASE}/{uuid4()}", f"{BASE}/nonsense"):
        assert client.delete(path, headers=headers).status_code == 404
    assert client.post(f"{BASE}/{mine.get_json()['id']}/heartbeat", headers=headers).status_code == 200
    assert client.put(f"{BASE}/by-service/mine", json={"subscriptions": [WANTED]}, headers=headers).status_code == 200
    assert client.delete(f"{BASE}/{mine.get_json()['id']}", headers=headers).status_code == 200
    assert client.delete(f"{BASE}/by-service/mine", headers=headers).get_json()["cancelled_count"] == 0


def test_too_many_wrong_keys_are_429_and_a_right_one_opens_all_the_same(
    client: FlaskClient, key: Key, caplog: pytest.LogCaptureFixture
) -> None:
    right = key("read")
    with caplog.at_level(logging.INFO):
        answers = [client.get(BASE, headers={"X-API-Key": f"{UNKNOWN[:-8]}{number:08d}"}) for number in range(TRIES + 3)]
    assert [answer.status_code for answer in answers[:TRIES]] == [401] * TRIES
    limited = answers[-1]
    assert_error((limited.status_code, limited.get_json()), 429, "RATE_LIMITED", "found too many wrong API keys from 127.0.0.1")
    assert 1 <= int(limited.headers["Retry-After"]) <= 2
    assert client.get(BASE, headers=right).status_code == 200
    assert client.get(BASE, headers=HEADERS).status_code == 200
    assert client.get(BASE).status_code == 401, "no key is no attempt"
    assert "key_refused address=127.0.0.1 method=GET path=/api/v1/subscriptions" in caplog.text
    assert caplog.text.count("key_refused") == TRIES
    assert UNKNOWN[4:-8] not in caplog.text


def test_without_postgresql_the_administrators_key_opens_and_an_unknown_one_is_503(tmp_path: Path) -> None:
    ports = free_ports(2)
    client = make_client(tmp_path, f"postgresql://127.0.0.1:{ports[0]}/none", f"amqp://127.0.0.1:{ports[1]}/")
    assert call(client, "GET", "/api/v1/connections") == (200, {"connections": {}})
    for _ in range(2):
        answer = client.get("/api/v1/connections", headers={"X-API-Key": UNKNOWN})
        assert_error(
            (answer.status_code, answer.get_json()), 503, "SERVICE_UNAVAILABLE", "PostgreSQL cannot be asked about this API key"
        )


#: Method and path of each call that changes something → how to ask it so that it does, its word in the audit, and whom it concerns.
CHANGES: dict[tuple[str, str], tuple[dict[str, Any], str, str | None]] = {
    ("POST", BASE): ({"json": {**WISH, "symbol": "ETHUSDT"}}, "subscribed", "tester"),
    ("POST", f"{BASE}/{{subscription_id}}/resync"): ({}, "resync_asked", "tester"),
    ("PUT", f"{BASE}/by-service/{{service}}"): (
        {"json": {"subscriptions": [WANTED, {**WANTED, "symbol": "XRPUSDT"}]}},
        "subscribed",
        "tester",
    ),
    ("DELETE", f"{BASE}/{{subscription_id}}"): ({}, "cancelled", "tester"),
    ("DELETE", f"{BASE}/by-service/{{service}}"): ({}, "cancelled", "tester"),
    ("POST", SYNC): ({}, "synced", None),
}
#: Calls that move nothing but the end of a lease, several times a minute each: in the audit nobody would find anything else.
RENEWALS = {("POST", f"{BASE}/{{subscription_id}}/heartbeat"), ("POST", f"{BASE}/by-service/{{service}}/heartbeat")}


def test_every_call_that_changes_something_is_in_the_audit_with_the_name_of_its_key(
    tmp_path: Path, database_url: str, broker_url: str, exchange: RunningSimulator, key: Key
) -> None:
    assert set(CHANGES) == {(method, path) for method, path, _ in CALLS if method != "GET"} - RENEWALS, "a row for every call"
    account = {"BYBIT_API_KEY": exchange.api_key, "BYBIT_API_SECRET": exchange.api_secret}
    client = make_client(
        tmp_path, database_url, broker_url, BYBIT_ENVIRONMENT="simulator", BYBIT_REST_URL=exchange.rest_url, **account
    )
    headers = {**key("write", name="changer"), "X-Trace-Id": "a-trace"}
    row = subscribe(client)
    subscribe(client, symbol="SOLUSDT")
    for (method, path), (given, action, service) in CHANGES.items():
        before = call(client, "GET", "/api/v1/audit")[1]["total"]
        answer = client.open(path.format(subscription_id=row["id"], service="tester"), method=method, headers=headers, **given)
        assert answer.status_code < 300, (method, path, answer.get_json())
        status, body = call(client, "GET", "/api/v1/audit")
        assert (status, body["total"] > before) == (200, True), (method, path)
        newest = body["audit"][0]
        assert (newest["who"], newest["action"], newest["service"], newest["trace_id"]) == ("changer", action, service, "a-trace")


def test_a_renewal_of_leases_is_not_in_the_audit(client: FlaskClient) -> None:
    row = subscribe(client, ttl_seconds=60)
    for method, path in RENEWALS:
        assert call(client, method, path.format(subscription_id=row["id"], service="tester"))[0] == 200
    assert call(client, "GET", "/api/v1/audit")[1]["total"] == 1
