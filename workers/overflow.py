"""Public events that find no room: the oldest are dropped, and what was dropped makes one gap."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.bus.bus import BusSender
from gateway.models import Record
from gateway.occurrences import Gap, new_gap_id
from workers.ledger import Ledger

log = logging.getLogger(__name__)

#: Unacknowledged bytes that a worker keeps for its router. Beyond them a public endpoint drops its oldest events, counted and
#: announced; the private one stops reading.
WAITING_BYTES = 64 << 20
#: A public event that waited longer is dropped too: nobody trades on it any more; seconds.
WAITING_S = 300.0


@dataclass(slots=True)
class Overflow:
    """One overflow after another. count: events dropped since all fitted last."""

    count: int = 0
    _gap: Gap | None = None

    @property
    def since_ms(self) -> int | None:
        """What was received until then has not been dropped; None: nothing was, or it has been told."""
        return self._gap.from_ms if self._gap is not None else None

    def make_room(self, bus: BusSender) -> int:
        """Drop the oldest events where there are too many; how many. The next one of each of their topics names the gap."""
        dropped = bus.make_room(WAITING_BYTES, WAITING_S)
        if dropped:
            gap_id = self._dropped(dropped)
            for topic in {record.topic for record in dropped}:
                bus.outbox.mark(topic, gap_id)
        return len(dropped)

    def _dropped(self, records: Sequence[Record]) -> str:
        """These found no room; the id of the gap that they make."""
        from_ms, to_ms = (record.received_ns // 1_000_000 for record in (records[0], records[-1]))
        if self._gap is None:
            self._gap = Gap(new_gap_id(), "overflow", from_ms, recovered=False)
        self._gap = replace(self._gap, to_ms=to_ms)
        self.count += len(records)
        return self._gap.id

    def tell(self, ledger: Ledger, now_ns: int) -> None:
        """Say once what was dropped, if anything was."""
        gap, count, self._gap, self.count = self._gap, self.count, None, 0
        if gap is not None:
            log.warning("overflow dropped=%d", count)
            ledger.gaps.begun["overflow"] += 1
            ledger.tell("overflow", now_ns=now_ns, detail=f"{count} events found no room and were dropped", gap=gap)
