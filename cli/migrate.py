"""`ws-gateway migrate`: bring the database's schema up to date, or take it back."""

import click

from cli import running, screen
from gateway import config
from gateway.database import migrate


@click.command()
@click.option("--to", type=click.IntRange(0), help="Take back every migration above this version.")
def command(to: int | None) -> None:
    """Apply the missing migrations. Safe to run twice, and at once."""
    settings = running.settings()
    config.require(settings, "DATABASE_URL")
    with screen.waiting("waiting for PostgreSQL"):
        done = migrate.migrate(settings.database_url) if to is None else migrate.rollback(settings.database_url, to)
    print("\n".join(done) or "nothing to do: the schema is current")
