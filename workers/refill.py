"""What the main loop does about public gaps: trades and candles of a topic wait for what REST tells of the time before.

opened ─▶ the edges are noted, frames wait ─▶ back: its topic is held, REST is asked ─▶ news ─▶ frames go on, without those it told
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic

from gateway.models import Event
from gateway.protocol.answers import Fact
from gateway.protocol.tape import Edge, Tape
from workers.backfill import DEADLINES, Backfill, Filled, Gap, fillable
from workers.held import LONGEST_S, Held, Item

#: So long after REST told of a topic the stream may still bring what it told; seconds.
LATE_S = 10.0


@dataclass(frozen=True, slots=True)
class Refilled:
    """What REST told of one topic's gap; consumers are to be told the facts now, in this order.

    recovered  it reaches back to what was told last
    detail     one clause for a person
    """

    topic: str
    gap_id: str
    facts: list[Fact]
    recovered: bool
    detail: str


class Refill(Generic[Item]):
    """Of one public endpoint; used by the main thread alone. Item: a frame as the loop keeps it."""

    def __init__(self, backfill: Backfill, *, held_s: float = LONGEST_S) -> None:
        self._backfill = backfill
        self._held: Held[Item] = Held(held_s)
        self._tapes: dict[str, Tape] = {}
        self._edges: dict[str, tuple[str, Edge, str]] = {}  # topic → event class, what was told last, gap; until REST is asked
        self._closing: dict[str, float] = {}  # topic → when what REST told is no longer looked for on the stream; monotonic seconds

    def note(self, event: Event) -> None:
        """Consumers are told of it now: every trade and candle."""
        tape = self._tapes.get(event.topic)
        if tape is None:
            tape = self._tapes[event.topic] = Tape()
        tape.note(event)

    def is_told(self, event: Event) -> bool:
        """Whether REST has told a trade or candle already that the stream brings."""
        tape = self._tapes.get(event.topic)
        return tape is not None and tape.is_told(event)

    def opened(self, event_types: Mapping[str, Collection[str]], gap_ids: Mapping[str, str], *, since_ms: int) -> list[str]:
        """A new connection: frames of what REST can tell wait from now on. The topics of which it can.

        event_types  what is wanted of each topic
        gap_ids      topics that had a gap
        since_ms     when it began, by our clock
        """
        found = []
        for topic, gap_id in gap_ids.items():
            event_type = fillable(event_types.get(topic, ()))
            if event_type is not None:
                found.append(topic)
                self._held.expect(topic)
                self._closing.pop(topic, None)
                self._edges[topic] = event_type, self._tapes.setdefault(topic, Tape()).edge(since_ms), gap_id
        return found

    def back(self, topics: Collection[str], now: float) -> set[str]:
        """These are held again, so that nothing more is missed: REST is asked. Those of them of which it will tell."""
        found = {topic: self._edges.pop(topic) for topic in topics if topic in self._edges}
        self._backfill.begin(
            Gap(topic, event_type, edge, gap_id, now + DEADLINES[event_type]) for topic, (event_type, edge, gap_id) in found.items()
        )
        return set(found)

    def keep(self, is_wanted: Callable[[str], bool]) -> None:
        """Forget what nobody wants any more."""
        self._backfill.forget(is_wanted)
        for topic in [topic for topic in self._tapes if not is_wanted(topic)]:
            del self._tapes[topic]
            self._edges.pop(topic, None)
            self._closing.pop(topic, None)
            self._held.release(topic)

    def lost(self) -> None:
        """The connection is gone; what it brought goes out."""
        self._held.release_all()

    def holds(self, topic: str, item: Item, now: float) -> bool:
        """Whether a frame waits; else it is to be delivered now."""
        return self._held.put(topic, item, now)

    def due(self, now: float) -> list[Item]:
        """Frames that have waited; after `news`."""
        for topic in [topic for topic, at in self._closing.items() if at <= now]:
            del self._closing[topic]
            self._tapes[topic].close()
        return self._held.due(now)

    @property
    def is_dead(self) -> bool:
        """Whether nobody can be trusted to ask REST any more."""
        return self._backfill.is_dead

    @property
    def waiting(self) -> int:
        """Frames that wait."""
        return len(self._held)

    def news(self, now: float) -> list[Refilled]:
        """What REST told of topics that somebody still wants."""
        return [self._judged(filled, now) for filled in self._backfill.taken() if filled.topic in self._tapes]

    def _judged(self, filled: Filled, now: float) -> Refilled:
        facts = list(self._new(self._tapes[filled.topic], filled.facts))
        if filled.topic not in self._edges:  # else the connection is a newer one by now, and its gap still to be filled
            self._held.release(filled.topic)
            self._closing[filled.topic] = now + LATE_S
        words = f"{len(facts)} fetched" + (f"; {filled.detail}" if filled.detail else "")
        return Refilled(filled.topic, filled.gap_id, facts, filled.recovered, words)

    def _new(self, tape: Tape, facts: Iterable[Fact]) -> Iterable[Fact]:
        for fact in facts:
            if isinstance(fact.outcome, Event):
                if tape.is_told(fact.outcome):
                    continue
                tape.note(fact.outcome)
            yield fact
