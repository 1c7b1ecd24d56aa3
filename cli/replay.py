"""`ws-gateway replay`: serve a recording in this terminal, as an exchange of its own."""

import os
import sys

import click

from cli.examples import epilog


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def command(options: tuple[str, ...]) -> None:
    """Serve a recording as a simulated exchange, for workers to read. `ws-gateway replay --help` lists its options."""
    if "--help" in options:
        print(epilog("replay").removeprefix("\b\n"), end="\n\n")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "simulator.replay", *options])  # noqa: S606 # the same program, another main
