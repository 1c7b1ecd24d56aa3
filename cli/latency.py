"""LATENCY: how late events are, read off the histograms of GET /metrics. Pure."""

from collections import defaultdict
from collections.abc import Iterable

from gateway.metrics.text import Sample

#: The way of an event, and the histogram that measures it.
WAYS = {"exchange to socket": "ws_gateway_exchange_lag_seconds", "socket to RabbitMQ": "ws_gateway_delivery_seconds"}
#: Of all events, this share is within what is shown.
SHARES = (0.5, 0.99)

#: Upper bound → events within it, whatever their labels.
Buckets = dict[float, float]


class Latency:
    """From look to look: the first is at all that was ever counted, each further one at what came since the one before.

    span  what the last look was at
    """

    def __init__(self) -> None:
        self._before: dict[str, Buckets] = {}
        self.span = "since counting began"

    def look(self, found: Iterable[Sample]) -> list[tuple[str, ...]]:
        """Way, how long half of the events took at the most, how long 99 of 100, and how many there were."""
        found = list(found)
        if self._before:
            self.span = "since the last look"
        rows = []
        for way, metric in WAYS.items():
            before, now = self._before.get(metric, {}), buckets(found, metric)
            self._before[metric] = now
            new = {bound: max(0.0, count - before.get(bound, 0)) for bound, count in now.items()}
            rows.append((way, *(within(new, share) for share in SHARES), f"{max(new.values(), default=0):.0f}"))
        return rows


def buckets(found: Iterable[Sample], metric: str) -> Buckets:
    """Of a histogram, summed up over its labels."""
    whole: Buckets = defaultdict(float)
    for sample in found:
        if sample.name == f"{metric}_bucket":
            whole[float(sample.labels["le"])] += sample.value
    return whole


def within(found: Buckets, share: float) -> str:
    """The first bound that holds this share of the events, for a person; `-` where there are none."""
    count = max(found.values(), default=0)
    if not count:
        return "-"
    bounds = sorted(found)
    bound = next(bound for bound in bounds if found[bound] >= share * count)
    return _seconds(bound) if bound < float("inf") else f"> {_seconds(bounds[-2])}"


def _seconds(bound: float) -> str:
    return f"{bound * 1000:g} ms" if bound < 1 else f"{bound:g} s"
