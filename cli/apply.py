"""`ws-gateway apply`: let a service want what a file says, and nothing else."""

import json
from typing import IO, Any

import click

from cli import running
from cli.client import Client

#: What the API answers → what stands before each topic.
SIGNS = {"added": "+", "removed": "-", "unchanged": " "}


@click.command()
@click.argument("service")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
def command(service: str, file: IO[str], dry_run: bool) -> None:
    """Replace all subscriptions of SERVICE by those in FILE (- is standard input): a JSON list of what `POST /subscriptions` takes."""
    fields = "?dry_run=true" if dry_run else ""
    path = f"/api/v1/subscriptions/by-service/{service}{fields}"
    answer = Client(running.settings()).call("PUT", path, body={"subscriptions": _wishes(file)})
    for name, sign in SIGNS.items():
        for row in answer[name]:
            print(f"{sign} {row['topic']}  {row['category'] or '-'}  {row['id']}")
    counts = ", ".join(f"{len(answer[name])} {name}" for name in SIGNS)
    print(f"{counts}{' (nothing was changed)' if dry_run else ''}")


def _wishes(file: IO[str]) -> list[Any]:
    try:
        found = json.load(file)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise click.UsageError(f"{file.name} is not JSON: {fault}") from fault
    if not isinstance(found, list):
        raise click.UsageError(f"{file.name} holds {type(found).__name__}; expected a list of subscriptions")
    return found
