"""What a channel is: a family of topics, its rules for the API and its normaliser. The rows are in the package's table."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

import msgspec

from gateway.models import BadRecord, Event, Json
from gateway.protocol.fields import Fields
from gateway.protocol.frames import Data
from gateway.protocol.memory import Memory

#: What became of one record: an event, or the reason why not.
Outcome: TypeAlias = Event | BadRecord

#: What is made of a record: mostly one outcome.
Made = TypeVar("Made")

#: (frame, category of the endpoint or None, memory of the topic) → events and what could not be read, in the frame's order.
Normaliser: TypeAlias = Callable[[Data, str | None, Memory], list[Outcome]]

#: What a subscription's symbol means. required: the topic names one instrument. filter: the topic carries all; a symbol only
#: filters. none: the channel has no symbol. group: the topic names a group of contracts. topic: the topic is given in the
#: exchange's own words.
SymbolUse: TypeAlias = Literal["required", "filter", "none", "group", "topic"]


@dataclass(frozen=True, slots=True)
class About:
    """What the documents and the published schema say of an event class.

    what      one event is
    identity  what its `event_id` is made from
    so        what follows from that
    """

    what: str
    identity: str
    so: str


@dataclass(frozen=True, slots=True)
class Channel:
    """One family of topics.

    channel_type  the word of the REST API
    event_type    the event class it yields, first word of routing keys
    about         for people
    topics        category → topic template with {symbol}, {base_coin}, {group}, {depth}, {interval}; "" for no category
    symbol_use    what a subscription's symbol means
    normalise     the pure function from a frame to events; None where events come from elsewhere
    fields        of the payload
    private       needs credentials; served by the private endpoint
    endpoint      of the topics; None: the endpoint is named as the category; "": the gateway itself tells
    depths        category → allowed depths, empty where the channel has none
    intervals     allowed intervals, empty where the channel has none
    groups        group → the category that has it, empty where the channel has none
    default_depth, default_interval  category → used when the request gives none
    pushes_first  the exchange sends a frame on subscribe: the topic is `live` only then
    begins_whole  that frame tells all that holds: of a time without the topic nothing is missing but what was in between
    cadence_s     category → seconds within which a topic speaks, if it is not stalled; a category that is not there is quiet by nature
    resent_s      the same by depth, where the exchange resends by itself, so that no quiet market excuses a longer silence
    is_book       its events are an order book's, which can be materialised and published whole
    rest_snapshots  its snapshots come over REST: the stream has changes only
    derived_from  the channel_type whose frames its events are made from
    raw_for       categories without a template whose exchange has such a topic all the same: it passes as `raw`
    before_trading  an instrument has it before it trades, too (protocol notes, section 6.1)
    named_records  its normaliser takes records through `fields` alone, so that they may come as payloads (`shapes.py`)
    absent_from   category → environments whose exchange does not have it (protocol notes, section 1.1)
    """

    channel_type: str
    event_type: str
    about: About
    topics: Mapping[str, str]
    symbol_use: SymbolUse
    normalise: Normaliser | None
    fields: Fields
    private: bool = False
    endpoint: str | None = None
    depths: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    default_depth: Mapping[str, int] = field(default_factory=dict)
    intervals: tuple[str, ...] = ()
    default_interval: str | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    pushes_first: bool = False
    begins_whole: bool = False
    cadence_s: Mapping[str, float] = field(default_factory=dict)
    resent_s: Mapping[int, float] = field(default_factory=dict)
    is_book: bool = False
    rest_snapshots: bool = False
    derived_from: str | None = None
    raw_for: tuple[str, ...] = ()
    before_trading: bool = False
    named_records: bool = False
    absent_from: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def named(self) -> tuple[str, ...]:
        """Payload fields that are always present."""
        return self.fields.names

    def endpoint_for(self, category: str | None) -> str:
        """The endpoint that serves this channel for a category."""
        return self.endpoint or category or ""

    def goes_by_base_coin(self, category: str | None) -> bool:
        """Whether a topic carries all instruments of a base coin: trades of options do."""
        return "{base_coin}" in self.topics.get(category or "", "")

    def is_absent(self, environment: str, category: str | None) -> bool:
        """Whether an environment's exchange lacks this channel for a category."""
        return environment in self.absent_from.get(category or "", ())


def each(data: Data, read: Callable[[Json], Made]) -> list[Made]:
    """What is made of each record."""
    return [read(row) for row in rows(data)]


def each_placed(data: Data, read: Callable[[Json, int], Outcome]) -> list[Outcome]:
    """The same where the place in the frame is part of a record's identity."""
    return [read(row, place) for place, row in enumerate(rows(data))]


def unnamed(data: Data, record: Json, place: int) -> str:
    """What identifies a record that the exchange gave no id: topic, the frame's time, the place in the frame and the record."""
    return f"{data.topic}|{data.ts_ms}|{place}|{fingerprint(record)}"


def fingerprint(record: Json) -> str:
    """Tells one record from another."""
    return hashlib.blake2s(msgspec.json.encode(record), digest_size=8).hexdigest()


def rows(data: Data) -> list[Json]:
    """A frame's records; one that holds a single object has one."""
    return data.data if isinstance(data.data, list) else [data.data]
