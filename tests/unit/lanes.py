"""A lane without threads, for tests: a sink in memory, its carrier stepped by hand, a spool in a folder, and the worker that puts.

record, numbered  records by number, and their ids
Place             the sink in memory as a broker is: it may be blocked, and may have what it never confirmed
Bench             all of it; `crash` is `kill -9` of the router
"""

from collections.abc import Callable
from pathlib import Path

from gateway.backoff import Backoff
from gateway.disk.spool import Spool
from gateway.lanes.carrier import Carrier
from gateway.lanes.damage import Hole
from gateway.lanes.lane import Lane
from gateway.lanes.part import Ticket
from gateway.models import Record
from gateway.sinks.memory import MemorySink

#: Batches that the router has in hand when it finds a lane full.
TAKEN_AT_ONCE = 7


def record(number: int, body: bytes = b"{}") -> Record:
    return Record("key", "trade", f"id-{number}", None, None, "topic", "trace", 0, 0, body)


def numbered(count: int) -> list[str]:
    return [f"id-{number}" for number in range(count)]


class Place(MemorySink):
    """It outlives the connection to it.

    blocked    it asks for a pause
    forgetful  what was not settled when the connection broke never arrived; else it did, unconfirmed
    silent_s   since it was last heard, seconds
    """

    silent_s = 0.0
    blocked = False
    forgetful = True

    def ready(self) -> bool:
        return not self.blocked

    def close(self) -> None:
        if not self.forgetful:
            self.records.extend(self._written[self._settled :])
        super().close()


class Bench:
    """One worker's batches, one record each, through one lane.

    put_count      batches that the worker has made
    acknowledged   batches that it has forgotten, cumulative as on the bus
    holes          what the lane said is missing in its spool
    """

    def __init__(
        self, folder: Path, *, max_bytes: int = 1 << 20, segment_bytes: int = 2000, flight_bytes: int = 1 << 24, body: bytes = b"{}"
    ) -> None:
        self.folder, self.max_bytes, self.segment_bytes, self.flight_bytes = folder, max_bytes, segment_bytes, flight_bytes
        self.body = body
        self.sink = Place()
        self.now = 1000.0
        self.put_count = 0
        self.acknowledged = 0
        self.woken = 0
        self.holes: list[Hole] = []
        self.start()

    def start(self) -> None:
        """A router begins, and the worker sends again what was not acknowledged."""
        self.tickets: dict[int, Ticket] = {}
        self.sent = self.acknowledged
        self.carrier = Carrier(self.sink, backoff=Backoff(1.0, dice=lambda: 0.5), wake_router=self._woken)
        spool = Spool(self.folder, max_bytes=self.max_bytes, segment_bytes=self.segment_bytes)
        self.lane = Lane(self.carrier, spool, patience_s=1.0, flight_bytes=self.flight_bytes)
        self.repair = self.lane.open()
        self.back: set[int] = set()

    def _woken(self) -> None:
        self.woken += 1

    def crash(self) -> None:
        self.sink.close()
        self.lane.spool.close()  # the kernel closes what a killed process had open; nothing else is done
        self.start()

    def put(self, count: int = 1, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.put_count += count
        self.send(meanwhile)

    def send(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """As the router: what it has in hand goes into the lane, and nothing more once that is full."""
        while self.sent < self.put_count and not self.lane.full:
            for number in range(self.sent, min(self.put_count, self.sent + TAKEN_AT_ONCE)):
                self.lane.put(Ticket(b"worker", number), [record(number, self.body)], self.now)
                self.sent += 1
                meanwhile()
        self._acknowledge()

    def turn(self, seconds: float = 0.01) -> None:
        self.now += seconds
        self.lane.turn(self.now)
        self.holes += self.lane.damaged()
        self.send()

    def step(self, seconds: float = 0.01) -> None:
        self.now += seconds
        self.carrier.step(self.now)

    def go_on(self, until: Callable[[], bool]) -> None:
        for _ in range(2000):
            if until():
                return
            self.step(0.1)
            self.turn(0.1)
        raise AssertionError(f"not within 400 s: {self.lane.state()}")

    def heal(self) -> None:
        """All is well again, until everything has arrived."""
        self.sink.away = self.sink.holding = self.sink.blocked = False
        self.go_on(lambda: self.acknowledged == self.put_count and self.lane.state().waiting == 0)

    def _acknowledge(self) -> None:
        self.back |= {ticket.number for ticket in self.lane.settled()}
        while self.acknowledged in self.back:
            self.acknowledged += 1

    @property
    def ids(self) -> list[str]:
        """What arrived, repeats among it."""
        return [record.event_id for record in self.sink.records]

    @property
    def first_seen(self) -> list[str]:
        return list(dict.fromkeys(self.ids))
