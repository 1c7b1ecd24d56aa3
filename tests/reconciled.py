"""A private endpoint reduced to its reconciliation: a stream that is on or off, and consumers who keep what they are told."""

import os
import select
from collections.abc import Callable, Collection, Iterable
from time import monotonic

from standins import KeepingCheckpoints

from gateway.exchange.account_reader import AccountReader
from gateway.models import Event
from workers.reconcile import Reconciler
from workers.reconciliation import News, Reconciliation

PATIENCE_S = 10.0


class Endpoint:
    """told: all that consumers got, in its order; now: the loop's clock, monotonic seconds, moved by hand."""

    def __init__(
        self,
        reader: AccountReader,
        topics: Collection[str],
        checkpoints: KeepingCheckpoints | None = None,
        *,
        patience_s: float = 20.0,
    ) -> None:
        self.checkpoints = checkpoints or KeepingCheckpoints()
        self.topics = topics
        self._wake = os.eventfd(0, os.EFD_NONBLOCK)
        self.reconciler = Reconciler(
            reader, self.checkpoints, worker="w", wake=self._wake, dice=lambda: 0.05, patience_s=patience_s, write_again_s=0.05
        )
        self.account = Reconciliation[Event](self.reconciler)
        self.told: list[Event] = []
        self.now = 0.0

    def hears(self, events: Iterable[Event]) -> None:
        """The stream is on."""
        for event in events:
            if not self.account.holds(event, self.now):
                self._deliver(event)

    def _deliver(self, event: Event) -> None:
        if not self.account.recent.is_late(event):
            self.account.recent.note(event)
            self.told.append(event)

    def connect(self) -> News[Event]:
        """All topics are held; what REST told, the last word of it."""
        self.account.opened()
        return self.back()

    def back(self) -> News[Event]:
        assert self.account.connected(self.topics, self.now)
        return self.take()

    def audit(self) -> News[Event]:
        """A minute has passed."""
        self.now += 61.0
        self.account.tend(self.topics, self.now)
        return self.take()

    def take(self, *, last: bool = True) -> News[Event]:
        """Turn until REST has told all, or something."""
        while True:
            for news in self.turn():
                if news.is_last or not last:
                    return news

    def turn(self) -> list[News[Event]]:
        """Once something is there."""
        readable, _, _ = select.select([self._wake], [], [], PATIENCE_S)
        assert readable, "nothing came"
        os.eventfd_read(self._wake)
        found = []
        for news in self.account.news(lambda event: event.timestamp_ms):
            found.append(news)
            for facts, event in news.steps:
                self.told += [fact.outcome for fact in self.account.new(news, facts) if isinstance(fact.outcome, Event)]
                if event is not None:
                    self._deliver(event)
            self.account.settle(news)
        for event in self.account.due(self.now):
            self._deliver(event)
        return found

    def until(self, claim: Callable[[], bool]) -> None:
        """A claim about what the thread does besides."""
        until = monotonic() + PATIENCE_S
        while not claim():
            assert monotonic() < until
            select.select([], [], [], 0.01)

    def of(self, event_type: str) -> list[Event]:
        return [event for event in self.told if event.event_type == event_type]
