"""`ws-gateway drained`: wait until RabbitMQ and PostgreSQL have all that was read, by the words of the router and the workers."""

import sys
import time

import click

import gateway
from cli import running, screen
from cli.exits import DONE, REFUSED
from gateway.config import Settings
from gateway.errors import LineFault
from gateway.health import state
from gateway.health.known import Known

#: Between two looks; seconds. The processes say once a second how they are.
EVERY_S = 0.5
#: The router goes on saying for so long that nothing waits: what was said before the last worker stopped may be so old; milliseconds.
SETTLED_MS = 2000


class RouterSilent(LineFault):
    """The router does not speak."""


@click.command()
@click.option("--within", type=click.FloatRange(1), default=60.0, show_default=True, help="Seconds that are waited at the most.")
def command(within: float) -> int:
    """Wait until nothing waits for RabbitMQ or PostgreSQL; before a stop, with the workers stopped. Ends with 1 when something does."""
    settings = running.settings()
    until, calm_since_ms = time.monotonic() + within, None
    with screen.waiting("waiting for what was read to be delivered"):
        while True:
            said_ms, waiting = _said(settings)
            calm_since_ms = None if waiting else calm_since_ms or said_ms
            if calm_since_ms is not None and said_ms - calm_since_ms >= SETTLED_MS:
                break
            if time.monotonic() >= until:
                print(_words(waiting), file=sys.stderr)
                return REFUSED
            time.sleep(EVERY_S)
    print("nothing waits: RabbitMQ and PostgreSQL have all that was read")
    return DONE


def _said(settings: Settings) -> tuple[int, int]:
    """When the router last spoke, Unix milliseconds, and how many records no sink has settled, in memory, on disk or in a journal.

    Its last words say nothing of what came since: raises RouterSilent where they are not of now.
    """
    known = Known(
        state.read_workers(settings.var_dir), state.read_router(settings.var_dir), time.time_ns() // 1_000_000,
        settings.environment, gateway.__version__, settings.spool_max_bytes,
    )  # fmt: skip
    if known.router is None or not known.is_fresh(known.router):
        raise RouterSilent(
            f"the router of {settings.var_dir} is silent; expected it to run, for nobody else delivers or knows what waits"
        )
    in_lanes = sum(lane.waiting for lane in known.router.lanes.values())
    return known.router.written_ms, in_lanes + sum(worker.journal_messages for worker in known.present.values())


def _words(waiting: int) -> str:
    if not waiting:
        return "nothing seems to wait, but nobody has said so for two seconds; try again"
    return f"{waiting} events still wait, and go on waiting on disk when the gateway stops"
