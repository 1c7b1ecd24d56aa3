"""The watch over queues: whenever the keeper has looked at them, it asks the management interface where there is one, and tells."""

import logging
import os
import select
import threading
import time
from collections.abc import Collection
from typing import Protocol

from msgspec.structs import replace

from gateway.errors import SinkAway
from gateway.health.words import QueueState
from gateway.lanes.announcements import Announcements
from gateway.lanes.backlogs import Backlogs, Head
from gateway.sinks.management import Management
from gateway.trouble import Trouble

log = logging.getLogger(__name__)

#: Between two looks; seconds. The keeper's are five apart.
EVERY_S = 2.0


class Keeper(Protocol):
    """What has seen the queues: `TopologyKeeper`."""

    depths: dict[str, QueueState]
    looked_ms: int


class BacklogWatch(threading.Thread):
    """classes: the class queues; management: None: nobody can say how old messages are."""

    def __init__(
        self,
        keeper: Keeper,
        backlogs: Backlogs,
        announcements: Announcements,
        *,
        classes: Collection[str],
        management: Management | None,
    ) -> None:
        super().__init__(name="backlogs", daemon=True)
        self._keeper = keeper
        self._backlogs = backlogs
        self._announcements = announcements
        self._classes = classes
        self._management = management
        self._trouble = Trouble(log, "backlogs ages_unknown")
        self._looked_ms = keeper.looked_ms
        self._has_hinted = False
        self._halt = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._stopping = False

    def stop(self) -> None:
        self._stopping = True
        os.eventfd_write(self._halt, 1)

    def run(self) -> None:
        while not self._stopping:
            if self._keeper.looked_ms != self._looked_ms:  # else the broker is away, and nothing is known
                self._looked_ms = self._keeper.looked_ms
                self.look(time.time_ns() // 1_000_000)
            select.select([self._halt], [], [], EVERY_S)

    def look(self, now_ms: int) -> None:
        for alarm in self._backlogs.look(self._keeper.depths, self._classes, self._heads(), now_ms):
            log.warning("backlogs %s detail=%s", alarm.kind, alarm.detail)
            self._announcements.tell(alarm.kind, alarm.detail)
        if self._backlogs.hint is not None and not self._has_hinted:
            self._has_hinted = True
            log.info("backlogs hint detail=%s", self._backlogs.hint)

    @property
    def hint(self) -> str | None:
        """Any thread."""
        return self._backlogs.hint

    def states(self) -> dict[str, QueueState]:
        """The newest depths, with what was last known of each queue. Any thread."""
        known = self._backlogs.states
        return {
            name: replace(
                known.get(name, depth), messages=depth.messages, consumers=depth.consumers, is_class=name in self._classes
            )
            for name, depth in self._keeper.depths.items()
        }

    def _heads(self) -> dict[str, Head]:
        if self._management is None:
            return {}
        try:
            heads = self._management.heads()
        except SinkAway as fault:
            self._trouble.say(str(fault))
            return {}
        self._trouble.over()
        return heads
