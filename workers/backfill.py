"""Public trades and candles of a gap, over REST, in threads of their own. Source: protocol notes, section 9.4.

Trades only as far as recent-trade reaches, and only while they are worth having: the rest is said to be lost.
"""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.errors import ExchangeError, LinkLost
from gateway.exchange.rest import Rest
from gateway.models import Event
from gateway.protocol.answers import Fact, at_ms, events, facts_of
from gateway.protocol.channels import named_by
from gateway.protocol.channels.kline import last_ms
from gateway.protocol.ret_codes import NO_SUCH
from gateway.protocol.tape import Edge, moment, newest, oldest

log = logging.getLogger(__name__)

#: Calls at a time; as many connections are kept.
THREADS = 4
#: Event class → how long after the connection is back it is fetched; seconds. Candles are told by the exchange for years.
DEADLINES = {"trade": 10.0, "kline": 60.0}
#: A call that failed is made again after this; seconds.
AGAIN_S = 0.5
#: Candles to a page, and pages of one topic.
_CANDLES, _PAGES = 1_000, 5
#: A gap that our clock alone dates is looked for so much earlier where an answer does not say the exchange's time; milliseconds.
CLOCKS_MS = 15_000


@dataclass(frozen=True, slots=True)
class Trades:
    """Where a category's newest trades are listed, and how many at the most. Source: protocol notes, section 9.3."""

    path: str
    limit: int


TRADES: Mapping[str, Trades] = {
    "spot": Trades("/v5/market/recent-trade", 60),
    "linear": Trades("/v5/market/recent-trade", 1_000),
    "inverse": Trades("/v5/market/recent-trade", 1_000),
    "option": Trades("/v5/market/recent-trade", 1_000),
    "spread": Trades("/v5/spread/recent-trade", 1_000),
}
_KLINE = "/v5/market/kline"


@dataclass(frozen=True, slots=True)
class Gap:
    """What one topic misses.

    edge    what was told last
    gap_id  for whoever asks
    until   when it is too late; monotonic seconds
    """

    topic: str
    event_type: str
    edge: Edge
    gap_id: str
    until: float


@dataclass(frozen=True, slots=True)
class Filled:
    """What came of it.

    gap        as it was given: of two that were asked for the same topic, this one is answered
    facts      all that REST tells behind the edge, oldest first; the stream may have told some of it meanwhile
    recovered  it reaches back to what was told last
    detail     one clause for a person
    newest_ms  the newest that REST lists; 0: it lists nothing; None: it was not asked, or did not answer
    """

    gap: Gap
    facts: list[Fact]
    recovered: bool
    detail: str
    newest_ms: int | None = None


class Backfill:
    """One a worker; `begin` and `taken` by its main thread."""

    def __init__(
        self, rest: Rest, *, category: str, worker: str, wake: int, now: Callable[[], float] = time.monotonic,
        unix_ns: Callable[[], int] = time.time_ns,
    ) -> None:  # fmt: skip
        """`wake` is a descriptor that becomes readable when there is something to take."""
        self._unix_ns = unix_ns
        self._rest = rest
        self._category = category
        self._worker = worker
        self._wake = wake
        self._now = now
        self._turn = threading.Condition()
        self._waiting: dict[str, tuple[Gap, float]] = {}  # topic → the gap, and when it may be asked for; in their order
        self._filled: deque[Filled] = deque()
        self._threads: list[threading.Thread] = []

    def begin(self, gaps: Iterable[Gap], *, after_s: float = 0.0) -> None:
        """Fetch them, trades first. A newer gap of a topic takes the place of an older one that still waits."""
        at = self._now() + after_s
        with self._turn:
            for gap in sorted(gaps, key=lambda gap: list(DEADLINES).index(gap.event_type)):
                self._waiting[gap.topic] = gap, at
            missing = min(THREADS, len(self._waiting)) - len(self._threads)
            self._turn.notify_all()
        for _ in range(missing):
            self._threads.append(threading.Thread(target=self._work, name=f"backfill-{len(self._threads)}", daemon=True))
            self._threads[-1].start()

    @property
    def is_dead(self) -> bool:
        """Whether a thread has ended, which none ever should."""
        return not all(thread.is_alive() for thread in self._threads)

    def forget(self, is_wanted: Callable[[str], bool]) -> None:
        """Leave all that nobody wants any more."""
        with self._turn:
            self._waiting = {topic: entry for topic, entry in self._waiting.items() if is_wanted(topic)}

    def taken(self) -> list[Filled]:
        with self._turn:
            found = list(self._filled)
            self._filled.clear()
        return found

    def _work(self) -> None:
        while True:
            gap = self._next()
            filled = self._fill(gap)
            with self._turn:
                if filled is None:
                    self._waiting.setdefault(gap.topic, (gap, self._now() + AGAIN_S))
                    continue
                self._filled.append(filled)
            os.eventfd_write(self._wake, 1)

    def _next(self) -> Gap:
        with self._turn:
            while True:
                now = self._now()
                ready = next((topic for topic, (_, at) in self._waiting.items() if at <= now), None)
                if ready is not None:
                    return self._waiting.pop(ready)[0]
                self._turn.wait(min((at - now for _, at in self._waiting.values()), default=None))

    def _fill(self, gap: Gap) -> Filled | None:
        """None: again later."""
        late = f"not fetched within {DEADLINES[gap.event_type]:g} s"
        if self._now() >= gap.until:
            return self._lost(gap, late)
        try:
            filled = self._trades(gap) if gap.event_type == "trade" else self._candles(gap)
        except ExchangeError as fault:
            if fault.ret_code == NO_SUCH:
                return self._lost(gap, f"the exchange refuses to tell: {fault}")
            return self._failed(gap, fault)
        except LinkLost as fault:
            return self._failed(gap, fault)
        return filled if self._now() < gap.until else self._lost(gap, late)  # it waited for its turn

    def _failed(self, gap: Gap, fault: LinkLost | ExchangeError) -> Filled | None:
        log.debug("%s backfill_failed topic=%s reason=%s", self._worker, gap.topic, fault)
        return None if self._now() + AGAIN_S < gap.until else self._lost(gap, f"not fetched in time: {fault}")

    def _lost(self, gap: Gap, detail: str) -> Filled:
        return Filled(gap, [], False, detail)

    def _trades(self, gap: Gap) -> Filled:
        lists, name = TRADES[self._category], self._symbol(gap.topic)
        fields = {"baseCoin" if self._category == "option" and "-" not in name else "symbol": name, "limit": str(lists.limit)}
        told, ahead_ms = self._facts(lists.path, gap.topic, fields)
        edge = _dated(gap.edge, ahead_ms)
        first, last = oldest(events(told)), newest(events(told))
        reaches = first is None or first <= (edge.newest_ms or edge.cut_ms)
        missed = [fact for fact in told if not isinstance(fact.outcome, Event) or edge.misses(fact.outcome)]
        detail = "" if reaches else f"deeper than the {len(told)} trades that the exchange still tells"
        return Filled(gap, missed, reaches, detail, last or 0)

    def _candles(self, gap: Gap) -> Filled:
        """Closed ones; the running one is the stream's."""
        _, interval, symbol = gap.topic.split(".", 2)
        edge = _dated(gap.edge, None)
        start_ms = edge.newest_ms or edge.cut_ms - (last_ms(interval, 0) or 0)
        fields = {"symbol": symbol, "interval": interval, "start": str(start_ms), "limit": str(_CANDLES)}
        told: list[Fact] = []
        reaches = False
        for _ in range(_PAGES):
            page, ahead_ms = self._facts(_KLINE, gap.topic, fields)
            edge = _dated(gap.edge, ahead_ms)
            told = [*page, *told]
            first = oldest(events(page))
            reaches = len(page) < _CANDLES or first is None
            if reaches or first is None:
                break
            fields["end"] = str(first - 1)
        missed = [fact for fact in told if not isinstance(fact.outcome, Event) or _is_missed(fact.outcome, edge)]
        detail = "" if reaches else f"deeper than {_PAGES * _CANDLES} candles"
        return Filled(gap, missed, reaches, detail, newest(events(told)) or 0)

    def _facts(self, path: str, topic: str, fields: Mapping[str, str]) -> tuple[list[Fact], int | None]:
        """Oldest first; and how far the exchange's clock is ahead of ours, in milliseconds, where the answer says its time."""
        of = {} if self._category == "spread" else {"category": self._category}
        body: dict[str, Any] = self._rest.answer(path, **of, **fields).body
        found = facts_of(path, body, topic=topic, endpoint=self._category, category=self._category)
        exchange_ms = body.get("time")
        ahead_ms = exchange_ms - self._unix_ns() // 1_000_000 if type(exchange_ms) is int else None
        return sorted(found, key=at_ms), ahead_ms

    def _symbol(self, topic: str) -> str:
        named = named_by(topic, self._category)
        if named is None or named.symbol is None:
            raise LookupError(f"found the topic {topic}; expected one that names an instrument or a base coin")
        return named.symbol


def fillable(event_types: Collection[str]) -> str | None:
    """The event class among them that REST tells of the past; None: there is none."""
    return next((event_type for event_type in DEADLINES if event_type in event_types), None)


def _dated(edge: Edge, ahead_ms: int | None) -> Edge:
    """The same by the exchange's clock, which is so far ahead of ours; None: nobody knows."""
    return edge if edge.newest_ms else replace(edge, cut_ms=edge.cut_ms + (-CLOCKS_MS if ahead_ms is None else ahead_ms))


def _is_missed(event: Event, edge: Edge) -> bool:
    """A closed candle that consumers were not told. Where none was ever told, the one that ran when the gap began is the first."""
    is_behind = moment(event) >= edge.newest_ms if edge.newest_ms else int(event.payload["end"]) >= edge.cut_ms
    return event.payload["confirm"] is True and is_behind and event.identity not in edge.told
