"""The values that travel: an Event is a fact in our words, an Envelope what consumers read, a Record what the bus carries."""

from typing import Any, Literal, TypeAlias

import msgspec

Json: TypeAlias = Any
Payload: TypeAlias = dict[str, Any]
Source: TypeAlias = Literal["stream", "rest", "derived"]

#: Times after this are no times: the year 9999 ends; Unix milliseconds.
LATEST_MS = 253_402_300_799_999


class Event(msgspec.Struct, kw_only=True):
    """One fact of the exchange, normalised; pure, without any trace of when or by whom it was read.

    event_type    the event class, first word of the routing key
    category      spot, linear, inverse, option, spread; None where the exchange names none
    symbol        the instrument, or None
    topic         the exchange's topic as it came
    timestamp_ms  the exchange's time of the fact, Unix milliseconds
    identity      what identifies the fact within its event_type; the same fact always gives the same text
    payload       named fields first, then every further field in snake_case
    variant       fourth word of the routing key: depth, interval, base coin, topic; "-" where there is none
    private       the fact belongs to the account: it carries the account label
    source        stream, rest or derived
    gap_id        set on the first event after a known gap
    """

    event_type: str
    category: str | None
    symbol: str | None
    topic: str
    timestamp_ms: int
    identity: str
    payload: Payload
    variant: str = "-"
    private: bool = False
    source: Source = "stream"
    gap_id: str | None = None


class BadRecord(msgspec.Struct, kw_only=True):
    """A record of a frame that could not be normalised; its neighbours are delivered.

    reason  one sentence: what was found and what was expected
    record  the exchange's record as it came
    """

    topic: str
    reason: str
    record: Json


class Envelope(msgspec.Struct):
    """An event as consumers read it: the fields and their order of the public contract, section 3.

    timestamp    ISO 8601 UTC with milliseconds and Z
    received_at  ISO 8601 UTC with microseconds and Z
    sequence     counts the envelopes of one routing key and epoch from 1
    epoch        names the run of the sequence; epochs sort by their start
    """

    event_id: str
    event_type: str
    category: str | None
    symbol: str | None
    account: str | None
    topic: str
    timestamp: str
    received_at: str
    sequence: int
    epoch: str
    gap_id: str | None
    source: Source
    trace_id: str
    payload: Payload


class Record(msgspec.Struct, array_like=True, gc=False):
    """One entry of a batch on the bus: an encoded envelope and what a lane needs to know without opening it.

    routing_key   of the broker's topic exchange; the queue's name where `queue` is set; "" for a record that is not published
    event_type    the event class, or `topic_state` for a worker's report about its topics
    body          the envelope as UTF-8 JSON, encoded once, published as it is
    timestamp_ms  the envelope's timestamp, Unix milliseconds
    received_ns   when the frame left the socket, Unix nanoseconds
    queue         the one queue it goes to, through the broker's default exchange; "" for the topic exchange
    """

    routing_key: str
    event_type: str
    event_id: str
    category: str | None
    symbol: str | None
    topic: str
    trace_id: str
    timestamp_ms: int
    received_ns: int
    body: bytes
    queue: str = ""
