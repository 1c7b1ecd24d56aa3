"""What a channel is: a family of topics, its rules for the API and its normaliser. The rows are in the package's table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from gateway.models import BadRecord, Event, Json
from gateway.protocol.frames import Data


@dataclass(slots=True)
class Memory:
    """What a normaliser must remember of one topic on one connection; a new connection starts with an empty one.

    state      the merged ticker, by exchange key
    update_id  `u` of the last order book frame; None before the first
    sequence   `seq` of the last order book frame that had one
    in_sync    the frames of the book since its last snapshot are unbroken
    hole       why a new snapshot is needed, in words; None while what came since the last one is whole
    continuity whether a book's delta must bring the next `u`
    """

    state: dict[str, object] = field(default_factory=dict)
    update_id: int | None = None
    sequence: int | None = None
    in_sync: bool = False
    hole: str | None = None
    continuity: bool = True


#: What became of one record: an event, or the reason why not.
Outcome: TypeAlias = Event | BadRecord

#: (frame, category of the endpoint or None, memory of the topic) → events and what could not be read, in the frame's order.
Normaliser: TypeAlias = Callable[[Data, str | None, Memory], list[Outcome]]

#: required: the topic names one symbol. filter: the topic carries all; a symbol only filters. none: the channel has no symbol.
SymbolUse: TypeAlias = Literal["required", "filter", "none"]


@dataclass(frozen=True, slots=True)
class Channel:
    """One family of topics.

    channel_type  the word of the REST API
    event_type    the event class it yields, first word of routing keys
    topics        category → topic template with {symbol}, {depth}, {interval}; "" for no category
    symbol_use    what a subscription's symbol means
    private       needs credentials; served by the private endpoint
    endpoint      of the topics; None: the endpoint is named as the category
    depths        category → allowed depths, empty where the channel has none
    intervals     allowed intervals, empty where the channel has none
    default_depth, default_interval  category → used when the request gives none
    pushes_first  the exchange sends a frame on subscribe: the topic is `live` only then
    normalise     the pure function from a frame to events; None where events come from elsewhere
    named         payload fields that are always present
    """

    channel_type: str
    event_type: str
    topics: Mapping[str, str]
    symbol_use: SymbolUse
    normalise: Normaliser | None
    named: tuple[str, ...]
    private: bool = False
    endpoint: str | None = None
    depths: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    default_depth: Mapping[str, int] = field(default_factory=dict)
    intervals: tuple[str, ...] = ()
    default_interval: str | None = None
    pushes_first: bool = False

    def endpoint_for(self, category: str | None) -> str:
        """The endpoint that serves this channel for a category."""
        return self.endpoint or category or ""


def record_of(
    found: Json, *, texts: tuple[str, ...] = (), numbers: tuple[str, ...] = (), lists: tuple[str, ...] = ()
) -> dict[str, Json] | str:
    """The record if it has what makes it readable, else one sentence: what was found and what was expected.

    texts    keys that must hold a text that is not empty
    numbers  keys that must hold a whole number
    lists    keys that must hold a list
    """
    if not isinstance(found, dict):
        return f"found {type(found).__name__}; expected an object"
    for key in texts:
        if not isinstance(found.get(key), str) or not found[key]:
            return f"found {key} {found.get(key)!r}; expected a text"
    for key in numbers:
        if not isinstance(found.get(key), int) or isinstance(found[key], bool):
            return f"found {key} {found.get(key)!r}; expected a whole number"
    for key in lists:
        if not isinstance(found.get(key), list):
            return f"found {key} {found.get(key)!r}; expected a list"
    return found
