"""Answers as an example, for the OpenAPI document."""

from typing import Any, cast

from pydantic import ConfigDict

_BTC = {
    "id": "0d2a4f5e-6c1b-4e0f-9d47-2b8f0a1c3e55", "account": "main", "account_type": "UNIFIED", "coin": "BTC",
    "wallet_balance": "1.250000000000000001", "available_balance": "1.200000000000000001", "frozen": "0.05",
    "equity": "1.250000000000000001", "usd_value": "87500.00000000", "margin_collateral": True, "total_order_im": "0.05",
    "total_position_im": "0", "event_timestamp": "2026-01-31T12:00:00.250000Z", "received_at": "2026-01-31T12:00:00.262871Z",
    "event_id": "5f0c8d52-9a1e-5d0b-8a53-0f6f1b0a7c21", "trace_id": "20260131T115500.000Z-private_00-17", "source": "stream",
    "derived": ["available_balance"], "warnings": [],
}  # fmt: skip
_OWED = {
    **_BTC, "id": "7b1f3c90-2a4d-4f6e-8b15-9c0d2e4f6a81", "coin": "USDC", "wallet_balance": "-12.5", "available_balance": "-12.5",
    "frozen": "0", "equity": "-12.5", "usd_value": "-12.5", "total_order_im": "0",
    "warnings": ["negative_wallet_balance", "negative_available_balance", "negative_equity", "negative_usd_value"],
}  # fmt: skip
_TOTALS: dict[str, Any] = {
    "id": "c3a1e7d4-58b2-4b6f-a0c9-1d2e3f405162", "account": "main", "account_type": "UNIFIED", "total_equity": "87487.50000000",
    "total_wallet_balance": "87487.50000000", "total_margin_balance": "87487.50000000", "total_available_balance": "83987.50000000",
    "total_initial_margin": "3500.00000000", "total_maintenance_margin": "0", "total_order_im": None, "base_currency": "USD",
    "event_timestamp": "2026-01-31T12:00:00.250000Z", "received_at": "2026-01-31T12:00:00.262871Z",
    "event_id": "5f0c8d52-9a1e-5d0b-8a53-0f6f1b0a7c21", "trace_id": "20260131T115500.000Z-private_00-17", "source": "stream",
    "warnings": [],
}  # fmt: skip
_GAP_ID = "6f9619ff-8b86-5011-b42d-00c04fc964ff"
_CONNECTION = {
    "connection_status": "connected", "environment": "mainnet", "connection_duration_seconds": 3600.25,
    "last_heartbeat_at": "2026-01-31T12:00:00.250Z", "reconnection_count": 1, "last_error": None, "active_subscriptions": 2,
}  # fmt: skip

BALANCES = {"balances": [_BTC, _OWED], "margin_balance": _TOTALS, "total": 2}
HISTORY = {"balances": [_BTC], "total": 1}
SYNCED = {"updated_coins": ["BTC", "USDC"], "updated_count": 2}
GAPS = {
    "gaps": [
        {
            "id": _GAP_ID, "endpoint": "linear", "worker": "linear_00", "topic": None, "from": "2026-01-31T11:59:10.000000Z",
            "to": "2026-01-31T11:59:12.500000Z", "cause": "disconnected", "recovered": True, "detail": "12 trades were fetched",
        }
    ],
    "total": 1,
}  # fmt: skip
EVENTS = {
    "events": [
        {
            "event_id": "f3a5c1e2-7b90-5d4c-9e8f-102132435465", "timestamp": "2026-01-31T11:59:10.004000Z", "kind": "disconnected",
            "endpoint": "linear", "worker": "linear_00", "topic": None, "gap_id": _GAP_ID, "detail": "the exchange closed with code 1001",
        }
    ],
    "total": 1,
}  # fmt: skip
CONNECTIONS = {
    "connections": {
        "linear_00": {
            "name": "linear_00", "endpoint": "linear", "pid": 4711, "is_silent": False, **_CONNECTION, "wanted": 2, "events": 51234,
            "dropped": 0, "repeated": 0, "stale": 0, "unknown": 0, "unknown_fields": 0, "missed": 0, "unacknowledged": 0,
            "clock_skew_ms": None, "breaker": "closed", "journal": {"messages": 0, "bytes": 0, "error": None},
            "last_frame_at": "2026-01-31T12:00:00.240Z",
            "topics": {
                "publicTrade.BTCUSDT": {
                    "state": "acknowledged", "last_error": None, "last_event_at": "2026-01-31T11:59:58.125Z", "sequence": 4711,
                },
                "orderbook.50.BTCUSDT": {
                    "state": "live", "last_error": None, "last_event_at": "2026-01-31T12:00:00.240Z", "sequence": 51234,
                },
            },
        }
    }
}  # fmt: skip
HEALTH = {
    "status": "healthy", "service": "ws-gateway", "version": "0.1.0", "environment": "mainnet", "websocket_connected": True,
    "websocket_status": "connected", "database_connected": True, "queue_connected": True, "active_subscriptions": 2,
    "last_heartbeat_at": "2026-01-31T12:00:00.250Z", "websocket_state": _CONNECTION, "connections": {"linear_00": _CONNECTION},
    "queues": {"ws-gateway.trade": {"messages": 0, "consumers": 1, "kind": "class"}}, "queues_age_seconds": 2.5,
    "spool": {"messages": 0, "bytes": 0}, "clock_skew_ms": 3, "reasons": [], "alarms": [], "hint": None,
}  # fmt: skip
UNHEALTHY = {
    **HEALTH, "status": "unhealthy", "database_connected": False, "spool": {"messages": 3, "bytes": 4096},
    "reasons": ["PostgreSQL is away: no answer within 4 s"],
}  # fmt: skip
AUDIT = {
    "audit": [
        {
            "id": 17, "timestamp": "2026-01-31T12:00:00.250000Z", "who": "trader", "key_id": "0123456789abcdef", "action": "subscribed",
            "subject": "6d1a5c1e-6a3f-4a83-9d0e-0c8d4a7c2f11", "service": "trader", "topic": "publicTrade.BTCUSDT",
            "trace_id": "3f9c2a7b51d08e64",
        }
    ],
    "total": 1,
}  # fmt: skip
SCHEMAS = {
    "schemas": [{"event_type": "trade", "description": "One event message: a public trade.", "schema_path": "/schemas/trade"}]
}
READY = {"status": "ready", "reasons": []}
NOT_READY = {"status": "not_ready", "reasons": UNHEALTHY["reasons"]}
LIVE = {"status": "live"}


def shown(answer: dict[str, Any]) -> ConfigDict:
    """The configuration of an answer's model; flask-openapi3 looks for the example under a key of its own."""
    return cast(ConfigDict, {"openapi_extra": {"example": answer}})
