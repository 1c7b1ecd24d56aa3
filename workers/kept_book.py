"""How a book is known: from snapshots on its own stream, or from changes there and snapshots over REST."""

from functools import partial
from typing import Literal, Protocol

from gateway.models import Event, Json
from gateway.protocol.book import Book
from gateway.protocol.channels import orderbook
from gateway.protocol.full_book import FullBook
from gateway.protocol.memory import Memory

#: Said of a book whose best bid is not below its best ask.
CROSSED = "the book is crossed: its best bid is not below its best ask"


class KeptBook(Protocol):
    """One topic's book. is_fetched: its snapshots come over REST."""

    is_fetched: bool

    def take(self, event: Event, memory: Memory, now: float) -> bool:
        """Judge a frame's event, and mark it and the memory where it is not to be trusted; whether it is news."""
        ...

    def forget(self, reason: str, now: float) -> None: ...

    @property
    def is_known(self) -> bool: ...

    def levels(self) -> orderbook.Levels | None:
        """None while the book is not known."""
        ...

    def lacks(self, *, is_live: bool, now: float) -> Literal["renewal", "fetch"] | None:
        """What must be done about its topic, which is held, to know it: nothing once it is. A fetch that is named is counted as begun."""
        ...

    def answered(
        self, topic: str, category: str | None, answer: Json, newest: Event | None, now: float
    ) -> tuple[Event, Memory] | None:
        """A snapshot came over REST: the event that it makes, and the memory that says so; None where it is of no use."""
        ...


class StreamedBook:
    """A book whose snapshots come on its stream."""

    is_fetched = False

    def __init__(self, depth: int | None, *, with_rpi: bool) -> None:
        self._book = Book(depth, with_rpi=with_rpi)

    def take(self, event: Event, memory: Memory, _now: float) -> bool:
        payload = event.payload
        if not payload["in_sync"]:
            self._book.forget()
            return True
        if payload["kind"] == "delta" and not self._book.is_known:
            return True  # wanted since a moment ago: the snapshot is on its way
        reason = self._book.apply(payload["kind"], payload["bids"], payload["asks"])
        if reason is None and self._book.crossed:
            self._book.forget()
            reason = CROSSED
        if reason is not None:
            memory.hole, memory.in_sync, payload["in_sync"] = reason, False, False
        return True

    def forget(self, _reason: str, _now: float) -> None:
        self._book.forget()

    @property
    def is_known(self) -> bool:
        return self._book.is_known

    def levels(self) -> orderbook.Levels | None:
        return self._book.levels() if self._book.is_known else None

    def lacks(self, *, is_live: bool, now: float) -> Literal["renewal", "fetch"] | None:
        del now
        return "renewal" if is_live and not self._book.is_known else None

    def answered(self, *_answer: object) -> tuple[Event, Memory] | None:
        return None  # nobody asked


class FetchedBook:
    """A book whose snapshots come over REST."""

    is_fetched = True

    def __init__(self) -> None:
        self._full = FullBook()

    def take(self, event: Event, memory: Memory, now: float) -> bool:
        payload = event.payload
        frame = partial(
            self._full.frame, kind=payload["kind"], update_id=payload["update_id"], sequence=payload["cross_sequence"],
            bids=payload["bids"], asks=payload["asks"], now=now,
        )  # fmt: skip
        took = frame()
        if took == "applied" and self._full.book.crossed:
            self._full.distrust(CROSSED, now)
            frame()  # its number is where the next snapshot may begin
        payload["in_sync"] = memory.in_sync = self._full.in_sync
        memory.hole = self._full.hole
        return took != "stale"

    def forget(self, reason: str, now: float) -> None:
        self._full.distrust(reason, now)

    @property
    def is_known(self) -> bool:
        return self._full.in_sync

    def levels(self) -> orderbook.Levels | None:
        return self._full.book.levels() if self._full.in_sync else None

    def lacks(self, *, is_live: bool, now: float) -> Literal["renewal", "fetch"] | None:
        del is_live  # its snapshot never comes by itself
        return "fetch" if self._full.wants_fetch(now) else None

    def answered(
        self, topic: str, category: str | None, answer: Json, newest: Event | None, now: float
    ) -> tuple[Event, Memory] | None:
        full = self._full
        if not full.snapshot(answer, now):
            return None
        if full.book.crossed:
            full.distrust(CROSSED, now)
            return None
        event = orderbook.fetched(topic, category, full.book.levels(), at=full, answer=answer, newest=newest)
        return event, Memory(update_id=full.update_id, sequence=full.sequence, in_sync=True)
