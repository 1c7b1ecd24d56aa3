"""`ws-gateway status`: is it connected, what is followed, how late is it, is anything lost, is anybody reading."""

import json
import sys
import time
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from cli import running, screen
from cli import slo as measures
from cli.client import ApiAway, Client
from cli.exits import DONE, REFUSED
from cli.latency import SHARES, Latency
from gateway.errors import RequestError
from gateway.metrics import text
from gateway.metrics.text import Sample

COLOURS = {"healthy": "green", "degraded": "yellow", "unhealthy": "red"}
#: Of connections that do not need a look; any other status is yellow, or red.
CALM = {"connected": "green", "idle": "dim", "standby": "dim"}
#: Between two looks of --watch; seconds.
EVERY_S = 2.0
#: Gaps that are looked through for those that are open.
GAPS = "1000"

Answer = dict[str, Any]


@click.command()
@click.option("--watch", is_flag=True, help="Show it again and again, until Ctrl-C.")
@click.option("--every", type=click.FloatRange(0.2, 3600), default=EVERY_S, show_default=True, help="Seconds, with --watch.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="The answer of GET /health as it is, or what --slo says; with --watch one line each time.",
)
@click.option("--slo", is_flag=True, help="The specification's success measures, since counting began; 1 when one is missed.")
def command(watch: bool, every: float, as_json: bool, slo: bool) -> int:
    """Show the gateway's health. Ends with 0 when healthy or degraded, 1 when unhealthy, 3 when it does not answer."""
    if slo and watch:
        raise click.UsageError("--slo is of all that was ever counted; expected it without --watch")
    client = Client(running.settings())
    if slo:
        return measures.show(client, as_json=as_json)
    if watch:
        return _watch(client, every, as_json=as_json)
    with screen.waiting("waiting for the control API"):
        status, health = client.ask("GET", "/health")
        shown = None if as_json else page(client, health, Latency())
    print(json.dumps(health, indent=1)) if shown is None else screen.console().print(shown)
    return DONE if status == 200 else REFUSED


def _watch(client: Client, every_s: float, *, as_json: bool) -> int:
    """Until Ctrl-C. While the API is away it says so, and goes on."""
    console, latency = screen.console(), Latency()
    with ExitStack() as until_the_end:
        live = None
        if console.is_terminal and not as_json:
            live = until_the_end.enter_context(Live(console=console, auto_refresh=False, vertical_overflow="crop"))
        try:
            while True:
                _show(console, live, _line(client) if as_json else _one(client, latency))
                time.sleep(every_s)
        except KeyboardInterrupt:
            return DONE


def _show(console: Console, live: Live | None, shown: RenderableType) -> None:
    if live is not None:
        live.update(shown, refresh=True)
    elif isinstance(shown, str):
        print(shown, flush=True)
    else:
        console.print(shown)
        sys.stdout.flush()


def _line(client: Client) -> str:
    try:
        return json.dumps(client.ask("GET", "/health")[1])
    except ApiAway as fault:
        return json.dumps({"status": "away", "reasons": [str(fault)]})


def _one(client: Client, latency: Latency) -> RenderableType:
    try:
        return page(client, client.ask("GET", "/health")[1], latency)
    except ApiAway as fault:
        return Text(str(fault), style="red")


def page(client: Client, health: Answer, latency: Latency) -> RenderableType:
    """Trouble first; what is only worth knowing last, and dim."""
    head = Text.assemble(
        (health["status"], f"bold {COLOURS[health['status']]}"),
        f"  {health['environment']}  {health['active_subscriptions']} subscriptions",
    )
    reasons = [Text(f"  {reason}") for reason in [*health["reasons"], *health["alarms"]]]
    measured = text.samples(client.text("/metrics"))
    hint = [Text(health["hint"], style="dim")] if health["hint"] else []
    try:
        connections = client.read("GET", "/api/v1/connections")["connections"]
        lost = _lost(client)
    except RequestError as fault:  # health is open; the rest needs a key, and PostgreSQL
        connections, lost = {}, Text(f"the rest cannot be shown: {fault}", style="yellow")
    late = [_latency(measured, latency), _waiting(health, measured), _dropped(measured), lost]
    return Group(head, *reasons, Text(), _connections(health, connections), Text(), *late, Text(), *_queues(health), *hint)


def _connections(health: Answer, more: Answer) -> RenderableType:
    rows = []
    for name, state in health["connections"].items():
        told = more.get(name, {})
        status = state["connection_status"]
        age_s = screen.ago_s(told.get("last_frame_at"))
        rows.append(
            (
                name,
                Text(status, style=CALM.get(status, "red" if status == "auth_failed" else "yellow")),
                screen.lasted(state["connection_duration_seconds"]) if state["connection_duration_seconds"] else "-",
                f"{state['active_subscriptions']}/{told.get('wanted', '?')}",
                f"{screen.lasted(age_s)} ago" if age_s is not None else "-",
                str(state["reconnection_count"]),
                state["last_error"] or "",
            )
        )
    columns = ("connection", "status", "for", "topics", "frame", "again", "last error")
    return screen.table(columns, rows, elastic=("last error",))


def _latency(measured: list[Sample], latency: Latency) -> RenderableType:
    """How late it is: how long events that came were under way."""
    rows = latency.look(measured)
    return screen.table((f"latency, {latency.span}", *(f"{share:.0%} within" for share in SHARES), "events"), rows)


def _waiting(health: Answer, measured: list[Sample]) -> Text:
    """How late it is: what waits for somebody, and since when."""
    skew = health["clock_skew_ms"]
    clock = "not heard yet" if skew is None else f"{skew} ms ahead of ours"
    spool = health["spool"]
    oldest_s = max((one.value for one in measured if one.name == "ws_gateway_spool_age_seconds"), default=0.0)
    oldest = f", the oldest for {screen.lasted(oldest_s)}" if spool["messages"] and oldest_s else ""
    return Text(f"waiting on disk: {spool['messages']} events, {spool['bytes']} bytes{oldest}; the exchange's clock: {clock}")


def _dropped(measured: list[Sample]) -> Text:
    """What no gap of the last day tells of: all that was ever dropped, whichever run of a process did."""
    counts: Counter[str] = Counter()
    for one in measured:
        if one.name == "ws_gateway_dropped_total":
            counts[one.labels["reason"]] += int(one.value)
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()) if count)
    return Text(f"events dropped since counting began: {counts.total()}" + (f" ({reasons})" if reasons else ""))


def _lost(client: Client) -> Text:
    """What was missed, as far as anybody knows."""
    gaps = client.read("GET", "/api/v1/gaps", fields={"limit": GAPS, "from": _yesterday()})
    still = sum(gap["to"] is None for gap in gaps["gaps"])
    gone = sum(gap["recovered"] is False for gap in gaps["gaps"])
    words = f"gaps in 24 h: {gaps['total']}, open {still}, not made good {gone}"
    return Text(words, style="yellow" if still or gone else "")


def _yesterday() -> str:
    return datetime.fromtimestamp(time.time() - 86_400, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _queues(health: Answer) -> list[RenderableType]:
    """Those that somebody reads or something waits in."""
    if health["queues_age_seconds"] is None:
        return [Text("queues: not counted yet", style="dim")]
    rows, idle = [], 0
    for name, queue in health["queues"].items():
        if not queue["consumers"] and not queue["messages"]:
            idle += 1
            continue
        readers = Text(str(queue["consumers"])) if queue["consumers"] else Text("nobody", style="yellow")
        rows.append((name, str(queue["messages"]), readers))
    shown: list[RenderableType] = [screen.table(("queue", "messages", "read by"), rows, elastic=("queue",))] if rows else []
    return [*shown, Text(f"{idle} queues more are empty, and nobody reads them", style="dim")] if idle else shown
