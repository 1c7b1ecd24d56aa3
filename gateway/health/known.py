"""KNOWN: what the processes last said of themselves, and what follows of who speaks, who works, and who is no longer there."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.health import absence
from gateway.health.words import ApiState, GuardState, LaneState, RouterState, WorkerState, is_fresh
from gateway.protocol.endpoints import ENDPOINTS

#: A sink that has not answered for so long is away, whatever was said of it last; milliseconds. It is known from the router's words,
#: a second apart, and must be told within five.
UNANSWERED_MS = 4_000


@dataclass(frozen=True, slots=True)
class Known:
    """What health and metrics are made of.

    workers          the processes' words by name; router: the router's, None before it ever spoke
    now_ms           Unix milliseconds
    spool_max_bytes  bound of each spool and journal
    guard            the guard's words; None: it never spoke, so perhaps there is none
    """

    workers: Mapping[str, WorkerState]
    router: RouterState | None
    now_ms: int
    environment: str
    version: str
    spool_max_bytes: int
    guard: GuardState | None = None

    @property
    def present(self) -> dict[str, WorkerState]:
        """The workers. After `numprocs` is lowered the file of a process beyond it stays, ended or silent: that one is left out."""
        return {
            name: words
            for name, words in sorted(self.workers.items())
            if (self.is_fresh(words) and not words.has_ended) or int(name.rpartition("_")[2]) < self.processes(words.endpoint)
        }

    def is_fresh(self, words: WorkerState | RouterState | ApiState | GuardState | None) -> bool:
        return words is not None and is_fresh(words, self.now_ms)

    def processes(self, endpoint: str) -> int:
        """How many processes an endpoint has, by the words of the one started last; 0 when none ever spoke."""
        states = (words for words in self.workers.values() if words.endpoint == endpoint)
        newest = max(states, key=lambda words: words.started_ms, default=None)
        return newest.processes if newest is not None else 0

    def is_stood_in_for(self, silent: WorkerState) -> bool:
        """Of the private endpoint one process does all the work: another one that speaks and does not stand by has taken over."""
        return ENDPOINTS[silent.endpoint].authenticates and any(
            words.endpoint == silent.endpoint and self.is_fresh(words) and words.connection_status != "standby"
            for words in self.workers.values()
        )

    def is_missed(self, words: WorkerState) -> bool:
        """Whether it is silent and had work, which nobody else does."""
        return not self.is_fresh(words) and words.wanted > 0 and not self.is_stood_in_for(words)

    def does_its_work(self, words: WorkerState) -> bool:
        if not words.wanted or (words.missing_credentials and self.is_fresh(words)):
            return True  # without credentials there is no work that could be done
        return self.is_fresh(words) and words.connection_status in ("connected", "standby")

    def status_of(self, words: WorkerState) -> str:
        """The word for its connection. A silent process with work is trying to come back, whatever it said last."""
        if not self.is_fresh(words):
            return "reconnecting" if words.wanted else "idle"
        return words.connection_status

    def is_sink_there(self, lane: LaneState | None) -> bool:
        """A sink that does not even refuse holds up whoever writes to it, who can then say nothing either.

        Of a silent router's nobody knows.
        """
        return self.is_fresh(self.router) and lane is not None and lane.connected and self.unanswered_ms(lane) <= UNANSWERED_MS

    def unanswered_ms(self, lane: LaneState) -> int:
        """How long its sink had not answered when the router last spoke: the router's own silence is no sink's."""
        return self.router.written_ms - lane.checked_ms if self.router is not None else 0

    def skew_ms(self, words: WorkerState) -> int | None:
        """How far the exchange's clock is ahead of ours, by who looks at it: one that is silent, or has no work, did so long ago."""
        return words.clock_skew_ms if words.wanted and self.is_fresh(words) else None

    def offline_ms(self, words: WorkerState) -> int:
        """How long a process that ended without a word has been away with work that nobody else does."""
        is_away = not self.is_fresh(words) and absence.absence_after(words) is not None and not self.is_stood_in_for(words)
        return max(0, self.now_ms - words.written_ms) if is_away else 0
