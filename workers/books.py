"""The books that this worker materialises: those of which services want whole snapshots, and those whose snapshots come over REST.

frame ─▶ take ─▶ judged: in_sync, crossed      wishes ─▶ want
REST ◀─ look ─▶ topics that need a snapshot      due ─▶ snapshots for the queue of one service each
A book is known while its connection lives and its topic is held: after that it is forgotten at once.
Both are asked each turn, and walk over no book that is known and of which no snapshot is due.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from math import inf
from typing import Protocol

from gateway.models import Event, Json
from gateway.protocol.channels import orderbook
from gateway.protocol.channels.channel import Channel
from gateway.protocol.memory import Memory
from workers.kept_book import FetchedBook, KeptBook, StreamedBook


class Fetcher(Protocol):
    """Asks the exchange for whole books, in the background; see `workers/book_fetcher.py`."""

    def ask(self, topic: str) -> None: ...

    def keep(self, topics: Collection[str]) -> None:
        """Nobody waits for the books of any others any more."""
        ...

    def taken(self) -> list[tuple[str, Json]]:
        """(topic, the answer's `result`) of what came since the last look."""
        ...


class Standing(Protocol):
    """How the exchange has it with a topic; see `gateway/protocol/subscriptions.py`.

    changes  another number whenever an answer may be another one
    """

    @property
    def changes(self) -> int: ...

    def is_held(self, name: str, /) -> bool: ...

    def is_live(self, name: str, /) -> bool: ...


@dataclass(slots=True)
class _Kept:
    """One topic's book.

    wishes    queue → seconds between two snapshots for it
    given_at  queue → when it last got one; monotonic seconds
    newest    the last event of the book as it is known: it numbers and dates it
    is_held   whether the topic was held when it was last looked at
    """

    book: KeptBook
    wishes: Mapping[str, float] = field(default_factory=dict)
    given_at: dict[str, float] = field(default_factory=dict)
    newest: Event | None = None
    is_held: bool = False

    def forget(self, reason: str, now: float) -> None:
        self.book.forget(reason, now)
        self.newest = None


class Books:
    """Used by the worker's main thread alone."""

    def __init__(self, category: str | None, fetcher: Fetcher) -> None:
        self._category = category
        self._fetcher = fetcher
        self._kept: dict[str, _Kept] = {}
        self._changes: int | None = None  # of the standing that all books were last looked at with
        # Topics in the order in which their books were lost, every book that is not known among them: the others lack nothing.
        self._unknown: dict[str, None] = {}
        self._due_at: list[tuple[float, str, str]] = []  # a heap: when the next snapshot of a topic is due, and for which queue
        self._overdue: dict[str, list[str]] = {}  # topic → queues that wait for it to be known

    def want(self, channels: Mapping[str, Channel], wishes: Mapping[str, Mapping[str, float]]) -> None:
        """Replace what is kept. A book begins with a snapshot: `look` asks for one where it does not come by itself.

        channels  topic → its row, of all topics wanted
        wishes    topic → queue → seconds between two snapshots
        """
        wanted = {topic: row for topic, row in channels.items() if row.is_book and (row.rest_snapshots or wishes.get(topic))}
        self._kept = {topic: kept for topic, kept in self._kept.items() if topic in wanted}
        for topic, row in wanted.items():
            if topic not in self._kept:
                self._kept[topic] = _Kept(_book(row, topic))
            kept = self._kept[topic]
            kept.wishes = wishes.get(topic, {})
            kept.given_at = {queue: at for queue, at in kept.given_at.items() if queue in kept.wishes}
        self._unknown = dict.fromkeys(self._kept)
        self._overdue.clear()
        self._due_at = [
            (kept.given_at.get(queue, -inf) + every_s, topic, queue)
            for topic, kept in self._kept.items()
            for queue, every_s in kept.wishes.items()
        ]
        heapify(self._due_at)
        self._fetcher.keep({topic for topic, kept in self._kept.items() if kept.book.is_fetched})

    def lost(self, now: float) -> None:
        """The connection is gone: what comes next follows nothing that came before, and an answer under way fits nothing."""
        for kept in self._kept.values():
            kept.forget("the connection was lost", now)
            kept.is_held = False
        self._unknown = dict.fromkeys(self._kept)
        self._fetcher.keep(())

    def spoiled(self, topic: str, reason: str, now: float) -> None:
        """A frame of the book could not be read, so what it changed is not known."""
        if topic in self._kept:
            self._kept[topic].forget(f"a frame that cannot be read: {reason}", now)
            self._unknown[topic] = None

    def distrust(self, topic: str, now: float) -> bool:
        """Begin a book anew on demand; False for one that begins anew when its topic is subscribed anew."""
        kept = self._kept.get(topic)
        if kept is None or not kept.book.is_fetched:
            return False
        kept.forget("a new snapshot was asked for", now)
        self._unknown[topic] = None
        return True

    def take(self, event: Event, memory: Memory, now: float) -> bool:
        """Judge a frame's event, and mark it and the memory where it is not to be trusted; whether to deliver it."""
        kept = self._kept.get(event.topic)
        if kept is None:
            return True
        orderbook.unpack(event.payload)
        is_news = kept.book.take(event, memory, now)
        if not kept.book.is_known:
            self._unknown[event.topic] = None
        if is_news:
            kept.newest = event
        return is_news

    def look(self, standing: Standing, now: float) -> list[str]:
        """Forget the books of topics that are held no longer, and have those fetched that need it and are held: what is fetched before
        fits nothing. The topics that must be subscribed anew: they are live, yet no snapshot of theirs is known.
        """
        blank, left = [], False
        has_changed, self._changes = standing.changes != self._changes, standing.changes
        for topic in list(self._kept if has_changed else self._unknown):
            kept = self._kept[topic]
            was_held, kept.is_held = kept.is_held, standing.is_held(topic)
            if was_held and not kept.is_held:
                kept.forget("its topic was left", now)
                self._unknown[topic] = None
                left = True
                continue
            lacks = kept.book.lacks(is_live=standing.is_live(topic), now=now) if kept.is_held else None
            if lacks == "fetch":
                self._fetcher.ask(topic)
            blank += [topic] if lacks == "renewal" else []
            if kept.book.is_known:
                self._unknown.pop(topic, None)
        if left:
            self._fetcher.keep({topic for topic, kept in self._kept.items() if kept.is_held})
        return blank

    def fetched(self, standing: Standing, now: float) -> Iterator[tuple[Event, Memory]]:
        """The snapshots that came over REST, as events of the stream, with the memory that says so."""
        for topic, result in self._fetcher.taken():
            kept = self._kept.get(topic)
            if kept is None or not standing.is_held(topic):
                continue
            answered = kept.book.answered(topic, self._category, result, kept.newest, now)
            if answered is not None:
                kept.newest = answered[0]
                yield answered

    def due(self, standing: Standing, now: float) -> Iterator[tuple[Event, str]]:
        """The snapshots that services are to get now, each with its queue. A book that is not whole or not held is waited for."""
        while self._due_at and self._due_at[0][0] <= now:
            _, topic, queue = heappop(self._due_at)
            self._overdue.setdefault(topic, []).append(queue)
        for topic in list(self._overdue):
            kept = self._kept[topic]
            if kept.newest is None or not standing.is_held(topic) or (levels := kept.book.levels()) is None:
                continue
            event = orderbook.derived(kept.newest, levels)
            for queue in self._overdue.pop(topic):
                kept.given_at[queue] = now
                heappush(self._due_at, (now + kept.wishes[queue], topic, queue))
                yield event, queue


def _book(channel: Channel, topic: str) -> KeptBook:
    if channel.rest_snapshots:
        return FetchedBook()
    return StreamedBook(orderbook.depth_of(topic), with_rpi=channel.event_type == "rpi_orderbook")
