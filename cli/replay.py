"""`ws-gateway replay`: serve a recording in this terminal, as an exchange of its own."""

import click

from cli.handover import AS_THEY_ARE, become


@click.command(context_settings=AS_THEY_ARE)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def command(options: tuple[str, ...]) -> None:
    """Serve a recording as a simulated exchange, for workers to read. `ws-gateway replay --help` lists its options."""
    become("simulator.replay", options, name="replay")
