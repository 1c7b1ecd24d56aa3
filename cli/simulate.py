"""`ws-gateway simulate`: run the simulated exchange in this terminal."""

import click

from cli.handover import AS_THEY_ARE, become


@click.command(context_settings=AS_THEY_ARE)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def command(options: tuple[str, ...]) -> None:
    """Run a simulated Bybit v5. `ws-gateway simulate --help` lists its options."""
    become("simulator", options, name="simulate")
