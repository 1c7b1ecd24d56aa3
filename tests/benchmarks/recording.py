"""What recording costs a worker: `python -m tests.benchmarks.recording`. CPU of the main thread for each frame, off and on.

The intake and what is behind it are those of a worker that reads trades of linear; the socket is a list of frames, the bus keeps all.
"""

import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.exchange.clock import ExchangeClock
from gateway.protocol import requests
from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.session import Session
from gateway.protocol.subscriptions import Subscriptions
from gateway.recording import reader
from gateway.wire import Stamp
from tests.standins import KeepingBus, KeepingFetcher, KeepingLetters
from workers.books import Books
from workers.catchup import Catchup
from workers.delivery import Delivery
from workers.intake import FRAMES_PER_TURN, Intake
from workers.outside import Outside
from workers.tap import Tap

FRAMES, ROUNDS = 50_000, 5
TOPIC = "publicTrade.BTCUSDT"
TEXT = (
    '{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1782864000000,"data":[{"T":1782864000000,"s":"BTCUSDT","S":"Buy",'
    '"v":"0.001","p":"67000.50","L":"PlusTick","i":"%032d","BT":false,"RPI":false,"seq":%d}]}'
)
_RECORDER = """
import signal, sys, threading
from pathlib import Path
from gateway.recording.recorder import Recorder
from gateway.recording.writer import Writer
over = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: over.set())
recorder = Recorder(Path(sys.argv[1]), Writer(Path(sys.argv[2])))
print("ready", flush=True)
recorder.run(over.is_set)
recorder.close()
recorder.writer.close()
import resource
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, flush=True)
"""


class Frames:
    """In the place of a connection: frames that are all here."""

    def __init__(self, texts: list[bytes]) -> None:
        self._texts = iter(texts)
        self.left = len(texts)

    def receive(self) -> bytes:
        self.left -= 1
        return next(self._texts)

    def pending(self) -> bool:
        return self.left > 0

    def at_hand(self) -> Iterator[bytes]:
        while self.left:
            yield self.receive()


def cpu_ns(tap: Tap, texts: list[bytes]) -> float:
    """Of one frame from the socket to the bus, the tap's turns among it."""
    endpoint = ENDPOINTS["linear"]
    stamp = Stamp(worker="w", account="main", include_raw="off", started_ms=1)
    bus = KeepingBus()
    delivery = Delivery("w", endpoint, stamp, bus, KeepingLetters(), Books("linear", KeepingFetcher()))  # type: ignore[arg-type] # they have all that it uses
    subscriptions = Subscriptions(endpoint)
    subscriptions.want({TOPIC: False})
    delivery.want({TOPIC: frozenset({"trade"})})
    outside = Outside(clock=ExchangeClock(lambda: 0, worker="w"), has_bytes=lambda each: each.pending(), tap=tap)
    intake = Intake(delivery, subscriptions, outside, Catchup())
    session = Session(endpoint, subscriptions, None, now=0.0, unix_ms=0)
    frames = Frames(texts)
    began = time.thread_time_ns()
    while frames.left:
        tap.turn(0.0, 1, list)
        intake.read(frames, session)  # type: ignore[arg-type] # it has all that is asked of a connection
        delivery.flush()
        bus.records.clear()
    return (time.thread_time_ns() - began) / len(texts)


@contextmanager
def recorder(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", _RECORDER, str(folder), str(folder / "a.rec")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.terminate()
        print(f"recorder    {float(process.stdout.readline()) / FRAMES / ROUNDS * 1e9:8.0f} ns CPU a frame, in its own process")


def main() -> None:
    texts = [(TEXT % (number, number)).encode() for number in range(FRAMES)]
    off = Tap()
    look = min(
        timeit.repeat(
            "if outside.tap.recorders: pass",
            globals={"outside": Outside(ExchangeClock(lambda: 0, worker="w"))},
            number=1_000_000,
            repeat=5,
        )
    )
    print(f"the look    {look * 1000:8.0f} ns a frame while nobody records")
    without = min(cpu_ns(off, texts) for _ in range(ROUNDS))
    print(f"off         {without:8.0f} ns CPU a frame in the worker, {len(texts[0])} bytes each")
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        on = Tap(folder, worker="linear_00", endpoint="linear", epoch="e")
        with recorder(folder):
            figures = [cpu_ns(on, texts) for _ in range(ROUNDS)]
            assert on.recorders, "somebody records"
            on.sent(1, requests.ping("1"))
            while any(each.waiting for each in on.recorders):
                on.turn(0.0, 1, list)
            on.close(1)
        found = reader.opened(folder / "a.rec")
        print(f"on          {min(figures):8.0f} ns CPU a frame in the worker: {min(figures) - without:+.0f}")
        lost = found.tally.lost if found.tally is not None else -1
        size = (folder / "a.rec").stat().st_size
        print(
            f"the file    {size / found.entries:8.0f} bytes a frame; {found.entries} entries, {lost} lost, {FRAMES_PER_TURN} frames a turn"
        )
        began = time.process_time()
        count = sum(1 for worker in found.lanes for _ in found.of(worker))
        print(f"reading     {(time.process_time() - began) / count * 1e9:8.0f} ns CPU an entry")


if __name__ == "__main__":
    main()
