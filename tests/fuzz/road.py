"""The road of a text through a worker, from the parser to the bytes on the bus, and what must hold at its end, whatever the text was.

text ─▶ parse ─▶ session ─▶ delivery: take, unread or unasked ─▶ stamp ─▶ body
                                  └─ books ─▶ tend: fetched, published whole ─▶ stamp ─▶ body
Everything but the socket, the bus and the file of dead letters is what runs in production; `Link` itself is in
`tests/integration/test_hostile_stream.py`.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from gateway.models import Json, Record
from gateway.protocol import channels
from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.fields import Fields, Kind
from gateway.protocol.frames import AuthReply, Data, Frame, Unknown, parse
from gateway.protocol.session import Credentials, Session
from gateway.protocol.subscriptions import Subscriptions
from gateway.wire import Stamp
from simulator.dialect import DIALECTS, compact
from tests.fuzz.corpus import corpus
from tests.fuzz.neighbours import CheckedLetters, EchoingFetcher
from tests.standins import KeepingBus
from workers.books import Books
from workers.delivery import Delivery

#: 2026-07-01.
NOW_NS = 1_782_864_000_000_000_000
#: Seconds between frames: a road is shorter than the patience of anybody on it.
PACE_S = 0.001
#: So much faster the time of books goes, for them to be fetched and published on so short a road.
BOOKS_FASTER = 50
#: Of a living road: frames between two looks at the books, and between two connections.
TEND, RECONNECT = 4, 90
#: What is longer is no answer about a book; bytes.
LONGEST_ECHO = 1 << 16
#: Channels whose frame is one record.
WHOLE = {"ticker", "orderbook", "rpi_orderbook", "full_orderbook"}
#: What a reason, a topic in a `system` event and a routing key hold at the most; characters, characters and bytes.
LONGEST_REASON, LONGEST_KEY = 500, 255

_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_EXPONENT = re.compile(_PLAIN.pattern + r"[eE][+-]?[0-9]{1,3}")
_Time = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(\d{3}|\d{6})Z$")]


class _Body(msgspec.Struct):
    """The contract's envelope, section 3, as a consumer in a typed language would read it."""

    event_id: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")]
    event_type: str
    category: str | None
    symbol: str | None
    account: str | None
    topic: str
    timestamp: _Time
    received_at: _Time
    sequence: Annotated[int, msgspec.Meta(ge=1)]
    epoch: str
    gap_id: str | None
    source: Literal["stream", "rest", "derived"]
    trace_id: str
    payload: dict[str, Any]


_body = msgspec.json.Decoder(_Body, float_hook=str).decode  # the raw record holds numbers as they came


class Broken(AssertionError):
    """What must hold did not."""


@dataclass(slots=True)
class Passed:
    """What became of one text.

    records  on the bus, `system` events left out
    is_ours  it was a push that the worker had asked for
    """

    frame: Frame
    records: list[Record]
    is_ours: bool


class Road:
    """One worker of an endpoint, all of whose golden topics are wanted and acknowledged.

    lives   connections come and go, and the books are looked after
    counts  of frames by what they were sorted as, and of books by how they left whole
    """

    def __init__(self, endpoint: str, include_raw: str, *, continuity: bool = True, lives: bool = False) -> None:
        row = ENDPOINTS[endpoint]
        self._dialect = DIALECTS[endpoint]
        self._bus, self._letters = KeepingBus(), CheckedLetters()
        stamp = Stamp(worker="fuzz", account="main", include_raw=include_raw, started_ms=NOW_NS // 1_000_000)
        self._fetcher, self._frames = EchoingFetcher(), 0
        books = Books(row.category, self._fetcher)
        self._delivery = Delivery("fuzz", row, stamp, self._bus, self._letters, books, continuity)  # type: ignore[arg-type] # they have all that it uses
        reading = {topic: channels.for_topic(topic, endpoint) for topic in corpus().topics[endpoint]}
        books.want(reading, {topic: {"a-queue": 1.0} for topic in reading})
        self._subscriptions = Subscriptions(row)
        self._subscriptions.want(dict.fromkeys(corpus().topics[endpoint], True))
        login = Credentials("key", lambda text: text) if row.authenticates else None
        self._now = 0.0
        self._session = Session(row, self._subscriptions, login, now=0.0, unix_ms=NOW_NS // 1_000_000)
        if login is not None:
            self._session.receive(AuthReply(True, ""), 0.0)
        self._sequences: dict[str, int] = {}
        self._stale = 0
        self.endpoint = endpoint
        self.include_raw = include_raw
        self.continuity = continuity
        self.lives = lives
        self.counts: Counter[str] = Counter()
        self.converse()

    def converse(self) -> None:
        """Let the session tick, and answer what it asks as the exchange would."""
        self._session.tick(self._now)
        for text in self._session.to_send(self._now):
            request = json.loads(text)
            if request["op"] in ("subscribe", "unsubscribe"):
                answer = self._dialect.ack(request["op"], "c", request["req_id"], request["args"], (), "")
                self._session.receive(parse(compact(answer).encode()), self._now)

    def take(self, text: bytes, *, thoroughly: bool = False) -> Passed:
        """As `workers.link` takes a text; then all that must hold is looked at. Raises Broken. thoroughly: each value too."""
        delivery, counts = self._delivery, self._delivery.counts
        events, unknown, stale = counts.events, counts.unknown, counts.stale
        self._now += PACE_S
        received_ns = NOW_NS + int(self._now * 1e9)
        self._frames += 1
        frame = parse(text)
        is_ours = isinstance(frame, Data) and self._session.pushed(frame.topic, self._now)
        if not isinstance(frame, Data):
            self._session.receive(frame, self._now)
            if isinstance(frame, Unknown):
                delivery.unread(frame, received_ns)
        elif not is_ours:
            delivery.unasked(frame, received_ns)
        elif delivery.take(frame, received_ns, self._now * BOOKS_FASTER):
            self._subscriptions.renew(frame.topic)
        delivery.flush()
        delivery.pump(received_ns)
        records, self._bus.records = self._bus.records, []
        told = [record for record in records if record.event_type != "system"]
        passed = Passed(frame, told, is_ours)
        for record in records:
            self._look_at(record)
        self._account_for(passed, counts.events - events + counts.stale - stale, counts.unknown - unknown)
        if thoroughly and isinstance(frame, Data):
            look_closely(text, frame, told, self.endpoint)
        if self.lives:
            self._fetcher.echo = frame.data if isinstance(frame, Data) and len(text) < LONGEST_ECHO else self._fetcher.echo
            self._live(received_ns)
        return passed

    def _live(self, now_ns: int) -> None:
        """As `workers.link` does between frames: books are looked after, and now and then the connection is another."""
        now = self._now * BOOKS_FASTER
        if self._frames % RECONNECT == 0:
            self._delivery.lost(now)
            if self._tended(now, now_ns):
                raise Broken("a book was published without a connection")
            self._delivery.new_connection(now)
        elif self._frames % TEND == 0:
            self._tended(now, now_ns)

    def _tended(self, now: float, now_ns: int) -> int:
        """Have the books looked after, and look at what left; how many that were."""
        events = self._delivery.counts.events
        for topic in self._delivery.tend(self._subscriptions, now, now_ns):
            self._subscriptions.renew(topic)
        self._delivery.flush()
        records, self._bus.records = self._bus.records, []
        for record in records:
            self._look_at(record)
        books = [record for record in records if record.event_type != "system"]
        if len(books) != self._delivery.counts.events - events:
            raise Broken(f"{len(books)} books left, {self._delivery.counts.events - events} counted")
        for record in books:
            self._look_at_book(_body(record.body))
        return len(books)

    def _look_at_book(self, body: _Body) -> None:
        payload = body.payload
        if (payload["kind"], payload["in_sync"]) != ("snapshot", True) or body.source == "stream":
            raise Broken(f"a book that left as {payload['kind']}, in sync {payload['in_sync']}, from {body.source}")
        if body.event_type != "rpi_orderbook" and payload["bids"] and payload["asks"]:
            bid, ask = Decimal(payload["bids"][0][0]), Decimal(payload["asks"][0][0])
            if bid >= ask:
                raise Broken(f"a book that is crossed: {bid} and {ask}")
        self.counts[f"book, {body.source}"] += 1

    def _look_at(self, record: Record) -> None:
        body = _body(record.body)
        if len(record.routing_key.encode()) > LONGEST_KEY:
            raise Broken(f"a routing key of {len(record.routing_key.encode())} bytes")
        if record.routing_key.count(".") != 3 and not record.queue:
            raise Broken(f"the routing key {record.routing_key!r} has not four words")
        due = self._sequences.get(record.routing_key, 0) + 1
        if body.sequence != due:
            raise Broken(f"sequence {body.sequence} of {record.routing_key}; expected {due}")
        self._sequences[record.routing_key] = due
        for name in ("event_id", "event_type", "category", "symbol", "topic", "trace_id"):
            if getattr(record, name) != getattr(body, name):
                raise Broken(f"the record and its body differ in {name}")

    def _account_for(self, passed: Passed, events: int, unknown: int) -> None:
        """Every record is an event, one that is known already, or a counted dead letter, and nothing else is any of these."""
        frame, letters = passed.frame, self._letters
        if letters.kept != self._delivery.counts.unknown:
            raise Broken(f"{letters.kept} dead letters kept, {self._delivery.counts.unknown} counted")
        if letters.longest_reason > LONGEST_REASON:
            raise Broken(f"a reason of {letters.longest_reason} characters")
        stale = self._delivery.counts.stale - self._stale
        self._stale += stale
        if events - stale != len(passed.records):
            raise Broken(f"{events - stale} events counted, {len(passed.records)} on the bus")
        due = (0, 0)
        if isinstance(frame, Unknown) or (isinstance(frame, Data) and not passed.is_ours):
            due = (0, 1)
        elif isinstance(frame, Data):
            channel = channels.for_topic(frame.topic, self.endpoint)
            rows = len(frame.data) if isinstance(frame.data, list) and channel.channel_type not in WHOLE else 1
            if channel.channel_type == "ticker" and unknown == 2:
                rows = 2  # the ticker and the funding it tells: a symbol that fits into no routing key costs both
            rows += odd_coins(frame.data) if channel.channel_type == "balance" else 0
            funding = sum(record.event_type == "funding" for record in passed.records)
            due = (rows + funding - unknown, unknown)
            self.counts["events"] += events
            self.counts["bad records"] += unknown
        if (events, unknown) != due:
            raise Broken(f"{events} events and {unknown} bad records; expected {due[0]} and {due[1]}")
        self.counts[f"{type(frame).__name__}{'' if passed.is_ours or not isinstance(frame, Data) else ', not asked for'}"] += 1


def odd_coins(data: Json) -> int:
    """Coins that cost themselves alone: those without a name, of every account row that has coins."""
    rows = [row for row in (data if isinstance(data, list) else [data]) if isinstance(row, dict)]
    return sum(len(row["coin"]) - len(readable(row["coin"])) for row in rows if isinstance(row.get("coin"), list))


def readable(coins: list[Any]) -> list[Any]:
    return [coin for coin in coins if isinstance(coin, dict) and isinstance(coin.get("coin"), str) and coin["coin"]]


def payload_of(record: Record) -> bytes:
    """The bytes of the payload: the envelope's last field."""
    return record.body.partition(b'"payload":')[2]


def look_closely(text: bytes, frame: Data, records: list[Record], endpoint: str) -> None:
    """Another reader finds the same in the text, and what came as a text went out as the same text."""
    whole = json.loads(text, parse_float=str)
    if whole != frame.frame:
        raise Broken("another reader of JSON finds something else")
    channel = channels.for_topic(frame.topic, endpoint)
    bodies = [json.loads(record.body) for record in records if record.event_type != "funding"]
    rows = whole["data"] if isinstance(whole["data"], list) and channel.channel_type not in WHOLE else [whole["data"]]
    if len(bodies) != len(rows):
        return  # which of the rows were bad is not known here
    for row, body in zip(rows, bodies, strict=True):
        if isinstance(row, dict):
            _same_texts(channel.fields, row, body["payload"], channel.event_type)


def _same_texts(fields: Fields, row: dict[str, Any], payload: dict[str, Any], event_type: str) -> None:
    arrived: dict[str, list[Any]] = {}
    for field in (*fields.named, *fields.further):
        if not field.key or field.key not in row:  # "" marks a field of ours
            continue
        found = row[field.key]
        if field.kind in (Kind.AMOUNT, Kind.TEXT, Kind.LEVELS) and found != "":
            arrived.setdefault(field.name, []).append(found)
        if field.of is not None and isinstance(found, list):
            kept = readable(found) if field.name == "coins" else found
            for inner, out in zip(kept, payload[field.name], strict=True):
                if isinstance(inner, dict):
                    _same_texts(field.of, inner, out, event_type)
    for name, texts in arrived.items():
        gone = payload[name]
        if not all(isinstance(text, (str, list)) for text in texts):
            continue  # of two spellings, one of no text may win
        if event_type == "position" and (name == "side" or (name == "size" and gone == str(texts[0]).removeprefix("-"))):
            continue  # absolute, and of no side when flat
        if gone not in texts and not any(_is_written_out(text, gone) for text in texts):
            raise Broken(f"{name} came as {str(texts)[:200]} and went as {str(gone)[:200]}")


def _is_written_out(text: Any, gone: Any) -> bool:
    """The same number, which came with an exponent and has none now."""
    if not isinstance(text, str) or not isinstance(gone, str) or not _EXPONENT.fullmatch(text) or not _PLAIN.fullmatch(gone):
        return False
    return Decimal(text) == Decimal(gone)
