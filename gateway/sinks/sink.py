"""The contract of a sink: where records end. Every sink passes the same contract test; a lane drives it from one thread."""

from collections.abc import Sequence
from typing import Protocol

from gateway.models import Record


class Sink(Protocol):
    """One destination of records.

    A lane calls it from a single thread: `open`, then `write` and `settled` in turn, `close` at the end or after SinkAway.
    Records are settled in the order they were written; after SinkAway the lane opens anew and writes again all that were not.
    A sink that works by the clock has `due` besides: when `settled` is to be asked again at the latest, monotonic seconds, or None.
    One that hears its destination without asking has `silent_s`: how long ago it last did, seconds.
    """

    name: str

    def wants(self, record: Record) -> bool:
        """Whether this sink is responsible for the record. Pure; called from any thread."""
        ...

    def open(self) -> None:
        """Connect, and forget all that was written before. Raises SinkAway."""
        ...

    def write(self, records: Sequence[Record]) -> None:
        """Take the records over; they may settle later. Raises SinkAway."""
        ...

    def settled(self) -> int:
        """How many records, counted in the order written since `open`, need no care any more. Raises SinkAway."""
        ...

    def ready(self) -> bool:
        """Whether `write` would be accepted now; False while the destination asks for a pause."""
        ...

    def tick(self) -> None:
        """Called about twice a second: say that we live, notice that the other side does not. Raises SinkAway."""
        ...

    def fileno(self) -> int:
        """Readable when `settled` may have advanced; -1 where writing settles at once."""
        ...

    def close(self) -> None:
        """Let go of the connection. Never raises."""
        ...
