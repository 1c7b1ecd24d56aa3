"""What one process counts, as plain ints: in its state file once a second, and taken up again by its next run.

A scrape reads those files and nothing else, so no counter ever goes back: a process that begins goes on from what was read last.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable

import msgspec

from gateway.metrics.table import BY_NAME

NS = 1_000_000_000


class Histogram(msgspec.Struct):
    """Whole nanoseconds, by the first bound that they do not exceed.

    bounds_ns  of the buckets
    counts     one more than there are bounds
    """

    bounds_ns: tuple[int, ...]
    counts: list[int]
    sum_ns: int = 0

    def observe(self, ns: int) -> None:
        """Less than nothing counts as nothing: two clocks may differ."""
        self.counts[bisect_left(self.bounds_ns, ns)] += 1
        if ns > 0:
            self.sum_ns += ns


Counter = defaultdict[str, int]


class Counted(msgspec.Struct):
    """Metric → its labels' values but the worker's, separated by spaces → what was counted. Seconds are whole nanoseconds."""

    counters: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    histograms: dict[str, dict[str, Histogram]] = msgspec.field(default_factory=dict)


class Histograms(dict[str, Histogram]):
    """Of one metric, made when they are first needed."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._bounds_ns = bounds_ns(name)

    def __missing__(self, key: str) -> Histogram:
        found = self[key] = Histogram(self._bounds_ns, [0] * (len(self._bounds_ns) + 1))
        return found


class Tally:
    """Of one process. Each counter and histogram is written by one thread alone; any thread may encode `counted`.

    counted  all of it, alive
    """

    def __init__(self, before: Counted | None = None) -> None:
        """before: what the last run wrote. A histogram whose bounds have changed since begins anew."""
        self._before = before or Counted()
        self.counted = Counted()
        for name in self._before.counters.keys() & BY_NAME.keys():
            self.counter(name)
        for name in self._before.histograms.keys() & BY_NAME.keys():
            self.histograms(name)

    def counter(self, name: str) -> Counter:
        """To be counted up where it happens. It goes on from the last run."""
        found = self.counted.counters.get(name)
        if not isinstance(found, defaultdict):
            found = self.counted.counters[name] = defaultdict(int, self._before.counters.get(name, {}))
        return found

    def total(self, name: str, since_start: int, labels: str = "") -> None:
        """The same of what somebody else counts since the process began."""
        self.counter(name)[labels] = self._before.counters.get(name, {}).get(labels, 0) + since_start

    def histograms(self, name: str) -> Histograms:
        """By labels. They go on from the last run."""
        found = self.counted.histograms.get(name)
        if not isinstance(found, Histograms):
            found = self.counted.histograms[name] = Histograms(name)
            kept = self._before.histograms.get(name, {})
            found.update({key: told for key, told in kept.items() if told.bounds_ns == bounds_ns(name)})
        return found

    def histogram(self, name: str) -> Histogram:
        """The one of a metric without labels but the worker's."""
        return self.histograms(name)[""]


def bounds_ns(name: str) -> tuple[int, ...]:
    return tuple(round(bound * NS) for bound in BY_NAME[name].bounds)


def together(found: Iterable[Histogram]) -> Histogram | None:
    """The sum of histograms with the same bounds; None of none."""
    whole: Histogram | None = None
    for told in found:
        if whole is None:
            whole = Histogram(told.bounds_ns, list(told.counts), told.sum_ns)
        elif told.bounds_ns == whole.bounds_ns:
            whole.counts = [one + other for one, other in zip(whole.counts, told.counts, strict=True)]
            whole.sum_ns += told.sum_ns
    return whole
