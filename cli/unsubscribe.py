"""`ws-gateway unsubscribe`: end a subscription, or all of a service."""

import click

from cli import running
from cli.client import Client


@click.command()
@click.argument("subscription_id", required=False)
@click.option("--service", help="Cancel everything that this service holds.")
def command(subscription_id: str | None, service: str | None) -> None:
    """Cancel by SUBSCRIPTION_ID or by --service."""
    if (subscription_id is None) == (service is None):
        raise click.UsageError("expected either a SUBSCRIPTION_ID or --service")
    path = f"by-service/{service}" if service is not None else str(subscription_id)
    answer = Client(running.settings()).call("DELETE", f"/api/v1/subscriptions/{path}")
    print(f"{answer['message']}: {answer.get('cancelled_count', subscription_id)}")
