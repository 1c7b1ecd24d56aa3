"""/audit over the control API: who changed what, newest first, by action and time, for administrators alone; written with the change."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from asking import BASE, WISH, assert_error, call, make_client, subscribe
from flask.testing import FlaskClient

from gateway.database import api_keys, audit, db, leases
from gateway.database.audit import By
from gateway.servers.server import free_ports

AUDIT = "/api/v1/audit"


@pytest.fixture
def client(tmp_path: Path, database_url: str) -> FlaskClient:
    """A broker that is away does not matter here."""
    return make_client(tmp_path, database_url, f"amqp://127.0.0.1:{free_ports(1)[0]}/")


def actions(client: FlaskClient, query: str = "") -> tuple[list[str], int]:
    status, body = call(client, "GET", f"{AUDIT}?{query}")
    assert status == 200, body
    return [row["action"] for row in body["audit"]], body["total"]


def test_nothing_is_in_the_audit_before_anything_was_changed(client: FlaskClient) -> None:
    assert call(client, "GET", BASE)[0] == 200
    assert call(client, "GET", AUDIT) == (200, {"audit": [], "total": 0})


def test_the_audit_says_who_changed_what_when_and_in_which_request(client: FlaskClient) -> None:
    row = subscribe(client)
    [change] = call(client, "GET", AUDIT)[1]["audit"]
    assert list(change) == ["id", "timestamp", "who", "key_id", "action", "subject", "service", "topic", "trace_id"]
    assert (change["who"], change["key_id"], change["action"]) == ("administrator", None, "subscribed")
    assert (change["subject"], change["service"], change["topic"]) == (row["id"], "tester", "publicTrade.BTCUSDT")
    made_after = datetime.fromisoformat(row["created_at"]) - datetime.fromisoformat(change["timestamp"])
    assert timedelta() <= made_after < timedelta(seconds=1), "in the transaction of the change, which had just begun"
    assert len(change["trace_id"]) == 16


def test_two_keys_of_one_name_are_told_apart(client: FlaskClient, connection: db.Connection) -> None:
    ids = []
    for symbol in ("BTCUSDT", "ETHUSDT"):
        whole, key = api_keys.create(connection, name="trader", scopes=["write"], service=None, by=By("tester"))
        assert client.post(BASE, headers={"X-API-Key": whole}, json={**WISH, "symbol": symbol}).status_code == 201
        api_keys.revoke(connection, "trader", By("tester"))
        ids.append(key["id"])
    changes = [row for row in call(client, "GET", AUDIT)[1]["audit"] if row["action"] == "subscribed"]
    assert [(row["who"], row["key_id"], row["topic"]) for row in changes] == [
        ("trader", ids[1], "publicTrade.ETHUSDT"), ("trader", ids[0], "publicTrade.BTCUSDT"),
    ]  # fmt: skip


def test_what_changes_nothing_is_not_in_the_audit(client: FlaskClient) -> None:
    row = subscribe(client, channel_type="orderbook", snapshot_seconds=5)
    for again in ({}, {"snapshot_seconds": 5}):
        assert call(client, "POST", BASE, json={**WISH, "channel_type": "orderbook", **again})[0] == 200
    assert actions(client) == (["subscribed"], 1)
    assert call(client, "POST", BASE, json={**WISH, "channel_type": "orderbook", "snapshot_seconds": 6})[0] == 200
    for _ in range(2):
        assert call(client, "DELETE", f"{BASE}/{row['id']}")[0] == 200
    assert call(client, "DELETE", f"{BASE}/by-service/nobody")[0] == 200
    assert actions(client) == (["cancelled", "changed", "subscribed"], 3)


def test_a_lease_that_begins_anew_is_not_in_the_audit_and_one_that_is_longer_or_ran_out_is(
    client: FlaskClient, connection: db.Connection
) -> None:
    row = subscribe(client, ttl_seconds=60)
    assert call(client, "POST", BASE, json={**WISH, "ttl_seconds": 60})[0] == 200
    assert actions(client) == (["subscribed"], 1)
    assert call(client, "POST", BASE, json={**WISH, "ttl_seconds": 90})[0] == 200
    with db.transaction(connection) as cursor:
        cursor.execute("update subscriptions set expires_at = clock_timestamp()")
        cursor.execute("update lease_looks set looked_at = clock_timestamp()")
    assert leases.end(connection, was_away=False)
    assert actions(client) == (["expired", "changed", "subscribed"], 3)
    newest = call(client, "GET", AUDIT)[1]["audit"][0]
    assert (newest["who"], newest["subject"], newest["service"], newest["trace_id"]) == ("ws-gateway", row["id"], "tester", None)


def test_each_row_of_a_replacement_is_in_the_audit_and_nothing_of_a_dry_run(client: FlaskClient) -> None:
    kept, gone = subscribe(client), subscribe(client, symbol="ETHUSDT")
    wanted = {"subscriptions": [{**WISH, "ttl_seconds": 60}, {**WISH, "symbol": "SOLUSDT"}]}
    for query in ("?dry_run=true", "", ""):
        status, done = call(client, "PUT", f"{BASE}/by-service/tester{query}", json=wanted)
        assert status == 200, done
        if query:
            assert actions(client) == (["subscribed"] * 2, 2)
    changes = [(row["action"], row["topic"], row["subject"]) for row in call(client, "GET", AUDIT)[1]["audit"]]
    new = done["unchanged"][1]
    assert set(changes[:3]) == {
        ("changed", kept["topic"], kept["id"]), ("cancelled", gone["topic"], gone["id"]), ("subscribed", new["topic"], new["id"]),
    }  # fmt: skip
    assert len(changes) == 5, "the third PUT changed nothing"


def test_the_audit_comes_newest_first_by_action_and_time_and_in_pages(client: FlaskClient, connection: db.Connection) -> None:
    with db.transaction(connection) as cursor:
        for action in ("a", "b", "a"):
            audit.record(cursor, By("tester"), action, {})
        cursor.execute("update audit set at = '2026-01-01T00:00:00Z'::timestamptz + id * interval '1 second'")
    assert actions(client) == (["a", "b", "a"], 3)
    assert actions(client, "action=b") == (["b"], 1)
    assert actions(client, "limit=1&offset=1") == (["b"], 3)
    assert actions(client, "from=2026-01-01T00:00:02Z&to=2026-01-01T00:00:02Z") == (["b"], 1)
    assert actions(client, "to=2025-12-31") == ([], 0)


def test_a_change_that_is_undone_leaves_nothing_in_the_audit(client: FlaskClient, connection: db.Connection) -> None:
    def fail_after_it() -> None:
        with db.transaction(connection) as cursor:
            audit.record(cursor, By("tester"), "a", {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_it()
    assert actions(client) == ([], 0)


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ("from=never", "INVALID_TIME_RANGE", "found from 'never'; expected ISO 8601"),
        ("limit=1001", "INVALID_REQUEST", "limit"),
        ("colour=red", "INVALID_REQUEST", "the field colour is unknown"),
        ("limit=1&limit=2", "INVALID_REQUEST", "found the field limit 2 times; expected it once"),
    ],
)
def test_a_bad_query_of_the_audit_is_400(client: FlaskClient, query: str, code: str, words: str) -> None:
    assert_error(call(client, "GET", f"{AUDIT}?{query}"), 400, code, words)
