"""Health and connections over the control API, as the state files of all processes tell."""

import time
from pathlib import Path
from typing import Any

import pytest
from asking import call
from flask.testing import FlaskClient

from gateway.health import state
from gateway.health.words import LaneState, RouterState, TopicState, WorkerState
from gateway.protocol.endpoints import ENDPOINTS


def speak(folder: Path, *, silent_s: float = 0, connected: bool = True, **linear: Any) -> None:
    """All processes write their state, as they do every second."""
    now_ms = time.time_ns() // 1_000_000
    for endpoint in ENDPOINTS:
        given: dict[str, Any] = linear if endpoint == "linear" else {"connection_status": "idle"}
        words = {"name": f"{endpoint}_00", "endpoint": endpoint, "pid": 1, "written_ms": now_ms, "started_ms": now_ms}
        state.write(folder, WorkerState(**{**words, **given}))
    lanes = {name: LaneState(connected=connected, checked_ms=now_ms) for name in ("broker", "postgres")}
    written_ms = now_ms - round(silent_s * 1000)
    state.write(folder, RouterState(name="router_00", pid=1, written_ms=written_ms, started_ms=0, lanes=lanes))


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


def test_connections_are_listed_by_name(client: FlaskClient) -> None:
    assert call(client, "GET", "/api/v1/connections") == (200, {"connections": {}})


def test_connections_show_each_worker_with_its_topics(client: FlaskClient, tmp_path: Path) -> None:
    topics = {
        "tickers.BTCUSDT": TopicState("refused", "no such symbol"),
        "kline.1.BTCUSDT": TopicState("live", None, 250, 7),
    }
    speak(tmp_path, connection_status="connected", wanted=1, topics=topics, events=7)
    body = call(client, "GET", "/api/v1/connections")[1]
    assert set(body["connections"]) == {f"{endpoint}_00" for endpoint in ENDPOINTS}
    shown = body["connections"]["linear_00"]
    assert (shown["endpoint"], shown["connection_status"], shown["events"]) == ("linear", "connected", 7)
    assert shown["topics"] == {
        "tickers.BTCUSDT": {"state": "refused", "last_error": "no such symbol", "last_event_at": None, "sequence": None},
        "kline.1.BTCUSDT": {"state": "live", "last_error": None, "last_event_at": "1970-01-01T00:00:00.250Z", "sequence": 7},
    }
