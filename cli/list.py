"""`ws-gateway list`: the subscriptions."""

import json

import click
from rich.console import Console
from rich.table import Table

from cli import running
from cli.client import Client

COLUMNS = ("id", "requesting_service", "topic", "category", "state", "last_event_at", "last_error")


@click.command(name="list")
@click.option("--service", help="Of this service only.")
@click.option("--all", "everything", is_flag=True, help="Cancelled ones too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(service: str | None, everything: bool, as_json: bool) -> None:
    """List subscriptions."""
    fields = {"limit": "1000"}
    if service:
        fields["requesting_service"] = service
    if not everything:
        fields["is_active"] = "true"
    answer = Client(running.settings()).call("GET", "/api/v1/subscriptions", fields=fields)
    if as_json:
        for row in answer["subscriptions"]:
            print(json.dumps(row))
        return
    table = Table(*COLUMNS, title=f"{len(answer['subscriptions'])} of {answer['total']} subscriptions")
    for row in answer["subscriptions"]:
        table.add_row(*(str(row[column] or "") for column in COLUMNS))
    Console().print(table)
