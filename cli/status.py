"""`ws-gateway status`: health, for a person."""

import json
import sys
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from cli import running
from cli import slo as measures
from cli.client import Client

COLOURS = {"healthy": "green", "degraded": "yellow", "unhealthy": "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The answer of GET /health as it is.")
@click.option("--slo", is_flag=True, help="The specification's success measures, since counting began; 1 when one is missed.")
def command(as_json: bool, slo: bool) -> None:
    """Show the gateway's health. Ends with 0 when healthy or degraded, 1 when unhealthy, 3 when it does not answer."""
    client = Client(running.settings())
    if slo:
        measures.show(client)
    status, health = client.ask("GET", "/health")
    print(json.dumps(health, indent=1)) if as_json else _show(health)
    sys.exit(0 if status == 200 else 1)


def _show(health: dict[str, Any]) -> None:
    console = Console()
    colour = COLOURS[health["status"]]
    console.print(f"[bold {colour}]{health['status']}[/]  {health['environment']}  {health['active_subscriptions']} subscriptions")
    for reason in [*health["reasons"], *health["alarms"]]:
        console.print(f"  {reason}", markup=False)
    connections = Table("connection", "status", "for s", "reconnects", "topics", "last error")
    for name, state in health["connections"].items():
        connections.add_row(
            name,
            state["connection_status"],
            f"{state['connection_duration_seconds']:.0f}",
            str(state["reconnection_count"]),
            str(state["active_subscriptions"]),
            state["last_error"] or "",
        )
    console.print(connections)
    queues = Table("queue", "messages", "consumers")
    for name, queue in health["queues"].items():
        queues.add_row(name, str(queue["messages"]), str(queue["consumers"]))
    console.print(queues)
