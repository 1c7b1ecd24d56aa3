"""A lane: the way of one sink's records: through memory while the sink keeps up, through a spool on disk while it does not.

router ── put ─┬─▶ given to the carrier, in memory ───────────────▶ settled: its ticket comes back
               └─▶ spool: its ticket comes back at once ─▶ given ─▶ settled: released

    oldest                                                newest
    [ given, in the spool ][ in the spool ][ held: the spool is full ]
    [ given, in the spool ][ given, in memory only ][ held ]

What is in memory only is newer than all of the spool. So before anything newer is kept on disk, that goes there first,
and a sink that is lost gets everything again in the order in which it was put.
"""

import logging
from collections import deque
from collections.abc import Sequence
from itertools import chain

from gateway.disk.spool import Repair, Spool
from gateway.errors import SpoolFull
from gateway.health.words import LaneState
from gateway.lanes import part as parts
from gateway.lanes.carrier import Carrier
from gateway.lanes.damage import Damage, Hole, Whole
from gateway.lanes.part import Part, Ticket
from gateway.lanes.since import Since
from gateway.models import Record

log = logging.getLogger(__name__)

#: Records and bytes that the carrier has at once; beyond them they are kept on disk. Measured: 5,000 unconfirmed messages are as fast
#: as any more, and RabbitMQ takes 15,000 a second.
FLIGHT_RECORDS = 20_000
FLIGHT_BYTES = 16 << 20
#: Read from the spool in one go.
READ_BYTES = 1 << 20
#: A sink that has not settled the oldest part for this long is slow: what is in memory is kept on disk; seconds.
PATIENCE_S = 1.0
#: Between tries to keep something in a spool that is full; seconds.
RETRY_S = 0.5
#: A file of the spool that the disk does not let us read for this long is given up; seconds.
GIVE_UP_S = 30.0


class Lane:
    """One sink's records. For the router's thread alone; `now` is monotonic seconds. Nothing waits, but for the disk.

    name  of the sink, also in logs and state
    """

    def __init__(self, carrier: Carrier, spool: Spool, *, patience_s: float = PATIENCE_S, flight_bytes: int = FLIGHT_BYTES) -> None:
        self.name = carrier.sink.name
        self.carrier = carrier
        self.spool = spool
        self.wants = carrier.sink.wants
        self._patience_s = patience_s
        self._room_bytes = flight_bytes
        self._given: deque[Part] = deque()
        self._held: deque[Part] = deque()
        self._outbox: deque[Ticket] = deque()
        self._run = 0
        self._ready = False
        self._collected = 0  # parts settled in this run
        self._flight_records = 0
        self._flight_bytes = 0
        self._fed = 0  # the carrier has the spool up to this number
        self._total = 0
        self._released = Whole()
        self._damage = Damage()
        self._since = Since()
        self._unread = ""  # why the spool cannot be read
        self._unread_since = self._read_at = 0.0
        self._written = 0
        self._store_at = 0.0
        self._refusal = ""

    def open(self) -> Repair:
        """Take up what an earlier process left in the spool; it goes first."""
        repair = self.spool.open()
        first, last = parts.behind(self.spool, self.spool.released), parts.behind(self.spool, self.spool.newest - 1)
        self._released = Whole(self.spool.released, None if self.spool.waiting else 0)
        if first is not None and last is not None:
            number, records, total = first
            self._released = Whole(self.spool.released, total - len(records) if number == self.spool.released + 1 else None)
            self._total = last[2]
            self._since.kept(number, records[0].received_ns // 1_000_000 if records else 0)
        self._damage.begin(self._released)
        if repair.bytes_behind:
            newest_ns = parts.newest_ns(last[1]) if last is not None else None
            self._damage.cut(Whole(self.spool.last, None, newest_ns), repair.bytes_behind)
        self._fed = self.spool.released
        if repair.records or repair.lost or repair.bytes_cut:
            log.info("%s spool_found messages=%d lost=%d bytes_cut=%d", self.name, self._spooled, repair.lost, repair.bytes_cut)
        return repair

    def put(self, ticket: Ticket, records: Sequence[Record], now: float) -> None:
        """Take responsibility for the records; the ticket comes back from `settled` once the sink or the disk has them."""
        part = parts.of(ticket, records)
        self._look(now)
        if self._takes_directly(now):
            self._give(part, records, now)
        else:
            self._held.append(part)
            self._store(now)

    def turn(self, now: float) -> None:
        """Collect what settled, give the carrier what it can take, and keep on disk what has waited for too long."""
        self._look(now)
        if self._held or (self._is_late(now) and not self._given[-1].number):
            self._store(now)
        if self._ready:
            self._feed(now)

    def damaged(self) -> list[Hole]:
        """What was found missing in the spool since; each once."""
        return self._damage.taken()

    def settled(self) -> list[Ticket]:
        """The tickets of which this lane holds nothing in memory alone any more; each once."""
        tickets = list(self._outbox)
        self._outbox.clear()
        return tickets

    def hand_over(self, now: float) -> None:
        """Keep on disk all that is in memory alone, so that its tickets come back. What is under way may still settle."""
        self._look(now)
        self._store_at = now
        self._store(now)

    def look(self, now: float) -> bool:
        """Collect what settled, give nothing more; whether anything is under way."""
        self._look(now)
        return bool(self._given)

    def close(self) -> None:
        self.spool.close()

    @property
    def full(self) -> str | None:
        """Why nothing more can be taken: the sink does not take it, and the disk does not. None: all is well."""
        return self._refusal if self._held else None

    @property
    def is_waiting(self) -> bool:
        """Something is under way that may become late."""
        return bool(self._given or self._held)

    def state(self) -> LaneState:
        carrier = self.carrier
        in_memory = sum(part.count for part in chain(self._given, self._held) if not part.number)
        return LaneState(
            connected=carrier.connected,
            checked_ms=carrier.checked_ms,
            waiting=in_memory + self._spooled,
            written=self._written,
            returned=getattr(carrier.sink, "returned", 0),
            nacked=getattr(carrier.sink, "nacked", 0),
            reconnects=carrier.reconnects,
            last_error=carrier.last_error,
            spool_messages=self._spooled,
            spool_bytes=self.spool.size_bytes,
            full=self.full,
            unread=self._unread or None,
            blocked_ms=carrier.blocked_ms,
            blocked=getattr(carrier.sink, "pause_words", None),
            oldest_ms=self._oldest_ms,
        )

    @property
    def _spooled(self) -> int:
        return self._total - (self._released.total or 0) if self.spool.waiting else 0

    @property
    def _oldest_ms(self) -> int | None:
        """Since when the oldest record waits. All that is in memory alone is newer than the spool."""
        if self.spool.waiting:
            return self._since.oldest(self.spool.released)
        return next((part.came_ms for part in chain(self._given, self._held)), None)

    def _takes_directly(self, now: float) -> bool:
        """Whether a new part may go to the carrier without being kept: nothing is before it but what the carrier has."""
        is_next = not self._held and self._fed == self.spool.last
        return is_next and self._ready and self._has_room() and not self._is_late(now)

    def _has_room(self) -> bool:
        return self._flight_records < FLIGHT_RECORDS and self._flight_bytes < self._room_bytes

    def _is_late(self, now: float) -> bool:
        return bool(self._given) and now - self._given[0].given_at > self._patience_s

    def _look(self, now: float) -> None:
        news = self.carrier.news
        if news.run != self._run:
            self._run, self._collected = news.run, 0
            self._lost(now)
        released = None
        for _ in range(news.settled - self._collected):
            part = self._given.popleft()
            self._flight_records -= part.count
            self._flight_bytes -= part.size_bytes
            self._written += part.count
            if part.number:
                released = part
            elif part.ticket is not None:
                self._outbox.append(part.ticket)
        self._collected, self._ready = news.settled, news.ready
        if released is not None:
            self._released = Whole(released.number, released.total, released.newest_ns)
            self.spool.release(released.number)
            self._note_empty()

    def _note_empty(self) -> None:
        """Past what could not be read, too."""
        if not self._given and self._fed >= self.spool.last:
            self._released = Whole(self.spool.last, self._total, self._released.received_ns)
            self.spool.release(self.spool.last)
        if not self.spool.waiting:
            self._since.clear()
            log.info("%s spool_empty", self.name)

    def _lost(self, now: float) -> None:
        """The sink has forgotten what it had not settled: all of it goes again, first and in order."""
        self._held.extendleft(part for part in reversed(self._given) if not part.number)
        self._given.clear()
        self._flight_records = self._flight_bytes = 0
        self._fed = self.spool.released
        self._damage.begin(self._released)
        self._store(now)

    def _store(self, now: float) -> None:
        """Keep on disk what is in memory alone, oldest first: what is under way already, and what is held."""
        if now < self._store_at:
            return
        was_empty = not self.spool.waiting
        try:
            for part in self._given:
                if not part.number:
                    self._keep(part)
                    self._fed = part.number  # it stands behind the cursor: its confirmation releases it
                    self._damage.read(Whole(part.number, part.total, part.newest_ns), part.count)
            while self._held:
                self._keep(self._held[0])
                self._held.popleft()
        except SpoolFull as fault:
            self._store_at = now + RETRY_S
            self._refusal = str(fault)
        if was_empty and self.spool.waiting:
            log.info("%s spooling reason=%s", self.name, self.carrier.last_error or "slow")

    def _keep(self, part: Part) -> None:
        total = self._total + part.count
        part.number = self.spool.append(parts.encode(part.records, total))
        part.total = self._total = total
        self._since.kept(part.number, part.came_ms)
        part.records = ()
        if part.ticket is not None:
            self._outbox.append(part.ticket)
            part.ticket = None

    def _feed(self, now: float) -> None:
        while self._fed < self.spool.last and self._has_room():
            if now < self._read_at:
                return
            try:
                found = self.spool.read(self._fed, most_bytes=min(READ_BYTES, self._room_bytes - self._flight_bytes))
            except SpoolFull as fault:
                self._not_read(str(fault), now)
                return
            self._unread = ""
            for number, payload in found:
                self._fed = number
                if (part := parts.decode(payload)) is not None:
                    records, total = part
                    whole = Whole(number, total, parts.newest_ns(records))
                    self._damage.read(whole, len(records))
                    self._give(Part(len(records), len(payload), (), None, number, total, whole.received_ns), records, now)
            if not found or self._fed == self.spool.last:
                self._fed = self.spool.last
                self._damage.ended(self._fed, self._total)
                self._note_empty()
        while self._held and self._has_room():  # the carrier has all of the spool
            held = self._held.popleft()
            self._give(held, held.records, now)

    def _not_read(self, reason: str, now: float) -> None:
        """The disk refuses: again in a moment, and at last without the file."""
        if not self._unread:
            self._unread_since = now
            log.error("%s spool_not_read reason=%s", self.name, reason)
        self._unread = reason
        self._read_at = now + RETRY_S
        if now - self._unread_since > GIVE_UP_S:
            self.spool.set_aside(self._fed)

    def _give(self, part: Part, records: Sequence[Record], now: float) -> None:
        part.given_at = now
        self._given.append(part)
        self._flight_records += part.count
        self._flight_bytes += part.size_bytes
        self.carrier.give(self._run, records)
