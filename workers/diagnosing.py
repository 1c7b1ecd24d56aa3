"""Why the login was refused, asked over REST in a thread of its own: the loop goes on, and tells a person once it knows."""

import logging
import os
import threading

from gateway.exchange.diagnosis import diagnose
from gateway.exchange.signed import SignedRest

log = logging.getLogger(__name__)


class Diagnosis:
    """One question at a time. Used by the main thread.

    words  the last answer, one sentence; None: nobody asked, or it is not there yet
    """

    def __init__(self, rest: SignedRest, *, worker: str, wake: int) -> None:
        """`wake` is a descriptor that becomes readable when there is an answer."""
        self._rest = rest
        self._worker = worker
        self._wake = wake
        self._asking: threading.Thread | None = None
        self.words: str | None = None

    def begin(self) -> None:
        """The login was refused."""
        if self._asking is None or not self._asking.is_alive():
            self._asking = threading.Thread(target=self._ask, name="diagnosis", daemon=True)
            self._asking.start()

    def over(self) -> None:
        """A login was taken."""
        self.words = None

    def _ask(self) -> None:
        self.words = diagnose(self._rest)
        log.error("%s login_refused because: %s", self._worker, self.words)
        os.eventfd_write(self._wake, 1)
