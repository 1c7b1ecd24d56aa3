"""When each event of a load is due. Open loop: whoever is slow does not slow it down, and finds the waiting in its latencies. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Segment:
    """So many events a second for so long."""

    rate: float
    seconds: float

    @property
    def events(self) -> int:
        return round(self.rate * self.seconds)


class Schedule:
    """Events are evenly spread over each segment; times are microseconds from the beginning."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._parts: list[tuple[int, int, float, float]] = []  # first event, one past the last, begin in us, us between two
        events, begin = 0, 0.0
        for segment in segments:
            self._parts.append((events, events + segment.events, begin, 1_000_000 / segment.rate))
            events += segment.events
            begin += segment.seconds * 1_000_000
        self.events = events
        self.end_us = round(begin)

    def due(self, elapsed_us: float) -> int:
        """How many events are due by then."""
        count = 0
        for first, last, begin, between in self._parts:
            if elapsed_us < begin:
                break
            count = min(last, first + int((elapsed_us - begin) / between) + 1)
        return count

    def times(self, first: int, last: int) -> list[int]:
        """When the events from `first` to before `last` are due."""
        return [
            int(begin + (number - start) * between)
            for start, end, begin, between in self._parts
            for number in range(max(first, start), min(last, end))
        ]

    def next_us(self, number: int) -> int | None:
        """When an event is due; None where the load has no more."""
        found = self.times(number, number + 1)
        return found[0] if found else None
