"""`ws-gateway tail` shows one event a line that a person can read."""

from typing import Any

import pytest

from cli.figures import FIGURES, line
from gateway.consumer import Received
from gateway.protocol.channels import CHANNELS

PAYLOADS: dict[str, tuple[dict[str, Any], str]] = {
    "trade": ({"side": "Buy", "quantity": "0.5", "price": "67000.10"}, "Buy  0.5  67000.10"),
    "ticker": ({"last_price": "67000", "volume_24h": "12"}, "last 67000  24h volume 12"),
    "orderbook": (
        {"kind": "snapshot", "depth": 50, "update_id": 7, "bids": [["1", "2"]], "asks": [], "in_sync": True},
        "snapshot 50 u=7 best bid 1 x 2",
    ),
    "rpi_orderbook": (
        {"kind": "delta", "depth": 50, "update_id": 7, "bids": [["1", "0", "2"]], "asks": [], "in_sync": False},
        "delta 50 u=7 1 bids  0 asks  OUT OF SYNC",
    ),
    "full_orderbook": (
        {"kind": "snapshot", "depth": None, "update_id": 7, "bids": [], "asks": [["3", "1"]], "in_sync": True},
        "snapshot None u=7 best ask 3 x 1",
    ),
    "liquidation": ({"side": "Buy", "quantity": "1", "price": "2"}, "Buy  1  2"),
    "funding": ({"funding_rate": "0.0001", "next_funding_time": 17}, "0.0001  17"),
    "insurance": ({"coin": "USDT", "symbols": "BTCUSDT", "balance": "5"}, "USDT  BTCUSDT  5"),
    "price_limit": ({"buy_lmt": "2", "sell_lmt": "1"}, "bids up to 2  asks down to 1"),
    "adl_alert": ({"coin": "USDT", "symbol": "A", "balance": "-1", "pnl_ratio": "0.2"}, "USDT  A  -1  0.2"),
    "execution_fast": ({"side": "Sell", "quantity": "1", "price": "2", "order_id": "o"}, "Sell  1  2  o"),
    "greeks": ({"base_coin": "BTC", "total_delta": "0.1"}, "BTC  0.1"),
    "raw": ({"strategyId": "s", "status": 3}, "strategyId s  status 3"),
    "kline": (
        {"interval": "1", "open": "1", "high": "3", "low": "0", "close": "2", "volume": "9", "confirm": True},
        "1  o 1 h 3 l 0 c 2 v 9  closed",
    ),
    "order": ({"status": "New", "side": "Buy", "order_type": "Limit", "quantity": "1", "price": "2"}, "New  Buy  Limit  1  2"),
    "execution": ({"execution_type": "Trade", "side": "Sell", "quantity": "1", "price": "2", "fee": "0"}, "Trade  Sell  1  2  0"),
    "position": ({"side": None, "size": "0", "average_price": None, "mode": 0}, "flat 0 @ None  mode 0"),
    "balance": ({"coins": [{"coin": "BTC", "wallet_balance": "2", "available_balance": "1"}]}, "BTC 2 (available 1)"),
    "system_status": ({"state": "ongoing", "title": "work"}, "ongoing  work"),
    "system": ({"kind": "connected", "endpoint": "linear", "worker": "linear_00"}, "connected  linear  linear_00"),
}


def received(event_type: str, payload: dict[str, Any], missing: int = 0) -> Received:
    envelope = {
        "event_type": event_type,
        "category": "linear",
        "symbol": None,
        "received_at": "2026-01-02T03:04:05.678901Z",
        "payload": payload,
    }
    return Received(envelope, missing)


@pytest.mark.parametrize("event_type", PAYLOADS)
def test_a_line_says_when_what_where_and_what_matters(event_type: str) -> None:
    payload, figures = PAYLOADS[event_type]
    text = line(received(event_type, payload))
    assert text.startswith(f"03:04:05.678 {event_type} ")
    assert text.endswith(figures)
    assert "\n" not in text


def test_figures_are_of_event_types_that_exist() -> None:
    assert {channel.event_type for channel in CHANNELS} >= set(FIGURES) == set(PAYLOADS)


def test_an_event_without_figures_of_its_own_shows_its_first_fields() -> None:
    assert line(received("brand_new", {"first": "1", "second": None, "third": "3"})).endswith("first 1  third 3")


def test_a_hole_and_a_book_out_of_sync_are_said() -> None:
    payload = {"kind": "delta", "depth": 50, "update_id": 9, "bids": [["1", "0"]], "asks": [], "in_sync": False}
    text = line(received("orderbook", payload, missing=3))
    assert "1 bids  0 asks  OUT OF SYNC" in text
    assert text.endswith("[3 missing before this]")
