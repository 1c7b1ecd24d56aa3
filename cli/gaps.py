"""`ws-gateway gaps`: what may be missing."""

import json
from typing import Any

import click
from rich.text import Text

from cli import running, screen
from cli.client import Client

#: What became of one, in a word.
VERDICTS = {None: Text("open", style="yellow"), True: Text("made good", style="green"), False: Text("not", style="red")}


@click.command()
@click.option("--topic", help="Of this topic, and of whole connections that could carry it.")
@click.option("--from", "start", help="ISO 8601; gaps that reach beyond it.")
@click.option("--to", "end", help="ISO 8601; gaps that began before it.")
@click.option("--open", "only_open", is_flag=True, help="Only those that are not over.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(topic: str | None, start: str | None, end: str | None, only_open: bool, limit: int, as_json: bool) -> None:
    """List gaps, the newest first: what may be missing, why, and whether it was made good."""
    fields = {name: word for name, word in (("topic", topic), ("from", start), ("to", end)) if word}
    client = Client(running.settings())
    if only_open:
        rows = [row for row in client.all_of("/api/v1/gaps", "gaps", **fields) if row["to"] is None]
        found, total = rows[:limit], len(rows)
    else:
        answer = client.call("GET", "/api/v1/gaps", fields={**fields, "limit": str(limit)})
        found, total = answer["gaps"], answer["total"]
    if as_json:
        for row in found:
            print(json.dumps(row))
        return
    console = screen.console()
    columns = ("from (UTC)", "lasted", "cause", "worker", "topic", "recovered", "detail")
    console.print(screen.table(columns, [_cells(row) for row in found], elastic=("topic", "detail")))
    console.print(f"{len(found)} of {total} gaps")


def _cells(row: dict[str, Any]) -> tuple[str | Text, ...]:
    began_s = screen.ago_s(row["from"]) or 0.0
    lasted_s = began_s - (screen.ago_s(row["to"]) or 0.0)
    return (
        row["from"][:19].replace("T", " "),
        screen.lasted(lasted_s),
        row["cause"],
        row["worker"],
        row["topic"] or "all",
        VERDICTS[row["recovered"]],
        row["detail"] or "",
    )
