"""When events arrived, against when they were due. Standard library only: other people's clients keep their account with it too.

Every event of a load carries a stamp of 19 digits: the number of the load, 100 to 922, then the moment at which it was due, 16 digits
of monotonic microseconds. The whole fits into a signed 64-bit integer, so that it can be a number of the exchange's too.
"""

from collections import Counter
from typing import Any

#: Digits of the moment in a stamp.
_MOMENT = 10**16
#: Loads are numbered from here, in turn.
FIRST_LOAD, LAST_LOAD = 100, 922
#: Steps of one doubling of a latency: a value is known to 0.8 %.
_STEPS = 64
#: Which parts of all latencies are told.
SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}


def stamp(load: int, due_us: int) -> int:
    """`due_us`: monotonic microseconds."""
    return load * _MOMENT + due_us


def split(stamp: int) -> tuple[int, int]:
    """The number of the load, and when it was due in monotonic microseconds."""
    return divmod(stamp, _MOMENT)


def bucket(us: int) -> int:
    """Of a latency in microseconds; below zero counts as zero."""
    if us < _STEPS:
        return max(us, 0)
    shift = us.bit_length() - 7
    return us if shift <= 0 else shift * _STEPS + (us >> shift)


def middle(number: int) -> float:
    """A latency that stands for all of a bucket; microseconds."""
    shift = number // _STEPS - 1
    return float(number) if shift <= 0 else (number - shift * _STEPS + 0.5) * (1 << shift)


def share(counts: Counter[int], part: float) -> float | None:
    """The latency that this part of all stays below, in microseconds; None of nothing."""
    total = counts.total()
    if not total:
        return None
    left = part * total
    for number in sorted(counts):
        left -= counts[number]
        if left <= 0:
            return middle(number)
    return middle(max(counts))


def shares(counts: Counter[int]) -> dict[str, float | None]:
    """All of SHARES, and the largest; milliseconds."""
    found = {name: share(counts, part) for name, part in SHARES.items()} | {"max": middle(max(counts)) if counts else None}
    return {name: None if us is None else us / 1000 for name, us in found.items()}


class Arrivals:
    """Of the newest load; the first event of a newer one begins it anew.

    received    events, repeats among them
    repeats     of those that are numbered
    first_us    when the first arrived, last_us: the last; monotonic microseconds
    slices      by the time at which events were due, counted from the first in `slice_s`
    """

    def __init__(self, slice_s: float = 1.0) -> None:
        self._slice_us = round(slice_s * 1_000_000)
        self._begin(0, 0)

    def _begin(self, load: int, due_us: int) -> None:
        self.load, self._origin_us = load, due_us
        self.received = self.repeats = self.first_us = self.last_us = 0
        self.slices: dict[int, Counter[int]] = {}
        self._seen = bytearray()

    def note(self, stamp: int, now_us: int, number: int | None = None) -> None:
        """An event of a load has arrived. `number`: its own, from 0, where it has one."""
        load, due_us = divmod(stamp, _MOMENT)
        if load != self.load:
            if load < self.load:
                return  # left over from an earlier load
            self._begin(load, due_us)
            self.first_us = now_us
        self.received += 1
        self.last_us = now_us
        part = (due_us - self._origin_us) // self._slice_us
        counts = self.slices.get(part)
        if counts is None:
            counts = self.slices[part] = Counter()
        counts[bucket(now_us - due_us)] += 1
        if number is not None:
            seen = self._seen
            if number >= len(seen):
                seen.extend(bytes(max(number + 1 - len(seen), 1 << 16)))
            self.repeats += seen[number]
            seen[number] = 1

    def report(self) -> dict[str, Any]:
        """What is told of the load: counts, latencies in milliseconds, and the same by slice."""
        everything: Counter[int] = sum(self.slices.values(), Counter())
        return {
            "load": self.load,
            "received": self.received,
            "distinct": self.received - self.repeats,
            "repeats": self.repeats,
            "first_us": self.first_us,
            "last_us": self.last_us,
            "latency_ms": shares(everything),
            "slices": [
                {"slice": part, "received": counts.total(), **shares(counts)} for part, counts in sorted(self.slices.items())
            ],
        }
