"""Prometheus' text format, version 0.0.4."""

from collections.abc import Iterable, Iterator, Mapping

from gateway.metrics.table import Metric
from gateway.metrics.tally import NS, Histogram
from gateway.metrics.totals import Labels

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def head(metric: Metric) -> Iterator[str]:
    meaning = metric.meaning.replace("\\", "\\\\").replace("\n", "\\n")
    yield f"# HELP {metric.name} {meaning}"
    yield f"# TYPE {metric.name} {metric.kind}"


def values(metric: Metric, samples: Iterable[tuple[Labels, float]]) -> Iterator[str]:
    """Of a counter or gauge."""
    for labels, value in samples:
        yield f"{metric.name}{_labels(metric.labels, labels)} {_number(value)}"


def buckets(metric: Metric, samples: Mapping[Labels, Histogram]) -> Iterator[str]:
    """Of a histogram, shown in seconds."""
    names = (*metric.labels, "le")
    for labels, histogram in samples.items():
        count = 0
        for bound, more in zip((*metric.bounds, None), histogram.counts, strict=True):
            count += more
            limit = "+Inf" if bound is None else repr(float(bound))
            yield f"{metric.name}_bucket{_labels(names, (*labels, limit))} {count}"
        yield f"{metric.name}_sum{_labels(metric.labels, labels)} {_number(histogram.sum_ns / NS)}"
        yield f"{metric.name}_count{_labels(metric.labels, labels)} {count}"


def _labels(names: Iterable[str], labels: Labels) -> str:
    pairs = [f'{name}="{_escaped(value)}"' for name, value in zip(names, labels, strict=True)]
    return "{" + ",".join(pairs) + "}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def plain(text: str) -> dict[str, float]:
    """Of an answer in this format, the samples without labels, by name."""
    lines = (line.partition(" ") for line in text.splitlines() if not line.startswith("#") and "{" not in line)
    return {name: float(value) for name, _, value in lines if value}
