"""`ws-gateway drained`: wait until nothing that was read waits on disk for RabbitMQ or PostgreSQL."""

import sys
import time

import click

from cli import running, screen
from cli.client import Client
from cli.exits import DONE, REFUSED

#: Between two looks; seconds. The processes say once a second how they are.
EVERY_S = 0.5
#: What was said before the last worker stopped may be so old; seconds.
SETTLED_S = 2.0


@click.command()
@click.option("--within", type=click.FloatRange(1), default=60.0, show_default=True, help="Seconds that are waited at the most.")
def command(within: float) -> int:
    """Wait until nothing waits on disk; before a stop, with the workers stopped. Ends with 1 when something still does."""
    client = Client(running.settings())
    until, calm_since = time.monotonic() + within, None
    with screen.waiting("waiting for what is on disk to go"):
        while True:
            now = time.monotonic()
            spool = client.ask("GET", "/health")[1]["spool"]
            calm_since = None if spool["messages"] else calm_since or now
            if calm_since is not None and now - calm_since >= SETTLED_S:
                break
            if now >= until:
                print(f"{spool['messages']} events still wait on disk, and go on waiting there", file=sys.stderr)
                return REFUSED
            time.sleep(EVERY_S)
    print("nothing waits on disk")
    return DONE
