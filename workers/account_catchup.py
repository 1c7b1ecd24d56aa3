"""The account's catch-up: after every connection, and in an audit every minute, REST tells what the stream did not."""

import logging
from collections import deque
from collections.abc import Callable, Collection
from functools import partial

from gateway.models import Event
from gateway.protocol.account_parts import parts_of
from gateway.protocol.answers import events
from workers.catchup import Catchup, Frame, events_in, tell
from workers.delivery import Delivery
from workers.gaps import NOTHING_FETCHED
from workers.reconcile import HAPPENED
from workers.reconciliation import News, Reconciliation

log = logging.getLogger(__name__)

#: After so much of what an earlier run left, all that waits of it goes on: more is left where the router was away for long; bytes.
MOST_LEFT = 4 << 20
#: What no list tells: said with every gap that was filled.
IN_BETWEEN = "states that others followed are not told again"


class AccountCatchup(Catchup):
    """See `catchup.py`."""

    def __init__(self, reconciliation: Reconciliation[Frame], delivery: Delivery, *, most_left: int = MOST_LEFT) -> None:
        self._account = reconciliation
        self._delivery = delivery
        self._most_left, self._left_bytes = most_left, 0
        self._topics: Collection[str] = ()  # when this connection was settled
        self._handed: deque[tuple[News[Frame], int | None]] = deque()  # with the place of its last record, once it has one

    @property
    def missed(self) -> int:
        return sum(self._account.missed.values())

    @property
    def is_dead(self) -> bool:
        return self._account.is_dead

    def want(self, is_wanted: Callable[[str], bool]) -> None:
        self._account.want([topic for topic in self.subscriptions.states() if is_wanted(topic)])

    def opened(self) -> None:
        self._account.opened()

    def settled(self, now: float, now_ns: int) -> None:
        self._topics = self.subscriptions.names_delivering()
        if not self._account.connected(self._topics, now):
            self._end_gap(now_ns, recovered=False, detail=NOTHING_FETCHED)

    def holds(self, frame: Frame, now: float) -> bool:
        return self._account.holds(frame, now)

    def holds_left(self, frame: Frame, now: float) -> bool:
        self._left_bytes += len(frame[0].text)
        if self._left_bytes > self._most_left:
            self._left_bytes = len(frame[0].text)
            self.release(now)
        self._account.opened()
        self._delivery.journal.is_withheld = True
        return self._account.holds(frame, now)

    def tend(self, now: float, now_ns: int) -> None:
        self._settle()
        for news in self._account.news(self._first_ms):
            self._tell(news, now, now_ns)
        self._go_on(now)
        if not self._is_behind:
            self._account.tend(self.subscriptions.names_delivering(), now)

    @property
    def _is_behind(self) -> bool:
        """Frames wait unread in the socket: what they tell is not missed, and no audit is to find it."""
        return self._delivery.must_wait or self._delivery.gaps.of("disk_full") is not None

    def lost(self) -> None:
        self._account.lost()

    def release(self, now: float) -> None:
        self._account.release_all()
        self._go_on(now)

    def passes(self, event: Event) -> bool:
        if self._account.recent.is_late(event):
            return False
        self._account.recent.note(event)
        return True

    def _tell(self, news: News[Frame], now: float, now_ns: int) -> None:
        gap_id = None
        if news.reason == "audit" and (found := list(events(news.facts))):
            gap_id = self._delivery.ledger.begin(
                "gap", "missed", now_ns=now_ns, from_ms=min(event.timestamp_ms for event in found),
                topics={event.topic for event in found}, detail="the stream looked healthy and did not tell this",
            )  # fmt: skip
        tell(self._delivery, news.steps, partial(self._account.new, news), now, now_ns)
        for fact in news.bad:
            self._delivery.fetched(fact, now_ns)
        if gap_id is not None:
            log.warning("%s audit_found events=%d: %s", self._delivery.worker, news.told.total(), news.detail)
            self._delivery.ledger.end(gap_id, now_ns=now_ns, recovered=True, detail=news.detail)
        if news.is_last and news.reason == "connected":
            blind = self._not_fetched()
            lacks = f"; nothing of {', '.join(blind)} was fetched" if blind else ""
            self._end_gap(now_ns, recovered=news.recovered and not blind, detail=f"{news.detail}{lacks}; {IN_BETWEEN}")
        self._handed.append((news, None))

    def _not_fetched(self) -> list[str]:
        """Of the topics that the gap is about and somebody still wants: those that no list tells, and those that were not held."""
        gap, states = self._delivery.gaps.connection, self.subscriptions.states()
        wanted = sorted(topic for topic in gap.topics if topic in states) if gap is not None else []
        refused = [f"{topic} ({states[topic][1] or states[topic][0]})" for topic in wanted if topic not in self._topics]
        return [topic for topic in wanted if topic in self._topics and not parts_of([topic])] + refused

    def _end_gap(self, now_ns: int, *, recovered: bool, detail: str) -> None:
        gap = self._delivery.gaps.connection
        if gap is not None:
            self._delivery.ledger.end(gap.gap.id, now_ns=now_ns, recovered=recovered, detail=detail)

    def _go_on(self, now: float) -> None:
        for frame in self._account.due(now):
            self._delivery.take(*frame, now)
        self._delivery.journal.is_withheld = self._account.waiting > 0

    def _first_ms(self, frame: Frame) -> int | None:
        """Of the executions and orders that a frame tells: a push of the wallet is dated when it was sent, which is later."""
        told = events_in(frame, self._delivery.endpoint)
        return min((event.timestamp_ms for event in told if event.event_type in HAPPENED), default=None)

    def _settle(self) -> None:
        """The next read begins behind what the router has by now. What was handed on in the last turn was sent at its end."""
        outbox = self._delivery.bus.outbox
        self._handed = deque((news, outbox.last if place is None else place) for news, place in self._handed)
        while self._handed and (place := self._handed[0][1]) is not None and place <= outbox.settled:
            self._account.settle(self._handed.popleft()[0])
