"""LANE: what one recorded worker heard, told to the clients of its endpoint in the same order, at the pace that was asked for.

A frame goes once every topic that the recorded connection held by then is held again. Where the recording says that the connection
ended, or that something is missing, the clients' lines end.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import msgspec

from gateway.protocol.frames import Ack, Data, Unknown, parse
from gateway.recording.entries import About, Entry, Kind
from simulator.replay.clients import Client, Clients
from simulator.replay.holding import Holding

#: Whoever goes by itself so long after the last frame has read it; seconds.
QUIET_S = 5.0
#: After so many frames at full speed others get their turn.
FRAMES_PER_TURN = 64


@dataclass(slots=True)
class Told:
    """What a lane has told by now.

    passed_over  frames of topics that were not asked for
    cuts         lines that were ended because the recorded one was
    left         times that a client went by itself while there was more to come: what it had not read is lost
    """

    frames: int = 0
    passed_over: int = 0
    cuts: int = 0
    left: int = 0


@dataclass(slots=True)
class Lane:
    """Of one worker.

    speed         how many seconds of the recording pass in one; None: as fast as the clients read
    is_asked_for  whether a topic is to be told, and so waited for
    waits_for     topics that the recorded connection holds at this point and no client does
    is_waiting    that, or that nobody is connected, holds everything up
    """

    worker: str
    entries: Iterator[Entry]
    clients: Clients
    speed: float | None
    is_asked_for: Callable[[str], bool]
    told: Told = field(default_factory=Told)
    waits_for: list[str] = field(default_factory=list)
    is_waiting: bool = False
    is_over: bool = False
    _behind_s: float = 0.0  # what was waited for clients
    _began: tuple[float, int] | None = None  # monotonic seconds, and the first entry's time
    _told_at: float = 0.0  # monotonic seconds
    _holding: Holding = field(init=False)
    _ready: tuple[int, int] | None = None  # the holding's and the clients' version at which all was held
    _readers: list[Client] = field(default_factory=list)  # of the connection that is told

    def __post_init__(self) -> None:
        self._holding = Holding(self.is_asked_for)

    @property
    def endpoint(self) -> str:
        return self.worker.rpartition("_")[0]

    async def run(self) -> None:
        """Until the recording is over. Raises RecordingDamaged."""
        for entry in self.entries:
            match entry.kind:
                case Kind.ATTACHED:
                    self._holding.begin(msgspec.json.decode(entry.data, type=About).topics)
                case Kind.SENT:
                    self._holding.sent(entry.data)
                case Kind.RECEIVED:
                    await self._tell(entry)
                case Kind.OPENED | Kind.CLOSED | Kind.LOST | Kind.DETACHED:
                    await self._cut(entry)
        self.is_over = True

    async def end(self) -> None:
        """Those who are told have read all, and have gone. Who went before, and long after it was told something, had read it."""
        is_recent = time.monotonic() - self._told_at < QUIET_S
        self.told.left += sum(client.gone.is_set() and is_recent for client in self._readers)
        await asyncio.gather(*(client.end() for client in self._readers))

    async def _tell(self, entry: Entry) -> None:
        """A push, or what nobody could read; answers to requests are made anew."""
        frame = parse(entry.data)
        if isinstance(frame, Ack):
            self._holding.answered(frame)
        if not isinstance(frame, Data | Unknown):
            return
        if isinstance(frame, Data):
            if not self.is_asked_for(frame.topic):
                self.told.passed_over += 1
                return
            self._holding.pushed(frame.topic)
        await self._pace(entry.at_ns)
        await self._all_held()
        readers = [client for client in self._readers if isinstance(frame, Unknown) or client.reads(frame.topic)]
        for client in readers or self._readers:
            try:
                await client.push(entry.data)
            except ConnectionError:
                self._ready = None
        self.told.frames += 1
        self._told_at = time.monotonic()
        if self.told.frames % FRAMES_PER_TURN == 0:
            await asyncio.sleep(0)

    async def _pace(self, at_ns: int) -> None:
        if self.speed is None:
            return
        now = time.monotonic()
        self._began = self._began or (now, at_ns)
        due = self._began[0] + self._behind_s + (at_ns - self._began[1]) / 1e9 / self.speed
        if due > now:
            await asyncio.sleep(due - now)

    async def _all_held(self) -> None:
        """Until nothing is paused, and they hold what the recorded connection held: what is waited for moves all that follows."""
        needed = self._holding.topics
        if self._ready == (self._holding.version, self.clients.version) and self.clients.going.is_set():
            return
        began, had = time.monotonic(), self._readers
        await self.clients.going.wait()
        while True:
            self.waits_for = self.clients.lacking(self.endpoint, needed)
            found = [client for client in self.clients.of(self.endpoint) if not needed or needed & client.topics.keys()]
            self.is_waiting = bool(self.waits_for) or not found
            if not self.is_waiting:
                break
            await self.clients.change()
        self.told.left += sum(client.gone.is_set() for client in had)
        self._readers, self._ready = found, (self._holding.version, self.clients.version)
        self._behind_s += time.monotonic() - began

    async def _cut(self, entry: Entry) -> None:
        """End the lines of those who were told something since the last time; a connection that brought nothing leaves no trace."""
        if self._readers:
            await self._pace(entry.at_ns)
            self.told.cuts += 1
            began = time.monotonic()
            await self.end()
            self._behind_s += time.monotonic() - began
        self._readers, self._ready = [], None
        if entry.kind in (Kind.OPENED, Kind.CLOSED, Kind.DETACHED):
            self._holding.begin()


def matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether a topic matches one of these, of which none is every topic."""
    return lambda topic: not patterns or any(fnmatchcase(topic, pattern) for pattern in patterns)
