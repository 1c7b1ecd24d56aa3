"""Who may ask the control API: the key, where it may stand and what is said without it; and the trace id of whoever asks."""

from typing import Any

import pytest
from asking import BASE, WISH, assert_error, subscribe
from flask.testing import FlaskClient
from running import KEY


@pytest.mark.parametrize(
    "given", [{"headers": {"X-API-Key": KEY}}, {"headers": {"Authorization": f"Bearer {KEY}"}}, {"query_string": {"api_key": KEY}}]
)
def test_the_key_may_stand_in_three_places(client: FlaskClient, given: dict[str, Any]) -> None:
    assert client.get(BASE, **given).status_code == 200


def test_a_key_in_the_query_opens_every_method_and_a_wrong_one_none(client: FlaskClient) -> None:
    row = client.post(f"{BASE}?api_key={KEY}", json=WISH)
    assert row.status_code == 201
    assert KEY not in row.get_data(as_text=True)
    path = f"{BASE}/{row.get_json()['id']}"
    assert client.delete(f"{path}?api_key=wrong").status_code == 401
    assert client.get(f"{path}?api_key={KEY}").get_json()["is_active"] is True
    assert client.delete(f"{path}?api_key={KEY}").status_code == 200


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
    for path in (BASE, "/api/v1/balances", "/api/v1/gaps", "/api/v1/events", "/api/v1/connections", "/api/v1/nothing"):
        answer = client.get(path, headers=headers)
        assert_error((answer.status_code, answer.get_json()), 401, "AUTHENTICATION_FAILED")
        assert answer.headers["X-Trace-Id"]
    for path in ("/health/live", "/api/v1/health/live", "/openapi.json"):
        assert client.get(path, headers=headers).status_code == 200
    assert client.get("/docs/", headers=headers).status_code == 200


def test_the_page_and_the_metrics_are_open_by_the_contract(client: FlaskClient) -> None:
    for path in ("/", "/metrics"):
        assert client.get(path).status_code != 401
    for path in ("/api/v1/", "/api/v1", "/metrics/x", "/api/v1/metrics"):
        assert client.get(path).status_code == 401


def test_without_a_key_nothing_is_said_of_what_exists(client: FlaskClient) -> None:
    row = subscribe(client)
    for path in (f"{BASE}/{row['id']}", "/api/v1/nothing", f"{BASE}?limit=0"):
        answer = client.get(path)
        assert_error((answer.status_code, answer.get_json()), 401, "AUTHENTICATION_FAILED")
    assert client.post(BASE, data=b"x" * 70_000).status_code == 401


def test_a_callers_trace_id_comes_back_where_it_is_sane(client: FlaskClient) -> None:
    assert client.get("/health/live", headers={"X-Trace-Id": "abc-1"}).headers["X-Trace-Id"] == "abc-1"
    assert client.get("/health/live", headers={"X-Trace-Id": "a b\tc"}).headers["X-Trace-Id"] != "a b\tc"
