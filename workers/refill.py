"""What the main loop does about public gaps: trades and candles of a topic wait for what REST tells of the time before.

opened ─▶ the edges are noted, frames wait ─▶ back: its topic is held, REST is asked ─▶ news, between the frames that wait
A connection that is lost again before the answer changes nothing of what is missed: the same edge is asked for again, and what it
brought waits on.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from operator import le, lt
from typing import Generic

from gateway.models import Event
from gateway.protocol.answers import Fact
from gateway.protocol.tape import Edge, Tape, Told
from workers.backfill import AGAIN_S, DEADLINES, Backfill, Filled, Gap, fillable
from workers.held import LONGEST_S, FirstMs, Held, Item, Step

#: So long after REST told of a topic the stream may still bring what it told; seconds.
LATE_S = 10.0


@dataclass(slots=True)
class _Question:
    """What is missing of a topic, from when its connection is there until the answer was taken.

    edge         what was told last before anything of this was missed
    gap          as REST was asked for it; None: it was not yet
    first_ms     the earliest that the stream has brought since: REST is to reach it; None: nothing came
    is_repeated  it did not, so it was asked once more
    fetched      facts that consumers were told
    recovered    nothing is known to be lost
    """

    event_type: str
    edge: Edge
    gap_id: str
    gap: Gap | None = None
    first_ms: int | None = None
    is_repeated: bool = False
    fetched: int = 0
    recovered: bool = True


@dataclass(frozen=True, slots=True)
class Refilled(Generic[Item]):
    """What REST told of one topic's gap, between the frames that waited: consumers are to be told all that now, in this order.

    steps      facts count as far as they are still new when it is their turn: `new`
    is_last    REST will tell no more of it
    recovered  all of it was told: back to what was told last, and up to the first that the stream brought
    words      why it was not, one clause for a person; "" where there is nothing to say
    question   which this answers; it counts what is told
    """

    topic: str
    gap_id: str
    steps: list[Step[Item]]
    is_last: bool
    recovered: bool
    words: str
    question: _Question

    @property
    def detail(self) -> str:
        """One clause for a person, once all of it has been told."""
        return f"{self.question.fetched} fetched" + (f"; {self.words}" if self.words else "")


class Refill(Generic[Item]):
    """Of one public endpoint; used by the main thread alone. Item: a frame as the loop keeps it."""

    def __init__(self, backfill: Backfill, *, held_s: float = LONGEST_S) -> None:
        self._backfill = backfill
        self._held: Held[Item] = Held(held_s)
        self._tapes: dict[str, Tape] = {}
        self._questions: dict[str, _Question] = {}  # by topic
        self._closing: dict[str, float] = {}  # topic → when what REST told is no longer looked for on the stream; monotonic seconds

    @property
    def told(self) -> dict[str, list[Told]]:
        """Topic → what consumers were told last of it, for the process that has it next. Where something before that is missed: nothing."""
        return {topic: last for topic, tape in self._tapes.items() if topic not in self._questions and (last := tape.last)}

    def goes_on(self, told: Mapping[str, list[Told]]) -> None:
        """Before anything is told: where the process before ended."""
        for topic, last in told.items():
            self._tapes.setdefault(topic, Tape()).goes_on(last)

    def tells(self, event: Event) -> bool:
        """Whether consumers are told of a trade or candle that the stream brings; from then on they are."""
        tape = self._tapes.get(event.topic)
        if tape is None:
            tape = self._tapes[event.topic] = Tape()
        elif tape.is_told(event):
            return False
        tape.note(event)
        return True

    def is_told(self, event: Event) -> bool:
        """Whether REST has told a trade or candle already that the stream brings."""
        tape = self._tapes.get(event.topic)
        return tape is not None and tape.is_told(event)

    def opened(
        self, event_types: Mapping[str, Collection[str]], gap_ids: Mapping[str, str], *, since_ms: Callable[[str], int]
    ) -> list[str]:
        """A new connection: frames of what REST can tell wait from now on. The topics of which it can.

        event_types  what is wanted of each topic
        gap_ids      topics that had a gap
        since_ms     when it began for a topic, by our clock
        """
        found = []
        for topic, gap_id in gap_ids.items():
            event_type = fillable(event_types.get(topic, ()))
            if event_type is not None:
                found.append(topic)
                self._held.expect(topic)
                self._closing.pop(topic, None)
                known = self._questions.get(topic)
                if known is None:
                    edge = self._tapes.setdefault(topic, Tape()).edge(since_ms(topic))
                    self._questions[topic] = _Question(event_type, edge, gap_id)
                else:  # its answer never came
                    known.gap_id, known.gap, known.first_ms, known.is_repeated = gap_id, None, None, False
        return found

    def back(self, topics: Collection[str], now: float) -> set[str]:
        """These are held again, so that nothing more is missed: REST is asked. Those of them of which it will tell."""
        asked = []
        for topic in topics:
            known = self._questions.get(topic)
            if known is not None and known.gap is None:
                known.gap = Gap(topic, known.event_type, known.edge, known.gap_id, now + DEADLINES[known.event_type])
                asked.append(known.gap)
        self._backfill.begin(asked)
        return {gap.topic for gap in asked}

    def keep(self, is_wanted: Callable[[str], bool]) -> dict[str, str]:
        """Forget what nobody wants any more. Topics of which something was still to be told, and their gaps."""
        self._backfill.forget(is_wanted)
        unanswered = {}
        for topic in [topic for topic in self._tapes if not is_wanted(topic)]:
            del self._tapes[topic]
            known = self._questions.pop(topic, None)
            if known is not None:
                unanswered[topic] = known.gap_id
            self._closing.pop(topic, None)
            self._held.take_all(topic)  # which nobody is told
        return unanswered

    def release(self, topics: Iterable[str]) -> None:
        """Nothing of these waits any longer."""
        for topic in topics:
            self._held.release(topic)

    def release_all(self) -> None:
        """Nothing waits any longer."""
        self._held.release_all()

    def holds(self, topic: str, item: Item, now: float, first_ms: FirstMs[Item]) -> bool:
        """Whether a frame waits; else it is to be delivered now."""
        known = self._questions.get(topic)
        if known is not None and known.first_ms is None:
            known.first_ms = first_ms(item)
        return self._held.put(topic, item, now)

    def due(self, now: float) -> list[Item]:
        """Frames that have waited; after `news`."""
        for topic in [topic for topic, at in self._closing.items() if at <= now]:
            del self._closing[topic]
            self._tapes[topic].close()
        return self._held.due(now)

    @property
    def is_busy(self) -> bool:
        """Whether a question is open, or frames wait, perhaps."""
        return bool(self._questions) or not self._held.is_idle

    @property
    def is_dead(self) -> bool:
        """Whether nobody can be trusted to ask REST any more."""
        return self._backfill.is_dead

    @property
    def firsts(self) -> list[Item]:
        """Of each topic the frame that has waited longest."""
        return self._held.firsts

    def news(self, now: float, first_ms: FirstMs[Item]) -> list[Refilled[Item]]:
        """What REST told of topics that somebody still wants."""
        return [told for filled in self._backfill.taken() if (told := self._judged(filled, now, first_ms)) is not None]

    def _judged(self, filled: Filled, now: float, first_ms: FirstMs[Item]) -> Refilled[Item] | None:
        """None: nobody waits for it any more."""
        topic, known = filled.gap.topic, self._questions.get(filled.gap.topic)
        if known is None or known.edge is not filled.gap.edge:
            return None
        # A trade that shares its moment with a frame is in it; a closed candle comes behind its own running pushes.
        is_before = le if known.event_type == "trade" else lt
        steps = list(self._held.between(topic, filled.facts, first_ms, is_before))
        is_last = known.gap is filled.gap  # else the connection is a newer one by now, and the same was or will be asked again
        detail = filled.detail
        if is_last:
            known.recovered &= filled.recovered
            if filled.newest_ms is not None and known.first_ms is not None and filled.newest_ms < known.first_ms:
                if not known.is_repeated and now + AGAIN_S < filled.gap.until:
                    self._ask_again(known, filled.gap, filled.newest_ms)
                    is_last = False
                else:
                    known.recovered = False
                    detail = detail or "REST has not caught up with the stream"
        if is_last:
            del self._questions[topic]
            self._held.release(topic)
            self._closing[topic] = now + LATE_S
        return Refilled(topic, filled.gap.gap_id, steps, is_last, known.recovered, detail, known)

    def _ask_again(self, known: _Question, gap: Gap, newest_ms: int) -> None:
        """REST lags behind the stream: what it lists by and by is to reach back to what it listed now."""
        known.is_repeated = True
        known.edge = replace(gap.edge, newest_ms=newest_ms or gap.edge.newest_ms)
        known.gap = replace(gap, edge=known.edge)
        self._backfill.begin([known.gap], after_s=AGAIN_S)

    def new(self, told: Refilled[Item], facts: Iterable[Fact]) -> Iterator[Fact]:
        """Of these, those that consumers were not told; they are told now."""
        tape = self._tapes.get(told.topic)
        for fact in facts if tape is not None else ():
            if isinstance(fact.outcome, Event) and tape is not None:
                if tape.is_told(fact.outcome):
                    continue
                tape.note(fact.outcome)
            told.question.fetched += 1
            yield fact
