"""The peers under the same load, by turns with nothing else: what of the product is compared with them ran before."""

import socket
import time
from collections.abc import Callable
from functools import partial

from bench.amqp_frames import FRAME_BYTES
from bench.child import Child, ChildLost
from bench.measure import Meter, pause
from bench.peers import environments
from bench.places import environ
from bench.scenarios import Bench
from bench.stack import certificates, consumer, symbols
from tests.integration.running import wait_for
from tests.peers.environment import PeersMissing

_COUNT = 20
#: Under way at once for whoever takes a message at a time.
_FEW = 500
#: Clients that receive → whether they insist on TLS.
_CLIENTS = {"pybit": False, "cryptofeed": True}


def peers(bench: Bench) -> None:
    """The plain asyncio gateway, pybit, cryptofeed, and the generator alone."""
    generator_alone(bench)
    _or_say(bench, "plain", plain)
    for name in _CLIENTS:
        _or_say(bench, name, partial(reception, name=name))


def _or_say(bench: Bench, name: str, measure: Callable[[Bench], None]) -> None:
    """One that cannot be installed, or does not start, is a sentence in the results."""
    try:
        measure(bench)
        bench.found.notes.pop(name, None)
    except (PeersMissing, ChildLost, AssertionError) as fault:
        bench.found.note(name, f"not measured: {fault}")
        bench.say(f"  {name}: {bench.found.notes[name]}")


def _topics() -> str:
    return ",".join(f"publicTrade.{symbol}" for symbol in symbols(_COUNT))


def plain(bench: Bench) -> None:
    seconds = 5.0 if bench.is_quick else 10.0
    python = environments.python("plain")
    folder = bench.stack.new_folder("plain")
    database_url, broker_url = bench.stack.new_database(), bench.stack.broker_url()
    with bench.stack.generator(folder, count=_COUNT) as generator:
        command = [str(python), "-m", "bench.peers.plain", "--ws-url", generator.ready["ws_url"], "--topics", _topics()]
        peer = Child("plain", [*command, "--broker-url", broker_url, "--database-url", database_url], folder, environ())
        reader = consumer(broker_url, folder, "plain.trade", "trades")
        try:
            meters = Meter(generator, reader, folder / "arrived", {"plain": {peer.pid}})
            found = [meters.saturate("trades", seconds, window=_FEW) for _ in range(bench.repeats)]
            bench.tell("plain", *(each.rate for each in found))
            bench.tell("plain.cpu_us", *(each.cpu_us("plain") for each in found))
            capacity = bench.found.value("capacity")
            if capacity:
                bench.tell("over_plain", *(capacity / each.rate for each in found))
            paced = [meters.follow("trades", [[200, seconds]]) for _ in range(bench.repeats)]
            for part in ("p50", "p99"):
                bench.tell(f"plain.latency.{part}", *(each.report["latency_ms"][part] for each in paced))
        finally:
            reader.end()
            peer.end()


def reception(bench: Bench, name: str) -> None:
    """Another client of the exchange, as it comes."""
    seconds = 5.0 if bench.is_quick else 10.0
    python = environments.python(name)
    folder = bench.stack.new_folder(name)
    certificate, authority = certificates(folder) if _CLIENTS[name] else (None, None)
    trust = {"SSL_CERT_FILE": str(authority)} if authority else {}
    with bench.stack.generator(folder, count=_COUNT, certificate=certificate) as generator:
        command = [str(python), "-m", f"bench.peers.{name}_reception", "--ws-url", generator.ready["ws_url"]]
        command += ["--rest-url", generator.ready["rest_url"], "--topics", _topics(), "--arrived", str(folder / "arrived")]
        peer = Child(name, command, folder, environ(**trust))
        try:
            wait_for(
                lambda: sum(client["topics"] for client in generator.ask(ask=True)["clients"]) == _COUNT,
                f"all topics of {name}",
                20.0,
            )
            meters = Meter(generator, peer, folder / "arrived", {name: {peer.pid}})
            found = [meters.saturate("trades", seconds) for _ in range(bench.repeats)]
            bench.tell(name, *(each.rate for each in found))
            bench.tell(f"{name}.cpu_us", *(each.cpu_us(name) for each in found))
            paced = [meters.follow("trades", [[2_000, seconds]]) for _ in range(bench.repeats)]
            for part in ("p50", "p99"):
                bench.tell(f"{name}.latency.{part}", *(each.report["latency_ms"][part] for each in paced))
        finally:
            peer.end()


def generator_alone(bench: Bench) -> None:
    """Into a socket that is read and nothing else."""
    folder = bench.stack.new_folder("generator")
    with bench.stack.generator(folder, count=_COUNT) as generator:
        host, port = generator.ready["ws_url"].removeprefix("ws://").split(":")
        with socket.create_connection((host, int(port))) as line:
            line.sendall(_request(host, _topics().split(",")))
            line.settimeout(5.0)
            line.recv(FRAME_BYTES)
            pause(0.2)
            rates = []
            for load in range(bench.repeats):
                generator.ask(load=101 + load, kind="trades", segments=[[2_000_000, 2]])
                rates.append(_frames_a_second(line))
                pause(0.2)
            bench.tell("generator", *rates)


def _frames_a_second(line: socket.socket) -> float:
    """Over a second and a half; what comes after it is read and not counted."""
    seen, began = 0, time.monotonic()
    while (took := time.monotonic() - began) < 1.5:
        seen += line.recv(FRAME_BYTES).count(b"publicTrade")
    line.settimeout(0.5)
    try:
        while line.recv(FRAME_BYTES):
            pass
    except TimeoutError:
        line.settimeout(5.0)
    return seen / took


def _request(host: str, topics: list[str]) -> bytes:
    """A handshake and a subscription, masked with zeros."""
    asked = ('{"op":"subscribe","args":["' + '","'.join(topics) + '"]}').encode()
    head = f"GET /v5/public/linear HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nSec-WebSocket-Key: MDAwMDAwMDAwMDAwMDAwMA==\r\n\r\n"
    return head.encode() + bytes((0x81, 0xFE)) + len(asked).to_bytes(2) + bytes(4) + asked
