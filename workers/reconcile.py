"""The account over REST, read in a thread of its own: after each connection, and now and then while the stream looks healthy.

    begin ──▶ checkpoint ──▶ parts, several at a time ──▶ taken: facts, in the exchange's order ──▶ settle: the checkpoint moves on
What cannot be read for want of a line is read again; what the exchange refuses is said to be missing, and tried with the next read.
"""

import logging
import os
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from gateway.backoff import Backoff
from gateway.errors import CredentialsRefused, ExchangeError, LinkLost, StoreAway, StoreRefused
from gateway.exchange.account_reader import AccountReader, Told
from gateway.models import Event, Json
from gateway.protocol.account_facts import in_order
from gateway.protocol.account_parts import LISTS, Part, parts_of
from gateway.protocol.answers import Fact
from gateway.protocol.checkpoint import Checkpoint, from_json, to_json
from gateway.protocol.ret_codes import Remedy, meaning
from gateway.trouble import Trouble
from workers.side_by_side import side_by_side

log = logging.getLogger(__name__)

#: connected: something may have been missed; audit: nothing should have been.
Reason: TypeAlias = Literal["connected", "audit"]

#: Calls at a time, of parts that have up to six of them: with an exchange 200 ms away all is read in the 2 s that live frames wait.
THREADS = 8
#: What cannot be read is tried for so long, at most so far apart; the next read begins where the last complete one ended. Seconds.
PATIENCE_S, CAP_S = 120.0, 5.0
#: A checkpoint that PostgreSQL did not take is written again after this; seconds.
WRITE_AGAIN_S = 5.0
#: Event classes of what happened, each event with its time.
HAPPENED = ("execution", "order")
#: Event classes of what is so now; they are handed on behind what happened.
LAST = ("position", "balance")


class Checkpoints(Protocol):
    """Where the checkpoint of one account is kept. Both raise StoreAway, StoreRefused."""

    def read(self) -> dict[str, Json] | None:
        """None: there was none ever."""

    def write(self, value: dict[str, Json]) -> None:
        """Replace it."""


@dataclass(frozen=True, slots=True)
class Question:
    """One read. believed: part → what consumers believe open, as in `Mark`."""

    number: int
    reason: Reason
    parts: tuple[Part, ...]
    believed: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Found:
    """What was read; several may come for one question.

    number    of its question
    facts     executions and orders that consumers may not know, in the exchange's order
    states    the same of positions and the wallet, as they are now
    known     what they need not be told
    bad       what could not be read
    at_ms     the exchange's time when it was read
    is_last   the question is answered
    lacks     what is missing, one clause for a person each; where it is the last, empty means that all was read
    marks     parts → where the next read begins, once this is handed on
    gone      parts → orders that nobody looks for any longer
    """

    number: int
    reason: Reason
    facts: list[Fact]
    known: list[Event]
    bad: list[Fact]
    at_ms: int
    is_last: bool
    lacks: tuple[str, ...]
    marks: Checkpoint
    gone: Mapping[str, frozenset[str]] = field(default_factory=dict)
    states: list[Fact] = field(default_factory=list)


@dataclass(slots=True)
class _Round:
    """What one try of several parts came to."""

    told: dict[Part, Told] = field(default_factory=dict)
    again: dict[Part, str] = field(default_factory=dict)
    refused: dict[Part, str] = field(default_factory=dict)


class Reconciler(threading.Thread):
    """One question at a time; a newer one about a connection takes the place of an older one."""

    def __init__(
        self, reader: AccountReader, checkpoints: Checkpoints, *, worker: str, wake: int, now: Callable[[], float] = time.monotonic,
        dice: Callable[[], float] = random.random, patience_s: float = PATIENCE_S,
        write_again_s: float = WRITE_AGAIN_S,
    ) -> None:  # fmt: skip
        """`wake` is a descriptor that becomes readable when there is something to take."""
        super().__init__(name="reconciler", daemon=True)
        self._reader = reader
        self._checkpoints = checkpoints
        self._worker = worker
        self._wake = wake
        self._now = now
        self._patience_s = patience_s
        self._write_again_s = write_again_s
        self._backoff = Backoff(CAP_S, dice)
        self._turn = threading.Condition()
        self._number = 0
        self._asked: Question | None = None
        self._busy = False
        self._found: deque[Found] = deque()
        self._marks: Checkpoint | None = None  # None: PostgreSQL has not been asked yet
        self._unwritten = False
        self._wanted: frozenset[str] | None = None  # names of parts; None: nobody has said yet
        self._lasting: frozenset[str] | None = None  # of them, those that somebody has wanted ever since
        self._trouble = Trouble(log, f"{worker} account_not_read")
        self._store_trouble = Trouble(log, f"{worker} checkpoint_not_kept")

    def begin(self, reason: Reason, topics: Collection[str], believed: Mapping[str, frozenset[str]]) -> int | None:
        """Ask; the question's number. None: an audit while something is being read, or there is nothing to read."""
        parts = tuple(parts_of(topics))
        with self._turn:
            if not parts or (reason == "audit" and (self._busy or self._asked is not None)):
                return None
            self._number += 1
            self._asked = Question(self._number, reason, parts, believed)
            self._turn.notify()
        if self.ident is None:
            self.start()  # once in a life: a thread cannot be started again
        return self._number

    def want(self, topics: Collection[str]) -> None:
        """Topics that somebody wants, held or not. What nobody wants is forgotten: a later wish begins then."""
        wanted = frozenset(part.name for part in parts_of(topics))
        with self._turn:
            self._wanted = wanted
            self._lasting = wanted if self._lasting is None else self._lasting & wanted
            if self._marks is not None and not self._marks.keys() <= wanted:
                self._marks = {name: mark for name, mark in self._marks.items() if name in wanted}
                self._unwritten = True
                self._turn.notify()

    @property
    def is_dead(self) -> bool:
        """Whether its thread has ended, which it never does unless something happened that nobody foresaw; stderr has it."""
        return self.ident is not None and not self.is_alive()

    def taken(self) -> list[Found]:
        with self._turn:
            found = list(self._found)
            self._found.clear()
        return found

    def settle(self, found: Found) -> None:
        """All of it has been handed on: the next read begins where it ended."""
        with self._turn:
            marks, wanted = {**(self._marks or {}), **found.marks}, self._wanted
            self._marks = {name: mark for name, mark in marks.items() if wanted is None or name in wanted}
            self._unwritten = True
            self._turn.notify()

    def run(self) -> None:
        while True:
            with self._turn:
                if self._asked is None and not self._unwritten:
                    self._turn.wait()
                question, self._asked = self._asked, None
                self._busy = question is not None
            if question is not None:
                self._answer(question)
            if self._unwritten and not self._write():
                with self._turn:
                    if self._asked is None:
                        self._turn.wait(self._write_again_s)

    def _answer(self, question: Question) -> None:
        until, left, lacks = self._now() + self._patience_s, question.parts, list[str]()
        while True:
            tried = self._try(question, left)
            lacks += [told.lack for told in tried.told.values() if told.lack is not None]
            lacks += [f"{part.name}: {words}" for part, words in tried.refused.items()]
            left = tuple(tried.again)
            is_last = not left or self._now() >= until
            if is_last:
                lacks += [f"{part.name}: {words}" for part, words in tried.again.items()]
            if is_last or tried.told:
                self._give(_found(question, tried, is_last=is_last, lacks=lacks))
            if is_last:
                if not left:
                    self._backoff.succeeded()
                    self._trouble.over()
                return
            self._trouble.say(next(iter(tried.again.values())))
            with self._turn:
                if self._asked is None:
                    self._turn.wait(self._backoff.next_s())
                if self._asked is not None and self._asked.reason == "connected":
                    return  # which reads all of it

    def _try(self, question: Question, parts: Collection[Part]) -> _Round:
        tried = _Round()
        try:
            marks = self._checkpoint()
            self._reader.begin()
        except (LinkLost, ExchangeError, StoreAway) as fault:
            tried.again = dict.fromkeys(parts, str(fault))
            return tried
        read = side_by_side(lambda part: self._read(part, marks, question.believed), tuple(parts), threads=THREADS)
        for part, told in zip(parts, read, strict=True):
            if isinstance(told, Told):
                tried.told[part] = told
            elif isinstance(told, CredentialsRefused):
                log.error("%s account_refused part=%s code=%d: %s", self._worker, part.name, told.ret_code, told.words)
                tried.refused[part] = told.words
            elif isinstance(told, LinkLost) or meaning(told.ret_code).remedy is not Remedy.NOTHING:
                tried.again[part] = str(told)
            else:
                log.warning("%s account_refused part=%s reason=%s", self._worker, part.name, told)
                tried.refused[part] = str(told)
        return tried

    def _read(self, part: Part, marks: Checkpoint, believed: Mapping[str, frozenset[str]]) -> Told | LinkLost | ExchangeError:
        try:
            return self._reader.read(part, marks.get(part.name), believed.get(part.name, frozenset()))
        except (LinkLost, ExchangeError) as fault:
            return fault

    def _checkpoint(self) -> Checkpoint:
        """Raises StoreAway while it is not known: to begin now would forget what happened since."""
        if self._marks is None:
            try:
                kept = from_json(self._checkpoints.read())
            except StoreRefused as fault:
                self._store_trouble.say(str(fault))
                kept = {}
            with self._turn:
                kept = {name: mark for name, mark in kept.items() if self._lasting is None or name in self._lasting}
                self._marks = {**kept, **(self._marks or {})}
        return self._marks

    def _write(self) -> bool:
        """Whether PostgreSQL has what is to be kept, as far as it ever will."""
        with self._turn:
            value, self._unwritten = to_json(self._marks or {}), False
        try:
            self._checkpoints.write(value)
        except StoreRefused as fault:
            self._store_trouble.say(str(fault))
        except StoreAway as fault:
            self._store_trouble.say(str(fault))
            with self._turn:
                self._unwritten = True
            return False
        else:
            self._store_trouble.over()
        return True

    def _give(self, found: Found) -> None:
        with self._turn:
            self._found.append(found)
            self._busy = not found.is_last
        os.eventfd_write(self._wake, 1)


def _found(question: Question, tried: _Round, *, is_last: bool, lacks: Collection[str]) -> Found:
    facts = [fact for part, told in tried.told.items() if part.event_type not in LAST for fact in told.facts]
    states = [fact for event_type, _ in LISTS if event_type in LAST for part, told in tried.told.items()
              if part.event_type == event_type for fact in told.facts]  # fmt: skip
    return Found(
        number=question.number,
        reason=question.reason,
        facts=in_order(facts),
        states=states,
        known=[event for told in tried.told.values() for event in told.known],
        bad=[fact for told in tried.told.values() for fact in told.bad],
        at_ms=min((told.at_ms for told in tried.told.values()), default=0),
        is_last=is_last,
        lacks=tuple(lacks),
        marks={part.name: told.mark for part, told in tried.told.items()},
        gone={part.name: told.gone for part, told in tried.told.items() if told.gone},
    )
