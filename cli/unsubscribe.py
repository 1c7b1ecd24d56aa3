"""`ws-gateway unsubscribe`: end a subscription, or all of a service."""

import click

from cli import running
from cli.client import Client


@click.command()
@click.argument("subscription_id", required=False)
@click.option("--service", help="Cancel everything that this service holds.")
def command(subscription_id: str | None, service: str | None) -> None:
    """Cancel by SUBSCRIPTION_ID, of which the begin is enough, or by --service."""
    if (subscription_id is None) == (service is None):
        raise click.UsageError("expected either a SUBSCRIPTION_ID or --service")
    client = Client(running.settings())
    path = f"by-service/{service}" if service is not None else client.subscription_id(str(subscription_id))
    answer = client.call("DELETE", f"/api/v1/subscriptions/{path}")
    print(f"{answer['message']}: {answer.get('cancelled_count', path)}")
