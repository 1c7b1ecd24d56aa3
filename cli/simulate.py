"""`ws-gateway simulate`: run the simulated exchange in this terminal."""

import os
import sys

import click

from cli.examples import epilog


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def command(options: tuple[str, ...]) -> None:
    """Run a simulated Bybit v5. `ws-gateway simulate --help` lists its options."""
    if "--help" in options:
        print(epilog("simulate").removeprefix("\b\n"), end="\n\n")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "simulator", *options])  # noqa: S606 # the same program, another main
