"""BACKLOGS: which queues fill up, and which nobody reads. Pure: told what the broker says, it says what a person must hear.

    fill ≥ 80 % ─▶ ≥ 95 % ─▶ full: told once each, and again after it has been 10 % lower        messages, and no reader for 60 s ─▶ unread
A class queue that has had no reader for a day is one that nobody wants: its backlog is no alarm, only a hint.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import msgspec

from gateway.health.words import QueueState

#: Shares of a queue's limits that are told; at the last the oldest messages are dropped.
LEVELS = (0.8, 0.95, 1.0)
#: A level is over once the fill is so far below it: a queue at the edge does not tell it again and again.
CALM = 0.1
#: Messages wait and nobody reads for this long; milliseconds. A consumer that restarts is back sooner.
UNREAD_MS = 60_000
#: A class queue without a reader for this long is nobody's; milliseconds. Source: issue "See it, deploy it, live with it".
NOBODYS_MS = 86_400_000

HINT = (
    "found {} class queues with messages that had no reader in the last 24 h, such as {}; expected WS_GATEWAY_CLASS_QUEUES to name the "
    "event types that somebody reads, or none"
)


class Limits(NamedTuple):
    """Of one queue. None: none is known."""

    max_length: int | None
    ttl_ms: int | None
    max_bytes: int | None = None


class Head(NamedTuple):
    """What the broker's management interface says of one queue.

    oldest_ms   the time of its oldest message's fact, Unix milliseconds
    size_bytes  of all its messages
    """

    limits: Limits
    oldest_ms: int | None
    size_bytes: int = 0


class Alarm(NamedTuple):
    """What is to be told, as an occurrence of this kind."""

    kind: Literal["overflow", "unread"]
    queue: str
    detail: str


@dataclass(slots=True)
class Backlogs:
    """Used by one thread.

    usual   limits of a queue of which nobody says its own
    states  all queues as last seen, with what is known of each; replaced whole
    hint    for a person: class queues that nobody wants; None: there is none
    """

    usual: Limits
    states: dict[str, QueueState] = field(default_factory=dict)
    hint: str | None = None

    def look(
        self, depths: Mapping[str, QueueState], classes: Collection[str], heads: Mapping[str, Head], now_ms: int
    ) -> list[Alarm]:
        """The alarms that are new. depths: messages and consumers; classes: the class queues among them."""
        before = self.states
        states: dict[str, QueueState] = {}
        alarms: list[Alarm] = []
        nobodys = []
        for name, depth in sorted(depths.items()):
            head = heads.get(name, Head(self.usual, None))
            state = self._seen(before.get(name), depth, head, now_ms)
            is_nobodys = name in classes and (state.read_ms is None or now_ms - state.read_ms >= NOBODYS_MS)
            if is_nobodys:
                state.level, state.is_unread = 0.0, False
                nobodys += [name] if state.unread_ms is not None and now_ms - state.unread_ms >= UNREAD_MS else []
            else:
                alarms += _alarms(name, state, before.get(name), now_ms)
            states[name] = state
        self.states = states  # in one step: other threads read it
        self.hint = HINT.format(len(nobodys), nobodys[0]) if nobodys else None
        return alarms

    def _seen(self, before: QueueState | None, depth: QueueState, head: Head, now_ms: int) -> QueueState:
        state = msgspec.structs.replace(before or QueueState(0, 0), messages=depth.messages, consumers=depth.consumers)
        state.oldest_ms = head.oldest_ms if depth.messages else None
        state.since_ms = (state.since_ms or now_ms) if depth.messages else None
        state.fill = _fill(state, head, now_ms)
        if depth.consumers or _was_read(before, depth, head.limits, now_ms):
            state.read_ms = now_ms
        is_waiting = depth.messages > 0 and state.read_ms != now_ms
        state.unread_ms = (before.unread_ms if before is not None and before.unread_ms else now_ms) if is_waiting else None
        return state


def _fill(state: QueueState, head: Head, now_ms: int) -> float | None:
    """The fullest of length, bytes and age; None where no limit is known."""
    limits, age_ms = head.limits, _age_ms(state, now_ms)
    shares = [state.messages / limits.max_length] if limits.max_length else []
    shares += [head.size_bytes / limits.max_bytes] if limits.max_bytes else []
    shares += [age_ms / limits.ttl_ms] if limits.ttl_ms and age_ms is not None else []
    return min(1.0, max(0.0, *shares)) if shares else None


def _age_ms(state: QueueState, now_ms: int) -> int | None:
    """How long the oldest message has been in the queue at most; None: nobody says.

    The limit counts from its arrival. That was after its fact, perhaps long after: a position of last month, what was fetched after an
    outage. So it also was not before the queue was last empty.
    """
    if state.oldest_ms is None or state.since_ms is None:
        return None
    return now_ms - max(state.oldest_ms, state.since_ms)


def _was_read(before: QueueState | None, depth: QueueState, limits: Limits, now_ms: int) -> bool:
    """Whether somebody took messages who is no consumer now: fewer wait, and none of them can have been there for too long."""
    if before is None or depth.messages >= before.messages or (before.fill or 0) >= 1:
        return False
    age_ms = _age_ms(before, now_ms)
    if age_ms is None and before.unread_ms is not None:
        age_ms = now_ms - before.unread_ms
    return not limits.ttl_ms or age_ms is None or age_ms < limits.ttl_ms


def _alarms(name: str, state: QueueState, before: QueueState | None, now_ms: int) -> Iterator[Alarm]:
    fill, told = state.fill or 0.0, before.level if before is not None else 0.0
    reached = max((level for level in LEVELS if fill >= level), default=0.0)
    kept = max((level for level in LEVELS if level <= told and fill > level - CALM), default=0.0)
    state.level = max(reached, kept)
    if reached > told:
        meaning = "its oldest messages are dropped now" if reached >= 1 else "at 100 % its oldest messages are dropped"
        yield Alarm("overflow", name, f"{name} holds {state.messages} messages, {fill:.0%} of its limits; {meaning}")
    state.is_unread = state.unread_ms is not None and now_ms - state.unread_ms >= UNREAD_MS
    if state.is_unread and not (before is not None and before.is_unread):
        yield Alarm("unread", name, f"{name} holds {state.messages} messages, and nobody has read it for a minute")
