"""What the main loop does about the account's gaps: live frames wait for REST, its facts are judged, and the healthy stream is audited.

opened ─▶ frames wait ─▶ connected: REST is read ─▶ news, between the frames, by time ─▶ audits, one a minute
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from operator import lt
from typing import Generic

from gateway.exchange.account_reader import SETTLED_MS
from gateway.models import Event
from gateway.protocol.account_parts import parts_of
from gateway.protocol.answers import Fact, events
from gateway.protocol.recent import Recent, Verdict
from workers.held import LONGEST_S, FirstMs, Held, Item, Step
from workers.reconcile import LAST, Found, Reason, Reconciler

#: Between two audits, and until one is tried again that has to wait for another read; seconds.
AUDIT_S, AUDIT_AGAIN_S = 60.0, 1.0
#: After an audit that found what only a second look may tell; well beyond what is young, for REST may lag. Seconds.
DOUBT_S = 10.0

_ALL = ""


@dataclass(frozen=True, slots=True)
class News(Generic[Item]):
    """What REST told, between the frames that waited: consumers are to be told all that now, in this order.

    steps    facts count as far as they are still new when it is their turn: `new`
    bad      what could not be read
    is_last  REST has told all that it ever will of this read
    lacks    what is missing all the same, one clause for a person each
    found    which it was made of
    told     event class → facts that consumers were told
    """

    reason: Reason
    steps: list[Step[Item]]
    bad: list[Fact]
    is_last: bool
    lacks: tuple[str, ...]
    found: Found
    told: Counter[str] = field(default_factory=Counter)

    @property
    def facts(self) -> list[Fact]:
        return [fact for facts, _ in self.steps for fact in facts]

    @property
    def recovered(self) -> bool:
        return not self.lacks

    @property
    def detail(self) -> str:
        """One sentence without its full stop, once all of it has been told."""
        told = ", ".join(f"{count} {event_type}" for event_type, count in sorted(self.told.items())) or "nothing that was not told"
        return f"REST told {told}" + (f"; missing: {'; '.join(self.lacks)}" if self.lacks else "")


class Reconciliation(Generic[Item]):
    """Of the private endpoint; used by the main thread alone. Item: a frame as the loop keeps it.

    recent  what consumers were told: the loop notes every private event in it
    missed  event class → facts that only an audit told, since the process began
    """

    def __init__(self, reconciler: Reconciler, *, held_s: float = LONGEST_S, audit_s: float = AUDIT_S) -> None:
        self._reconciler = reconciler
        self._held: Held[Item] = Held(held_s)
        self._audit_s = audit_s
        self._audit_at: float | None = None  # monotonic seconds; None: the stream is not on
        self._asked: frozenset[str] = frozenset()  # topics of the newest question
        self._is_in_doubt = False  # since the newest audit
        self._number: int | None = None  # of the question about this connection
        self.recent = Recent()
        self.missed: Counter[str] = Counter()

    @property
    def is_dead(self) -> bool:
        """Nobody reads the account any more, nor ever will in this process."""
        return self._reconciler.is_dead

    def want(self, topics: Collection[str]) -> None:
        """Topics that somebody wants, held or not: nothing else is followed any further."""
        self._reconciler.want(topics)
        self.recent.keep({part.name for part in parts_of(topics)})

    def opened(self) -> None:
        """A new connection: what it brings waits for what was missed before."""
        self._held.expect(_ALL)

    def connected(self, topics: Collection[str], now: float) -> bool:
        """All topics are held: read what was missed. False: there is nothing that REST could tell."""
        self._number = self._reconciler.begin("connected", topics, self.recent.open_names())
        self._audit_at = now + self._audit_s
        self._asked = frozenset(topics)
        if self._number is None:
            self._held.release(_ALL)
        return self._number is not None

    def lost(self) -> None:
        """The connection is gone; what it brought waits on, for what REST is asked by the next one."""
        self._audit_at = self._number = None

    def release_all(self) -> None:
        """Nothing waits any longer."""
        self._held.release_all()

    def holds(self, item: Item, now: float) -> bool:
        """Whether a frame waits; else it is to be delivered now."""
        return self._held.put(_ALL, item, now)

    def due(self, now: float) -> list[Item]:
        """Frames that have waited; after `news`."""
        return self._held.due(now)

    @property
    def waiting(self) -> int:
        """Frames that wait."""
        return len(self._held)

    def tend(self, topics: Collection[str], now: float) -> None:
        """Audit when it is time, or when there is a new topic. topics: those that are held."""
        if self._audit_at is None:
            return
        held = frozenset(topics)
        if self._is_in_doubt:
            self._audit_at, self._is_in_doubt = min(self._audit_at, now + DOUBT_S), False
        if held - self._asked:
            self._audit_at = now  # what happens to a new topic from now on is to be found
        self._asked = held
        if now >= self._audit_at:
            begun = self._reconciler.begin("audit", topics, self.recent.open_names()) is not None
            self._audit_at = now + (self._audit_s if begun else AUDIT_AGAIN_S)

    def news(self, first_ms: FirstMs[Item]) -> Iterator[News[Item]]:
        """What is to be told now, before the next is asked for; each is to be given to `settle` once it is handed on.

        An audit of a connection that is gone is left out: the next one's first read tells the same, and not as missed.
        """
        for found in self._reconciler.taken():
            if found.reason == "connected" or (self._number is not None and found.number > self._number):
                yield self._judged(found, first_ms)

    def new(self, news: News[Item], facts: Iterable[Fact]) -> Iterator[Fact]:
        """Of these, those that consumers do not know; they are told now."""
        for fact in facts if news.reason == "audit" else self._new(facts):
            news.told[fact.outcome.event_type] += 1  # type: ignore[union-attr] # what cannot be read is in `bad`
            yield fact

    def settle(self, news: News[Item]) -> None:
        """Consumers will get it whatever happens to this process."""
        self._reconciler.settle(news.found)

    def _judged(self, found: Found, first_ms: FirstMs[Item]) -> News[Item]:
        for event in found.known:
            self.recent.learn(event)
        for part, names in found.gone.items():
            self.recent.forget(part, names)
        is_audit, is_newest = found.reason == "audit", found.number == self._number
        steps: list[Step[Item]]
        if is_audit:
            facts = list(self._new([*found.facts, *found.states], settled_ms=found.at_ms - SETTLED_MS))
            self.missed.update(event.event_type for event in events(facts))
            steps = [(facts, None)]
        else:
            # Of one moment the stream tells each state, and REST the last.
            steps = list(self._held.between(_ALL, found.facts, first_ms, lt))
            if is_newest:
                steps += [*(([], item) for item in self._held.take_all(_ALL)), (found.states, None)]
            else:  # frames wait that may be older than what is so now; the newer question reads that, too
                found = replace(
                    found, marks={name: mark for name, mark in found.marks.items() if name.partition(".")[0] not in LAST}
                )
        is_last = found.is_last and (is_audit or is_newest)
        return News(found.reason, steps, found.bad, is_last, found.lacks, found)

    def _new(self, facts: Iterable[Fact], *, settled_ms: int | None = None) -> Iterator[Fact]:
        for fact in facts:
            event = fact.outcome
            if not isinstance(event, Event):
                continue
            if event.event_type == "balance":
                is_new = self.recent.news(event, settled_ms=settled_ms) is not None
                self._is_in_doubt = self._is_in_doubt or self.recent.doubted_ms == event.timestamp_ms
            else:
                verdict = self.recent.verdict(event, settled_ms=settled_ms)
                is_new = verdict is Verdict.NEW
                self._is_in_doubt = self._is_in_doubt or (verdict is Verdict.YOUNG and event.source == "derived")
            if is_new:
                self.recent.note(event)
                yield fact
