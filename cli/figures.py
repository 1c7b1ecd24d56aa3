"""FIGURES: what a person wants to see of an event, on one line."""

from collections.abc import Callable
from typing import Any

import click

from gateway.consumer import Received

Payload = dict[str, Any]


def _book(payload: Payload) -> str:
    if payload.get("kind") == "snapshot":
        levels = [f"best {side[:3]} {' x '.join(payload[side][0])}" for side in ("bids", "asks") if payload.get(side)]
    else:
        levels = [f"{len(payload.get(side) or ())} {side}" for side in ("bids", "asks")]
    sync = "" if payload.get("in_sync") else "  OUT OF SYNC"
    return f"{payload.get('kind')} {payload.get('depth')} u={payload.get('update_id')} {'  '.join(levels)}{sync}"


def _balance(payload: Payload) -> str:
    coins = payload.get("coins") or ()
    return "  ".join(
        f"{coin.get('coin')} {coin.get('wallet_balance')} (available {coin.get('available_balance')})" for coin in coins
    )


def _words(*fields: str) -> Callable[[Payload], str]:
    return lambda payload: "  ".join(str(payload[field]) for field in fields if payload.get(field) is not None)


def _first(payload: Payload) -> str:
    return "  ".join(f"{key} {value}" for key, value in list(payload.items())[:6] if value is not None)


#: Event type → what a person wants to see of it; any other shows its first fields.
FIGURES: dict[str, Callable[[Payload], str]] = {
    "trade": _words("side", "quantity", "price"),
    "ticker": lambda payload: f"last {payload.get('last_price')}  24h volume {payload.get('volume_24h')}",
    "orderbook": _book,
    "rpi_orderbook": _book,
    "full_orderbook": _book,
    "liquidation": _words("side", "quantity", "price"),
    "funding": _words("funding_rate", "next_funding_time"),
    "insurance": _words("coin", "symbols", "balance"),
    "price_limit": lambda p: f"bids up to {p.get('buy_lmt')}  asks down to {p.get('sell_lmt')}",
    "adl_alert": _words("coin", "symbol", "balance", "pnl_ratio"),
    "kline": lambda p: (
        f"{p['interval']}  o {p['open']} h {p['high']} l {p['low']} c {p['close']} v {p['volume']}"
        + ("  closed" if p.get("confirm") else "")
    ),
    "order": _words("status", "side", "order_type", "quantity", "price", "executed_quantity", "order_id"),
    "execution": _words("execution_type", "side", "quantity", "price", "fee", "order_id"),
    "execution_fast": _words("side", "quantity", "price", "order_id"),
    "position": lambda p: f"{p.get('side') or 'flat'} {p.get('size')} @ {p.get('average_price')}  mode {p.get('mode')}",
    "balance": _balance,
    "greeks": _words("base_coin", "total_delta", "total_gamma", "total_vega", "total_theta"),
    "raw": _first,
    "system_status": _words("state", "title"),
    "system": _words("kind", "endpoint", "worker", "topic", "detail"),
}


#: Event type → colour of its word; others have none.
COLOURS = {
    "trade": "cyan", "ticker": "blue", "kline": "blue", "orderbook": "bright_black", "rpi_orderbook": "bright_black",
    "full_orderbook": "bright_black", "liquidation": "magenta", "order": "green", "execution": "green", "execution_fast": "green",
    "position": "green", "balance": "green", "greeks": "green", "system": "yellow", "system_status": "yellow",
}  # fmt: skip
#: What must not be overlooked.
LOUD = "red"


def line(event: Received, *, coloured: bool = False) -> str:
    """One event for a person: time, type, category, symbol, and what matters of it."""
    envelope = event.envelope
    show = FIGURES.get(str(envelope["event_type"]), _first)
    hole = f"  [{event.missing} missing before this]" if event.missing else ""
    gap = "  [behind a gap]" if envelope.get("gap_id") and envelope["event_type"] != "system" else ""
    where = f"{envelope['category'] or '-':<7} {envelope['symbol'] or '-':<12}"
    time, kind, rest = str(envelope["received_at"])[11:23], f"{envelope['event_type']:<13}", f"{where} {show(envelope['payload'])}"
    if not coloured:
        return f"{time} {kind} {rest}{hole}{gap}"
    is_loud = "OUT OF SYNC" in rest
    kind = click.style(kind, fg=COLOURS.get(str(envelope["event_type"])))
    return (
        f"{click.style(time, dim=True)} {kind} {click.style(rest, fg=LOUD) if is_loud else rest}{click.style(hole + gap, fg=LOUD)}"
    )
