"""`ws-gateway`: one verb a module. Exit codes: 0 done, 1 refused or failed, 2 wrong usage or settings, 3 something is away."""

import sys
from importlib import import_module

import click

import gateway
from gateway.errors import GatewayError, LineFault, ServerError, SettingError

REFUSED, USAGE, AWAY = 1, 2, 3

#: Verb → its module; imported when used, so that a small command does not wait for a large one's libraries.
VERBS = {
    "up": "cli.up",
    "migrate": "cli.migrate",
    "keys": "cli.keys",
    "simulate": "cli.simulate",
    "status": "cli.status",
    "subscribe": "cli.subscribe",
    "unsubscribe": "cli.unsubscribe",
    "apply": "cli.apply",
    "resync": "cli.resync",
    "list": "cli.list",
    "tail": "cli.tail",
    "record": "cli.record",
    "replay": "cli.replay",
}


class Verbs(click.Group):
    """The commands of the table above."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = VERBS.get(cmd_name)
        command: click.Command | None = import_module(module).command if module else None
        return command


@click.group(cls=Verbs)
@click.version_option(gateway.__version__, prog_name="ws-gateway")
def commands() -> None:
    """Bybit v5 streams as exact, ordered, normalised events in RabbitMQ, balances in PostgreSQL."""


def exit_code(fault: GatewayError) -> int:
    """What a fault means to the caller."""
    if isinstance(fault, SettingError):
        return USAGE
    return AWAY if isinstance(fault, LineFault) and not isinstance(fault, ServerError) else REFUSED


def main() -> None:
    """Run a verb; a fault is one sentence on stderr."""
    try:
        commands(standalone_mode=False)
    except click.ClickException as fault:
        fault.show()
        sys.exit(USAGE)
    except click.Abort:
        sys.exit(130)
    except GatewayError as fault:
        print(fault, file=sys.stderr)
        sys.exit(exit_code(fault))
    except OSError as fault:
        print(f"{fault.filename or 'the system'}: {fault.strerror or fault}", file=sys.stderr)
        sys.exit(REFUSED)


if __name__ == "__main__":
    main()
