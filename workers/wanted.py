"""What this worker should hold: read from PostgreSQL every poll, and at once when the database says so."""

import logging
import os
import select
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from gateway.database import instruments, store, wished
from gateway.database.db import Listener
from gateway.database.instruments import Listed
from gateway.database.store import Wanted
from gateway.database.tenure import Tenure
from gateway.disk.memo import Memo
from gateway.errors import StoreAway, StoreRefused
from gateway.protocol import channels, selectors
from gateway.protocol.endpoints import ENDPOINTS
from gateway.protocol.room import processes_needed
from gateway.trouble import Trouble

log = logging.getLogger(__name__)

#: The name under which writers of subscriptions notify.
CHANNEL = "ws_gateway_subscriptions"
#: Between tries while PostgreSQL is away or its schema is not there yet; seconds.
RETRY_S = 1.0
#: What a wish that names many stands for is looked up when PostgreSQL has news, when something is delivered, and at least this often;
#: seconds.
SELECT_EVERY_S = 30.0
#: After a delivery, so that PostgreSQL's clock has passed it too; seconds.
DELIVERED_S = 0.1


@dataclass(frozen=True, slots=True)
class Wishes:
    """What PostgreSQL wants of one process.

    rows      wishes whose topics this process holds; of a wish that names many there is one for each of its topics
    patterns  wishes that name many, as they are stored, where this process reports on them
    named     topic of such a wish → all the exchange's topics it stands for now, of whatever process
    needs     how many processes the topics of the whole endpoint need, by the limits of a connection
    """

    rows: Sequence[Wanted] = ()
    patterns: Sequence[Wanted] = ()
    named: Mapping[str, Sequence[str]] = field(default_factory=dict)
    needs: int = 1


class WantedReader(threading.Thread):
    """Keeps `wishes` the newest answer of PostgreSQL. While it is away, the last answer stands and nothing stops.

    wishes  None before the first answer; replaced whole, never changed in place
    in_the_way  why this process must not work, for a person; None: it may
    held_ms     topics that somebody held before this process had its turn, and until when PostgreSQL knows of events; Unix milliseconds
    wake    the descriptor that the worker's loop sleeps on: readable once the wishes have changed; others may write it too
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        endpoint: str,
        mine: Callable[[str], bool],
        poll_s: float,
        memo: Memo[Wishes] | None = None,
        tenure: Tenure | None = None,
    ) -> None:
        """`mine` says whether a topic belongs to this process. memo: the last answer, for a start while PostgreSQL is away.

        tenure  None: there is no other machine that could run this process
        """
        super().__init__(name="wanted", daemon=True)
        self._listener = Listener(url, name=name, channel=CHANNEL)
        self._endpoint = endpoint
        self.mine = mine
        self._name_of_worker = name
        self._poll_s = poll_s
        self._memo = memo
        self._tenure = tenure
        self._remembered = self._kept()
        self._is_remembered = False  # nobody has answered since
        self._has_begun = False  # the process: before that the memo is an older layout's, which is still to be dealt
        self._keeping = threading.Lock()  # of what the memo is written with: both threads do
        self._halt = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._stopping = False
        self._trouble = Trouble(log, f"{name} subscriptions_not_readable")
        self._matching: dict[tuple[str, str, bool], list[Listed]] = {}  # (category, pattern, before it trades) → what it names
        self._counted, self._needs = set[str](), 1  # topics of the whole endpoint, and the processes that they need
        self._mark = ""  # of the wishes as they were read last
        self._select_due = 0.0  # when that is looked up again
        self.wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.in_the_way = tenure.in_the_way if tenure is not None else None
        self.wishes: Wishes | None = None
        self.held_ms: dict[str, int] | None = None

    def remembered(self) -> Wishes | None:
        """The last answer of an earlier run. Who asks has begun: from now on the memo is this run's own."""
        with self._keeping:
            if not self._has_begun:
                self._has_begun = True
                if self.wishes is not None and not self._is_remembered and self.in_the_way is None:
                    self._keep(self.wishes)
        return self._remembered

    def stop(self) -> None:
        self._stopping = True
        os.eventfd_write(self._halt, 1)
        self.join(1.0)

    def run(self) -> None:
        while not self._stopping:
            try:
                self._listener.open()
                self._follow()
            except (StoreAway, StoreRefused) as fault:
                self._trouble.say(str(fault))
                self._listener.close()
                self._remember()
                self._pause(RETRY_S, [])
        self._leave()
        self._listener.close()

    def _kept(self) -> Wishes | None:
        """As the memo has them now; of an older layout, as far as they are this process's."""
        found = self._memo.read() if self._memo is not None else None
        if found is None:
            return None
        rows, patterns = ([row for row in of if self.mine(row.topic)] for of in (found.rows, found.patterns))
        return Wishes(rows, patterns, {pattern: topics for pattern, topics in found.named.items() if self.mine(pattern)})

    def _look_who_else(self) -> None:
        """Whether another machine runs this process. When it does no more, this one goes on from where that one was."""
        if self._tenure is None:
            return
        self._tenure.renew(self._listener.connection)
        if self._tenure.in_the_way != self.in_the_way:
            self.held_ms = None
            if self._tenure.in_the_way is None and self.wishes is not None and not self._is_remembered:
                self._take_over(self.wishes)
                with self._keeping:
                    self._keep(self.wishes)  # newer than anything that this machine has of an older layout: another one ran since
            self.in_the_way = self._tenure.in_the_way
            os.eventfd_write(self.wake, 1)

    def _take_over(self, wishes: Wishes) -> None:
        """From now on they are this process's own. What was held, and until when, is as it is now."""
        held_ms = wished.held_since(self._listener.connection, self._endpoint)
        self.held_ms = {row.topic: held_ms[row.id] for row in wishes.rows if row.id in held_ms}

    def _keep(self, wishes: Wishes) -> None:
        if self._memo is not None:
            self._memo.write(wishes)

    def _leave(self) -> None:
        if self._tenure is not None and self._tenure.in_the_way is None:
            with suppress(StoreAway, StoreRefused):
                self._tenure.leave(self._listener.connection)

    def _remember(self) -> None:
        """Nobody can be asked: what was wanted last is wanted still."""
        if self.wishes is not None and not self._is_remembered:
            return
        found = self._kept()
        if found is not None and found != self.wishes:
            log.warning("%s subscriptions_remembered topics=%d", self._name_of_worker, len(found.rows))
            self.wishes, self._is_remembered = found, True
            os.eventfd_write(self.wake, 1)

    def _follow(self) -> None:
        """Read, wait for news or the next poll, read again."""
        while not self._stopping and not store.schema_is_current(self._listener.connection):
            self._trouble.say(store.NOT_PREPARED)
            self._pause(RETRY_S, [])
        has_news = True
        while not self._stopping:
            self._look_who_else()
            has_news = has_news or time.monotonic() >= self._select_due
            if has_news:
                self._matching.clear()
                self._select_due = time.monotonic() + SELECT_EVERY_S
            mark = wished.mark(self._listener.connection, self._endpoint)
            if has_news or mark != self._mark:
                self._read(mark)
            has_news = self._listener.drain()  # what came while this was read wakes nobody
            if not has_news:
                self._pause(self._wait_s, [self._listener.fileno()])
                has_news = self._listener.drain()

    @property
    def _wait_s(self) -> float:
        """Until something is due, if nobody says anything."""
        due_s = [self._select_due - time.monotonic()] if self._matching else []
        due_s += [self._tenure.wait_s] if self._tenure is not None else []
        return max(0.0, min([self._poll_s, *due_s]))

    def _read(self, mark: str) -> None:
        """All that is wanted now. mark: of what the wishes were at the latest."""
        wishes = self._expanded(store.wanted(self._listener.connection, self._endpoint))
        self._mark = mark
        self._trouble.over()
        if self.held_ms is None and (self._tenure is None or self._tenure.in_the_way is None):
            self._take_over(wishes)
        self.answered(wishes)

    def answered(self, wishes: Wishes) -> None:
        """What PostgreSQL wants now. It is kept for the next run once the process has begun, and no other machine runs it."""
        with self._keeping:
            is_news, is_ours = wishes != self.wishes, self._tenure is None or self._tenure.in_the_way is None
            if is_ours and self._has_begun and (is_news or self._is_remembered):
                self._keep(wishes)
            self.wishes, self._is_remembered = wishes if is_news else self.wishes, False
        if is_news:
            os.eventfd_write(self.wake, 1)

    def _expanded(self, rows: Sequence[Wanted]) -> Wishes:
        """Wishes that name many are split into the topics they stand for; each belongs to a process as any other does."""
        mine, patterns, named = list[Wanted](), list[Wanted](), dict[str, dict[str, None]]()
        every = set[str]()
        for row in rows:
            if not selectors.is_pattern(row.topic):
                every.add(row.topic)
                mine += [row] if self.mine(row.topic) else []
                continue
            topics = self._topics_of(row)
            every.update(topics)
            row = msgspec.structs.replace(row, bound_at=None)  # it moves with listings that this pattern does not name
            mine += [msgspec.structs.replace(row, topic=topic, pattern=row.topic) for topic in topics if self.mine(topic)]
            if self.mine(row.topic):
                patterns.append(row)
                named.setdefault(row.topic, {}).update(dict.fromkeys(topics))
        if every != self._counted:
            self._counted, self._needs = every, processes_needed(ENDPOINTS[self._endpoint], every)
        return Wishes(mine, patterns, {pattern: list(topics) for pattern, topics in named.items()}, self._needs)

    def _topics_of(self, row: Wanted) -> list[str]:
        channel = channels.by_type(row.channel_type)
        if channel is None or row.category is None or row.symbol is None:
            return []
        is_whole = selectors.whole_of(channel, category=row.category, pattern=row.symbol) is not None
        listed = self._listed(row.category, row.symbol, before_trading=channel.before_trading)
        symbols = [entry.symbol for entry in listed if is_whole or entry.is_bound(row.bound_at)]
        return selectors.topics_of(channel, category=row.category, depth=row.depth, interval=row.interval, symbols=symbols)

    def _listed(self, category: str, pattern: str, *, before_trading: bool) -> list[Listed]:
        """Looked up once until there may be other ones; wishes often share a pattern."""
        key = (category, pattern, before_trading)
        if key not in self._matching:
            self._matching[key] = instruments.matching(self._listener.connection, category, pattern, before_trading=before_trading)
            ends = [entry.ends_in_s for entry in self._matching[key] if entry.ends_in_s is not None]
            self._select_due = min(self._select_due, time.monotonic() + min(ends, default=SELECT_EVERY_S) + DELIVERED_S)
        return self._matching[key]

    def _pause(self, seconds: float, readers: list[int]) -> None:
        select.select([self._halt, *readers], [], [], seconds)
