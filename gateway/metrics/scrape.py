"""The answer of GET /metrics: every row of METRICS, from what the processes last wrote of themselves. Pure."""

from collections.abc import Iterable, Iterator

from gateway.health.known import Known
from gateway.health.words import ApiState
from gateway.metrics import text
from gateway.metrics.gauges import GAUGES, Samples, Scraped
from gateway.metrics.slo import measures
from gateway.metrics.table import METRICS, PREFIX
from gateway.metrics.tally import NS, Counted
from gateway.metrics.totals import Totals


def scrape(known: Known, api: ApiState | None, requests: Iterable[Counted]) -> str:
    """requests: what each of the API's processes counted."""
    told = [(name, state.counted) for name, state in known.workers.items()]
    told += [(known.router.name, known.router.counted)] if known.router is not None else []
    told += [("api_00", counted) for counted in requests]
    return "".join(f"{line}\n" for line in _lines(Scraped(known, Totals(told), api)))


def _lines(found: Scraped) -> Iterator[str]:
    offline_ms = sum(found.known.offline_ms(state) for state in found.workers.values())
    shares = dict(measures(found.totals, offline_ms))
    for metric in METRICS:
        yield from text.head(metric)
        if metric.kind == "histogram":
            yield from text.buckets(metric, found.totals.histograms[metric.name])
        elif metric.kind == "counter":
            counted = sorted(found.totals.counters[metric.name].items())
            unit = NS if metric.unit == "seconds" else 1
            yield from text.values(metric, ((labels, count / unit if unit > 1 else count) for labels, count in counted))
        elif metric.target is not None:
            yield from text.values(metric, [((), shares[metric.name])] if metric.name in shares else [])
        else:
            yield from text.values(metric, _gauge(metric.name, found))


def _gauge(name: str, found: Scraped) -> Samples:
    return GAUGES[name.removeprefix(PREFIX)](found)
