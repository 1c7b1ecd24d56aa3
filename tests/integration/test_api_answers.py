"""What the control API answers over stored balances, state files and queues that come and go."""

import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pika
import pytest
from asking import BASE, HEADERS, WISH, assert_error, call, make_client, subscribe
from flask.testing import FlaskClient
from running import KEY, Consumer

from gateway import balances, db, names, queues, state, store
from gateway.models import Envelope
from gateway.protocol.endpoints import ENDPOINTS
from gateway.servers.server import free_ports
from gateway.sinks.topology import QueuePolicy, Topology
from gateway.wire import TopicReport, event_id

BALANCES = "/api/v1/balances"
POLICY = QueuePolicy("classic", 60_000, 100)


# ---- balances


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


# ---- health


def speak(folder: Path, *, silent_s: float = 0, connected: bool = True, **linear: Any) -> None:
    """All processes write their state, as they do every second."""
    now_ms = time.time_ns() // 1_000_000
    for endpoint in ENDPOINTS:
        given: dict[str, Any] = linear if endpoint == "linear" else {"connection_status": "idle"}
        words = {"name": f"{endpoint}_00", "endpoint": endpoint, "pid": 1, "written_ms": now_ms, "started_ms": now_ms}
        state.write(folder, state.WorkerState(**{**words, **given}))
    lanes = {name: state.LaneState(connected=connected, checked_ms=now_ms) for name in ("broker", "postgres")}
    written_ms = now_ms - round(silent_s * 1000)
    state.write(folder, state.RouterState(name="router_00", pid=1, written_ms=written_ms, started_ms=0, lanes=lanes))


@pytest.mark.parametrize("path", ["/health", "/api/v1/health"])
def test_health_is_read_from_the_state_files_without_a_key(client: FlaskClient, tmp_path: Path, path: str) -> None:
    now_ms = time.time_ns() // 1_000_000
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"connection_status": "connected", "wanted": 1}, 200, "healthy"),
        ({"connection_status": "reconnecting", "wanted": 1, "trouble_since_ms": now_ms}, 200, "degraded"),
        ({"connection_status": "reconnecting", "wanted": 1, "trouble_since_ms": now_ms - 60_000}, 503, "unhealthy"),
    ]
    for linear, status, word in cases:
        speak(tmp_path, **linear)
        answer = client.get(path)
        assert (answer.status_code, answer.get_json()["status"]) == (status, word)


def test_ready_says_whether_events_can_be_delivered(client: FlaskClient, tmp_path: Path) -> None:
    speak(tmp_path, connection_status="idle")
    assert call(client, "GET", "/health/ready") == (200, {"status": "ready", "reasons": []})
    speak(tmp_path, connected=False, connection_status="idle")
    status, body = call(client, "GET", "/health/ready")
    assert (status, body["status"]) == (503, "not_ready")
    assert body["reasons"] == ["RabbitMQ is away", "PostgreSQL is away"]
    speak(tmp_path, silent_s=60, connection_status="idle")
    assert call(client, "GET", "/api/v1/health/ready")[0] == 503


def test_a_state_file_that_cannot_be_read_is_a_process_that_never_spoke(client: FlaskClient, tmp_path: Path) -> None:
    speak(tmp_path, connection_status="connected", wanted=1)
    (tmp_path / "state" / "linear_00.json").write_bytes(b'{"name": "linear_00"')
    status, body = call(client, "GET", "/health")
    assert (status, body["status"]) == (200, "degraded")
    assert body["reasons"] == ["no process of the endpoint linear has reported yet"]


def test_connections_show_each_worker_with_its_topics(client: FlaskClient, tmp_path: Path) -> None:
    topics = {"tickers.BTCUSDT": state.TopicState("refused", "no such symbol")}
    speak(tmp_path, connection_status="connected", wanted=1, topics=topics, events=7)
    body = call(client, "GET", "/api/v1/connections")[1]
    assert set(body["connections"]) == {f"{endpoint}_00" for endpoint in ENDPOINTS}
    shown = body["connections"]["linear_00"]
    assert (shown["endpoint"], shown["connection_status"], shown["events"]) == ("linear", "connected", 7)
    assert shown["topics"] == {"tickers.BTCUSDT": {"state": "refused", "last_error": "no such symbol"}}


# ---- subscriptions and their queues


def test_what_a_worker_reports_is_shown(client: FlaskClient, connection: db.Connection) -> None:
    row = subscribe(client)
    store.report_topics(connection, "linear", [TopicReport("publicTrade.BTCUSDT", "acknowledged", None, 1_700_000_000_123)])
    shown = call(client, "GET", f"{BASE}/{row['id']}")[1]
    assert (shown["state"], shown["last_event_at"]) == ("acknowledged", "2023-11-14T22:13:20.123000Z")
    assert shown["created_at"] == row["created_at"]


def test_a_queue_that_waited_for_the_broker_is_made_when_it_is_back(
    tmp_path: Path, database_url: str, connection: db.Connection, broker_url: str, consumer: Consumer
) -> None:
    client = make_client(tmp_path, database_url, f"amqp://127.0.0.1:{free_ports(1)[0]}/")
    row = subscribe(client)
    assert (row["queue_state"], consumer.exists(row["queue"])) == ("pending", False)
    assert queues.troubled(store.service_queues(connection), {}) == [row["queue"]]
    with Topology(broker_url, POLICY) as topology:
        topology.declare_base([])
        queues.keep(connection, topology, row["queue"])
        assert call(client, "GET", f"{BASE}/{row['id']}")[1]["queue_state"] == "ready"
        publish(broker_url, "trade.linear.BTCUSDT.-")
        assert len(consumer.take(row["queue"])) == 1
        call(client, "DELETE", f"{BASE}/{row['id']}")
        assert consumer.exists(row["queue"]), "the API could not reach it"
        queues.keep(connection, topology, row["queue"])
    assert not consumer.exists(row["queue"])
    assert store.service_queues(connection) == []


def test_a_queue_left_with_messages_lets_nothing_more_in_and_goes_when_it_is_empty(
    client: FlaskClient, connection: db.Connection, broker_url: str, consumer: Consumer
) -> None:
    row = subscribe(client)
    publish(broker_url, "trade.linear.BTCUSDT.-")
    call(client, "DELETE", f"{BASE}/{row['id']}")
    publish(broker_url, "trade.linear.BTCUSDT.-")
    assert len(consumer.take(row["queue"])) == 1
    with Topology(broker_url, POLICY) as topology:
        queues.keep(connection, topology, row["queue"])
    assert not consumer.exists(row["queue"])


def test_a_wish_made_again_after_it_was_cancelled_is_a_new_one_with_its_queue(
    client: FlaskClient, broker_url: str, consumer: Consumer
) -> None:
    first = subscribe(client)
    call(client, "DELETE", f"{BASE}/{first['id']}")
    second = subscribe(client)
    assert second["id"] != first["id"]
    publish(broker_url, "trade.linear.BTCUSDT.-")
    assert len(consumer.take(second["queue"])) == 1


def test_whoever_subscribes_and_cancels_at_once_the_last_wish_has_its_queue(
    client: FlaskClient, broker_url: str, consumer: Consumer
) -> None:
    start = threading.Barrier(4)

    def turn(number: int) -> set[int]:
        mine = client.application.test_client()
        start.wait()
        statuses = set()
        for _ in range(6):
            if number % 2:
                statuses.add(mine.post(BASE, json=WISH, headers=HEADERS).status_code)
            else:
                statuses.add(mine.delete(f"{BASE}/by-service/tester", headers=HEADERS).status_code)
        return statuses

    with ThreadPoolExecutor(4) as threads:
        assert set().union(*threads.map(turn, range(4))) <= {200, 201}
    status, row = call(client, "POST", BASE, json=WISH)
    assert status in (200, 201)
    publish(broker_url, "trade.linear.BTCUSDT.-")
    assert len(consumer.take(row["queue"])) == 1
    assert call(client, "GET", f"{BASE}?is_active=true")[1]["total"] == 1


def publish(broker_url: str, key: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        connection.channel().basic_publish(names.EXCHANGE, key, b"1")


# ---- refusals


@pytest.mark.parametrize("field", ["channel_type", "symbol", "category", "interval", "topic", "delivery"])
def test_a_nul_character_in_the_body_is_said(client: FlaskClient, field: str) -> None:
    assert_error(
        call(client, "POST", BASE, json={**WISH, field: "a\0b"}), 400, "INVALID_REQUEST", "found a NUL character in the body"
    )


@pytest.mark.parametrize(("length", "status"), [(65_536, 201), (65_537, 413), (70_000, 413)])
def test_a_body_without_a_length_is_never_cut_but_refused_when_it_is_too_long(
    client: FlaskClient, length: int, status: int
) -> None:
    chunked = {"wsgi.input": io.BytesIO(json.dumps(WISH).encode().ljust(length)), "wsgi.input_terminated": True}
    headers = {**HEADERS, "Transfer-Encoding": "chunked"}
    answer = client.post(BASE, headers=headers, environ_overrides=chunked, content_type="application/json")
    assert answer.status_code == status
    assert answer.get_json().get("code") == (None if status == 201 else "PAYLOAD_TOO_LARGE")


def test_a_path_that_is_not_there_or_not_allowed_says_so_whatever_the_body(client: FlaskClient) -> None:
    for method, given in (("PUT", {}), ("PATCH", {"data": "x"}), ("PUT", {"json": {}})):
        assert_error(call(client, method, BASE, **given), 405, "METHOD_NOT_ALLOWED", f"found {method} {BASE}")
        assert_error(call(client, method, "/api/v1/nothing", **given), 404, "NOT_FOUND")
    assert_error(call(client, "POST", BALANCES), 405, "METHOD_NOT_ALLOWED")


def test_a_key_in_the_query_opens_every_method_and_a_wrong_one_none(client: FlaskClient) -> None:
    row = client.post(f"{BASE}?api_key={KEY}", json=WISH)
    assert row.status_code == 201
    assert KEY not in row.get_data(as_text=True)
    path = f"{BASE}/{row.get_json()['id']}"
    assert client.delete(f"{path}?api_key=wrong").status_code == 401
    assert client.get(f"{path}?api_key={KEY}").get_json()["is_active"] is True
    assert client.delete(f"{path}?api_key={KEY}").status_code == 200


def test_without_a_key_nothing_is_said_of_what_exists(client: FlaskClient) -> None:
    row = subscribe(client)
    for path in (f"{BASE}/{row['id']}", "/api/v1/nothing", f"{BASE}?limit=0"):
        answer = client.get(path)
        assert_error((answer.status_code, answer.get_json()), 401, "AUTHENTICATION_FAILED")
    assert client.post(BASE, data=b"x" * 70_000).status_code == 401


@pytest.mark.parametrize("service", ["a b", "-a", "a" * 101, ".a", "a%0A", "é"])
def test_a_service_that_cannot_be_one_is_400(client: FlaskClient, service: str) -> None:
    assert_error(call(client, "DELETE", f"{BASE}/by-service/{service}"), 400, "INVALID_REQUEST", "service")


def test_cancelling_for_a_service_without_wishes_counts_none(client: FlaskClient) -> None:
    assert call(client, "DELETE", f"{BASE}/by-service/nobody") == (200, {"message": "cancelled", "cancelled_count": 0})
