"""What this worker should hold: read from PostgreSQL every poll, and at once when the database says so."""

import logging
import os
import select
import threading
from collections.abc import Callable

from gateway import store
from gateway.db import Listener
from gateway.errors import StoreAway, StoreRefused
from gateway.store import Wanted

log = logging.getLogger(__name__)

#: The name under which writers of subscriptions notify.
CHANNEL = "ws_gateway_subscriptions"
#: Between tries while PostgreSQL is away or its schema is not there yet; seconds.
RETRY_S = 1.0


class WantedReader(threading.Thread):
    """Keeps `rows` the newest answer of PostgreSQL. While it is away, the last answer stands and nothing stops.

    rows  None before the first answer; replaced whole, never changed in place
    wake  a descriptor that is readable once the rows have changed
    """

    def __init__(self, url: str, *, name: str, endpoint: str, mine: Callable[[str], bool], poll_s: float) -> None:
        """`mine` says whether a topic belongs to this process."""
        super().__init__(name="wanted", daemon=True)
        self._listener = Listener(url, name=name, channel=CHANNEL)
        self._worker = name
        self._endpoint = endpoint
        self._mine = mine
        self._poll_s = poll_s
        self._halt = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._stopping = False
        self._trouble: str | None = None
        self.wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.rows: list[Wanted] | None = None

    def stop(self) -> None:
        self._stopping = True
        os.eventfd_write(self._halt, 1)
        self.join(1.0)

    def run(self) -> None:
        while not self._stopping:
            try:
                self._listener.open()
                self._follow()
            except (StoreAway, StoreRefused) as fault:
                self._say(str(fault))
                self._listener.close()
                self._pause(RETRY_S, [])
        self._listener.close()

    def _follow(self) -> None:
        """Read, wait for news or the next poll, read again."""
        while not self._stopping:
            if not store.schema_is_current(self._listener.connection):
                self._say("the database's schema is not current; waiting for `prepare`")
                self._pause(RETRY_S, [])
                continue
            break
        while not self._stopping:
            rows = [row for row in store.wanted(self._listener.connection, self._endpoint) if self._mine(row.topic)]
            self._trouble = None
            if rows != self.rows:
                self.rows = rows
                os.eventfd_write(self.wake, 1)
            self._pause(self._poll_s, [self._listener.fileno()])
            self._listener.drain()

    def _pause(self, seconds: float, readers: list[int]) -> None:
        select.select([self._halt, *readers], [], [], seconds)

    def _say(self, trouble: str) -> None:
        """Once per kind of trouble, not once per try."""
        if trouble != self._trouble:
            self._trouble = trouble
            log.warning("%s subscriptions_not_readable reason=%s", self._worker, trouble)
