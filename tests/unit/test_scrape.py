"""The answer of GET /metrics: what it is made of, and what it says of processes that are gone."""

from dataclasses import replace
from pathlib import Path

import pytest
from book_bench import FULL, Bench, answer
from prometheus_client.parser import text_string_to_metric_families
from test_delivery import make, trades

from gateway.health.known import UNANSWERED_MS
from gateway.health.words import GuardState, LaneState, QueueState, TopicState
from gateway.metrics import text
from gateway.metrics.gauges import GAUGES
from gateway.metrics.scrape import scrape
from gateway.metrics.table import METRICS, PREFIX
from gateway.metrics.tally import NS, Counted, Tally
from tests.moving import samples
from tests.scraping import NOW_MS, known, meter, router, worker
from tests.zeromq import Context
from workers.delivery import Delivery
from workers.run_counts import counted


def told(events: int = 0, **seconds: float) -> Counted:
    """Events of one process, and its time with work and online."""
    found = Tally()
    found.counter("ws_gateway_events_total")["trade"] += events
    for name, span_s in seconds.items():
        found.counter(f"ws_gateway_{name}_seconds_total")[""] += round(span_s * NS)
    return found.counted


def requests(seconds: float, status: int = 200, route: str = "/api/v1/gaps") -> Counted:
    """One request that took so long."""
    found = Tally()
    found.histograms("ws_gateway_api_request_seconds")[f"GET {route} {status}"].observe(round(seconds * NS))
    return found.counted


def of(out: Delivery, missed: int = 0) -> Counted:
    return counted(out, reconnections=0, missed=missed, unmatched=0)


def test_prometheus_reads_every_metric_with_its_type_and_meaning() -> None:
    families = {family.name: family for family in text_string_to_metric_families(scrape(known(), None, ()))}
    for metric in METRICS:
        family = families[metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name]
        assert (family.type, family.documentation) == (metric.kind, metric.meaning)


def test_every_gauge_has_one_way_to_be_read() -> None:
    assert {PREFIX + name for name in GAUGES} == {m.name for m in METRICS if m.kind == "gauge" and m.target is None}


def test_labels_are_escaped() -> None:
    strange = 'a"b\\c\nd'
    found = samples(scrape(known(router=router(queues={strange: QueueState(3, 0)})), None, ()))
    assert found["ws_gateway_queue_messages", frozenset({("queue", strange)})] == 3


def test_buckets_are_cumulative_and_end_with_all_of_them() -> None:
    found = samples(scrape(known(), None, [requests(0.003), requests(0.3), requests(99.0)]))
    labels = {("method", "GET"), ("route", "/api/v1/gaps"), ("status", "200")}
    by_limit = {
        limit: found["ws_gateway_api_request_seconds_bucket", frozenset({*labels, ("le", limit)})]
        for limit in ("0.005", "0.5", "10.0", "+Inf")
    }
    assert by_limit == {"0.005": 1, "0.5": 2, "10.0": 2, "+Inf": 3}
    assert found["ws_gateway_api_request_seconds_sum", frozenset(labels)] == pytest.approx(99.303)
    assert found["ws_gateway_api_request_seconds_count", frozenset(labels)] == 3


def test_the_apis_processes_are_summed_up_and_the_workers_are_told_apart() -> None:
    workers = [worker("linear_00", counted=told(events=3)), worker("spot_00", counted=told(events=4))]
    read = meter(lambda: known(*workers), lambda: [requests(0.1), requests(0.1), requests(0.1, 404)])
    assert read.value("events_total", worker="linear_00", event_type="trade") == 3
    assert read.value("events_total") == 7
    assert read.value("api_request_seconds", status="200") == 2
    assert read.value("api_request_seconds") == 3


def test_a_process_that_was_taken_away_keeps_its_counters_and_loses_its_gauges() -> None:
    gone = worker("linear_01", counted=told(events=3), written_ms=NOW_MS - 60_000, started_ms=0)
    read = meter(lambda: known(worker("linear_00"), gone))
    assert read.value("events_total", worker="linear_01") == 3
    assert read.value("wanted_topics", worker="linear_01") is None
    assert read.value("process_up", process="linear_01") is None


def test_what_nobody_knows_is_left_out() -> None:
    read = meter(lambda: known(worker(), router=router(queues={"q": QueueState(1, 0)})))
    for name in ("subscriptions", "uptime_ratio", "clock_skew_seconds", "last_frame_timestamp_seconds", "queue_oldest_seconds"):
        assert read.value(name) is None, name
    assert {one.name for one in text.samples(read.scrape())} & {m.name for m in METRICS if m.target is not None} == set()


def test_a_process_that_died_with_work_is_offline_until_it_is_back() -> None:
    counts = told(work=90.0, online=90.0)
    alive = worker(counted=counts, wanted=1, connection_status="connected", last_frame_ms=NOW_MS)
    said = [known(alive)]
    read = meter(lambda: said[0])
    assert read.value("uptime_ratio") == read.value("slo_uptime_ratio") == 1
    with read.moving("slo_uptime_ratio", to=lambda share: share == 0.9), read.moving("uptime_ratio", to=lambda share: share == 0.9):
        said[0] = replace(said[0], now_ms=NOW_MS + 10_000)
    assert read.value("connection_up", status="reconnecting") == 1
    assert read.value("work_seconds_total") == 90, "a counter is what its process wrote"


def test_a_process_that_is_silent_knows_nothing_of_its_topics_and_its_work_is_not_done() -> None:
    topics = {"a": TopicState("live")}
    words = worker(wanted=1, connection_status="connected", topics=topics, clock_skew_ms=700, trouble_since_ms=None)
    said = [known(words)]
    read = meter(lambda: said[0])
    assert read.value("topics", state="live") == 1
    assert read.value("clock_skew_seconds") == 0.7
    assert read.value("connection_trouble_seconds") == 0
    with read.moving("connection_trouble_seconds", to=lambda seconds: seconds == 10):
        said[0] = replace(said[0], now_ms=NOW_MS + 10_000)
    assert read.value("topics") is None
    assert read.value("clock_skew_seconds") is None


def test_trouble_that_a_silent_process_had_goes_on_and_one_without_work_says_nothing() -> None:
    troubled = worker(wanted=1, connection_status="reconnecting", trouble_since_ms=NOW_MS - 5_000)
    assert meter(lambda: known(troubled, now_ms=NOW_MS + 10_000)).value("connection_trouble_seconds") == 15
    assert meter(lambda: known(worker(), now_ms=NOW_MS + 10_000)).value("connection_trouble_seconds") is None
    stood_in_for = worker("private_00", wanted=1, connection_status="connected")
    other = worker("private_01", wanted=1, connection_status="connected", written_ms=NOW_MS + 10_000)
    read = meter(lambda: known(stood_in_for, other, now_ms=NOW_MS + 10_000))
    assert read.value("connection_trouble_seconds", worker="private_00") is None
    assert read.value("connection_trouble_seconds", worker="private_01") == 0


def test_an_idle_worker_measured_the_clock_long_ago() -> None:
    assert meter(lambda: known(worker(clock_skew_ms=700))).value("clock_skew_seconds") is None


def test_the_guard_is_a_process_too() -> None:
    said = [replace(known(), guard=GuardState(name="guard_00", pid=1, written_ms=NOW_MS, started_ms=NOW_MS - 60_000))]
    read = meter(lambda: said[0])
    assert read.value("process_up", process="guard_00") == 1
    assert read.value("process_start_time_seconds", process="guard_00") == NOW_MS / 1000 - 60
    with read.moving("process_up", process="guard_00", to=lambda up: up == 0):
        said[0] = replace(said[0], now_ms=NOW_MS + 10_000)


def test_a_process_that_stopped_as_told_is_not_offline() -> None:
    ended = worker(counted=told(work=90.0, online=90.0), wanted=1, connection_status="idle", last_frame_ms=NOW_MS, has_ended=True)
    assert meter(lambda: known(ended, now_ms=NOW_MS + 10_000)).value("slo_uptime_ratio") == 1


def test_our_own_reader_finds_what_prometheus_client_finds() -> None:
    told = meter(lambda: known(worker(), router=router(queues={"a queue, with} odd{ words": QueueState(1, 2)}))).scrape()
    ours = {(one.name, frozenset(one.labels.items())): one.value for one in text.samples(told)}
    assert ours == samples(told)
    with pytest.raises(ValueError, match="expected a sample"):
        text.samples("no sample at all")


def test_version_and_bound_are_told() -> None:
    said = [known(version="1")]
    read = meter(lambda: said[0])
    with (
        read.moving("build_info", version="2", environment="simulator", to=lambda one: one == 1),
        read.moving("spool_limit_bytes", to=lambda limit: limit == 2000),
    ):
        said[0] = replace(said[0], version="2", spool_max_bytes=2000)


def test_what_an_earlier_version_counted_under_other_labels_is_left_out() -> None:
    found = Tally()
    found.histograms("ws_gateway_exchange_lag_seconds")[""].observe(1)  # before it was told by event_type
    found.histograms("ws_gateway_exchange_lag_seconds")["trade"].observe(1)
    found.counter("ws_gateway_reconnects_total")["a b"] += 1
    read = meter(lambda: known(worker(counted=found.counted)))
    assert read.value("exchange_lag_seconds") == read.value("exchange_lag_seconds", worker="linear_00", event_type="trade") == 1
    assert read.value("reconnects_total") is None


def test_answers_within_half_a_second_are_the_measure_of_the_api() -> None:
    said = [requests(0.5)]
    read = meter(known, lambda: said)
    assert read.value("slo_api_ratio") == 1
    with read.moving("slo_api_ratio", to=lambda share: share == 0.5):
        said.append(requests(0.51))
    for route in ("/health", "/api/v1/health", "/api/v1/health/ready", "/metrics", "/", "/static/<path:filename>", "other"):
        said.append(requests(0.01, route=route))
        assert read.value("slo_api_ratio") == 0.5, route


def test_a_sink_that_takes_nothing_shows_since_when() -> None:
    lane = LaneState(connected=True, checked_ms=NOW_MS)
    read = meter(lambda: known(router=router(lanes={"broker": lane})))
    assert read.value("sink_up", sink="broker") == 1
    with read.moving("sink_blocked_seconds", sink="broker", to=lambda seconds: seconds == 2.5):
        lane.blocked_ms = NOW_MS - 2500


def test_a_clock_that_nobody_looks_at_any_more_does_not_show() -> None:
    read = meter(lambda: known(worker("private_00", clock_skew_ms=3000, wanted=1), worker("linear_00", clock_skew_ms=3000)))
    assert read.value("clock_skew_seconds", worker="private_00") == 3
    assert read.value("clock_skew_seconds", worker="linear_00") is None


def test_a_sink_is_up_while_health_says_that_it_is_there() -> None:
    lane = LaneState(connected=True, checked_ms=NOW_MS - UNANSWERED_MS)
    said = [known(router=router(lanes={"broker": lane}))]
    read = meter(lambda: said[0])
    assert read.value("sink_up", sink="broker") == 1
    with read.moving("sink_up", sink="broker", to=lambda up: up == 0):
        lane.checked_ms -= 1
    lane.checked_ms = NOW_MS
    with read.moving("sink_up", sink="broker", to=lambda up: up == 0):
        said[0] = replace(said[0], now_ms=NOW_MS + 6000)  # the router is silent: nobody knows


def test_what_consumers_have_already_is_counted(tmp_path: Path, context: Context) -> None:
    out = make("linear", tmp_path, context)
    out.passes = lambda event: event.payload["trade_id"] != "1"
    read = meter(lambda: known(worker(counted=of(out))))
    with read.moving("repeats_total", worker="linear_00", reason="told"):
        out.take(trades("A", "1", "2"), 1)


def test_a_books_change_that_was_in_it_is_counted() -> None:
    bench = Bench(FULL)
    bench.tend(0.0)
    bench.answers.ready = [(FULL, answer(7))]
    bench.tend(1.0)
    read = meter(lambda: known(worker("spot_00", counted=of(bench.out))))
    with read.moving("repeats_total", worker="spot_00", reason="stale"):
        bench.take("delta", 7, 1.5)
