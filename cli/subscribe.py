"""`ws-gateway subscribe`: wish for events."""

import click

from cli import running
from cli.client import Client


@click.command()
@click.argument("channel_type")
@click.argument("symbol", required=False)
@click.option("--service", default="cli", show_default=True, help="Who asks; names the queue.")
@click.option("--category", help="spot, linear, inverse, option or spread; else told from the symbol.")
@click.option("--depth", type=int, help="Of an order book.")
@click.option("--interval", help="Of a kline.")
@click.option("--topic", help="In the exchange's own words, such as order.linear; with CHANNEL_TYPE raw any topic.")
@click.option(
    "--delivery",
    type=click.Choice(["single", "batch"]),
    help="One message an event, or up to 256 of them in a message; else as the queue has it.",
)
@click.option("--snapshot-seconds", type=float, help="How often the queue gets the whole book, 1 to 3600.")
@click.option("--ttl-seconds", type=float, help="Ends unless it is renewed within this, 10 to 604800; subscribing again renews it.")
def command(
    channel_type: str,
    symbol: str | None,
    service: str,
    category: str | None,
    depth: int | None,
    interval: str | None,
    topic: str | None,
    delivery: str | None,
    snapshot_seconds: float | None,
    ttl_seconds: float | None,
) -> None:
    """Subscribe a service to CHANNEL_TYPE (trades, ticker, orderbook, kline, order …) of SYMBOL."""
    wish = {
        "channel_type": channel_type,
        "requesting_service": service,
        "symbol": symbol,
        "category": category,
        "depth": depth,
        "interval": interval,
        "topic": topic,
        "delivery": delivery,
        "snapshot_seconds": snapshot_seconds,
        "ttl_seconds": ttl_seconds,
    }
    given = {key: value for key, value in wish.items() if value is not None}
    row = Client(running.settings()).call("POST", "/api/v1/subscriptions", body=given)
    print(f"{row['id']}  {row['state']}  topic {row['topic']}  queue {row['queue']} ({row['queue_state']})")
    if row["last_error"]:
        print(f"note: {row['last_error']}")
