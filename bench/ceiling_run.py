"""The bare publisher as the benchmark runs it: fed with messages that the gateway itself has published, read by the same consumer."""

import sys
from pathlib import Path
from types import TracebackType

from bench.child import Child
from bench.measure import WINDOW, next_load
from bench.places import environ

EXCHANGE = "ws-gateway.events"


class Ceiling:
    """A context: the publisher's process."""

    def __init__(self, broker_url: str, folder: Path, consumer: Child) -> None:
        """`consumer`: has read at least one message of each routing key."""
        command = [sys.executable, "-m", "bench.ceiling", "--url", broker_url, "--exchange", EXCHANGE]
        self._child = Child("ceiling", command, folder, environ())
        self._consumer = consumer
        self._child.ask(messages=consumer.ask(sample=True)["messages"])

    def __enter__(self) -> "Ceiling":
        return self

    def __exit__(self, _kind: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None) -> None:
        self._child.end()

    def rate(self, seconds: float) -> float:
        """Messages confirmed in a second."""
        told = self._child.ask(seconds + 30.0, load=next_load(), seconds=seconds, window=WINDOW)
        return float(told["rate"])

    def latency_ms(self, rate: float, seconds: float) -> dict[str, float]:
        """From when a message was due to the consumer, where so many are due a second: by part; milliseconds."""
        load = next_load()
        self._child.ask(seconds + 30.0, load=load, seconds=seconds, rate=rate)
        report = self._consumer.ask(report=True)
        assert report["load"] == load, "the consumer has read what was published last"
        return dict(report["latency_ms"])
