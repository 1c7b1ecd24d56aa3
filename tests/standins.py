"""What stands in for the worker's neighbours where a test needs none of them: it keeps all that it is given."""

import os
import signal
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from gateway.bus.outbox import Outbox
from gateway.errors import GatewayError
from gateway.models import Json, Record


class KeepingBus:
    """In the place of ZeroMQ: keeps all records, and always takes more."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.outbox = Outbox()

    def send(self, records: Sequence[Record]) -> None:
        self.records += records
        self.outbox.last += len(records)

    def pump(self) -> None:
        """Nothing waits."""

    def make_room(self, _most_bytes: int, _most_s: float) -> list[Record]:
        return []


class KeepingLetters:
    """In the place of the dead letters' file: keeps their reasons."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def add(self, *, reason: str, **_letter: object) -> None:
        self.reasons.append(reason)


class KeepingFetcher:
    """In the place of REST for whole books: keeps what it is asked for, and answers with what a test puts in `ready`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.ready: list[tuple[str, Json]] = []

    def ask(self, topic: str) -> None:
        self.asked.append(topic)

    def keep(self, topics: Collection[str]) -> None:
        self.ready = [answer for answer in self.ready if answer[0] in topics]

    def taken(self) -> list[tuple[str, Json]]:
        found, self.ready = self.ready, []
        return found


class KeepingCheckpoints:
    """In the place of PostgreSQL for one checkpoint: keeps what was written last, or is away with a fault."""

    def __init__(self, value: dict[str, Json] | None = None) -> None:
        self.value = value
        self.writes = self.refused = 0
        self.fault: GatewayError | None = None

    def read(self) -> dict[str, Json] | None:
        if self.fault is not None:
            raise self.fault
        return self.value

    def write(self, value: dict[str, Json]) -> None:
        if self.fault is not None:
            self.refused += 1
            raise self.fault
        self.value = value
        self.writes += 1


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A process that is there and does nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
