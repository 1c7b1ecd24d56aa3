"""`ws-gateway tail`: live events from the broker, one a line."""

import os
import sys
from collections.abc import Callable
from typing import Any

import click
import msgspec

from cli import running
from gateway import config, names
from gateway.consumer import Consumer, Received
from gateway.protocol.channels import CHANNELS
from gateway.protocol.endpoints import CATEGORIES

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


def line(event: Received) -> str:
    """One event for a person: time, type, category, symbol, and what matters of it."""
    envelope = event.envelope
    show = FIGURES.get(str(envelope["event_type"]), _first)
    hole = f"  [{event.missing} missing before this]" if event.missing else ""
    where = f"{envelope['category'] or '-':<7} {envelope['symbol'] or '-':<12}"
    return f"{str(envelope['received_at'])[11:23]} {envelope['event_type']:<13} {where} {show(envelope['payload'])}{hole}"


@click.command()
@click.option("--type", "event_type", type=click.Choice([row.event_type for row in CHANNELS]), help="One event type only.")
@click.option("--category", type=click.Choice(CATEGORIES), help="One category only.")
@click.option("--symbol", help="One symbol only.")
@click.option("--count", type=click.IntRange(1), help="End after this many events.")
@click.option("--json", "as_json", is_flag=True, help="The envelopes as they are, one a line.")
def command(event_type: str | None, category: str | None, symbol: str | None, count: int | None, as_json: bool) -> None:
    """Show events as they come, without taking them from anybody. Ctrl-C ends it."""
    settings = running.settings()
    config.require(settings, "BROKER_URL")
    binding = names.service_binding(event_type or "*", category=category, symbol=symbol or None, variant=None)
    shown = 0
    with Consumer(settings.broker_url, bindings=[binding]) as consumer:
        try:
            for event in consumer:
                print(msgspec.json.encode(event.envelope).decode() if as_json else line(event), flush=True)
                shown += 1
                if count is not None and shown >= count:
                    return
        except KeyboardInterrupt:
            return
        except BrokenPipeError:
            # The reader, `head` for one, has left; Python would complain again when it closes stdout.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
