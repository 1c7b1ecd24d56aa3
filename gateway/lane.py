"""A lane: one sink, the records that wait for it, and the thread that carries them over.

router ── put(ticket, records) ─▶ waiting ─▶ written, unsettled ─▶ settled ── settled() ─▶ router acknowledges
                                     ▲              │
                                     └── SinkAway ──┘   after a loss all unsettled go again, first and in order
"""

import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.backoff import Backoff
from gateway.errors import SinkAway
from gateway.models import Record
from gateway.sinks.sink import Sink
from gateway.state import LaneState

log = logging.getLogger(__name__)

#: Records that wait in one lane before its router stops reading: about 50 MB at 500 bytes.
FULL_RECORDS = 100_000
#: Records handed to the sink and not yet settled; measured: 5,000 are as fast as any more.
WINDOW_RECORDS = 5_000
#: The sink is asked whether it lives this often; seconds.
TICK_S = 1.0
#: The longest sleep while nothing happens; seconds. A lane never polls faster than its file descriptors wake it.
IDLE_S = 0.5
#: Between tries to reach the sink while the lane is being stopped; seconds.
STOPPING_REST_S = 0.2
#: A lane that is being stopped while its sink is away does not use its whole deadline; seconds.
AWAY_PATIENCE_S = 1.0


@dataclass(slots=True, eq=False)
class Ticket:
    """One batch of one worker, on its way through the lanes.

    peer, number  of the batch on the bus
    left          lanes that still hold records of it; counted by the router
    """

    peer: bytes
    number: int
    left: int = 0


class Lane:
    """One sink with its queue, driven by a thread of its own. `put`, `settled` and `full` belong to the router's thread.

    name  of the sink, also in logs and state
    """

    def __init__(self, sink: Sink, *, backoff: Backoff, wake_router: Callable[[], None]) -> None:
        self.name = sink.name
        self._sink = sink
        self._backoff = backoff
        self._wake_router = wake_router
        self._inbox: deque[tuple[Ticket, Sequence[Record]]] = deque()
        self._outbox: deque[Ticket] = deque()
        self._unwritten: deque[tuple[Ticket, Sequence[Record]]] = deque()
        self._unsettled: deque[tuple[Ticket, Sequence[Record], int]] = deque()  # with the count written up to its end
        self._written = 0  # records written since the sink was opened
        self._put_records = 0
        self._settled_records = 0
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._stop_at: float | None = None
        self._connected = False
        self._checked_ms = 0
        self._reconnects = 0
        self._last_error: str | None = None
        self._thread = threading.Thread(target=self._run, name=f"lane-{sink.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, deadline_s: float) -> None:
        """Carry over what waits, for at most this long, and end the thread."""
        self._stop_at = time.monotonic() + (deadline_s if self._connected else min(deadline_s, AWAY_PATIENCE_S))
        self._poke()
        self._thread.join(deadline_s + 5.0)

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def wants(self, record: Record) -> bool:
        return self._sink.wants(record)

    def put(self, ticket: Ticket, records: Sequence[Record]) -> None:
        """Take responsibility for the records; the ticket comes back from `settled` when the sink has them all."""
        self._put_records += len(records)
        self._inbox.append((ticket, records))
        self._poke()

    def settled(self) -> list[Ticket]:
        """The tickets whose records are settled, in the order put; each once."""
        tickets = []
        while self._outbox:
            tickets.append(self._outbox.popleft())
        return tickets

    @property
    def full(self) -> bool:
        return self._put_records - self._settled_records >= FULL_RECORDS

    def state(self) -> LaneState:
        return LaneState(
            connected=self._connected,
            checked_ms=self._checked_ms,
            waiting=self._put_records - self._settled_records,
            written=self._settled_records,
            returned=getattr(self._sink, "returned", 0),
            reconnects=self._reconnects,
            last_error=self._last_error,
        )

    def _poke(self) -> None:
        os.eventfd_write(self._wake, 1)

    def _run(self) -> None:
        while not self._done():
            try:
                self._sink.open()
                self._opened()
                while not self._done():
                    self._turn()
            except SinkAway as fault:
                self._lost(fault)
                if not self._done():
                    self._rest(self._backoff.next_s())
        self._sink.close()
        self._connected = False

    def _done(self) -> bool:
        if self._stop_at is None:
            return False
        nothing_left = not (self._inbox or self._unwritten or self._unsettled)
        return nothing_left or time.monotonic() >= self._stop_at

    def _opened(self) -> None:
        self._written = 0
        self._next_tick = time.monotonic()
        self._connected = True
        self._last_error = None
        log.info("%s sink_open waiting=%d", self.name, self._put_records - self._settled_records)

    def _lost(self, fault: SinkAway) -> None:
        self._sink.close()
        self._unwritten.extendleft((ticket, records) for ticket, records, _ in reversed(self._unsettled))
        self._unsettled.clear()
        if self._connected or str(fault) != self._last_error:
            log.warning("%s sink_away reason=%s waiting=%d", self.name, fault, self._put_records - self._settled_records)
        self._reconnects += self._connected
        self._connected = False
        self._last_error = str(fault)

    def _turn(self) -> None:
        """Wait for something to do, then write, collect what settled, and tick."""
        self._wait()
        while self._inbox:
            self._unwritten.append(self._inbox.popleft())
        while self._unwritten and self._in_flight() < WINDOW_RECORDS and self._sink.ready():
            ticket, records = self._unwritten.popleft()
            self._unsettled.append((ticket, records, self._written + len(records)))
            self._sink.write(records)
            self._written += len(records)
        self._collect(self._sink.settled())
        if time.monotonic() >= self._next_tick:
            self._next_tick = time.monotonic() + TICK_S
            self._sink.tick()
            self._checked_ms = time.time_ns() // 1_000_000
            self._backoff.succeeded()

    def _in_flight(self) -> int:
        """Records written and not settled; a whole number of tickets."""
        return self._written - (self._unsettled[0][2] - len(self._unsettled[0][1]) if self._unsettled else self._written)

    def _collect(self, settled: int) -> None:
        before = len(self._outbox)
        while self._unsettled and self._unsettled[0][2] <= settled:
            ticket, records, _ = self._unsettled.popleft()
            self._settled_records += len(records)
            self._outbox.append(ticket)
        if len(self._outbox) != before:
            self._wake_router()

    def _wait(self) -> None:
        """Until a record is put, the sink has news, or the next tick."""
        if self._unwritten and self._in_flight() < WINDOW_RECORDS and self._sink.ready():
            return
        readers: list[int] = [self._wake]
        if self._sink.fileno() >= 0:
            readers.append(self._sink.fileno())
        select.select(readers, [], [], max(0.0, min(IDLE_S, self._next_tick - time.monotonic())))
        self._calm()

    def _rest(self, seconds: float) -> None:
        """Wait before the next try; once stopping, only briefly."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            select.select([self._wake], [], [], min(IDLE_S, left))
            self._calm()
            if self._stop_at is not None:
                until = min(until, time.monotonic() + STOPPING_REST_S)

    def _calm(self) -> None:
        try:
            os.eventfd_read(self._wake)
        except BlockingIOError:
            return
