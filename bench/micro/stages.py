"""The stages as the code has them today: the one file of the benchmark that knows the inside of the gateway. Each handles FRAMES frames."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import zmq

from bench.child import Child
from bench.generator.frames import FIRST_UPDATE, KINDS, template
from bench.places import environ
from gateway.bus.bus import BusReceiver, BusSender
from gateway.models import Event, Record
from gateway.protocol import channels
from gateway.protocol.frames import Data
from gateway.protocol.memory import Memory
from gateway.protocol.parser import Parser
from gateway.sinks.broker import BrokerSink
from gateway.wire import Stamp
from workers.dial import Connection
from workers.route import Route

FRAMES = 200
_SYMBOL, _ENDPOINT = "AAAUSDT", "linear"
#: A header of a frame of the server: two bytes, and two of its length.
_HEADER = 4
_PATIENCE_S = 10.0
#: As a worker has one: it knows the frames of a topic once it has seen the first.
_parse = Parser(_ENDPOINT).parse


def texts(kind: str) -> list[bytes]:
    """Frames of a load without their headers."""
    made, ms = template(kind, _SYMBOL), time.time_ns() // 1_000_000
    return [KINDS[kind].make(made, ms, number, 10**18 + number, FIRST_UPDATE + 1 + number)[_HEADER:] for number in range(FRAMES)]


def decoded(kind: str) -> list[Data]:
    found = [_parse(text) for text in texts(kind)]
    return [frame for frame in found if isinstance(frame, Data)]


def decode(of: list[bytes]) -> None:
    for text in of:
        _parse(text)


def normaliser(kind: str) -> Callable[[list[Data]], list[Event]]:
    """Of a topic that holds its snapshot already, where it has one."""
    topic = f"{KINDS[kind].prefix}{_SYMBOL}"
    normalise = channels.for_topic(topic, _ENDPOINT).normalise
    assert normalise is not None

    def all_of(datas: list[Data]) -> list[Event]:
        memory = Memory()
        return [event for data in datas for event in normalise(data, _ENDPOINT, memory) if isinstance(event, Event)]

    return all_of


def stamp() -> Stamp:
    return Stamp(worker="linear_00", account="main", include_raw="private", started_ms=1)


def encode(of: Stamp, events: list[Event]) -> list[Record]:
    now_ns = time.time_ns()
    return [of.record(event, received_ns=now_ns, trace_id="20250601T110000.000Z-linear_00-9042") for event in events]


def whole(kind: str) -> Callable[[list[bytes]], list[Record]]:
    """From a frame's text to its record."""
    normalise, of = normaliser(kind), stamp()
    return lambda given: encode(of, normalise([found for found in map(_parse, given) if isinstance(found, Data)]))


@contextmanager
def reading(folder: Path) -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """(have FRAMES frames sent, read them all): a connection to the generator."""
    with ExitStack() as ending:
        command = [sys.executable, "-m", "bench.generator", "--arrived", str(folder / "arrived")]
        generator = Child("generator", command, folder, environ())
        ending.callback(generator.end)
        connection = Connection(Route(f"{generator.ready['ws_url']}/v5/public/linear"))
        ending.callback(connection.close)
        connection.send(f'{{"op":"subscribe","args":["publicTrade.{_SYMBOL}"]}}')
        while connection.receive() is None:
            """Until it is acknowledged."""

        def send() -> None:
            """Returns when all of them wait in the socket: it is idle then."""
            generator.ask(load=100, kind="trades", segments=[[1_000_000, FRAMES / 1_000_000]])
            until = time.monotonic() + _PATIENCE_S
            while not generator.ask(ask=True)["is_over"]:
                assert time.monotonic() < until, "all frames sent"
            time.sleep(0.005)

        def receive() -> None:
            for _ in range(FRAMES):
                while connection.receive() is None:
                    """Until it is complete."""

        yield send, receive


@contextmanager
def bus(folder: Path) -> Iterator[Callable[[list[Record]], None]]:
    """From a worker's bus to the router's, and acknowledged."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    address = f"ipc://{folder}/bus"
    receiver, sender = BusReceiver(address, context=context), BusSender(address, b"bench", context=context)

    def carry(records: list[Record]) -> None:
        sender.send(records)
        until = time.monotonic() + _PATIENCE_S
        while sender.outbox:
            for batch in receiver.take():
                receiver.settle(batch.peer, batch.number)
            sender.pump()
            assert time.monotonic() < until, "all acknowledged"

    try:
        carry([])
        yield carry
    finally:
        sender.close()
        receiver.close()
        context.destroy(linger=0)  # the monitor of a closed sender is still open


@contextmanager
def publishing() -> Iterator[Callable[[list[Record]], None]]:
    """To a broker that confirms and does nothing else."""
    command = [sys.executable, "-m", "bench.micro.quiet_broker"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ()) as broker:
        assert broker.stdout is not None
        port = int(broker.stdout.readline())
        sink = BrokerSink(f"amqp://guest:guest@127.0.0.1:{port}//", lambda: None)
        sink.open()
        done = 0

        def publish(records: list[Record]) -> None:
            nonlocal done
            done += len(records)
            sink.write(records)
            until = time.monotonic() + _PATIENCE_S
            while sink.settled() < done:
                assert time.monotonic() < until, "all confirmed"

        try:
            yield publish
        finally:
            sink.close()
            broker.terminate()
