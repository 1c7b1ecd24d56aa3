"""All processes' counters and histograms, summed up as METRICS labels them."""

from collections import defaultdict
from collections.abc import Callable, Iterable

from gateway.metrics.table import BY_NAME, METRICS
from gateway.metrics.tally import NS, Counted, Histogram, together

Labels = tuple[str, ...]
Counters = dict[str, dict[Labels, int]]
Histograms = dict[str, dict[Labels, Histogram]]


class Totals:
    """counters, histograms  metric → labels → what was counted; seconds are whole nanoseconds"""

    def __init__(self, told: Iterable[tuple[str, Counted]]) -> None:
        """told: process name and what it counted; some processes share a name."""
        told = list(told)
        self.counters: Counters = {metric.name: defaultdict(int) for metric in METRICS if metric.kind == "counter"}
        parts: dict[str, dict[Labels, list[Histogram]]] = {
            metric.name: defaultdict(list) for metric in METRICS if metric.kind == "histogram"
        }
        for process, counted in told:
            for name in counted.counters.keys() & self.counters.keys():
                for key, count in counted.counters[name].items():
                    if (labels := _labels(name, process, key)) is not None:
                        self.counters[name][labels] += count
            for name in counted.histograms.keys() & parts.keys():
                for key, histogram in counted.histograms[name].items():
                    if (labels := _labels(name, process, key)) is not None:
                        parts[name][labels].append(histogram)
        self.histograms: Histograms = {
            name: {labels: whole for labels, found in sorted(by_labels.items()) if (whole := together(found)) is not None}
            for name, by_labels in parts.items()
        }

    def count(self, name: str) -> int:
        """Of a counter, whatever its labels."""
        return sum(self.counters[name].values())

    def within(self, name: str, seconds: float, of: Callable[[Labels], bool] = lambda _: True) -> tuple[int, int]:
        """Of a histogram with such labels: how many took at most as long as one of its bounds, and how many there are."""
        whole = together(histogram for labels, histogram in self.histograms[name].items() if of(labels))
        if whole is None:
            return 0, 0
        place = whole.bounds_ns.index(round(seconds * NS))
        return sum(whole.counts[: place + 1]), sum(whole.counts)


def _labels(name: str, process: str, key: str) -> Labels | None:
    """None: an earlier version counted it under other labels."""
    names = BY_NAME[name].labels
    values = tuple(key.split(" ")) if key else ()
    values = (process, *values) if "worker" in names else values
    return values if len(values) == len(names) else None
