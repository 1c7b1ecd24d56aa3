"""What a process counts outlives it: the next run goes on, and nothing goes back."""

import msgspec
import pytest

from gateway.metrics.table import BY_NAME, METRICS
from gateway.metrics.tally import NS, Counted, Histogram, Tally, bounds_ns, together

PING, EVENTS = "ws_gateway_ping_seconds", "ws_gateway_events_total"


def next_run(tally: Tally) -> Tally:
    """As the state file carries it."""
    return Tally(msgspec.json.decode(msgspec.json.encode(tally.counted), type=Counted))


def test_a_value_counts_for_the_first_bound_that_it_does_not_exceed() -> None:
    tally = Tally()
    histogram = tally.histogram(PING)
    for ns in (0, 1_000_000, 1_000_001, 6 * NS):
        histogram.observe(ns)
    assert (histogram.counts[0], histogram.counts[1], histogram.counts[-1]) == (2, 1, 1)
    assert histogram.sum_ns == 2_000_001 + 6 * NS


def test_less_than_nothing_counts_as_nothing() -> None:
    histogram = Tally().histogram(PING)
    histogram.observe(-5)
    assert (histogram.counts[0], histogram.sum_ns) == (1, 0)


def test_a_run_goes_on_from_the_last_one() -> None:
    first = Tally()
    first.counter(EVENTS)["trade"] += 2
    first.total("ws_gateway_reconnects_total", 3)
    first.histogram(PING).observe(NS)
    second = next_run(first)
    second.counter(EVENTS)["trade"] += 1
    second.total("ws_gateway_reconnects_total", 1)
    second.total("ws_gateway_reconnects_total", 2)
    second.histogram(PING).observe(NS)
    counted = next_run(second).counted
    assert counted.counters == {EVENTS: {"trade": 3}, "ws_gateway_reconnects_total": {"": 5}}
    assert sum(counted.histograms[PING][""].counts) == 2


def test_what_a_run_does_not_touch_is_kept() -> None:
    first = Tally()
    first.counter(EVENTS)["trade"] += 2
    first.histogram(PING).observe(NS)
    assert next_run(next_run(first)).counted == Tally(first.counted).counted


def test_a_histogram_whose_bounds_were_changed_begins_anew_and_an_unknown_metric_is_left_out() -> None:
    old = Counted({"ws_gateway_of_long_ago_total": {"": 1}}, {PING: {"": Histogram((1, 2), [1, 2, 3], 9)}})
    tally = Tally(old)
    assert sum(tally.histogram(PING).counts) == 0
    assert tally.counted.counters == {}


def test_histograms_are_summed_up_bucket_by_bucket() -> None:
    one, other = Histogram((1, 2), [1, 0, 2], 5), Histogram((1, 2), [0, 1, 1], 7)
    assert together([one, other]) == Histogram((1, 2), [1, 1, 3], 12)
    assert one == Histogram((1, 2), [1, 0, 2], 5), "the parts stay as they are"
    assert together([]) is None


@pytest.mark.parametrize("metric", [metric for metric in METRICS if metric.kind == "histogram"], ids=lambda metric: metric.name)
def test_bounds_ascend_in_whole_nanoseconds(metric: object) -> None:
    assert isinstance(metric, type(METRICS[0]))
    found = bounds_ns(metric.name)
    assert list(found) == sorted(set(found))
    assert [bound / NS for bound in found] == list(metric.bounds)


def test_names_are_unique_and_say_what_they_are() -> None:
    assert len(BY_NAME) == len(METRICS)
    for metric in METRICS:
        assert metric.name.startswith("ws_gateway_"), metric
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric
        assert bool(metric.bounds) == (metric.kind == "histogram"), metric
        assert metric.meaning.endswith("."), metric
