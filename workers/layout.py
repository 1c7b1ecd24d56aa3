"""LAYOUT: to how many processes an endpoint's topics are dealt, and who may begin: nobody while one of an older layout still runs.

numprocs changes ─▶ supervisord ends the old processes ─▶ the first new one deals what they left on disk ─▶ each new one takes up its own:
gaps, and so what is fetched of the time between; records that the router did not take; wishes, for a time without PostgreSQL
"""

import fcntl
import logging
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from gateway import state
from gateway.absence import absence_after
from gateway.disk.spool import Spool
from gateway.disk.turn_lock import TurnLock
from gateway.memo import Memo
from gateway.models import Record
from gateway.outbox import KEPT
from gateway.protocol.tape import Told
from workers.gaps import OpenGap
from workers.inheritance import Left, share_gaps, share_wishes
from workers.journal import Journal, Kept, KeptRecords
from workers.slots import Slot
from workers.wanted import Wishes

log = logging.getLogger(__name__)

#: Of a journal that is read in one go; bytes.
READ_BYTES = 1 << 20
#: No trouble: it lasts as long as another one's beginning does.
BUSY = "another process of the endpoint is about to begin"


class Dealt(msgspec.Struct):
    """What an endpoint's topics were dealt to last: so many processes, and those of them that run on this host."""

    processes: int
    here: list[int]


@dataclass(slots=True)
class Layout:
    """Of one process of a public endpoint; `begin` until it says nothing.

    max_bytes  bound of each journal
    """

    var_dir: Path
    slot: Slot
    max_bytes: int

    def begin(self, turn: TurnLock) -> str | None:
        """Take the turn, and first what an older layout left; None: done. Else who is in the way, for a person."""
        with self._alone() as is_alone:
            if not is_alone:
                return BUSY
            memo = Memo(self.var_dir / "layouts" / f"{self.slot.endpoint}.json", Dealt)
            before, now = memo.read(), Dealt(self.slot.processes, list(self.slot.here))
            if before != now:
                running = self._running()
                if running:
                    return f"{running[0]} still runs in an older layout; expected {self._name(self.slot.number)} of {now.processes} alone"
                if before is not None or self._has_grown():
                    self._deal()
                memo.write(now)
            return None if turn.take() else f"another process is {self._name(self.slot.number)} already"

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether no other process of this endpoint is in here."""
        path = self.var_dir / "layouts" / f"{self.slot.endpoint}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(file)

    def _name(self, number: int) -> str:
        return f"{self.slot.endpoint}_{number:02d}"

    def _known(self) -> list[int]:
        """Numbers of all processes of the endpoint that ever left something on this disk."""
        pattern = re.compile(rf"{self.slot.endpoint}_([0-9]{{2,}})(\.json|\.lock)?")
        folders = (self.var_dir, *(self.var_dir / name for name in ("state", "gaps", "journal", "wishes")))
        names = (path.name for folder in folders if folder.is_dir() for path in folder.iterdir())
        return sorted({int(found[1]) for name in names if (found := pattern.fullmatch(name)) is not None})

    def _running(self) -> list[str]:
        """Who has a turn. A process of the new layout that has one has been here before."""
        found = []
        for number in self._known():
            lock = TurnLock(self.var_dir / f"{self._name(number)}.lock")
            if lock.take():
                lock.release()
            else:
                found.append(self._name(number))
        return found

    def _has_grown(self) -> bool:
        """Whether processes of another layout were here, before layouts were kept."""
        said = [words for number in self._known() if (words := state.read_worker(self.var_dir, self._name(number))) is not None]
        return any(words.processes != self.slot.processes for words in said)

    def _deal(self) -> None:
        """Deal it all anew. A process that dies on the way leaves what the next one deals again: at most something is there twice."""
        known, here, owner = self._known(), self.slot.here, self.slot.owner
        gaps = {number: Memo(self.var_dir / "gaps" / f"{self._name(number)}.json", list[OpenGap]) for number in {*known, *here}}
        wishes = {number: Memo(self.var_dir / "wishes" / f"{self._name(number)}.json", Wishes) for number in {*known, *here}}
        left = {
            number: Left(gaps[number].read() or (), absence_after(state.read_worker(self.var_dir, self._name(number))))
            for number in known
        }
        shares = share_gaps(left, here, owner, executor=self.slot.number, now_ms=time.time_ns() // 1_000_000)
        remembered = share_wishes((found for number in known if (found := wishes[number].read())), here, owner)
        moved = sum(self._deal_journal(number) for number in known)
        tapes = {number: Memo(self.var_dir / "tapes" / f"{self._name(number)}.json", dict[str, list[Told]]) for number in gaps}
        told = {topic: last for number in known for topic, last in (tapes[number].read() or {}).items()}
        for number in here:
            tapes[number].write({topic: last for topic, last in told.items() if owner(topic) == number})
            gaps[number].write(shares[number])
            wishes[number].write(remembered[number])
        for number in set(known) - set(here):
            tapes[number].forget()
            gaps[number].forget()
            wishes[number].forget()
            self._settle(number)
        topics = sum(len(kept.topics) for share in shares.values() for kept in share if kept.is_of_connection)
        log.info(
            "%s layout processes=%d here=%d topics_missed=%d records_moved=%d",
            self._name(self.slot.number), self.slot.processes, len(here), topics, moved,
        )  # fmt: skip

    def _deal_journal(self, number: int) -> int:
        """Move the records that an old process left to those who have their topics now; how many. What cannot be moved stays."""
        if not self._journal(number).is_dir():
            return 0
        spools = {number: self._opened(number)}
        journals = {number: Journal(spools[number])}
        source, until = journals[number], spools[number].last
        source.take_up()
        moved = 0
        try:
            while (entries := source.left(READ_BYTES)) != []:
                for heir, records in self._by_heir(entries or (), number).items():
                    if heir not in journals:
                        spools[heir] = self._opened(heir)
                        journals[heir] = Journal(spools[heir])
                    journals[heir].keep_records(records)
                    moved += len(records)
                failed = next((opened.error for opened in journals.values() if opened.error is not None), None)
                if failed is not None:
                    log.error("%s journal_not_dealt reason=%s", self._name(number), failed)
                    return moved
            for spool in spools.values():
                spool.sync()  # before what it was taken from is let go
            spools[number].release(until)
        finally:
            for spool in spools.values():
                spool.close()
        return moved

    def _by_heir(self, entries: Iterable[Kept], number: int) -> dict[int, list[Record]]:
        found: dict[int, list[Record]] = {}
        for entry in entries:
            for record in entry.records if isinstance(entry, KeptRecords) else ():
                found.setdefault(self._heir(record, number), []).append(record)
        return found

    def _journal(self, number: int) -> Path:
        return self.var_dir / "journal" / self._name(number)

    def _opened(self, number: int) -> Spool:
        spool = Spool(self._journal(number), max_bytes=self.max_bytes)
        spool.open()
        return spool

    def _heir(self, record: Record, number: int) -> int:
        """Who has its topic now; what a process told of itself stays together, for its numbers go on from one to the next."""
        owner = number if record.event_type in KEPT else self.slot.owner(record.topic)
        return owner if owner in self.slot.here else self.slot.number

    def _settle(self, number: int) -> None:
        """Nothing of this process is left: its last words say so."""
        words = state.read_worker(self.var_dir, self._name(number))
        if words is not None:
            words.has_ended, words.absence, words.topics = True, None, {}
            words.wanted = words.journal_messages = words.journal_bytes = words.gaps_open = words.unacknowledged = 0
            with suppress(OSError):
                state.write(self.var_dir, words)
