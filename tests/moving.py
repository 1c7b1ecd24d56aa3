"""Whether a metric moves: what GET /metrics answers, read by Prometheus' own client, before and after what should move it.

`tests/unit/test_metrics_move.py` looks for a `moving("…")` of every row of the table.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client.parser import text_string_to_metric_families

from gateway.metrics.table import BY_NAME, PREFIX

#: A claim, and what to say where it does not come true.
Wait = Callable[[Callable[[], bool], Callable[[], str]], object]


def at_once(claim: Callable[[], bool], words: Callable[[], str]) -> None:
    assert claim(), words()


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Name and labels → value."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class Meter:
    """scrape: the text of GET /metrics; wait: until a claim is true, in a gateway that needs its time."""

    def __init__(self, scrape: Callable[[], str], wait: Wait = at_once) -> None:
        self.scrape = scrape
        self._wait = wait

    def value(self, name: str, **labels: str) -> float | None:
        """The sum of the samples with these labels; of a histogram, how many were observed. None: there is none."""
        metric = BY_NAME[PREFIX + name]
        name = metric.name + ("_count" if metric.kind == "histogram" else "")
        found = [value for (known, had), value in samples(self.scrape()).items() if known == name and had >= set(labels.items())]
        return sum(found) if found else None

    @contextmanager
    def moving(self, name: str, *, to: Callable[[float], bool] | None = None, **labels: str) -> Iterator[None]:
        """What the block does moves the metric: a counter or histogram up, a gauge to what `to` is true of, or anywhere else."""
        before = self.value(name, **labels)
        yield

        def has_moved() -> bool:
            after = self.value(name, **labels)
            if after is None or after == before:
                return False
            if BY_NAME[PREFIX + name].kind == "gauge":
                return to is None or to(after)
            return after > (before or 0)

        self._wait(has_moved, lambda: f"{name}{labels} was {before}, is {self.value(name, **labels)}")
