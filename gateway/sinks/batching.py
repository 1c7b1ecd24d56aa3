"""The broker's sink for both forms: an event as a message of its own, and in batches for the queues that want them.

    record ─┬─ as it is: a queue wants it so, or nobody knows who might ────────────────────────▶ ┌────────────┐
            └─ for each queue that wants batches ─▶ bundles ── 256 envelopes, 1 MiB, 5 ms ─▶ ─────▶ │ BrokerSink │ ─▶ RabbitMQ
                                                                                                  └────────────┘
What a record becomes is decided here, where it is published, and not where it came in: so it may wait on disk meanwhile, and a
queue changes its form between two records. For that all that is under way is answered first, then the broker's bindings are changed.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Protocol

from gateway.lanes.needs import Needs
from gateway.models import Record
from gateway.sinks.bundles import Bundles
from gateway.sinks.messages import Message

log = logging.getLogger(__name__)

#: An event that queues want in batches alone, and that no other queue took, is published on its own again after this; seconds. Somebody
#: may have bound a queue of his own meanwhile, of which nobody can know.
UNREAD_S = 1.0

#: Routing keys whose ways are remembered: beyond that all are found anew, for instruments are listed and expire.
MOST_WAYS = 50_000


class Publishing(Protocol):
    """Publishes what it is given, and says how much of it is confirmed, in order: `BrokerSink`."""

    returned: int
    nacked: int

    @property
    def pause_words(self) -> str | None: ...
    @property
    def silent_s(self) -> float: ...
    def wants(self, record: Record) -> bool: ...
    def open(self) -> None: ...
    def write(self, records: Sequence[Message]) -> None: ...
    def settled(self) -> int: ...
    def ready(self) -> bool: ...
    def tick(self) -> None: ...
    def fileno(self) -> int: ...
    def close(self) -> None: ...


class Plan(Protocol):
    """What is needed of the broker, as somebody else reads it.

    newest    replaced whole
    in_force  by which queues are made, and records published
    """

    newest: Needs
    in_force: Needs

    def put_in_force(self, needs: Needs) -> None:
        """Give queues whose form it changes their bindings, or take them away. Nothing is under way. Raises SinkAway."""
        ...


@dataclass(slots=True, eq=False)
class Way:
    """Of all records with one routing key.

    queues      that get them in batches
    alone_from  from when they are published on their own, monotonic seconds
    """

    queues: Sequence[str]
    alone_from: float = 0.0


class Ways(dict[str, Way]):
    """By routing key, found when it is first met."""

    def __init__(self) -> None:
        super().__init__()
        self._needs = Needs((), {})

    def follow(self, needs: Needs) -> None:
        self._needs = needs
        self.clear()

    def __missing__(self, routing_key: str) -> Way:
        if len(self) >= MOST_WAYS:
            self.clear()  # a message that is under way is then counted as returned, should it come back before its key is met again
        found = self[routing_key] = Way(self._needs.filled(routing_key))
        if routing_key in self._needs.batched:
            found.alone_from = inf  # it is for one queue alone, and goes into its batches
        return found


class BatchingSink:
    """Settled is a record once everything that it became is confirmed.

    due  when `settled` must be asked again although nothing is readable, monotonic seconds; None: no matter
    """

    name = "broker"

    def __init__(self, plan: Plan, publishing: Callable[[Callable[[str, str], bool | None]], Publishing]) -> None:
        """publishing: the sink of single messages, made with what says of a message that came back whether a queue should have got it."""
        self._plan = plan
        self._sink = publishing(self._should_have_come)
        self._bundles = Bundles()
        self._ways = Ways()
        self._written = 0
        self._given = 0  # messages that the sink has
        self._ends: deque[tuple[int, int]] = deque()  # of each write: records, and the last of their places in bundles
        self._targets: deque[tuple[int, int]] = deque()  # records, and how many messages must be confirmed for it
        self._settled = 0
        self._is_turning = False

    @property
    def due(self) -> float | None:
        return self._bundles.due

    @property
    def returned(self) -> int:
        """Messages that reached no queue, but for those whose events are in batches."""
        return self._sink.returned

    @property
    def nacked(self) -> int:
        return self._sink.nacked

    @property
    def pause_words(self) -> str | None:
        return self._sink.pause_words

    @property
    def silent_s(self) -> float:
        return self._sink.silent_s

    def wants(self, record: Record) -> bool:
        return self._sink.wants(record)

    def open(self) -> None:
        self._bundles.clear()
        self._ends.clear()
        self._targets.clear()
        self._written = self._given = self._settled = 0
        self._is_turning = False
        self._sink.open()  # which declares what is needed, and so puts it in force
        self._ways.follow(self._plan.in_force)

    def write(self, records: Sequence[Record]) -> None:
        self._written += len(records)
        if self._plan.in_force.batched:
            self._give(self._formed(records, time.monotonic()))
        else:
            self._give(records)
        self._ends.append((self._written, self._bundles.places))

    def settled(self) -> int:
        self._follow()
        self._give(self._bundles.all_taken() if self._is_turning else self._bundles.taken(time.monotonic()))
        confirmed = self._sink.settled()
        closed_to = self._bundles.closed_to
        while self._ends and self._ends[0][1] <= closed_to:
            self._targets.append((self._ends.popleft()[0], self._given))
        while self._targets and self._targets[0][1] <= confirmed:
            self._settled = self._targets.popleft()[0]
        if self._is_turning and confirmed == self._given and self._sink.ready():  # else somebody moves queues, say
            self._turn()
        return self._settled

    def ready(self) -> bool:
        return not self._is_turning and self._sink.ready()

    def tick(self) -> None:
        self._sink.tick()

    def fileno(self) -> int:
        return self._sink.fileno()

    def close(self) -> None:
        self._sink.close()

    def _formed(self, records: Sequence[Record], now: float) -> list[Message]:
        """What the records become now; the rest is in open bundles."""
        formed: list[Message] = []
        ways, add = self._ways, self._bundles.add
        for record in records:
            way = ways[record.routing_key]
            if way.alone_from <= now:
                formed.append(record)
            for queue in way.queues:
                formed += add(queue, record, now)
        return formed

    def _give(self, messages: Sequence[Message]) -> None:
        if messages:
            self._given += len(messages)
            self._sink.write(messages)

    def _follow(self) -> None:
        """What is needed may have changed. A queue that changes its form waits until all is answered; anything else counts at once."""
        newest = self._plan.newest
        if newest is self._plan.in_force or self._is_turning:
            return
        if self._plan.in_force.turned(newest):
            self._is_turning = True
            return
        self._plan.put_in_force(newest)
        self._ways.follow(newest)

    def _turn(self) -> None:
        newest = self._plan.newest
        queues = self._plan.in_force.turned(newest)
        self._plan.put_in_force(newest)
        self._ways.follow(newest)
        self._is_turning = False
        log.info("broker delivery_changed queues=%s", ",".join(queues))

    def _should_have_come(self, exchange: str, routing_key: str) -> bool | None:
        """Of a message that came back. Where batches alone want its event, None, and such events do not go on their own for a moment."""
        if self._plan.newest.reached_beside(self._plan.in_force, exchange, routing_key):
            return True
        way = self._ways.get(routing_key) if exchange else None
        if way is not None and way.queues:
            way.alone_from = time.monotonic() + UNREAD_S
            return None
        return False
