"""A sink in memory: the fake that ships beside the real ones and passes the same contract test."""

from collections.abc import Callable, Sequence

from gateway.errors import SinkAway
from gateway.models import Record


class MemorySink:
    """Keeps what it settled in `records`; can be away, and can hold confirmations back.

    away     open, write and tick raise SinkAway
    holding  written records settle only when it is False again
    """

    def __init__(self, name: str = "memory", wants: Callable[[Record], bool] = lambda _record: True) -> None:
        self.name = name
        self.records: list[Record] = []
        self.away = False
        self.holding = False
        self.opened = 0
        self._wants = wants
        self._written: list[Record] = []
        self._settled = 0

    def wants(self, record: Record) -> bool:
        return self._wants(record)

    def open(self) -> None:
        self._check()
        self.opened += 1
        self._written = []
        self._settled = 0

    def write(self, records: Sequence[Record]) -> None:
        self._check()
        self._written.extend(records)

    def settled(self) -> int:
        self._check()
        if not self.holding:
            self.records.extend(self._written[self._settled :])
            self._settled = len(self._written)
        return self._settled

    def ready(self) -> bool:
        return True

    def tick(self) -> None:
        self._check()

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        self._written = []

    def _check(self) -> None:
        if self.away:
            raise SinkAway(f"{self.name} is away")
