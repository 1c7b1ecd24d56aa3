"""The guard process, an event listener of supervisord: it tells of deaths, and ends whoever no longer turns, so that it is started anew.

supervisord ── events ──▶ guard ══ ZeroMQ ══▶ router          state/NAME.json ── not renewed ──▶ SIGTERM, SIGKILL
"""

import logging
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway import config, log
from gateway.bus.bus import BusSender
from gateway.bus.curve import keys_of
from gateway.config import Settings
from gateway.disk.spool import Spool, Syncer
from gateway.disk.turn_lock import TurnLock
from gateway.errors import OurFault
from gateway.health import state
from gateway.health.words import GuardState, Words
from gateway.occurrences import Kind, occurrence
from gateway.protocol.endpoints import ENDPOINTS
from gateway.trouble import Trouble
from gateway.wire import Stamp
from workers import deaths
from workers.deaths import Notice
from workers.dispatch import Dispatch
from workers.journal import Journal, KeptRecords
from workers.progress import SILENT_S, Progress
from workers.supervised import FAULTS, Events, Supervisord, supervisord_run

logger = logging.getLogger(__name__)

NAME = "guard_00"
#: Between two looks at the state files, and the longest sleep; seconds.
TURN_S = 1.0
#: A stopping guard waits this long for the router to take what it told; what it does not take is on disk; seconds.
FLUSH_S, PATIENCE_S = 1.0, 0.3
#: Of the journal that is read in one go; bytes.
REPLAY_BYTES = 1 << 20


@dataclass(slots=True)
class Guard:
    """Its parts, wired.

    run_id  names the run of supervisord, whose events have numbers of their own
    wake    readable when it is to stop
    """

    var_dir: Path
    stamp: Stamp
    events: Events
    supervisord: Supervisord
    dispatch: Dispatch
    run_id: str
    wake: int
    words: GuardState
    stopping: bool = False
    _progress: Progress = field(default_factory=Progress)
    _stuck: dict[int, str] = field(default_factory=dict)  # pid → the event that tells that it is ended for that
    _told: int = 0
    _look_due: float = 0.0
    _trouble: Trouble = field(default_factory=lambda: Trouble(logger, "guard cannot"))

    def stop(self) -> None:
        """Soon; may be called by a signal."""
        self.stopping = True
        os.eventfd_write(self.wake, 1)

    def run(self) -> None:
        """Until `stopping`, or until supervisord is gone."""
        self._replay()
        self.events.ready()
        while not self.stopping and not self.events.is_over:
            now = time.monotonic()
            if now >= self._look_due:
                self._look_due = now + TURN_S
                self._look(now)
            self.dispatch.pump()
            stdin, taken = self.events.fileno(), self.dispatch.bus.fileno()
            ready, _, _ = select.select([stdin, taken, self.wake], [], [], max(0.0, self._look_due - now))
            if stdin in ready:
                self._take()

    def close(self) -> None:
        """Hand over what was told; what the router does not take is the next run's."""
        self.dispatch.bus.flush(FLUSH_S, patience_s=PATIENCE_S)
        self.dispatch.pump()
        self.dispatch.journal.close()
        self.dispatch.bus.close()

    def _replay(self) -> None:
        """What an earlier run told, and the router did not have."""
        self.dispatch.journal.open()
        while entries := self.dispatch.journal.left(REPLAY_BYTES):
            for entry in entries:
                for record in entry.records if isinstance(entry, KeptRecords) else ():
                    self.dispatch.add(record)
            self.dispatch.flush_replayed()

    def _take(self) -> None:
        try:
            found = self.events.take()
        except (ValueError, KeyError):
            logger.exception("guard event_unreadable")
            self.stopping = True  # the protocol is out of step: a new run begins it anew
            return
        if found is None:
            return
        if found.kind is not None:
            self._tell_death(found, found.kind)
        self.events.done()

    def _tell_death(self, found: Notice, kind: Kind) -> None:
        try:
            how = self.supervisord.how_it_ended(found.process)
        except FAULTS as fault:
            self._trouble.say(f"read supervisord's log: {fault}")
            how = None
        detail = deaths.words(found, how, self._stuck.pop(found.pid or 0, None))
        self._tell(kind, found.program, found.process, detail, identity=f"{kind}|{self.run_id}|{found.serial}")
        self.words.deaths += 1

    def _look(self, now: float) -> None:
        """Whether everybody has renewed its words. Where nobody's can be written, ours neither, nobody is blamed."""
        self.words.unsent = len(self.dispatch.bus.outbox)
        self.words.written_ms = time.time_ns() // 1_000_000
        try:
            state.write(self.var_dir, self.words)
        except OSError as fault:
            self._trouble.say(f"write its state: {fault}")
            return
        self._progress.look({name: said for name, said in state.read_words(self.var_dir).items() if name != NAME}, now)
        silent, deaf = self._progress.silent(now), self._progress.deaf(now)
        if not silent and not deaf:
            return
        try:
            running = self.supervisord.running()
            for name, said in silent.items():
                if self._end(running, name, said, signal.SIGTERM):
                    self._progress.told(name, now)
                else:
                    self._progress.gone(name)
            for name, said in deaf.items():
                self._end(running, name, said, signal.SIGKILL)
        except FAULTS as fault:
            self._trouble.say(f"ask supervisord: {fault}")

    def _end(self, running: dict[str, tuple[str, int]], name: str, said: Words, number: signal.Signals) -> bool:
        """Send the signal, if it is a process of supervisord that has fallen silent; whether it is. A file may be of one that is gone."""
        program, pid = running.get(name, ("", 0))
        if pid != said.pid:
            return False
        if number == signal.SIGTERM:
            detail = (
                f"the process (pid {pid}) has not renewed the words about itself for {SILENT_S:g} s: it is ended and started anew"
            )
            self._stuck[pid] = self._tell(deaths.STUCK, program, name, detail)
            self.words.stuck += 1
        logger.warning("guard ends process=%s pid=%d signal=%s", name, pid, number.name)
        self.supervisord.signal(program, name, number)
        return True

    def _tell(self, kind: Kind, program: str, process: str, detail: str, *, identity: str | None = None) -> str:
        """Add a `system` event about a process, on disk from now on; its id."""
        now_ns = time.time_ns()
        self._told += 1
        endpoint = ENDPOINTS.get(program)
        event = occurrence(
            kind,
            identity=identity or f"{self.stamp.epoch}|{self._told}",
            endpoint=program,
            worker=process,
            now_ms=now_ns // 1_000_000,
            category=endpoint.category if endpoint is not None else None,
            detail=detail,
        )
        record = self.stamp.record(event, received_ns=now_ns, trace_id=f"{self.stamp.epoch}-s{self._told}")
        logger.warning("guard tells kind=%s process=%s detail=%s", kind, process, detail)
        self.dispatch.add_kept(record)
        self.dispatch.flush()
        return record.event_id


def build(settings: Settings, wake: int, started_ms: int, spool: Spool) -> Guard:
    """Wire the parts of the process from the settings."""
    stamp = Stamp(worker=NAME, account=settings.account, include_raw="off", started_ms=started_ms)
    keys = keys_of(settings.bus_key, settings.bus_router_key)
    sender = BusSender(settings.bus_address, f"{NAME}-{started_ms}-{os.getpid()}".encode(), keys=keys)
    return Guard(
        var_dir=settings.var_dir,
        stamp=stamp,
        events=Events(sys.stdin.fileno(), sys.stdout.fileno()),
        supervisord=Supervisord(os.environ),
        dispatch=Dispatch(NAME, sender, Journal(spool)),
        run_id=supervisord_run(),
        wake=wake,
        words=GuardState(name=NAME, pid=os.getpid(), written_ms=0, started_ms=started_ms),
    )


def main(_arguments: Sequence[str]) -> int:
    """Guard until SIGTERM; the exit code."""
    try:
        settings = config.load()
    except OurFault as fault:
        print(fault, file=sys.stderr)  # noqa: T201 # before there is a log
        return 2
    if "SUPERVISOR_SERVER_URL" not in os.environ:
        print("SUPERVISOR_SERVER_URL is not set; expected supervisord to have started this process", file=sys.stderr)  # noqa: T201 # as above
        return 2
    log.setup(NAME, settings.log_level, sys.stderr)
    wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    spool = Spool(settings.var_dir / "journal" / "guard", max_bytes=settings.spool_max_bytes)
    guard = build(settings, wake, time.time_ns() // 1_000_000, spool)
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_signal: guard.stop())
    lock = TurnLock(settings.var_dir / "guard.lock")
    while not lock.take() and not guard.stopping:
        select.select(
            [wake], [], [], TURN_S
        )  # the journal has one owner: one that an earlier supervisord has left behind ends with its stdin
    if guard.stopping:
        return 0
    syncer = Syncer([spool])
    syncer.start()
    guard.run()
    guard.close()
    syncer.stop()
    return 0 if guard.stopping else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
