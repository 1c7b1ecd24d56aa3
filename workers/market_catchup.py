"""The market's catch-up: trades and candles of the time that a connection missed. Books and tickers begin with their snapshot."""

from collections.abc import Callable
from functools import partial

from gateway.disk.memo import Memo
from gateway.models import Event
from gateway.protocol.tape import Told, oldest
from workers.backfill import DEADLINES
from workers.catchup import Catchup, Frame, events_in, tell
from workers.delivery import Delivery
from workers.gaps import UNWANTED
from workers.refill import Refill


class MarketCatchup(Catchup):
    """See `catchup.py`."""

    def __init__(self, refill: Refill[Frame], delivery: Delivery, memo: Memo[dict[str, list[Told]]] | None = None) -> None:
        """memo: what was told last of each topic, from one process to the next; None: nobody keeps it."""
        self._refill = refill
        self._memo = memo
        self._delivery = delivery
        self._awaited: dict[str, str] = {}  # topic → its gap, until the topic is held again

    @property
    def is_dead(self) -> bool:
        return self._refill.is_dead

    @property
    def held_since_ms(self) -> int | None:
        return min((received_ns // 1_000_000 for _, received_ns in self._refill.firsts), default=None)

    def begins(self) -> None:
        told = self._memo.read() if self._memo is not None else None
        if told is not None and self._memo is not None:
            self._refill.goes_on(told)
            self._memo.forget()  # it is true of this moment only

    def ends(self) -> None:
        if self._memo is not None:
            self._memo.write(self._refill.told)

    def want(self, is_wanted: Callable[[str], bool]) -> None:
        for topic, gap_id in self._refill.keep(is_wanted).items():
            self._delivery.gaps.judge(gap_id, topic, recovered=False, detail=UNWANTED)
        self._awaited = {topic: gap_id for topic, gap_id in self._awaited.items() if is_wanted(topic)}

    def opened(self) -> None:
        gap = self._delivery.gaps.connection
        if gap is None:
            return
        wanted = self._delivery.readers.wanted
        ids = {topic: gap.gap.id for topic in gap.topics if topic in wanted}
        self._awaited = {
            topic: ids[topic]
            for topic in self._refill.opened(wanted, ids, since_ms=lambda topic: gap.since_ms.get(topic, gap.gap.from_ms))
        }
        self._delivery.gaps.promise(gap.gap.id, self._awaited)

    @property
    def may_hold(self) -> bool:
        return self._refill.is_busy

    def holds(self, frame: Frame, now: float) -> bool:
        return self._refill.holds(frame[0].topic, frame, now, self._first_ms)

    def tend(self, now: float, now_ns: int) -> None:
        if self._awaited:
            self._look_for_topics(now)
        for told in self._refill.news(now, self._first_ms):
            tell(self._delivery, told.steps, partial(self._refill.new, told), now, now_ns)
            if told.is_last:
                self._delivery.gaps.judge(told.gap_id, told.topic, recovered=told.recovered, detail=told.detail)
        self._go_on(now)

    def lost(self) -> None:
        self._awaited = {}

    def release(self, now: float) -> None:
        self._refill.release_all()
        self._go_on(now)

    def passes(self, event: Event) -> bool:
        return event.event_type not in DEADLINES or self._refill.tells(event)

    def _look_for_topics(self, now: float) -> None:
        """Those that are held again are asked for; those that will not be held have their verdict."""
        back = [topic for topic in self._awaited if self.subscriptions.is_held(topic)]
        lost = [topic for topic in self._awaited if topic not in back and self.subscriptions.is_back(topic)]
        self._refill.back(back, now)
        if lost:
            self._refill.release(lost)
            self._refill.keep(lambda topic: topic not in lost)
        for topic in lost:
            words = "refused" if self.subscriptions.is_wanted(topic) else UNWANTED
            self._delivery.gaps.judge(self._awaited[topic], topic, recovered=False, detail=words)
        for topic in (*back, *lost):
            del self._awaited[topic]

    def _first_ms(self, frame: Frame) -> int | None:
        """Of the trades and candles that a frame tells."""
        return oldest(event for event in events_in(frame, self._delivery.endpoint) if event.event_type in DEADLINES)

    def _go_on(self, now: float) -> None:
        for frame in self._refill.due(now):
            self._delivery.take(*frame, now)
