"""What PostgreSQL is told of a worker's topics: each change once, again where a row says something else, and newest events now and then."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from gateway.database.store import Wanted
from gateway.health.words import TopicState
from gateway.wire import TopicReport

#: `last_event_at` is at most 5 s late (the public contract, section 5): reported this often, with room for the way; seconds.
LAST_EVENT_EVERY_S = 3.0
#: A row that still says something else this long after a report is told again; seconds.
REPEAT_AFTER_S = 3.0

#: Words for states of many topics, the least settled first. What is refused or stalled counts only when all are.
_STATES = ("requested", "acknowledged", "live")
_TROUBLED = ("refused", "stalled")
NONE_MATCHES = "no instrument matches yet"


@dataclass(slots=True)
class _Told:
    """What PostgreSQL was last told of a topic, and when, in monotonic seconds."""

    state: str = ""
    last_error: str | None = None
    last_event_ms: int | None = None
    at: float = 0.0


@dataclass(slots=True)
class Told:
    """All that was told. Used by the main thread alone."""

    _topics: dict[str, _Told] = field(default_factory=lambda: defaultdict(_Told))
    _rows: set[UUID] = field(default_factory=set)

    def news(self, states: Mapping[str, TopicState], rows: Iterable[Wanted], now: float) -> Iterator[tuple[TopicReport, bool]]:
        """What is to be told now, and whether it is that a topic came to be held or refused.

        states  as they are, by the topic of a wish's row
        rows    wishes as PostgreSQL has them
        """
        rows = list(rows)
        differing = {row.topic for row in rows if (row.state, row.last_error) != _words(states.get(row.topic))}
        new = {row.topic for row in rows if row.id not in self._rows} & differing
        self._rows = {row.id for row in rows}
        for topic, state in states.items():
            told = self._topics[topic]
            changed = _words(state) != (told.state, told.last_error)
            if (
                changed
                or topic in new
                or (topic in differing and now - told.at >= REPEAT_AFTER_S)
                or (state.last_event_ms != told.last_event_ms and now - told.at >= LAST_EVENT_EVERY_S)
            ):
                is_live = state.state == "live" and told.state not in ("acknowledged", "stalled")
                settled = is_live or state.state in ("acknowledged", "refused")
                self._topics[topic] = _Told(state.state, state.last_error, state.last_event_ms, now)
                yield TopicReport(topic, state.state, state.last_error, state.last_event_ms), changed and settled
        for topic in [topic for topic in self._topics if topic not in states]:
            del self._topics[topic]


def of_patterns(patterns: Mapping[str, Sequence[str]], topics: Mapping[str, TopicState]) -> dict[str, TopicState]:
    """Topic of a wish that names many → its state, from those of what it stands for now.

    topics  of all processes that share the endpoint; one that is missing has not been asked for yet
    """
    found = {}
    for pattern, named in patterns.items():
        states = [topics.get(topic) or TopicState("requested") for topic in named]
        told = ((topic, state.state, state.last_error) for topic, state in zip(named, states, strict=True))
        word, error = together(told)
        events = [state.last_event_ms for state in states if state.last_event_ms is not None]
        found[pattern] = TopicState(word, error, max(events, default=None))
    return found


def together(states: Iterable[tuple[str, str, str | None]]) -> tuple[str, str | None]:
    """State and error of a selector from those of its topics: (topic, state, error) of each."""
    told = list(states)
    if not told:
        return "requested", NONE_MATCHES
    troubled = [(topic, state, error) for topic, state, error in told if state in _TROUBLED]
    words = {state for _, state, _ in told} - set(_TROUBLED)
    state = next((word for word in _STATES if word in words), troubled[0][1] if troubled else "requested")
    if not troubled:
        return state, next((error for _, _, error in told if error), None)
    topic, trouble, error = troubled[0]
    return state, f"{len(troubled)} of {len(told)} {trouble}, such as {topic}: {error or 'without words'}"


def _words(state: TopicState | None) -> tuple[str, str | None] | None:
    return None if state is None else (state.state, state.last_error)
