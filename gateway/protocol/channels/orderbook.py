"""`orderbook.{depth}.{symbol}`, `orderbook.rpi.{symbol}`, `orderbook.full.{symbol}`: one event a frame, told whether the book is unbroken.

Source: protocol notes, sections 6.2 to 6.4. The levels pass as they came; of an RPI book they are price, size, RPI size.
"""

from gateway.models import BadRecord, Event, Payload
from gateway.protocol.channels.channel import About, Outcome
from gateway.protocol.fields import Fields, Kind, levels, ours, text, time, whole
from gateway.protocol.frames import Data, short
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
    word = data.topic.split(".", 2)[1]
    return _frame(data, category, memory, event_type="orderbook", variant=word, depth=int(word))


def normalise_rpi(data: Data, category: str | None, memory: Memory) -> list[Outcome]:
    """The book that shows RPI orders beside the others."""
    return _frame(data, category, memory, event_type="rpi_orderbook", variant="-", depth=RPI_DEPTH)


def normalise_full(data: Data, category: str | None, memory: Memory) -> list[Outcome]:
    """The changes of the whole book, whose snapshot comes over REST."""
    return _frame(data, category, memory, event_type="full_orderbook", variant="-", depth=None)


def _frame(data: Data, category: str | None, memory: Memory, *, event_type: str, variant: str, depth: int | None) -> list[Outcome]:
    word, symbol = data.topic.split(".", 2)[1:]
    payload = _read(data, FULL if depth is None else FIELDS, symbol)
    if isinstance(payload, BadRecord):  # what it would have changed is not known
        memory.hole, memory.in_sync = f"a frame that cannot be read: {payload.reason}", False
        return [payload]
    kind, update_id, sequence = payload["kind"], payload["update_id"], payload["cross_sequence"]
    payload["kind"] = "snapshot" if begins_anew(kind, update_id, word) else kind
    payload["depth"] = depth
    numbered = sequence if type(sequence) is int else None
    payload["in_sync"] = follow(memory, kind=kind, update_id=update_id, sequence=numbered, depth=word)
    return [event_of(payload, event_type=event_type, category=category, topic=data.topic, variant=variant, pushed_ms=data.ts_ms)]


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


def event_of(payload: Payload, *, event_type: str, category: str | None, topic: str, variant: str, pushed_ms: int) -> Event:
    """Identity: topic, what kind of frame, `u`, `seq` and the matching time; of a snapshot also when it was pushed.

    A book that stands still is sent whole again after a renewal: to whoever let go of it that is news. At level 1 it is a resend,
    and the same fact.
    """
    matched_ms = payload["matched_at"]
    timestamp_ms = matched_ms if type(matched_ms) is int else pushed_ms
    fact = f"{payload['kind']}|{payload['update_id']}|{payload['cross_sequence']}|{timestamp_ms}"
    if payload["kind"] == "snapshot" and variant != RESENT:
        fact += f"|{pushed_ms}"
    return Event(
        event_type=event_type,
        category=category,
        symbol=payload["symbol"],
        topic=topic,
        timestamp_ms=timestamp_ms,
        identity=f"{event_type}|{category}|{topic}|{fact}",
        payload=payload,
        variant=variant,
    )
