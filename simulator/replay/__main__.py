"""`python -m simulator.replay FILE`: serve a recording until SIGTERM. Lines on stdout are JSON: where it listens, then what was told."""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from aiohttp import WSMsgType, web

from gateway.errors import RecordingDamaged
from gateway.recording import reader
from gateway.recording.reader import Recording
from simulator.control import Pause
from simulator.dialect import DIALECTS, Dialect, compact, now_ms
from simulator.replay.clients import Client, Clients
from simulator.replay.lane import Lane, matcher

#: Between two words about what is waited for, and about how far it is; seconds.
SAY_S = 5.0
#: So many of the topics that are waited for are named.
SHOWN = 5
#: From SIGTERM to the end, clients that do not answer included; seconds.
STOP_S = 1.5
#: The largest message a client may send; bytes.
MOST_BYTES = 1 << 20
#: What REST answers to all but the time: a recording holds none of it. Code and words are those of a server in trouble.
NO_REST = {"retCode": 10016, "retMsg": "a replay has no REST answers", "result": {}, "retExtInfo": {}}
ENDED = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence instead of the usage."""
        self.exit(2, f"{self.prog}: {message}\n")


class _Checked:
    """How far the check of a large file is, on a terminal."""

    def __init__(self) -> None:
        self._say_at = time.monotonic() + 1.0

    def __call__(self, done: int, size: int) -> None:
        if sys.stderr.isatty() and time.monotonic() >= self._say_at:
            self._say_at = time.monotonic() + 0.2
            print(f"\rchecking the file: {100 * done // size} %", end="\n" if done == size else "", file=sys.stderr, flush=True)


def _speed(word: str) -> float | None:
    if word == "max":
        return None
    try:
        speed = float(word)
    except ValueError:
        speed = 0.0
    if not 0.01 <= speed <= 1_000_000:
        raise argparse.ArgumentTypeError(f"found {word!r}; expected max, or how many times faster, from 0.01")
    return speed


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="ws-gateway replay", description="Serve a recording as an exchange, for workers to read.")
    parser.add_argument("file", type=Path, metavar="FILE", help="what `ws-gateway record` wrote")
    parser.add_argument("--speed", type=_speed, default=1.0, metavar="N|max", help="how many times faster; usually 1")
    parser.add_argument(
        "--topic", action="append", default=[], metavar="PATTERN", help="only such topics, e.g. tickers.*; as often as needed"
    )
    parser.add_argument("--lenient", action="store_true", help="of a damaged file take what is before the damage")
    parser.add_argument("--paused", action="store_true", help="tell nothing until POST /simulator/pause says so")
    parser.add_argument("--exit", action="store_true", help="end once the recording is over and every client has read all of it")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--ws-port", type=int, default=9700, help="WebSocket port; 0: any free one")
    parser.add_argument("--rest-port", type=int, default=9701, help="REST port; 0: any free one")
    return parser


def _endpoint(clients: Clients, dialect: Dialect) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=MOST_BYTES, compress=False, autoping=False, autoclose=False, timeout=0.5)
        await socket.prepare(request)
        if not isinstance(request.transport, asyncio.WriteTransport):  # gone during the handshake
            return socket
        client = Client(dialect, socket, request.transport)
        clients.came(client)
        try:
            await _listen(clients, client)
        finally:
            clients.went(client)
        return socket

    return answer


async def _listen(clients: Clients, client: Client) -> None:
    while True:
        message = await client.socket.receive()
        if message.type in ENDED:
            return
        if client.is_ending:
            continue
        with suppress(ConnectionError):
            if message.type is WSMsgType.PING:
                await client.socket.pong(message.data)
            elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                await client.socket.send_str(client.answer(message.data))
                clients.moved()


def _pause(clients: Clients) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The call of the simulated exchange's control interface."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            on = msgspec.json.decode(await request.read(), type=Pause).on
        except (msgspec.DecodeError, RecursionError) as fault:
            return web.json_response({"error": str(fault)}, status=400)
        (clients.going.clear if on else clients.going.set)()
        return web.json_response({"paused": on})

    return answer


async def _rest(request: web.Request) -> web.StreamResponse:
    now = now_ms()
    if request.path == "/v5/market/time":
        told = {"timeSecond": str(now // 1000), "timeNano": f"{now}000000"}
        return web.Response(text=compact({"retCode": 0, "retMsg": "OK", "result": told, "retExtInfo": {}, "time": now}))
    return web.Response(text=compact({**NO_REST, "time": now}), content_type="application/json")


async def _serve(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, int]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner, int(runner.addresses[0][1])


def _say(words: dict[str, Any]) -> None:
    print(msgspec.json.encode(words).decode(), flush=True)


async def _tell(lanes: list[Lane], recording: Recording, *, ends: bool) -> None:
    """All lanes at once, and at the end how it went."""
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(_watch(lanes))
        await asyncio.gather(*(group.create_task(lane.run()) for lane in lanes))
        if ends:
            await asyncio.gather(*(lane.end() for lane in lanes))
        watching.cancel()
    told = {lane.worker: msgspec.to_builtins(lane.told) for lane in lanes}
    lost = recording.tally.lost if recording.tally is not None else None
    is_exact = not any(lane.told.left for lane in lanes)
    _say({"over": True, "exact": is_exact, "lost_in_recording": lost, "damage": recording.damage, "workers": told})


async def _watch(lanes: list[Lane]) -> None:
    while True:
        await asyncio.sleep(SAY_S)
        for lane in lanes:
            if lane.is_waiting:
                some = ", ".join(lane.waits_for[:SHOWN]) or "a connection"
                more = f" and {len(lane.waits_for) - SHOWN} more" if len(lane.waits_for) > SHOWN else ""
                hint = "subscribe them, or name others by --topic"
                print(f"{lane.worker} waits until somebody holds {some}{more}: {hint}", file=sys.stderr)
            elif not lane.is_over:
                print(f"{lane.worker}: {lane.told.frames} frames told", file=sys.stderr)


async def _run(arguments: argparse.Namespace, recording: Recording) -> None:
    stop, clients = asyncio.Event(), Clients(paused=arguments.paused)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    streams, rest = web.Application(), web.Application()
    for dialect in DIALECTS.values():
        streams.router.add_get(dialect.path, _endpoint(clients, dialect))
    rest.router.add_post("/simulator/pause", _pause(clients))
    rest.router.add_route("*", "/{path:.*}", _rest)
    served, ws_port = await _serve(streams, arguments.host, arguments.ws_port)
    calls, rest_port = await _serve(rest, arguments.host, arguments.rest_port)
    shown = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
    _say({"ws_url": f"ws://{shown}:{ws_port}", "rest_url": f"http://{shown}:{rest_port}", "pid": os.getpid(), "ca_file": ""})
    is_asked_for = matcher(tuple(arguments.topic))
    lanes = [Lane(name, recording.of(name), clients, arguments.speed, is_asked_for) for name in recording.lanes]
    telling = asyncio.create_task(_tell(lanes, recording, ends=arguments.exit))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((telling, stopping), return_when=asyncio.FIRST_COMPLETED)
    if telling.done():
        telling.result()  # a fault: shown, and the process ends
    if not arguments.exit:
        await stopping
    telling.cancel()
    with suppress(TimeoutError):
        async with asyncio.timeout(STOP_S):
            await asyncio.gather(served.cleanup(), calls.cleanup())


def main() -> int:
    arguments = _parser().parse_args(sys.argv[1:])
    try:
        recording = reader.opened(arguments.file, lenient=arguments.lenient, progress=_Checked())
        if recording.damage is not None:
            print(f"{recording.damage}; the {recording.entries} entries before that are replayed", file=sys.stderr)
        asyncio.run(_run(arguments, recording))
    except RecordingDamaged as fault:
        print(fault, file=sys.stderr)
        return 1
    except OSError as fault:
        print(f"{fault.filename or 'the system'}: {fault.strerror or fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
