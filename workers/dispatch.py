"""The way from a worker's records to its router: collected for a turn, sent as one batch, and kept until the router has them."""

import logging
from collections import Counter
from operator import attrgetter

from gateway.bus.bus import BusSender
from gateway.bus.outbox import KEPT
from gateway.metrics.tally import Tally
from gateway.models import Record
from gateway.wire import TOPIC_STATE
from workers.journal import Journal

log = logging.getLogger(__name__)

_event_type = attrgetter("event_type")
#: Records that are kept at once, when a worker stops with a router that takes nothing.
AT_ONCE = 1000


class Dispatch:
    """Used by the worker's main thread alone."""

    def __init__(self, worker: str, bus: BusSender, journal: Journal, tally: Tally | None = None) -> None:
        self._worker = worker
        self._records: list[Record] = []
        self._own: list[Record] = []  # of them, what the worker itself tells
        self._on_disk = 0  # records up to this place came from the journal
        self._handed = (tally or Tally()).counter("ws_gateway_events_total")
        self.bus = bus
        self.journal = journal

    def add(self, record: Record) -> None:
        """It leaves with the next `flush`."""
        self._records.append(record)

    def add_kept(self, record: Record) -> None:
        """The same, and from then on it is on disk until the router has it. What the disk refuses leaves all the same."""
        self._own.append(record)
        self.add(record)

    def flush(self) -> None:
        """Hand what was collected to the bus as one batch."""
        if self._own and self.journal.keep_records(self._own):
            self._own = []
        if self._records:
            for event_type, count in Counter(map(_event_type, self._records)).items():
                if event_type != TOPIC_STATE:
                    self._handed[event_type] += count
            self.bus.send(self._records)
            self._records = []
        self.journal.handed(self.bus.outbox.last)

    def flush_replayed(self) -> None:
        """The same of what came from the journal."""
        self.flush()
        self._on_disk = self.bus.outbox.last

    def pump(self) -> None:
        """Move the bus on; what the router has by now needs no journal."""
        self.bus.pump()
        self.journal.settle(self.bus.outbox.settled)

    def keep_rest(self) -> int:
        """The end, and the router did not take it all: what is not on disk yet is put there, for the next run to send.

        How many records the disk refused.
        """
        self.pump()
        rest = [
            record for record in self.bus.outbox.left(self._on_disk) if record.event_type not in KEPT
        ]  # those are there, or told anew
        kept = 0
        for first in range(0, len(rest), AT_ONCE):
            part = rest[first : first + AT_ONCE]
            kept += len(part) * self.journal.keep_records(part)
        if kept < len(rest):
            log.error("%s not_kept records=%d reason=%s", self._worker, len(rest) - kept, self.journal.error)
        if rest:
            log.warning("%s kept_for_the_next_run records=%d: the router did not take them in time", self._worker, kept)
        return len(rest) - kept + len(self._own)
