"""`python -m simulator`: run the exchange until SIGTERM. The first line on stdout is JSON: where it listens."""

import argparse
import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from typing import NoReturn

import msgspec
from aiohttp import web

from simulator import control, rest
from simulator.exchange import Exchange, Options

#: Linux: the signal that a process gets when its parent dies. Source: prctl(2).
PR_SET_PDEATHSIG = 1
#: From SIGTERM to the end, clients that do not answer included; seconds.
STOP_S = 1.5


class CannotListen(Exception):
    """A host or port that cannot be used; one sentence."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence instead of the usage."""
        self.exit(2, f"{self.prog}: {message}\n")


#: Option → least, most, and what it is. A figure outside is refused.
FIGURES: dict[str, tuple[float, float, str]] = {
    "steps-per-s": (0.01, 1000.0, "how often the market moves"),
    "trade-rate": (0.0, 100_000.0, "trades a second of each instrument, on average"),
    "account-every-s": (0.0, 86_400.0, "between occurrences of the account; 0: none"),
    "status-every-s": (0.0, 86_400.0, "between announcements of the exchange's own state; 0: none"),
    "idle-s": (0.05, 86_400.0, "after which a connection without a ping is cut"),
}


def _arguments(given: list[str]) -> argparse.Namespace:
    usual = Options()
    parser = _Parser(prog="ws-gateway simulate", description="A simulated Bybit v5, to run against offline.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--ws-port", type=int, default=9700, help="WebSocket port; 0: any free one")
    parser.add_argument("--rest-port", type=int, default=9701, help="REST and control port; 0: any free one")
    parser.add_argument("--seed", type=int, default=usual.seed)
    for name, (_, _, words) in FIGURES.items():
        parser.add_argument(f"--{name}", type=float, default=getattr(usual, name.replace("-", "_")), help=words)
    parser.add_argument("--paused", action="store_true", help="nothing moves until told to")
    parser.add_argument("--api-key", default=usual.api_key)
    parser.add_argument("--api-secret", default=usual.api_secret)
    parser.add_argument("--die-with-parent", action="store_true", help="Linux: end when the process that started it ends")
    arguments = parser.parse_args(given)
    for name, (least, most, _) in FIGURES.items():
        figure = getattr(arguments, name.replace("-", "_"))
        if not least <= figure <= most:
            parser.error(f"found --{name} {figure:g}; expected {least:g} to {most:g}")
    for name in ("ws_port", "rest_port"):
        if not 0 <= getattr(arguments, name) <= 65_535:
            parser.error(f"found --{name.replace('_', '-')} {getattr(arguments, name)}; expected 0 to 65535")
    return arguments


async def _serve(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Listen; what cleans up, and on which port. Raises CannotListen."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as fault:
        raise CannotListen(f"the simulator cannot listen on {host} port {port}: {os.strerror(fault.errno or 0)}") from fault
    return runner, int(runner.addresses[0][1])


async def _run(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    names = [name.replace("-", "_") for name in FIGURES]
    options = {name: getattr(arguments, name) for name in (*names, "seed", "paused", "api_key", "api_secret")}
    exchange = Exchange(Options(**options))
    rest_app = web.Application()
    rest_app.add_routes([*control.routes(exchange), *rest.routes(exchange)])
    host = arguments.host
    streams, ws_port = await _serve(exchange.websocket_app(), host, arguments.ws_port)
    calls, rest_port = await _serve(rest_app, host, arguments.rest_port)
    shown = f"[{host}]" if ":" in host else host
    where = {"ws_url": f"ws://{shown}:{ws_port}", "rest_url": f"http://{shown}:{rest_port}", "pid": os.getpid()}
    print(msgspec.json.encode(where).decode(), flush=True)
    moving, stopping = asyncio.create_task(exchange.run()), asyncio.create_task(stop.wait())
    await asyncio.wait((moving, stopping), return_when=asyncio.FIRST_COMPLETED)
    if moving.done():
        moving.result()  # a fault of ours: shown, and the process ends
    moving.cancel()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_S):
            await exchange.close(exchange.connections.values(), 1001)
            await asyncio.gather(streams.cleanup(), calls.cleanup())


def _die_with(parent: int) -> bool:
    """Ask the kernel for SIGTERM when the parent ends; False when it has ended already."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    return os.getppid() == parent


def main() -> int:
    parent = os.getppid()
    arguments = _arguments(sys.argv[1:])
    if arguments.die_with_parent and not _die_with(parent):
        return 0
    try:
        asyncio.run(_run(arguments))
    except CannotListen as fault:
        print(fault, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
