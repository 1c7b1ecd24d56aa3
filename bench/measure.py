"""One load, measured: what was sent, what arrived and when, and what each process spent on it."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from bench import procfs
from bench.arrivals import FIRST_LOAD, LAST_LOAD
from bench.child import Child
from bench.shared import Shared

#: Events that are under way at once where as much is offered as goes: fewer than the gateway keeps in memory, so that none of it takes
#: the way over a disk, and as many as a window of confirms needs.
WINDOW = 4_000
#: At the beginning of such a load, before it counts; seconds.
WARM_S = 1.5
#: How long what was sent is waited for after nothing more has arrived; seconds.
_STILL_S = 5.0
_LOOK_S = 0.05
#: Something that is done beside a load ends within this; seconds.
_BESIDE_S = 60.0
#: No load is waited for longer than this after its end; seconds.
_DRAIN_S = 60.0

#: Name of a process in the results → its processes.
Pids = Mapping[str, set[int]]
_numbers = count()


def next_load() -> int:
    """The number of a new load."""
    return FIRST_LOAD + next(_numbers) % (LAST_LOAD - FIRST_LOAD)


@dataclass(slots=True)
class Measured:
    """rate      events that arrived in a second, of the part that counts
    sent        events
    late_ms     the longest that the generator itself was late
    cpu_s       by process, of the part that counts
    events      how many arrived meanwhile
    pss_mb      by process, at the end
    report      of the consumer
    """

    rate: float
    sent: int
    late_ms: float
    cpu_s: dict[str, float]
    events: int
    pss_mb: dict[str, float]
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        return self.sent - int(self.report["distinct"])

    def cpu_us(self, name: str) -> float:
        """For each event."""
        return self.cpu_s[name] / self.events * 1_000_000 if self.events else 0.0

    def cpu_of_10k(self, name: str) -> float:
        """CPU seconds for 10,000 events."""
        return self.cpu_us(name) / 100


class Meter:
    """Who sends, who receives, and whose CPU counts."""

    def __init__(self, generator: Child, receiver: Child, arrived: Path, pids: Pids) -> None:
        self._generator, self._receiver, self._pids = generator, receiver, pids
        self._arrived = Shared(arrived)

    def saturate(self, kind: str, seconds: float, *, window: int = WINDOW, beside: Callable[[], None] | None = None) -> Measured:
        """As much as goes for so long. beside: done while it lasts, once it is warm."""
        load, most = next_load(), seconds + WARM_S + (_BESIDE_S if beside else 0.0)
        self._generator.ask(load=load, kind=kind, window=window, seconds=most)
        pause(WARM_S)
        before, began, counted = self._cpu(), time.monotonic(), self._arrived.received(load)
        if beside is not None:
            beside()
        else:
            pause(seconds)
        after, took, events = self._cpu(), time.monotonic() - began, self._arrived.received(load) - counted
        self._generator.ask(stop=True)
        return self._measured(load, events / took, before, after, events)

    def follow(
        self,
        kind: str,
        segments: list[list[float]],
        *,
        each_s: float = 1.0,
        look: Callable[[], None] | None = None,
        drain_s: float = _DRAIN_S,
    ) -> Measured:
        """An open loop; `look` is called every `each_s` while it lasts. What it leaves is waited for, at most `drain_s`."""
        load, seconds = next_load(), sum(part[1] for part in segments)
        before, began = self._cpu(), time.monotonic()
        self._generator.ask(load=load, kind=kind, segments=segments)
        while time.monotonic() < began + seconds:
            pause(min(each_s, max(0.0, began + seconds - time.monotonic())))
            if look is not None:
                look()
        self._settle(load, drain_s)
        after, events = self._cpu(), self._arrived.received(load)
        return self._measured(load, events / seconds, before, after, events)

    def _measured(self, load: int, rate: float, before: dict[str, float], after: dict[str, float], events: int) -> Measured:
        pss = {name: procfs.pss_mb(pids) for name, pids in self._pids.items()}
        told = self._settle(load)
        report = self._receiver.ask(report=True)
        if report["load"] != load:
            report = {**report, "received": 0, "distinct": 0, "latency_ms": {}, "slices": []}
        spent = {name: after[name] - before[name] for name in self._pids}
        return Measured(rate, told["sent"], told["late_us"] / 1000, spent, events, pss, report)

    def _settle(self, load: int, drain_s: float = _DRAIN_S) -> dict[str, Any]:
        """Until all that was sent has arrived, or nothing more comes; the generator's words."""
        until = time.monotonic() + drain_s
        seen, since = -1, time.monotonic()
        while True:
            told, arrived = self._generator.ask(ask=True), self._arrived.received(load)
            now = time.monotonic()
            if arrived != seen:
                seen, since = arrived, now
            if (told["is_over"] and arrived >= told["sent"]) or now - since > _STILL_S or now > until:
                return told
            pause(_LOOK_S)

    def _cpu(self) -> dict[str, float]:
        return {name: procfs.cpu_s(pids) for name, pids in self._pids.items()}


@contextmanager
def spent(pids: Pids) -> Iterator[dict[str, float]]:
    """CPU seconds by process, filled in at the end, with the time that passed under `""`."""
    before, began = {name: procfs.cpu_s(each) for name, each in pids.items()}, time.monotonic()
    found: dict[str, float] = {}
    yield found
    found |= {name: procfs.cpu_s(each) - before[name] for name, each in pids.items()}
    found[""] = time.monotonic() - began


def pause(seconds: float) -> None:
    """While something is measured."""
    time.sleep(seconds)
