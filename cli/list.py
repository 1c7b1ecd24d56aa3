"""`ws-gateway list`: the subscriptions."""

import json

import click
from rich.text import Text

from cli import running, screen
from cli.client import Client
from gateway.protocol.topic_moves import STATES

#: Letters of an id that are shown: enough for `unsubscribe` and `resync` to tell it from the others.
ID_SHOWN = 8
COLOURS = {"live": "green", "acknowledged": "green", "refused": "red", "stalled": "yellow", "cancelled": "dim"}


@click.command(name="list")
@click.option("--service", help="Of this service only.")
@click.option("--channel", help="Of this channel_type only.")
@click.option("--category", help="Of this category only.")
@click.option("--symbol", help="Of this symbol only.")
@click.option("--state", type=click.Choice((*STATES, "cancelled")), help="In this state only.")
@click.option("--all", "everything", is_flag=True, help="Cancelled ones too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(
    service: str | None, channel: str | None, category: str | None, symbol: str | None, state: str | None, everything: bool, as_json: bool
) -> None:  # fmt: skip
    """List subscriptions."""
    wanted = {"requesting_service": service, "channel_type": channel, "category": category, "symbol": symbol, "state": state}
    fields = {name: word for name, word in wanted.items() if word}
    if not everything and state != "cancelled":
        fields["is_active"] = "true"
    rows = Client(running.settings()).all_of("/api/v1/subscriptions", "subscriptions", **fields)
    if as_json:
        for row in rows:
            print(json.dumps(row))
        return
    found = list(rows)
    cells = []
    for row in found:
        age_s = screen.ago_s(row["last_event_at"])
        cells.append(
            (
                row["id"][:ID_SHOWN],
                row["requesting_service"],
                row["topic"],
                row["category"] or "-",
                Text(row["state"], style=COLOURS.get(row["state"], "")),
                f"{screen.lasted(age_s)} ago" if age_s is not None else "-",
                row["last_error"] or "",
            )
        )
    console = screen.console()
    columns = ("id", "service", "topic", "category", "state", "event", "last error")
    console.print(screen.table(columns, cells, elastic=("service", "topic", "last error")))
    console.print(f"{len(found)} subscriptions")
