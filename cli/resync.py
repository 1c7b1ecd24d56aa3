"""`ws-gateway resync`: have one topic subscribed anew."""

import click

from cli import running
from cli.client import Client


@click.command()
@click.argument("subscription_id")
def command(subscription_id: str) -> None:
    """Have the topic of SUBSCRIPTION_ID, of which the begin is enough, left and subscribed again, for a fresh snapshot."""
    client = Client(running.settings())
    row = client.call("POST", f"/api/v1/subscriptions/{client.subscription_id(subscription_id)}/resync")
    print(f"{row['id']}  {row['state']}  topic {row['topic']}: asked for anew")
