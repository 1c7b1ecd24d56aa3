"""LAYOUT: to how many processes an endpoint's topics are dealt, and who may begin: nobody while one of an older layout still runs.

numprocs changes ─▶ supervisord ends the old processes ─▶ the first new one deals what they left on disk ─▶ each new one takes up its own:
gaps, and so what is fetched of the time between; records that the router did not take; wishes, for a time without PostgreSQL

    journals ─▶ all portions in one file ─▶ each in its process's own files ─▶ the layout ─▶ that one file goes
                ▲ who dies before it has changed no memo; who dies behind it leaves all that the next one needs
"""

import fcntl
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from gateway.bus.outbox import KEPT
from gateway.disk import segments
from gateway.disk.memo import Memo
from gateway.disk.spool import Spool
from gateway.disk.turn_lock import TurnLock
from gateway.health import state
from gateway.health.absence import absence_after
from gateway.models import Record
from gateway.protocol.tape import Told
from workers.gaps import OpenGap
from workers.inheritance import Dealt, Division, Left, portions
from workers.journal import Journal, Kept, KeptRecords
from workers.slots import Slot
from workers.wanted import Wishes

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Of a journal that is read in one go; bytes.
READ_BYTES = 1 << 20
#: No trouble: it lasts as long as another one's beginning does.
BUSY = "another process of the endpoint is about to begin"
#: Between tries to deal what a disk did not take; seconds. Each one reads all journals.
RETRY_S = 5.0
#: While journals are dealt, no layout is as it was left: who comes next deals, also where it has the old one.
NOBODYS = Dealt(0, [])
#: Of memos, whose own lines in the log say which and why.
NOT_KEPT = "the disk does not take what the endpoint's processes left for those of the new layout"


@dataclass(slots=True)
class Layout:
    """Of one process of a public endpoint; `begin` until it says nothing.

    max_bytes  bound of each journal
    """

    var_dir: Path
    slot: Slot
    max_bytes: int
    clock: Callable[[], float] = time.monotonic
    _failed: str | None = field(default=None, init=False)  # why it could not be dealt
    _again_due: float = field(default=0.0, init=False)

    def begin(self, turn: TurnLock) -> str | None:
        """Take the turn, and first what an older layout left; None: done. Else who or what is in the way, for a person."""
        if self._failed is not None and self.clock() < self._again_due:
            return self._failed
        with self._alone() as is_alone:
            if not is_alone:
                return BUSY
            now = Dealt(self.slot.processes, list(self.slot.here))
            if self._layout.read() != now or self._division.read() is not None:
                running = self._running()
                if running:
                    return f"{running[0]} still runs in an older layout; expected {self._name(self.slot.number)} of {now.processes} alone"
                self._failed = self._changed(now)
                if self._failed is not None:
                    self._again_due = self.clock() + RETRY_S
                    return self._failed
            return None if turn.take() else f"another process is {self._name(self.slot.number)} already"

    @property
    def _layout(self) -> Memo[Dealt]:
        return Memo(self.var_dir / "layouts" / f"{self.slot.endpoint}.json", Dealt)

    @property
    def _division(self) -> Memo[Division]:
        """There only while it is dealt."""
        return Memo(self.var_dir / "layouts" / f"{self.slot.endpoint}.division.json", Division)

    def _changed(self, now: Dealt) -> str | None:
        """Go over to this layout; else why not."""
        begun = self._division.read()  # by one that died, maybe for yet another layout: it has all that was left
        failed = self._take_up(begun) if begun is not None else None
        before = self._layout.read()
        if failed is not None or before == now:
            return failed
        if before is None and not self._has_grown():
            return _kept(self._layout, now)
        return self._deal(before, now)

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

    def _deal(self, before: Dealt | None, now: Dealt) -> str | None:
        """Deal it all anew; else why not: then all is as it was, but for journals, of which nothing is lost."""
        known, moved = self._known(), 0
        if (failed := _kept(self._layout, NOBODYS)) is not None:
            return failed
        for number in known:
            count, failed = self._deal_journal(number, known)
            if failed is not None:
                reason = f"the journal of {self._name(number)} cannot be dealt: {failed}"
                if not moved and before is not None:
                    self._layout.write(before)  # so many may begin as they are, however full the disk is
                if reason != self._failed:
                    log.error("%s journal_not_dealt reason=%s", self._name(number), failed)
                return reason
            moved += count
        left, now_ms = {number: self._left(number) for number in known}, time.time_ns() // 1_000_000
        dealt = portions(left, now.here, self.slot.owner, executor=self.slot.number, now_ms=now_ms)
        self._division.write(Division(now, dealt, [number for number in known if number not in now.here]))
        division = self._division.read()
        failed = self._take_up(division) if division is not None else NOT_KEPT
        if failed is None:
            topics = sum(len(kept.topics) for portion in dealt.values() for kept in portion.gaps if kept.is_of_connection)
            log.info(
                "%s layout processes=%d here=%d topics_missed=%d records_moved=%d",
                self._name(self.slot.number), now.processes, len(now.here), topics, moved,
            )  # fmt: skip
        return failed

    def _left(self, number: int) -> Left:
        absence = absence_after(state.read_worker(self.var_dir, self._name(number)))
        gaps, wishes, tapes = self._memos(number)
        return Left(gaps.read() or (), absence, wishes.read(), tapes.read() or {})

    def _take_up(self, division: Division) -> str | None:
        """Write what was divided into each process's own files. It may be repeated until it is done: nobody begins before that."""
        for number, portion in division.portions.items():
            gaps, wishes, tapes = self._memos(number)
            failed = _kept(gaps, portion.gaps) or _kept(wishes, portion.wishes) or _kept(tapes, portion.told)
            if failed is not None:
                return failed
        for number in division.gone:
            for memo in self._memos(number):
                memo.forget()
            self._settle(number)
        failed = _kept(self._layout, division.layout)
        if failed is not None:
            return failed
        self._division.forget()
        return NOT_KEPT if self._division.read() is not None else None  # else a later start would take it up again

    def _memos(self, number: int) -> tuple[Memo[list[OpenGap]], Memo[Wishes], Memo[dict[str, list[Told]]]]:
        file = f"{self._name(number)}.json"
        gaps, wishes = Memo(self.var_dir / "gaps" / file, list[OpenGap]), Memo(self.var_dir / "wishes" / file, Wishes)
        return gaps, wishes, Memo(self.var_dir / "tapes" / file, dict[str, list[Told]])

    def _deal_journal(self, number: int, known: list[int]) -> tuple[int, str | None]:
        """Move the records that a process left to those who have their topics now: how many, or why none. A death may leave them twice."""
        if not self._journal(number).is_dir():
            return 0, None
        # What is there was within the bounds of those who kept it, and is there twice while it moves: only the disk may refuse it.
        room = 2 * len(known) * self.max_bytes
        spools = {number: self._opened(number, room)}
        sizes = _sizes(self._journal(number))
        journals = {number: Journal(spools[number])}
        source, until, moved, failed = journals[number], spools[number].last, 0, None
        try:
            if not self._has_strays(source, number):
                return 0, source.error
            source.take_up()
            while failed is None and (entries := source.left(READ_BYTES)) != []:
                failed = source.error
                for heir, records in self._by_heir(entries or (), number).items():
                    if heir not in journals:
                        spools[heir] = self._opened(heir, room)
                        sizes |= _sizes(self._journal(heir))
                        journals[heir] = Journal(spools[heir])
                    if not journals[heir].keep_records(records):
                        failed = journals[heir].error
                    moved += len(records)
            if failed is None:
                for spool in spools.values():
                    spool.sync()  # before what it was taken from is let go
                spools[number].release(until)
        finally:
            for spool in spools.values():
                spool.close()
        if failed is not None:
            for heir in spools:
                _cut_back(self._journal(heir), sizes)  # else each try would add the same records again
            return 0, failed
        return moved, None

    def _has_strays(self, source: Journal, number: int) -> bool:
        """Whether some of its records are another one's now; where the disk does not give them, its error says so."""
        source.take_up()
        return any(self._by_heir(entries, number).keys() - {number} for entries in iter(lambda: source.left(READ_BYTES) or (), ()))

    def _by_heir(self, entries: Iterable[Kept], number: int) -> dict[int, list[Record]]:
        found: dict[int, list[Record]] = {}
        for entry in entries:
            for record in entry.records if isinstance(entry, KeptRecords) else ():
                found.setdefault(self._heir(record, number), []).append(record)
        return found

    def _journal(self, number: int) -> Path:
        return self.var_dir / "journal" / self._name(number)

    def _opened(self, number: int, max_bytes: int) -> Spool:
        spool = Spool(self._journal(number), max_bytes=max_bytes)
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


def _kept(memo: Memo[T], value: T) -> str | None:
    """Write it; None: it is there. A memo itself never says that a disk refused it."""
    memo.write(value)
    return None if memo.read() == value else NOT_KEPT


def _sizes(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in segments.paths(folder)}


def _cut_back(folder: Path, sizes: dict[Path, int]) -> None:
    """Take what was added since then out of a journal that is closed."""
    with suppress(OSError):
        for path in segments.paths(folder):
            if path not in sizes:
                path.unlink()
            elif path.stat().st_size > sizes[path]:
                os.truncate(path, sizes[path])
