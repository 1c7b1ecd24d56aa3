"""`ws-gateway up`: everything on this machine, in the foreground. Private servers, the simulated exchange, supervisord, a demonstration."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from cli import demonstration, running
from cli.client import ApiAway, Client
from gateway import config, keys
from gateway.config import Settings
from gateway.errors import ServerError, SettingError
from gateway.servers import Postgres, RabbitMQ, Server
from gateway.servers.server import dying_with_us, is_free
from simulator import remote
from simulator.remote import RunningSimulator
from simulator.scenarios import SCENARIOS

#: The folder of supervisord.conf.
ROOT = Path(__file__).resolve().parent.parent
#: From supervisord's start to a gateway that can deliver; seconds. It takes about 5 on an idle machine.
READY_S = 60.0
#: supervisord stops all programs within 20 s; seconds.
STOP_S = 30.0
#: The path of a Unix socket, bytes; supervisord adds a few while it makes its own. Source: unix(7).
LONGEST_SOCKET_PATH = 95
#: Ports that the simulator takes where they are free.
WS_PORT, REST_PORT = 9700, 9701


@click.command()
@click.option(
    "--scenario", type=click.Choice(list(SCENARIOS)), help="Of the simulated exchange: how lively it is, and what goes wrong."
)
@click.option("--seed", type=int, help="Of the simulated exchange: one seed, one day.")
def command(scenario: str | None, seed: int | None) -> None:
    """Start everything here and now; Ctrl-C stops it. A second run continues with the same data."""
    simulated = {name: value for name, value in (("scenario", scenario), ("seed", seed)) if value is not None}
    given = {"BYBIT_ENVIRONMENT": "simulator", **config.given()}
    settings = config.load(given)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    with _only_one(settings.var_dir), ExitStack() as parts:
        _check_port(settings)
        _check_length(settings.var_dir / "bus.sock")
        _check_length(ROOT / "var" / "supervisor.sock")
        _run(settings, given, parts, stop, simulated)
    print("stopped; nothing is left running, the data stays in", settings.var_dir)


def _run(settings: Settings, given: dict[str, str], parts: ExitStack, stop: threading.Event, simulated: dict[str, Any]) -> None:
    servers: list[Server] = []
    data = settings.var_dir / "private" / settings.environment  # invented events and balances never meet real ones
    told = {"WS_GATEWAY_VAR_DIR": str(settings.var_dir), "BYBIT_ENVIRONMENT": settings.environment}
    for setting, server in (
        ("DATABASE_URL", Postgres(data / "postgres", report=_say)),
        ("BROKER_URL", RabbitMQ(data / "rabbitmq", report=_say)),
    ):
        if not given.get(setting) and not given.get(f"{setting}_FILE"):
            parts.callback(server.stop)
            server.start()
            servers.append(server)
            told[setting] = server.url
    simulator = _start_simulator(parts, simulated) if settings.environment == "simulator" and not settings.ws_url else None
    if simulator is not None:
        told |= {
            "BYBIT_WS_URL": simulator.ws_url,
            "BYBIT_REST_URL": simulator.rest_url,
            "BYBIT_API_KEY": simulator.api_key,  # a key of the real exchange has no business here
            "BYBIT_API_SECRET": simulator.api_secret,
        }
    settings = config.load({**given, **told})
    supervisord = _start_supervisord({**given, **told}, parts)
    everything = {**given, **told}
    running.write(settings.var_dir, {row.name: everything[row.name] for row in config.SETTINGS if everything.get(row.name)})
    parts.callback(running.forget, settings.var_dir)
    client = Client(settings)
    _wait_until_ready(client, supervisord, stop)
    if not stop.is_set():
        held, trouble = demonstration.subscribe(client, settings)
        _greet(settings, held, trouble)
    while not stop.wait(0.5):
        _look_after(servers, simulator, supervisord)
    print("stopping …", flush=True)


def _start_simulator(parts: ExitStack, simulated: dict[str, Any]) -> RunningSimulator:
    ports = (WS_PORT, REST_PORT) if is_free(WS_PORT) and is_free(REST_PORT) else (0, 0)
    _say("starting the simulated exchange")
    try:
        simulator = remote.start(ws_port=ports[0], rest_port=ports[1], **simulated)
    except RuntimeError as fault:
        raise ServerError(f"the simulated exchange does not start: {fault}") from fault
    parts.callback(simulator.stop)
    return simulator


def _start_supervisord(environ: dict[str, str], parts: ExitStack) -> "subprocess.Popen[bytes]":
    _say("starting the gateway under supervisord")
    (ROOT / "var" / "log").mkdir(parents=True, exist_ok=True)
    binaries = Path(sys.executable).parent
    process = subprocess.Popen(  # noqa: S603 # our own argument list
        [*dying_with_us("TERM"), str(binaries / "supervisord"), "-n", "-c", str(ROOT / "supervisord.conf")],
        env={**environ, "PATH": f"{binaries}:{os.environ.get('PATH', '')}"},
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        start_new_session=True,
    )
    parts.callback(_stop_supervisord, process)
    return process


def _stop_supervisord(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_ready(client: Client, supervisord: "subprocess.Popen[bytes]", stop: threading.Event) -> None:
    """Ready, not healthy: what was subscribed before may lack credentials or the exchange, and the gateway runs all the same."""
    for _ in range(int(READY_S / 0.25)):
        if supervisord.poll() is not None:
            raise ServerError(f"supervisord ended with code {supervisord.returncode}; its log is {ROOT}/var/log/supervisord.log")
        try:
            if client.ask("GET", "/health/ready")[0] == 200:
                return
        except ApiAway:
            pass  # not up yet
        if stop.wait(0.25):
            return
    raise ServerError(f"the gateway is not ready after {READY_S:g} s; look at `ws-gateway status` and {ROOT}/var/log")


def _look_after(servers: list[Server], simulator: RunningSimulator | None, supervisord: "subprocess.Popen[bytes]") -> None:
    """A server that died comes back with its data; without supervisord or the simulator there is nothing to go on with."""
    for server in servers:
        if not server.is_running():
            _say(f"the private {server.name} ended by itself; starting it again")
            server.kill()
            server.start()
    if supervisord.poll() is not None:
        raise ServerError(f"supervisord ended with code {supervisord.returncode}; its log is {ROOT}/var/log/supervisord.log")
    if simulator is not None and not simulator.is_running():
        raise ServerError("the simulated exchange ended by itself")


def _greet(settings: Settings, held: int, trouble: list[str]) -> None:
    for sentence in trouble:
        print("note:", sentence)
    print(
        f"""
The gateway is up, on {settings.environment}, with {held} demonstration subscriptions.

  Page      http://{settings.host}:{settings.port}/   (asks for the API key)
  API       http://{settings.host}:{settings.port}/api/v1   (pages: http://{settings.host}:{settings.port}/docs/)
  API key   {keys.admin_key(settings.admin_key, settings.var_dir)}
  RabbitMQ  {settings.broker_url}

Next, in another terminal:
  .venv/bin/ws-gateway tail
  .venv/bin/ws-gateway status
  .venv/bin/supervisorctl status
  curl http://{settings.host}:{settings.port}/health

Ctrl-C stops everything.
""",
        flush=True,
    )


@contextmanager
def _only_one(var_dir: Path) -> Iterator[None]:
    """One `up` a var folder: the kernel lets go of the lock when its holder dies."""
    try:
        var_dir.mkdir(parents=True, exist_ok=True)
        lock = (var_dir / "up.lock").open("w")
    except OSError as fault:
        raise SettingError(
            f"WS_GATEWAY_VAR_DIR is {str(var_dir)!r}, which cannot be used ({fault.strerror}); expected a folder"
        ) from fault
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise ServerError(
                f"a gateway already runs with {var_dir}; stop it, or give this one its own WS_GATEWAY_VAR_DIR"
            ) from fault
        yield


def _check_port(settings: Settings) -> None:
    if not is_free(settings.port):
        raise SettingError(f"WS_GATEWAY_PORT is {settings.port}, which is in use; expected a free port")


def _check_length(path: Path) -> None:
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        raise SettingError(
            f"{path} is {len(os.fsencode(path))} bytes long; expected at most {LONGEST_SOCKET_PATH}: use a shorter folder"
        )


def _say(line: str) -> None:
    print(line, flush=True)
