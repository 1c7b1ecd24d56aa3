"""`ws-gateway`: one verb a module. How it ends is the table in `exits.py`."""

import sys
from importlib import import_module

import click

import gateway
from cli.examples import EXAMPLES, epilog
from cli.exits import DONE, EXITS, INTERRUPTED, REFUSED, USAGE, exit_code
from gateway.errors import GatewayError

#: Verb → its module; imported when used, so that a small command does not wait for a large one's libraries.
VERBS = {
    "up": "cli.up",
    "migrate": "cli.migrate",
    "keys": "cli.keys",
    "simulate": "cli.simulate",
    "status": "cli.status",
    "drained": "cli.drained",
    "doctor": "cli.doctor",
    "subscribe": "cli.subscribe",
    "unsubscribe": "cli.unsubscribe",
    "apply": "cli.apply",
    "resync": "cli.resync",
    "list": "cli.list",
    "gaps": "cli.gaps",
    "queues": "cli.queues",
    "tail": "cli.tail",
    "record": "cli.record",
    "replay": "cli.replay",
    "buskeys": "cli.buskeys",
    "conf": "cli.conf",
}

#: Columns of a help text: examples stand on one line each.
HELP_WIDTH = 120


class Verbs(click.Group):
    """The commands of the table above."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = VERBS.get(cmd_name)
        command: click.Command | None = import_module(module).command if module else None
        if command is not None:
            _add_examples(command, cmd_name)
        return command


def _add_examples(command: click.Command, words: str) -> None:
    if isinstance(command, click.Group):
        for name, part in command.commands.items():
            _add_examples(part, f"{words} {name}")
    elif words in EXAMPLES:
        command.epilog = epilog(words)


_EXITS = "\b\nExit codes:\n" + "\n".join(f"  {code:<4} {when}" for code, when in EXITS.items())


@click.group(cls=Verbs, epilog=_EXITS, context_settings={"max_content_width": HELP_WIDTH})
@click.version_option(gateway.__version__, prog_name="ws-gateway")
def commands() -> None:
    """Bybit v5 streams as exact, ordered, normalised events in RabbitMQ, balances in PostgreSQL."""


def main() -> None:
    """Run a verb; a fault is one sentence on stderr."""
    try:
        sys.exit(commands(standalone_mode=False) or DONE)
    except click.ClickException as fault:
        fault.show()
        sys.exit(USAGE)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except GatewayError as fault:
        print(fault, file=sys.stderr)
        sys.exit(exit_code(fault))
    except OSError as fault:
        print(f"{fault.filename or 'the system'}: {fault.strerror or fault}", file=sys.stderr)
        sys.exit(REFUSED)


if __name__ == "__main__":
    main()
