"""`orderbook.{depth}.{symbol}`, `orderbook.rpi.{symbol}`, `orderbook.full.{symbol}`: one event a frame, told whether the book is unbroken.

Source: protocol notes, sections 6.2 to 6.4. The levels pass as they came; of an RPI book they are price, size, RPI size.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import msgspec

from gateway.models import BadRecord, Event, Json, Payload
from gateway.protocol.book import Level
from gateway.protocol.channels.channel import About, Outcome
from gateway.protocol.fields import Fields, Kind, levels, ours, text, time, whole
from gateway.protocol.frames import Data, short
from gateway.protocol.full_book import FullBook
from gateway.protocol.memory import Memory
from gateway.protocol.orderbook import RESENT, begins_anew, follow


def _fields(*, sequence: bool) -> Fields:
    """sequence: without `seq` a frame cannot be placed; option frames of 2023 had none."""
    return Fields(
        named=(
            text("s", "symbol", must=True),
            ours("kind", Kind.TEXT, must=True),
            ours("depth", Kind.WHOLE),
            levels("b", "bids", must=True),
            levels("a", "asks", must=True),
            whole("u", "update_id", must=True),
            whole("seq", "cross_sequence", must=sequence),
            ours("matched_at", Kind.TIME),
            ours("in_sync", Kind.FLAG, must=True),
        ),
        frame=(text("type", "kind"), time("cts", "matched_at")),
    )


FIELDS = _fields(sequence=False)
FULL = _fields(sequence=True)

KINDS = ("snapshot", "delta")

#: Bids and asks.
Levels: TypeAlias = tuple[list[Level], list[Level]]

#: Levels a side of an RPI book. Source: protocol notes, section 6.3.
RPI_DEPTH = 50

ABOUT = About(
    what="a snapshot or a change of an order book",
    identity="category, topic, kind, `u`, `seq`, matching time (else `ts`); of a snapshot, but for depth 1, `ts` too; `derived` for a "
    "whole book that a service asked for",
    so="a repeated depth-1 snapshot is the same event; one that comes after a renewal is another, also of a book that stood still; a "
    "snapshot is another than the change with the same `u`",
)
ABOUT_RPI = About(
    what="a snapshot or a change of an order book that shows RPI orders",
    identity="as `orderbook`",
    so="as `orderbook`",
)
ABOUT_FULL = About(
    what="a snapshot or a change of a whole order book",
    identity="as `orderbook`; of a snapshot that was fetched category, topic, `u`, `seq`, the answer's `ts`, `rest`",
    so="as `orderbook`",
)


def normalise(data: Data, category: str | None, memory: Memory) -> list[Outcome]:
    """The book of one depth, which is also the last word of its routing key."""
    return _frame(data, category, memory, event_type="orderbook")


def normalise_rpi(data: Data, category: str | None, memory: Memory) -> list[Outcome]:
    """The book that shows RPI orders beside the others."""
    return _frame(data, category, memory, event_type="rpi_orderbook")


def normalise_full(data: Data, category: str | None, memory: Memory) -> list[Outcome]:
    """The changes of the whole book, whose snapshot comes over REST."""
    return _frame(data, category, memory, event_type="full_orderbook")


class Book(NamedTuple):
    """What a topic's name says of its book.

    word     the topic's second
    depth    levels a side; None: all there are
    variant  the last word of its routing key
    """

    word: str
    symbol: str
    depth: int | None
    variant: str


@lru_cache(maxsize=16_384)
def book_of(topic: str) -> Book:
    """Remembered: it is asked for with each frame."""
    word, _, symbol = topic.partition(".")[2].partition(".")
    depth = int(word) if word.isdigit() else RPI_DEPTH if word == "rpi" else None
    return Book(word, symbol, depth, word if word.isdigit() else "-")


def depth_of(topic: str) -> int | None:
    """Levels a side of a topic's book; None: all there are."""
    return book_of(topic).depth


def unpack(payload: Payload) -> None:
    """Have a frame's levels as lists where they came through as they are (`shapes.py`)."""
    for name in ("bids", "asks"):
        if isinstance(payload[name], msgspec.Raw):
            payload[name] = msgspec.json.decode(payload[name])


def derived(newest: Event, levels: Levels) -> Event:
    """The whole book for a service that asked for it, as it is after the newest event.

    Another fact than the exchange's own snapshot at the same `u`.
    """
    event = _whole(newest.topic, newest.event_type, newest.category, levels, newest.payload)
    event.source = "derived"
    event.identity += "|derived"
    return event


def fetched(topic: str, category: str | None, levels: Levels, *, at: FullBook, answer: Json, newest: Event | None) -> Event:
    """A whole book that came over REST, and the frames after it, as an event of the stream.

    at      how far the book goes
    answer  `result`, which dates the event unless the stream's newest frame is as new
    Identity: of the answer alone. Whatever frame dates it, the same answer at the same place is the same fact.
    """
    answered = {name: _time(answer.get(key)) for name, key in (("matched_at", "cts"), ("pushed_at", "ts"))}
    numbers = {"update_id": at.update_id or 0, "cross_sequence": at.sequence or 0}
    moments: Payload = newest.payload if newest is not None and newest.payload["update_id"] == at.update_id else answered
    dated = {**numbers, **{name: moments.get(name) for name in answered}}
    event = _whole(topic, "full_orderbook", category, levels, dated)
    event.source = "rest"
    fact = f"{numbers['update_id']}|{numbers['cross_sequence']}|{answered['pushed_at']}"
    event.identity = f"{event.event_type}|{event.category}|{topic}|snapshot|{fact}|rest"
    return event


def _whole(topic: str, event_type: str, category: str | None, levels: Levels, dated: Mapping[str, Json]) -> Event:
    payload: Payload = {
        "symbol": book_of(topic).symbol, "kind": "snapshot", "depth": depth_of(topic), "bids": levels[0], "asks": levels[1],
        "update_id": dated["update_id"], "cross_sequence": dated["cross_sequence"], "matched_at": dated.get("matched_at"),
        "in_sync": True, "pushed_at": dated.get("pushed_at"),
    }  # fmt: skip
    return _event(payload, event_type=event_type, category=category, topic=topic, pushed_ms=_time(payload["pushed_at"]) or 0)


def _frame(data: Data, category: str | None, memory: Memory, *, event_type: str) -> list[Outcome]:
    word, symbol, depth, _ = book_of(data.topic)
    payload = _read(data, FULL if depth is None else FIELDS, symbol)
    if isinstance(payload, BadRecord):  # what it would have changed is not known
        memory.hole, memory.in_sync = f"a frame that cannot be read: {payload.reason}", False
        return [payload]
    kind, update_id, sequence = payload["kind"], payload["update_id"], payload["cross_sequence"]
    payload["kind"] = "snapshot" if begins_anew(kind, update_id, word) else kind
    payload["depth"] = depth
    numbered = sequence if type(sequence) is int else None
    payload["in_sync"] = follow(memory, kind=kind, update_id=update_id, sequence=numbered, depth=word)
    return [_event(payload, event_type=event_type, category=category, topic=data.topic, pushed_ms=data.ts_ms)]


def _read(data: Data, fields: Fields, symbol: str) -> Payload | BadRecord:
    """The frame's record, if it is one of this symbol's book."""
    payload = fields.read(data, data.data)
    if isinstance(payload, BadRecord):
        return payload
    if data.kind not in KINDS:
        reason = f"found a book frame of type {short(data.kind)}; expected snapshot or delta"
        return BadRecord(topic=data.topic, reason=reason, record=data.data)
    if payload["symbol"] != symbol:
        reason = f"found s {short(payload['symbol'])}; expected {short(symbol)}, as the topic says"
        return BadRecord(topic=data.topic, reason=reason, record=data.data)
    payload["kind"] = data.kind
    return payload


def _event(payload: Payload, *, event_type: str, category: str | None, topic: str, pushed_ms: int) -> Event:
    """Identity: topic, what kind of frame, `u`, `seq` and the matching time; of a snapshot also when it was pushed.

    A book that stands still is sent whole again after a renewal: to whoever let go of it that is news. At level 1 it is a resend,
    and the same fact.
    """
    matched_ms = payload["matched_at"]
    timestamp_ms = pushed_ms if _time(matched_ms) is None else matched_ms
    fact = f"{payload['kind']}|{payload['update_id']}|{payload['cross_sequence']}|{timestamp_ms}"
    book = book_of(topic)
    if payload["kind"] == "snapshot" and book.word != RESENT:
        fact += f"|{pushed_ms}"
    return Event(
        event_type=event_type,
        category=category,
        symbol=payload["symbol"],
        topic=topic,
        timestamp_ms=timestamp_ms,
        identity=f"{event_type}|{category}|{topic}|{fact}",
        payload=payload,
        variant=book.variant,
    )


def _time(found: Json) -> int | None:
    return found if type(found) is int else None
