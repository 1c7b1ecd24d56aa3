"""The router: puts each record into the lanes that want it, and acknowledges a batch once no lane holds any of it in memory alone."""

import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.bus.bus import Batch
from gateway.health.words import LaneState
from gateway.lanes.announcements import Announcements, Fullness, tell_of_damage
from gateway.lanes.lane import Lane
from gateway.lanes.part import Ticket
from gateway.models import Record

#: The longest wait for news of a sink while the router stops; seconds.
WATCH_S = 0.1
#: Stopping: what is on disk already may still settle for this long, so that it is not sent again; seconds.
SETTLE_S = 2.0
#: Stopping: a sink's thread that is stuck is waited for this long; seconds. SIGTERM to exit is at most 10 s.
STUCK_S = 1.0


class Receiver(Protocol):
    """The bus, as the router needs it: `BusReceiver`."""

    def wait(self, wake: int, seconds: float, *, reading: bool) -> None: ...
    def take(self) -> list[Batch]: ...
    def settle(self, peer: bytes, number: int) -> None: ...
    def forget_silent(self, older_than_s: float) -> None: ...
    def close(self) -> None: ...


@dataclass(slots=True)
class Router:
    """Used by one thread; `now` is monotonic seconds.

    announcements  the router's own events, which go the way of all others
    before         the last words of an earlier process about its lanes: a gap that it left open is closed by this one
    events         records taken from workers since the start
    """

    receiver: Receiver
    lanes: Sequence[Lane]
    announcements: Announcements
    before: Mapping[str, LaneState] = field(default_factory=dict)
    events: int = 0
    _tickets: dict[bytes, deque[Ticket]] = field(default_factory=lambda: defaultdict(deque))
    _fullness: list[Fullness] = field(init=False)

    def __post_init__(self) -> None:
        left = {name: lane.full_gap for name, lane in self.before.items()}
        self._fullness = [Fullness(lane.name, self.announcements, left.get(lane.name)) for lane in self.lanes]

    def states(self) -> dict[str, LaneState]:
        """The lanes' words."""
        said = {lane.name: lane.state() for lane in self.lanes}
        for fullness in self._fullness:
            said[fullness.lane].full_gap = fullness.gap
        return said

    @property
    def is_full(self) -> bool:
        """A lane takes nothing more: the workers keep what they have."""
        return any(lane.full is not None for lane in self.lanes)

    @property
    def away(self) -> frozenset[str]:
        """Lanes whose sink is not there."""
        return frozenset(lane.name for lane in self.lanes if not lane.carrier.connected)

    @property
    def is_waiting(self) -> bool:
        """Something is under way that may become late: `turn` is due soon."""
        return any(lane.is_waiting for lane in self.lanes)

    def turn(self, now: float) -> None:
        """Take what is here unless a lane is full, move the lanes on, acknowledge."""
        if not self.is_full:
            for batch in self.receiver.take():
                ticket = Ticket(batch.peer, batch.number)
                self._tickets[batch.peer].append(ticket)
                self.events += len(batch.records)
                self._spread(ticket, batch.records, now)
        for lane in self.lanes:
            lane.turn(now)
        self._announce(now)
        self._acknowledge()

    def stop(self, wake: int) -> None:
        """Keep on disk what is in memory alone and acknowledge it; what is under way may settle for a moment."""
        until = time.monotonic() + SETTLE_S
        for lane in self.lanes:
            lane.hand_over(time.monotonic())
        self._acknowledge()
        while (now := time.monotonic()) < until:
            under_way = [lane for lane in self.lanes if lane.look(now)]
            if not any(lane.carrier.connected for lane in under_way):
                break
            self.receiver.wait(wake, WATCH_S, reading=False)
        for lane in self.lanes:
            lane.carrier.stop(STUCK_S)
            lane.look(time.monotonic())
            lane.close()
        self._acknowledge()
        self.receiver.close()

    def _announce(self, now: float) -> None:
        for lane, fullness in zip(self.lanes, self._fullness, strict=True):
            now_ms = time.time_ns() // 1_000_000
            fullness.look(lane.full, now, now_ms)
            for hole in lane.damaged():
                tell_of_damage(self.announcements, lane.name, hole, now_ms)
        own = self.announcements.taken()
        if own:
            self._spread(Ticket(b"", 0), own, now)

    def _spread(self, ticket: Ticket, records: Sequence[Record], now: float) -> None:
        for lane in self.lanes:
            wanted = [record for record in records if lane.wants(record)]
            if wanted:
                ticket.left += 1
                lane.put(ticket, wanted, now)

    def _acknowledge(self) -> None:
        """Cumulatively, in each worker's order."""
        for lane in self.lanes:
            for ticket in lane.settled():
                ticket.left -= 1
        for peer, tickets in list(self._tickets.items()):
            number = None
            while tickets and tickets[0].left == 0:
                number = tickets.popleft().number
            if number is not None:
                self.receiver.settle(peer, number)
            if not tickets:
                del self._tickets[peer]
