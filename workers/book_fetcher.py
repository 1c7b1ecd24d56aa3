"""Whole order books over REST, asked for in a thread of its own: the worker's loop never waits for an answer."""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Collection

from gateway.errors import LineFault, TheirFault
from gateway.exchange.rest import Rest
from gateway.models import Json

log = logging.getLogger(__name__)

#: Between the starts of two questions: many books that wait together shall not use up the address's limit; seconds.
PACE_S = 0.2


class BookFetcher(threading.Thread):
    """One question at a time, and one a topic. What the exchange refuses, or does not answer, is asked again by whoever needs it."""

    def __init__(self, rest: Rest, *, category: str, worker: str, wake: int) -> None:
        """`wake` is a descriptor that becomes readable when there is something to take."""
        super().__init__(name="books", daemon=True)
        self._rest = rest
        self._category = category
        self._worker = worker
        self._wake = wake
        self._turn = threading.Condition()
        self._waiting: dict[str, None] = {}  # in the order they were asked
        self._asking: str | None = None  # the one under way, while somebody wants its answer
        self._answers: deque[tuple[str, Json]] = deque()

    def ask(self, topic: str) -> None:
        """Fetch the book of `orderbook.full.{symbol}`, unless that is under way already."""
        if self.ident is None:
            self.start()  # once in a life: a thread cannot be started again
        with self._turn:
            if topic != self._asking:
                self._waiting[topic] = None
                self._turn.notify()

    def keep(self, topics: Collection[str]) -> None:
        """Forget the questions about all others, and their answers."""
        with self._turn:
            self._waiting = {topic: None for topic in self._waiting if topic in topics}
            self._asking = self._asking if self._asking in topics else None
            self._answers = deque(answer for answer in self._answers if answer[0] in topics)

    @property
    def under_way(self) -> int:
        """Questions without an answer yet."""
        with self._turn:
            return len(self._waiting) + (self._asking is not None)

    def taken(self) -> list[tuple[str, Json]]:
        with self._turn:
            found = list(self._answers)
            self._answers.clear()
        return found

    def run(self) -> None:
        while True:
            with self._turn:
                while not self._waiting:
                    self._turn.wait()
                topic = next(iter(self._waiting))
                del self._waiting[topic]
                self._asking = topic
            began = time.monotonic()
            try:
                answer = self._rest.full_orderbook(self._category, topic.split(".", 2)[2])
            except (LineFault, TheirFault) as fault:
                log.warning("%s book_not_fetched topic=%s reason=%s: %s", self._worker, topic, type(fault).__name__, fault)
                answer = None
            with self._turn:
                if answer is not None and self._asking == topic:
                    self._answers.append((topic, answer))
                self._asking = None
            if answer is not None:
                os.eventfd_write(self._wake, 1)
            time.sleep(max(0.0, began + PACE_S - time.monotonic()))
