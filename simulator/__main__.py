"""`python -m simulator`: run the exchange until SIGTERM. The first line on stdout is JSON: where it listens."""

import argparse
import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import ssl
import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import msgspec
from aiohttp import web

from simulator import control, scenarios, server
from simulator.choices import chosen
from simulator.exchange import Exchange, Options
from simulator.market.instruments import INSTRUMENTS
from simulator.rest import routes

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
    "account-every-s": (0.0, 86_400.0, "seconds between occurrences of the account; 0: none"),
    "status-every-s": (0.0, 86_400.0, "seconds between announcements of the exchange's own state; 0: none"),
    "idle-s": (0.05, 86_400.0, "seconds without ping and push after which a connection is cut at the next scan"),
    "scan-s": (0.05, 86_400.0, "seconds between two scans for idle connections"),
    "connects": (1, 1_000_000, "new connections in five minutes; more are refused"),
    "history-lag-s": (0.0, 3600.0, "how much later order/history knows of an order's end"),
    "bad-luck-every-s": (1.0, 86_400.0, "seconds between two strokes of bad-day, on average"),
    "symbols": (0, 2_000, "made-up instruments of each category besides the usual ones"),
}
WHOLE = ("connects", "symbols")


def _parser() -> argparse.ArgumentParser:
    usual = Options()
    parser = _Parser(prog="ws-gateway simulate", description="A simulated Bybit v5, to run against offline.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--ws-port", type=int, default=9700, help="WebSocket port; 0: any free one")
    parser.add_argument("--rest-port", type=int, default=9701, help="REST and control port; 0: any free one")
    days = "; ".join(f"{name}: {scenario.words}" for name, scenario in scenarios.SCENARIOS.items())
    parser.add_argument("--scenario", choices=list(scenarios.SCENARIOS), metavar="NAME", help=days)
    parser.add_argument("--script", type=Path, metavar="FILE", help="a TOML file of [[fault]] tables")
    parser.add_argument("--seed", type=int, default=usual.seed, help="of market, account and bad luck")
    for name, (_, _, words) in FIGURES.items():
        parser.add_argument(f"--{name}", type=int if name in WHOLE else float, help=words)
    parser.add_argument("--only", default="", metavar="SYMBOLS", help="only these symbols, separated by commas")
    parser.add_argument(
        "--choice", action="append", default=[], metavar="NAME=WORD", help="an open point of the exchange's manners"
    )
    parser.add_argument(
        "--tls", type=Path, metavar="FOLDER", help="wss and https; the authority's certificate is put into this folder"
    )
    parser.add_argument("--paused", action="store_true", help="nothing moves until told to")
    parser.add_argument("--api-key", default=usual.api_key)
    parser.add_argument("--api-secret", default=usual.api_secret)
    parser.add_argument("--die-with-parent", action="store_true", help="Linux: end when the process that started it ends")
    return parser


def _options(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> Options:
    """The usual ones, the scenario's, and what was given; the last wins."""
    figures = dict(scenarios.SCENARIOS[arguments.scenario].options) if arguments.scenario else {}
    for name, (least, most, _) in FIGURES.items():
        figure = getattr(arguments, name.replace("-", "_"))
        if figure is not None and not least <= figure <= most:
            parser.error(f"found --{name} {figure:g}; expected {least:g} to {most:g}")
        if figure is not None:
            figures[name.replace("-", "_")] = figure
    for name in ("ws_port", "rest_port"):
        if not 0 <= getattr(arguments, name) <= 65_535:
            parser.error(f"found --{name.replace('_', '-')} {getattr(arguments, name)}; expected 0 to 65535")
    try:
        choices = chosen(dict(pair.split("=", 1) if "=" in pair else (pair, "") for pair in arguments.choice))
    except ValueError as fault:
        parser.error(str(fault))
    only = tuple(symbol for symbol in arguments.only.split(",") if symbol)
    strange = [symbol for symbol in only if symbol not in {row.symbol for row in INSTRUMENTS}]
    if strange and not figures.get("symbols"):
        parser.error(f"found --only {','.join(strange)}; expected some of {', '.join(sorted({row.symbol for row in INSTRUMENTS}))}")
    given = Options(seed=arguments.seed, paused=arguments.paused, api_key=arguments.api_key, api_secret=arguments.api_secret)
    return replace(given, **figures, choices=choices, only=only)  # type: ignore[arg-type] # the names are those of FIGURES


async def _serve(app: web.Application, host: str, port: int, tls: ssl.SSLContext | None) -> tuple[web.AppRunner, int]:
    """Listen; what cleans up, and on which port. Raises CannotListen."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
    except OSError as fault:
        raise CannotListen(f"the simulator cannot listen on {host} port {port}: {fault.strerror}") from fault
    return runner, int(runner.addresses[0][1])


async def _run(arguments: argparse.Namespace, exchange: Exchange, timeline: scenarios.Timeline | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    rest_app = web.Application()
    rest_app.add_routes([*control.routes(exchange), *routes.routes(exchange)])
    host = arguments.host
    try:
        tls, ca_file = (None, "") if arguments.tls is None else server.authority(arguments.tls)
    except OSError as fault:
        raise CannotListen(
            f"the simulator cannot put its authority's certificate into {arguments.tls}: {fault.strerror}"
        ) from fault
    streams, ws_port = await _serve(server.websocket_app(exchange), host, arguments.ws_port, tls)
    calls, rest_port = await _serve(rest_app, host, arguments.rest_port, tls)
    shown, s = f"[{host}]" if ":" in host else host, "" if tls is None else "s"
    where = {
        "ws_url": f"ws{s}://{shown}:{ws_port}",
        "rest_url": f"http{s}://{shown}:{rest_port}",
        "pid": os.getpid(),
        "ca_file": str(ca_file),
    }
    print(msgspec.json.encode(where).decode(), flush=True)
    if timeline is not None:
        scenarios.follow(exchange, timeline(exchange.options.seed, exchange.options.bad_luck_every_s))
    moving, stopping = asyncio.create_task(server.keep(exchange)), asyncio.create_task(stop.wait())
    await asyncio.wait((moving, stopping), return_when=asyncio.FIRST_COMPLETED)
    if moving.done():
        moving.result()  # a fault of ours: shown, and the process ends
    moving.cancel()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_S):
            await server.close_all(list(exchange.connections.values()), 1001)
            await asyncio.gather(streams.cleanup(), calls.cleanup())


def _die_with(parent: int) -> bool:
    """Ask the kernel for SIGTERM when the parent ends; False when it has ended already."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    return os.getppid() == parent


def main() -> int:
    parent = os.getppid()
    parser = _parser()
    arguments = parser.parse_args(sys.argv[1:])
    options = _options(parser, arguments)
    if arguments.die_with_parent and not _die_with(parent):
        return 0
    try:
        timeline = scenarios.SCENARIOS[arguments.scenario].timeline if arguments.scenario else None
        timeline = scenarios.script(arguments.script) if arguments.script is not None else timeline
        exchange = Exchange(options)
        gc.freeze()  # thousands of books stay for good: looking through them again and again costs 0.2 s a step
        asyncio.run(_run(arguments, exchange, timeline))
    except (CannotListen, scenarios.BadScript) as fault:
        print(fault, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
