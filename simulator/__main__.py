"""`python -m simulator`: run the exchange until SIGTERM. The first line on stdout is JSON: where it listens."""

import argparse
import asyncio
import contextlib
import ctypes
import os
import signal
import sys

import msgspec
from aiohttp import web

from simulator import control, rest
from simulator.exchange import Exchange, Options
from simulator.market import Pace

#: Linux: the signal that a process gets when its parent dies. Source: prctl(2).
PR_SET_PDEATHSIG = 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ws-gateway simulate", description="A simulated Bybit v5, to run against offline.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--ws-port", type=int, default=9700, help="WebSocket port; 0: any free one")
    parser.add_argument("--rest-port", type=int, default=9701, help="REST and control port; 0: any free one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps-per-s", type=float, default=4.0, help="how often the market moves")
    parser.add_argument("--most-trades", type=int, default=3, help="per instrument and step")
    parser.add_argument("--account-every-s", type=float, default=2.0, help="between occurrences of the account; 0: none")
    parser.add_argument(
        "--status-every-s", type=float, default=10.0, help="between announcements of the exchange's own state; 0: none"
    )
    parser.add_argument("--api-key", default="simulator-key")
    parser.add_argument("--api-secret", default="simulator-secret")
    parser.add_argument("--die-with-parent", action="store_true")
    arguments = parser.parse_args()
    if not 0 < arguments.steps_per_s <= 1000:
        parser.error(f"found --steps-per-s {arguments.steps_per_s:g}; expected more than 0 and at most 1000")
    if not 0 <= arguments.most_trades <= 1024 or arguments.account_every_s < 0 or arguments.status_every_s < 0:
        parser.error("expected --most-trades from 0 to 1024, and --account-every-s and --status-every-s not below 0")
    return arguments


async def _serve(app: web.Application, host: str, port: int) -> int:
    """Listen, and say on which port."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    return int(runner.addresses[0][1])


async def _run(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    exchange = Exchange(
        Options(
            seed=arguments.seed,
            steps_per_s=arguments.steps_per_s,
            pace=Pace(0, arguments.most_trades),
            account_every_s=arguments.account_every_s,
            status_every_s=arguments.status_every_s,
            api_key=arguments.api_key,
            api_secret=arguments.api_secret,
        )
    )
    rest_app = web.Application()
    rest_app.add_routes([*rest.routes(exchange), *control.routes(exchange)])
    ws_port = await _serve(exchange.websocket_app(), arguments.host, arguments.ws_port)
    rest_port = await _serve(rest_app, arguments.host, arguments.rest_port)
    host = arguments.host
    where = {"ws_url": f"ws://{host}:{ws_port}", "rest_url": f"http://{host}:{rest_port}", "pid": os.getpid()}
    print(msgspec.json.encode(where).decode(), flush=True)
    moving = asyncio.create_task(exchange.run())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((moving, stopping), return_when=asyncio.FIRST_COMPLETED)
    if moving.done():
        moving.result()  # a fault of ours: shown, and the process ends
    moving.cancel()


def main() -> int:
    arguments = _arguments()
    if arguments.die_with_parent:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(_run(arguments))
    except OSError as fault:
        print(f"the simulator cannot listen on {arguments.host}: {fault.strerror or fault}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
