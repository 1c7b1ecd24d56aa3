"""What the wishes of services ask of this process, topic by topic."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from gateway.database.store import Wanted
from gateway.protocol import channels
from gateway.protocol.channels.channel import Channel
from gateway.protocol.endpoints import Endpoint


@dataclass(frozen=True, slots=True)
class Work:
    """By topic.

    channels     the row that reads it
    event_types  what somebody wants of it
    snapshots    queue → seconds between two whole books for it
    calls        trace ids of the REST calls that asked for it
    """

    channels: Mapping[str, Channel]
    event_types: Mapping[str, frozenset[str]]
    snapshots: Mapping[str, Mapping[str, float]]
    calls: Mapping[str, Sequence[str]]


def work_of(rows: Sequence[Wanted], endpoint: Endpoint) -> Work:
    """Of all rows together. Where a queue wants one book twice, the shorter pause counts."""
    reading: dict[str, Channel] = {}
    types: dict[str, set[str]] = defaultdict(set)
    snapshots: dict[str, dict[str, float]] = defaultdict(dict)
    calls: dict[str, dict[str, None]] = defaultdict(dict)
    for row in rows:
        reading[row.topic] = channels.for_topic(row.topic, endpoint.name)
        types[row.topic].add(_event_type(row, reading[row.topic]))
        if row.trace_id is not None:
            calls[row.topic][row.trace_id] = None
        if row.snapshot_seconds is not None:
            snapshots[row.topic][row.queue] = min(row.snapshot_seconds, snapshots[row.topic].get(row.queue, row.snapshot_seconds))
    return Work(
        reading,
        {topic: frozenset(found) for topic, found in types.items()},
        snapshots,
        {topic: list(found) for topic, found in calls.items()},
    )


def _event_type(row: Wanted, reading: Channel) -> str:
    """What a wish is for: of a topic in the exchange's own words whatever its frames tell first, as of the channel that reads it."""
    asked = channels.by_type(row.channel_type)
    return reading.event_type if asked is None or asked is channels.RAW else asked.event_type


@dataclass(slots=True)
class Resyncs:
    """Notices wishes whose topic somebody wants anew: a number in the row grows. What it was before this process began counts as done."""

    _seen: dict[tuple[UUID, str], int] = field(default_factory=dict)

    def grown(self, rows: Sequence[Wanted]) -> set[str]:
        """Topics to be asked for anew, each time once."""
        found = {row.topic for row in rows if row.resyncs > self._seen.get((row.id, row.topic), row.resyncs)}
        self._seen = {(row.id, row.topic): row.resyncs for row in rows}
        return found
