"""A load under way: which frames go out now. What is due goes out as soon as its client takes it, with the moment at which it was due."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.arrivals import stamp
from bench.generator.connection import Connection
from bench.generator.frames import FIRST_UPDATE, KINDS, template
from bench.generator.schedule import Schedule, Segment
from bench.shared import Shared

#: Frames made at one go.
_AT_ONCE = 512
#: Bytes that may wait for a client; beyond it nothing is made, and what is due waits unmade.
_WAITING_BYTES = 1 << 18
#: Between looks at how much has arrived: a hundredth of the time for which a window lasts; seconds.
_LOOK_S = 0.002


def monotonic_us() -> int:
    return time.monotonic_ns() // 1000


@dataclass(slots=True)
class Target:
    """One topic of one client. update: its book's newest update id."""

    connection: Connection
    topic: str
    template: bytes
    update: int = FIRST_UPDATE


class Targets:
    """All topics of a kind that clients hold, in the order of their names; a book goes on where it was."""

    def __init__(self, kind: str) -> None:
        self.kind = KINDS[kind]
        self._name = kind
        self.rows: list[Target] = []

    def renew(self, connections: Sequence[Connection]) -> None:
        known = {(id(row.connection), row.topic): row for row in self.rows}
        held = sorted(
            (topic, id(each), each) for each in connections for topic in each.topics if topic.startswith(self.kind.prefix)
        )
        self.rows = [
            known.get((number, topic)) or Target(each, topic, template(self._name, topic.rpartition(".")[2]))
            for topic, number, each in held
        ]


class Load:
    """sent     frames made so far
    late_us  the longest that a frame was made after it was due although its client took everything: our own fault
    """

    def __init__(
        self, number: int, targets: Targets, arrived: Shared, *, segments: Sequence[Segment], window: int, seconds: float
    ) -> None:
        """Open loop by `segments`; or, for as long as `seconds`, as many as keep `window` of them under way."""
        self.number, self._targets = number, targets
        self._arrived, self._window = arrived, window
        self._schedule = Schedule(segments)
        self.start_us = monotonic_us() + 10_000
        self._end_us = self.start_us + (round(seconds * 1_000_000) if window else self._schedule.end_us)
        self.sent = self.late_us = 0

    @property
    def is_over(self) -> bool:
        return monotonic_us() >= self._end_us if self._window else self.sent >= self._schedule.events

    def stop(self) -> None:
        """Nothing more is made. Of a load with a window."""
        self._end_us = min(self._end_us, monotonic_us())

    def wait_s(self) -> float:
        """Until something is due."""
        if self._window:
            return _LOOK_S
        due_us = self._schedule.next_us(self.sent)
        return 0.05 if due_us is None else max(0.0, (self.start_us + due_us - monotonic_us()) / 1_000_000)

    def emit(self) -> None:
        """Make what is due, and put it into the clients' buffers."""
        rows = self._targets.rows
        if not rows or any(len(row.connection.out) > _WAITING_BYTES for row in rows[:64]):
            return
        now_us = monotonic_us()
        if self._window:
            last = min(self._arrived.received(self.number) + self._window, self.sent + _AT_ONCE)
            moments = [now_us] * (last - self.sent) if now_us >= self.start_us else []
        else:
            last = min(self._schedule.due(now_us - self.start_us), self.sent + _AT_ONCE)
            moments = [self.start_us + each for each in self._schedule.times(self.sent, last)]
            if moments and not any(row.connection.out for row in rows[:64]):
                self.late_us = max(self.late_us, now_us - moments[0])
        make, count, ms, base = self._targets.kind.make, len(rows), time.time_ns() // 1_000_000, stamp(self.number, 0)
        for number, moment in enumerate(moments, self.sent):
            row = rows[number % count]
            row.update += 1
            row.connection.put(make(row.template, ms, number, base + moment, row.update))
        self.sent += len(moments)
