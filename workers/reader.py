"""READER: how one topic is read, what is remembered of it, and what consumers were told of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import inf

from gateway.models import Record
from gateway.protocol import channels
from gateway.protocol.cadence import Cadence, cadence_of
from gateway.protocol.channels.channel import Channel
from gateway.protocol.memory import Memory

#: Topics that are read at once besides those that are wanted. The private endpoint's frames are believed to be asked for.
MOST_UNWANTED = 50_000
#: What nobody wants is forgotten when it was not heard for so long: frames may still be on their way; seconds.
LATELY_S = 60.0


@dataclass(slots=True)
class Reader:
    """How one topic is read on this connection.

    wanted     event types that somebody asked for; None: all that its frames tell
    heard_at   when its last frame came; monotonic seconds
    cadence    how often it speaks; None: it is quiet by nature
    sequence   of its newest event of the channel's own class; None: there was none
    is_broken  a hole that consumers were told of
    was_whole  on this connection
    """

    channel: Channel
    memory: Memory
    wanted: frozenset[str] | None = None
    cadence: Cadence | None = None
    heard_at: float = 0.0
    last_event_ms: int | None = None
    sequence: int | None = None
    complaints: int = 0
    is_broken: bool = False
    was_whole: bool = False

    def note(self, record: Record, sequence: int) -> None:
        """An event of the topic is on its way. A derived one, and a book for one queue, count for themselves."""
        self.last_event_ms = record.received_ns // 1_000_000
        if record.event_type == self.channel.event_type and not record.queue:
            self.sequence = sequence

    def wants(self, event_type: str) -> bool:
        """Whether somebody asked for it."""
        return self.wanted is None or event_type in self.wanted

    @property
    def may_change_its_word(self) -> bool:
        """Whether `hole` has to be asked: no whole book or ticker is as it was."""
        return self.is_broken or self.memory.hole is not None or (self.memory.in_sync and not self.was_whole)

    def hole(self) -> str | None:
        """`gap` when a book or ticker has become broken, `recovered` when it is whole again, each time once; else None.

        A book whose snapshots come over REST is not broken before it was whole.
        """
        self.was_whole = self.was_whole or self.memory.in_sync
        if self.channel.rest_snapshots and not self.was_whole and not self.is_broken:
            return None
        was, self.is_broken = self.is_broken, self.memory.hole is not None
        return None if was == self.is_broken else "gap" if self.is_broken else "recovered"

    @property
    def needs_snapshot(self) -> bool:
        """Whether its topic must be subscribed anew: what comes over REST is fetched instead."""
        return self.is_broken and not self.channel.rest_snapshots


@dataclass(slots=True)
class Readers:
    """Of one endpoint's topics.

    continuity   whether a book's delta must bring the next `u`
    blind_until  the worker read nothing for a while and began again then, monotonic seconds: what it heard first may have waited for it
    """

    endpoint: str
    category: str | None = None
    continuity: bool = True
    blind_until: float = -inf
    _by_topic: dict[str, Reader] = field(default_factory=dict)
    _wanted: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def wanted(self) -> Mapping[str, frozenset[str]]:
        """Topic → the event classes that somebody asked for."""
        return self._wanted

    def want(self, event_types: Mapping[str, frozenset[str]], now: float) -> None:
        """Replace what is asked of each topic, and let go of those that nobody wants and nobody hears.

        Whoever begins to want an event class that tells changes only is told what holds, as if it had changed.
        """
        for topic, reader in list(self._by_topic.items()):
            wanted = event_types.get(topic)
            if wanted is None and now - reader.heard_at >= LATELY_S:
                del self._by_topic[topic]
                continue
            for event_type in (wanted or frozenset()) - (reader.wanted or frozenset()):
                reader.memory.told.pop(event_type, None)
            reader.wanted = wanted
        self._wanted = event_types

    def begin_anew(self, now: float) -> None:
        """Nothing is remembered across connections but what consumers were told, and cadences: books begin with their next snapshot."""
        for reader in self._by_topic.values():
            reader.memory = Memory(told=reader.memory.told, continuity=self.continuity)
            reader.was_whole = False
            if reader.cadence is not None:
                reader.cadence.begin_anew(now)

    def of(self, topic: str) -> Reader | None:
        """None for one more than anybody could have asked for."""
        found = self._by_topic.get(topic)
        if found is None and (topic in self._wanted or len(self._by_topic) < MOST_UNWANTED + len(self._wanted)):
            channel = channels.for_topic(topic, self.endpoint)
            cadence = cadence_of(channel, topic, self.category)
            memory = Memory(continuity=self.continuity)
            found = self._by_topic[topic] = Reader(channel, memory, self._wanted.get(topic), cadence)
        return found

    def last_event_ms(self, topic: str) -> int | None:
        """When its newest event was received, Unix milliseconds."""
        found = self._by_topic.get(topic)
        return None if found is None else found.last_event_ms

    def sequence(self, topic: str) -> int | None:
        """Of its newest event of the channel's own class."""
        found = self._by_topic.get(topic)
        return None if found is None else found.sequence

    @property
    def cadences(self) -> Iterator[tuple[str, Cadence]]:
        """Of the topics that are not quiet by nature."""
        return ((topic, reader.cadence) for topic, reader in self._by_topic.items() if reader.cadence is not None)

    def __len__(self) -> int:
        return len(self._by_topic)
