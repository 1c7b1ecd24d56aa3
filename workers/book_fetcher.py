"""Whole order books over REST, asked for in a thread of its own: the worker's loop never waits for an answer."""

import logging
import os
import threading
from collections import deque
from queue import SimpleQueue

from gateway.errors import LinkLost, TheirFault
from gateway.models import Json
from gateway.rest import Rest

log = logging.getLogger(__name__)

#: Up to 10,000 levels a side. Source: protocol notes, section 9.3.
_PATH = "/v5/market/full_orderbook"


class BookFetcher(threading.Thread):
    """One question at a time. What the exchange refuses, or does not answer, is asked for again by whoever needs it."""

    def __init__(self, rest: Rest, *, category: str, worker: str, wake: int) -> None:
        """`wake` is a descriptor that becomes readable when there is something to take."""
        super().__init__(name="books", daemon=True)
        self._rest = rest
        self._category = category
        self._worker = worker
        self._wake = wake
        self._asked: SimpleQueue[str] = SimpleQueue()
        self._answers: deque[tuple[str, Json]] = deque()

    def ask(self, topic: str) -> None:
        """Fetch the book of `orderbook.full.{symbol}`."""
        if not self.is_alive():
            self.start()
        self._asked.put(topic)

    def taken(self) -> list[tuple[str, Json]]:
        found = []
        while self._answers:
            found.append(self._answers.popleft())
        return found

    def run(self) -> None:
        while True:
            topic = self._asked.get()
            try:
                answer = self._rest.get(_PATH, category=self._category, symbol=topic.split(".", 2)[2])
            except (LinkLost, TheirFault) as fault:
                log.warning("%s book_not_fetched topic=%s reason=%s", self._worker, topic, fault)
                continue
            self._answers.append((topic, answer))
            os.eventfd_write(self._wake, 1)
