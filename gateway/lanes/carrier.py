"""A carrier: the thread that drives one sink. It is given parts, writes them in order, and says how many are settled.

lane ── give(run, records) ─▶ inbox ─▶ sink.write ─▶ unsettled ─▶ news.settled, counted since the run began
                                │                        │
                                └─── SinkAway: a new run; the lane has all that was not settled, and gives it again
"""

import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gateway.backoff import Backoff
from gateway.errors import SinkAway
from gateway.models import Record
from gateway.sinks.sink import Sink

log = logging.getLogger(__name__)

#: The sink is asked whether it lives this often; seconds. Half a second of the five within which a dead broker is noticed.
TICK_S = 0.5
#: The longest sleep while nothing happens; seconds. A carrier never polls faster than its file descriptors wake it.
IDLE_S = 0.5
#: What has settled is looked at no sooner than this after the last step: confirms come one by one, and are cheaper many at a time; seconds.
GATHER_S = 0.004
#: Parts that are written before the sink is asked again whether it lives: PostgreSQL commits each.
PARTS_AT_ONCE = 100


class News(NamedTuple):
    """What a lane must know of its carrier.

    run      counts the losses of the sink; what was given for another run is forgotten
    settled  parts of this run that are settled, in the order given
    ready    whether the sink takes more now
    """

    run: int
    settled: int
    ready: bool


class Carrier:
    """Drives one sink. `give`, `news` and the words about the connection are for the lane's thread.

    news        replaced whole
    connected   the sink answered within the last seconds
    checked_ms  when it last did; Unix milliseconds
    reconnects  losses of a sink that was open
    blocked_ms  since when the sink, which is open, takes nothing; Unix milliseconds
    name        of its thread
    """

    def __init__(self, sink: Sink, *, backoff: Backoff, wake_router: Callable[[], None]) -> None:
        self.sink = sink
        self._backoff = backoff
        self._wake_router = wake_router
        self._inbox: deque[tuple[int, Sequence[Record]]] = deque()
        self._ends: deque[int] = deque()  # of unsettled parts: the count of records written up to their end
        self._written = 0
        self._run_number = 0
        self._settled = 0
        self._open_at = 0.0
        self._next_tick = 0.0
        self._stopping = False
        self._wake = -1
        self._thread = threading.Thread(target=self._run, name=f"carrier-{sink.name}", daemon=True)
        self.news = News(0, 0, ready=False)
        self.connected = False
        self.checked_ms = 0
        self.reconnects = 0
        self.blocked_ms: int | None = None
        self.last_error: str | None = None
        self.name = self._thread.name

    def start(self) -> None:
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread.start()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self, patience_s: float) -> None:
        """End the thread; one that is stuck in its sink ends with the process."""
        self._stopping = True
        self.poke()
        self._thread.join(patience_s)

    def give(self, run: int, records: Sequence[Record]) -> None:
        """Carry a part over. It is the lane's until `news` of the same run counts it as settled."""
        self._inbox.append((run, records))
        self.poke()

    def step(self, now: float) -> None:
        """Open the sink or write to it, collect what settled, tick: whatever is due. Waits only where the sink does."""
        try:
            if not self.connected:
                if now < self._open_at:
                    return
                self.sink.open()
                self._opened(now)
            self._write()
            self._collect()
            if now >= self._next_tick:
                self._next_tick = now + TICK_S
                self.sink.tick()
                # A broker that has fallen silent may be found out by a write that waits for it: it answered when it was last heard.
                self.checked_ms = time.time_ns() // 1_000_000 - round(getattr(self.sink, "silent_s", 0.0) * 1000)
                self._backoff.succeeded()
        except SinkAway as fault:
            self._lost(fault, now)
        self._tell()

    def _opened(self, now: float) -> None:
        self._written = 0
        self._next_tick = now
        self.connected = True
        self.checked_ms = time.time_ns() // 1_000_000
        self.last_error = None
        log.info("%s sink_open", self.sink.name)

    def _write(self) -> None:
        for _ in range(PARTS_AT_ONCE):
            if not self._inbox or not self.sink.ready():
                return
            run, records = self._inbox.popleft()
            if run == self._run_number:
                self._written += len(records)
                self._ends.append(self._written)
                self.sink.write(records)
                if self.sink.fileno() < 0:  # it settles as it is written, and nothing else will say so
                    self._collect()
                    self._tell()

    def _collect(self) -> None:
        settled = self.sink.settled()
        while self._ends and self._ends[0] <= settled:
            self._ends.popleft()
            self._settled += 1

    def _lost(self, fault: SinkAway, now: float) -> None:
        self.sink.close()
        self._inbox.clear()
        self._ends.clear()
        self._run_number += 1
        self._settled = 0
        if self.connected or str(fault) != self.last_error:
            log.warning("%s sink_away reason=%s", self.sink.name, fault)
        self.reconnects += self.connected
        self.connected = False
        self.last_error = str(fault)
        self._open_at = now + self._backoff.next_s()

    def _tell(self) -> None:
        news = News(self._run_number, self._settled, ready=self.connected and self.sink.ready())
        if not self.connected or news.ready:
            self.blocked_ms = None
        elif self.blocked_ms is None:
            self.blocked_ms = time.time_ns() // 1_000_000
        if news != self.news:
            self.news = news
            self._wake_router()

    def poke(self) -> None:
        """Have it take a step soon. Any thread."""
        if self._wake >= 0:
            os.eventfd_write(self._wake, 1)

    def _run(self) -> None:
        while not self._stopping:
            self._wait(time.monotonic())
            self.step(time.monotonic())
        self.sink.close()
        self.connected = False

    def _wait(self, now: float) -> None:
        """Until a part is given, the sink has news, or something is due."""
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        if not self.connected:
            seconds = self._open_at - now
        elif self._inbox and self.sink.ready():
            seconds = 0.0
        else:
            due = getattr(self.sink, "due", None)
            seconds = (self._next_tick if due is None else min(due, self._next_tick)) - now
            gather = max(0.0, min(GATHER_S, seconds))
            if self.sink.fileno() >= 0 and not poll.poll(gather * 1000):
                poll.register(self.sink.fileno(), select.POLLIN)
                seconds -= gather
        poll.poll(max(0.0, min(IDLE_S, seconds)) * 1000)
        try:
            os.eventfd_read(self._wake)
        except BlockingIOError:
            return
