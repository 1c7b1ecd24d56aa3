"""`ws-gateway buskeys`: a key pair for a machine's place on the bus."""

import click

from gateway.bus import curve


@click.command()
def command() -> None:
    """Make a key pair for a machine: its secret key for itself, the public one for the router's machine, or for all where it is that."""
    public, secret = curve.make_pair()
    print(f"WS_GATEWAY_BUS_KEY={secret}\npublic key: {public}")
