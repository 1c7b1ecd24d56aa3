"""`ws-gateway doctor`: what is wrong, and what to do about it."""

import json
import logging
from collections.abc import Callable, Iterable

import click
from rich.table import Table
from rich.text import Text

from cli import checks, running, screen
from cli.checks import Finding
from cli.exits import DONE, REFUSED
from gateway.config import Settings
from gateway.errors import GatewayError, SettingError

COLOURS = {"ok": "green", "note": "cyan", "wrong": "bold red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a finding.")
def command(as_json: bool) -> int:
    """Say what is wrong and what to do: settings, disk, servers, queues, exchange, clock, key, processes. Ends with 1 when something is."""
    logging.getLogger().addHandler(logging.NullHandler())  # what the parts have to say of themselves is said as findings
    try:
        settings = running.settings()
    except SettingError as fault:
        _show(
            "settings",
            Finding("wrong", str(fault), "correct it in the environment or in .env; env.example lists all"),
            as_json=as_json,
        )
        return REFUSED
    _show("settings", Finding("ok", f"all can be read; the exchange is {settings.environment}"), as_json=as_json)
    wrong = 0
    for name, check in checks.CHECKS.items():
        with screen.waiting(f"looking at {name}"):
            found = _looked(check, settings)
        for finding in found:
            _show(name, finding, as_json=as_json)
            wrong += finding.level == "wrong"
    if not as_json:
        print("nothing is wrong" if not wrong else f"{wrong} things are wrong" if wrong > 1 else "one thing is wrong")
    return REFUSED if wrong else DONE


def _looked(check: Callable[[Settings], Iterable[Finding]], settings: Settings) -> list[Finding]:
    """What a check finds; one that cannot be made is a finding, too."""
    found = []
    try:
        for finding in check(settings):
            found.append(finding)  # noqa: PERF402 # those before a fault count
    except (GatewayError, OSError) as fault:
        found.append(Finding("wrong", str(fault), "mend what stands above first"))
    return found


def _show(name: str, finding: Finding, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"check": name, "level": finding.level, "found": finding.found, "do": finding.do}), flush=True)
        return
    lines = Table.grid(padding=(0, 1))
    lines.add_row(Text(f"{finding.level:<5}", COLOURS[finding.level]), f"{name:<11}", Text(finding.found))
    if finding.do:
        lines.add_row("", "", Text(f"→ {finding.do}"))
    screen.console().print(lines)
