"""Prometheus' text format, version 0.0.4."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from gateway.metrics.table import Metric
from gateway.metrics.tally import NS, Histogram
from gateway.metrics.totals import Labels

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SAMPLE = re.compile(r"(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Sample(NamedTuple):
    """One line of an answer. The values of labels are as they stand there, escaped."""

    name: str
    labels: Mapping[str, str]
    value: float


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


def samples(text: str) -> list[Sample]:
    """Of an answer in this format. Raises ValueError for a line that is not in it."""
    found = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            said = _SAMPLE.fullmatch(line)
            if said is None:
                raise ValueError(f"found {line!r:.110}; expected a sample of Prometheus' text format")
            found.append(Sample(said["name"], dict(_LABEL.findall(said["labels"] or "")), float(said["value"])))
    return found


def total(found: Iterable[Sample], name: str, **labels: str) -> float:
    """The sum of the samples with this name and these labels; 0 of none."""
    return sum(one.value for one in found if one.name == name and one.labels.items() >= labels.items())
