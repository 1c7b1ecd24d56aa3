"""`make smoke`: start everything against a real exchange, and say of each endpoint what came first, or why nothing did.

Opt-in: it opens connections to the exchange that BYBIT_ENVIRONMENT names, testnet when it names none. Exit codes: 0 each endpoint
spoke, or is held and quiet by nature, or has no key; 1 one did not; 3 the gateway did not start.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import click

from cli import demonstration, running, screen
from cli.client import Client
from cli.exits import AWAY, USAGE
from gateway import config
from gateway.consumer import Consumer
from gateway.errors import GatewayError
from gateway.protocol.channels import CHANNELS
from gateway.protocol.endpoints import ENDPOINTS
from gateway.servers.server import dying_with_us, free_ports

#: What `ws-gateway up` says once the demonstration is subscribed.
GREETING = "The gateway is up"
#: It stops within this; seconds.
STOP_S = 60.0
#: Events that are taken from one queue before the next one has its turn, and how long one is waited for there; seconds.
AT_ONCE, TURN_S = 200, 0.05
#: They may be silent for hours: nobody trades with the account, and the exchange announces nothing.
QUIET = ("private", "status")

Body = dict[str, Any]
_EVENTS = {row.event_type: row for row in CHANNELS}


@click.command()
@click.option("--seconds", type=click.FloatRange(1, 3600), default=60.0, show_default=True, help="How long an event is waited for.")
def main(seconds: float) -> None:
    """Wait for the first event of each endpoint of the exchange, and say what came."""
    settings = config.load()
    folder = settings.var_dir / "smoke"
    told = {
        "BYBIT_ENVIRONMENT": config.given().get("BYBIT_ENVIRONMENT", "testnet"),
        "WS_GATEWAY_VAR_DIR": str(folder),
        "WS_GATEWAY_PORT": str(free_ports(1)[0]),
    }
    print(f"starting a gateway on {told['BYBIT_ENVIRONMENT']}; its data and logs are in {folder} and var/log", flush=True)
    command = [*dying_with_us("TERM"), sys.executable, "-m", "cli.main", "up"]
    with subprocess.Popen(  # noqa: S603 # our own argument list
        command, env={**os.environ, **told}, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as up:
        try:
            code = _look(up, folder, {**os.environ, **told}, seconds)
        finally:
            up.send_signal(signal.SIGTERM)
            up.wait(STOP_S)
    sys.exit(code)


def _look(up: "subprocess.Popen[str]", folder: Path, environ: Mapping[str, str], seconds: float) -> int:
    run = running.read(folder) if _has_greeted(up) else None
    if run is None:
        print("the gateway did not start; its words are above", file=sys.stderr)
        return 3
    settings = config.load({**environ, **run.environment})
    client = Client(settings)
    wishes = client.call("GET", "/api/v1/subscriptions", fields={"requesting_service": demonstration.SERVICE, "limit": "1000"})
    queues = {row["queue"] for row in wishes["subscriptions"]}
    found = _first_events(settings.broker_url, sorted(queues), seconds)
    connections = client.call("GET", "/api/v1/connections")["connections"]
    verdicts = [(name, *verdict(name, found.get(name), _of(connections, name), seconds)) for name in ENDPOINTS]
    for name, _, words in verdicts:
        print(f"{name:<8} {words}")
    return 0 if all(is_well for _, is_well, _ in verdicts) else 1


def _has_greeted(up: "subprocess.Popen[str]") -> bool:
    """Pass on what it says until it greets; False when it ends instead."""
    for line in up.stdout or ():
        if line.startswith(GREETING):
            return True
        print(line, end="", flush=True)
    return False


def _first_events(broker_url: str, queues: Sequence[str], seconds: float) -> dict[str, str]:
    """Endpoint → words about its first event. The queues hold what came before anybody read."""
    began, found = time.monotonic(), dict[str, str]()
    with ExitStack() as stack:
        consumers = [stack.enter_context(Consumer(broker_url, queue)) for queue in queues]
        bar = stack.enter_context(screen.bar(f"waiting {seconds:g} s at the most for the first events", len(ENDPOINTS)))
        while not found.keys() >= ENDPOINTS.keys() and time.monotonic() - began < seconds:
            for consumer in consumers:
                for event in islice(iter(partial(consumer.next, timeout_s=TURN_S), None), AT_ONCE):
                    if (endpoint := endpoint_of(event.envelope)) not in found:
                        found[endpoint] = _words(event.envelope)
                        bar.add(endpoint in ENDPOINTS)
    return found


def _words(envelope: Body) -> str:
    what = " ".join(filter(None, (envelope["event_type"], envelope["symbol"])))
    return f"{what}: of {envelope['timestamp']}, received {envelope['received_at']}"


def endpoint_of(envelope: Body) -> str:
    """The endpoint of the exchange that told an event; "" where the gateway did."""
    row = _EVENTS[str(envelope["event_type"])]
    return row.endpoint_for(envelope["category"]) if row.endpoint != "" else ""


def verdict(endpoint: str, first: str | None, connections: Iterable[Body], seconds: float) -> tuple[bool, str]:
    """Whether all is well with an endpoint, and one line about it."""
    if first is not None:
        return True, first
    states = [state for state in connections if state["wanted"]]
    if not states:
        has_key = endpoint != "private"
        return not has_key, "nothing was asked of it" if has_key else "not tried: no BYBIT_API_KEY"
    for state in states:
        if state["connection_status"] != "connected":
            return False, f"{state['connection_status']}: {state['last_error'] or 'no words yet'}"
    topics = {topic: entry for state in states for topic, entry in state["topics"].items()}
    refused = [f"{topic}: {entry['last_error']}" for topic, entry in topics.items() if entry["state"] == "refused"]
    if refused:
        return False, f"refused: {'; '.join(refused[:3])}"
    held = ", ".join(f"{topic} {entry['state']}" for topic, entry in list(topics.items())[:3])
    return endpoint in QUIET, f"no event within {seconds:g} s; {held}" + (": quiet by nature" if endpoint in QUIET else "")


def _of(connections: Mapping[str, Body], endpoint: str) -> list[Body]:
    return [state for state in connections.values() if state["endpoint"] == endpoint]


if __name__ == "__main__":
    try:
        main(standalone_mode=False)
    except click.ClickException as fault:
        fault.show()
        sys.exit(USAGE)
    except GatewayError as fault:
        print(fault, file=sys.stderr)
        sys.exit(AWAY)
