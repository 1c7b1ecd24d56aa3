"""What a Prometheus remembers of its alerts: which fired, with which labels, from when to when. It keeps that itself, as the series ALERTS."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.deploy.prometheus import Prometheus
from tests.integration.running import wait_for

#: Samples of one firing are a second apart; more is a pause.
PAUSE_S = 1.5


class Firing(NamedTuple):
    """One alert, once. Unix seconds; ended: None while it goes on."""

    alert: str
    labels: dict[str, str]
    began: float
    ended: float | None

    def is_of(self, alert: str, labels: Mapping[str, str]) -> bool:
        return self.alert == alert and self.labels.items() >= labels.items()


def firings_of(series: Iterable[dict[str, Any]], until: float) -> Iterator[Firing]:
    """Of Prometheus' answer for a range that ends then."""
    for one in series:
        began: float | None = None
        times = [float(at) for at, _ in one["values"]]
        for at, following in zip(times, [*times[1:], float("inf")], strict=True):
            began = at if began is None else began
            if following - at > PAUSE_S:
                yield Firing(one["metric"]["alertname"], one["metric"], began, at if at < until - PAUSE_S else None)
                began = None


@dataclass(frozen=True)
class Watch:
    """since: when it began; Unix seconds."""

    prometheus: Prometheus
    since: float

    @classmethod
    def begin(cls, prometheus: Prometheus) -> "Watch":
        """Once it looks: before its first scrape nothing is up, and its rules say so."""
        wait_for(lambda: prometheus.ask('up == 1 unless on () ALERTS{alertstate="firing"}'), "Prometheus looks, and sees no alert")
        return cls(prometheus, time.time())

    def firings(self) -> list[Firing]:
        """All of them until now, in the order in which they began."""
        now = self.since + int(time.time() - self.since)
        found = firings_of(self.prometheus.ask_range('ALERTS{alertstate="firing"}', self.since, now), now)
        return sorted(found, key=lambda firing: firing.began)

    def until(self, claim: Callable[[list[Firing]], bool], seconds: float) -> bool:
        """Whether the claim about all firings came true in time."""
        end, look_at = time.monotonic() + seconds, 0.0
        came = False

        def is_over() -> bool:
            nonlocal came, look_at
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + 1.0
                came = claim(self.firings())
            return came or time.monotonic() >= end

        wait_for(is_over, "time passes", seconds + 60.0)
        return came
