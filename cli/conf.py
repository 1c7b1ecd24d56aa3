"""`ws-gateway conf`: supervisord.conf for one of several machines."""

from pathlib import Path

import click

from gateway import programs
from gateway.errors import SettingError


@click.command()
@click.argument("programs_here", metavar="PROGRAM[=FIRST-LAST/PROCESSES]...", nargs=-1, required=True)
@click.option("--from", "path", type=click.Path(path_type=Path), default=Path("supervisord.conf"), help="The whole file.")
def command(programs_here: tuple[str, ...], path: Path) -> None:
    """Print supervisord.conf with these programs alone; of an endpoint's processes over all machines, those that this one runs."""
    try:
        whole = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise SettingError(f"{path} cannot be read ({fault}); expected the gateway's supervisord.conf") from fault
    print(programs.chosen(whole, programs_here), end="")
