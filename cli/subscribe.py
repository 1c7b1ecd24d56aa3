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
def command(
    channel_type: str, symbol: str | None, service: str, category: str | None, depth: int | None, interval: str | None
) -> None:
    """Subscribe a service to CHANNEL_TYPE (trades, ticker, orderbook, kline, order …) of SYMBOL."""
    wish = {
        "channel_type": channel_type,
        "requesting_service": service,
        "symbol": symbol,
        "category": category,
        "depth": depth,
        "interval": interval,
    }
    given = {key: value for key, value in wish.items() if value is not None}
    row = Client(running.settings()).call("POST", "/api/v1/subscriptions", body=given)
    print(f"{row['id']}  {row['state']}  topic {row['topic']}  queue {row['queue']} ({row['queue_state']})")
    if row["last_error"]:
        print(f"note: {row['last_error']}")
