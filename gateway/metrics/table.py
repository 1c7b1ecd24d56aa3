"""METRICS: every metric of GET /metrics. docs/METRICS.md is written from this table, and a test moves each row.

Histograms count in whole nanoseconds where they are kept, and are shown in seconds.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

PREFIX = "ws_gateway_"

#: Upper bounds; seconds. Each holds the limit of the specification's success measure that is read off it.
DELIVERY_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0, 300.0)
LAG_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 30.0, 300.0)
ROUND_TRIP_S = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
RESUBSCRIBE_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
WRITE_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0, 300.0)
REQUEST_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One family of samples.

    name     as it is answered
    labels   in their order; the values are in the meaning, or explain themselves
    unit     of the values; "" where they count things that the name says
    meaning  one sentence, also the HELP line
    bounds   of a histogram's buckets, seconds
    words    values of the last label that mean something of their own: the meaning says what, and a test moves each
    target   of a success measure: at least so much is expected; source: the public contract, section 7
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    unit: str
    meaning: str
    bounds: tuple[float, ...] = ()
    words: tuple[str, ...] = ()
    target: float | None = None


def _counter(name: str, labels: str, meaning: str, unit: str = "", words: str = "") -> Metric:
    return Metric(PREFIX + name, "counter", tuple(labels.split()), unit, meaning, words=tuple(words.split()))


def _gauge(name: str, labels: str, meaning: str, unit: str = "", words: str = "") -> Metric:
    return Metric(PREFIX + name, "gauge", tuple(labels.split()), unit, meaning, words=tuple(words.split()))


def _histogram(name: str, labels: str, meaning: str, bounds: tuple[float, ...]) -> Metric:
    return Metric(PREFIX + name, "histogram", tuple(labels.split()), "seconds", meaning, bounds)


def _measure(name: str, what: str, target: float) -> Metric:
    meaning = f"Share of {what}; target {target:g}."
    return Metric(f"{PREFIX}slo_{name}_ratio", "gauge", (), "ratio", meaning, target=target)


METRICS: tuple[Metric, ...] = (
    # the whole
    _gauge("build_info", "version environment", "1, for its labels."),
    _gauge("health", "status", "1 for the word that GET /health answers with, 0 for the others: healthy, degraded, unhealthy."),
    _gauge("process_up", "process", "Whether the process has renewed its state within 5 s; `guard_00` too, where there is one."),
    _gauge("process_start_time_seconds", "process", "When the process started, Unix time.", "seconds"),
    _gauge("subscriptions", "", "Active subscriptions of all services; absent until PostgreSQL has said."),
    # connections
    _gauge(
        "connection_up", "worker status",
        "1 for the status that the connection has now, 0 for the others: idle, connecting, authenticating, subscribing, connected, "
        "reconnecting, auth_failed, standby.",
    ),
    _gauge(
        "connection_trouble_seconds", "worker",
        "How long there has been work that is not being done, of a silent process since it last spoke; 0: all is well.", "seconds",
    ),
    _gauge("wanted_topics", "worker", "Topics that the connection should hold; 0: it has no work."),
    _gauge(
        "topics", "worker state",
        "Wanted topics by their state: requested, acknowledged, live, stalled, refused; absent while the process is silent.",
    ),
    _counter("work_seconds_total", "worker", "Time in which the connection had work, also while its process was dead.", "seconds"),
    _counter("online_seconds_total", "worker", "Of that time, how long it was connected and logged in.", "seconds"),
    _gauge("uptime_ratio", "worker", "Online time over time with work, since counting began; absent before there was work.", "ratio"),
    _counter("reconnects_total", "worker", "Connections that came online after the first."),
    _histogram(
        "resubscribe_seconds", "worker",
        "From a reconnection, its socket open, to every wanted topic acknowledged or refused; over the last bound where that never came.",
        RESUBSCRIBE_S,
    ),
    _histogram("ping_seconds", "worker", "From our ping to the exchange's pong, as read.", ROUND_TRIP_S),
    _gauge(
        "clock_skew_seconds", "worker",
        "How far the exchange's clock is ahead of ours; absent until it has said, and where there is no work.", "seconds",
    ),
    _counter("frames_total", "worker direction", "Text frames, `received` and `sent`.", words="received sent"),
    _counter("frame_bytes_total", "worker direction", "Bytes of those texts, `received` and `sent`.", "bytes", "received sent"),
    _gauge("last_frame_timestamp_seconds", "worker", "When the last frame of any kind arrived, Unix time; absent before.", "seconds"),
    _histogram(
        "exchange_lag_seconds", "worker event_type",
        "From the exchange's dating of a pushed frame (`ts`) to our reading it, by the class of its topic, each by its own clock: a wrong "
        "clock shows here too.",
        LAG_S,
    ),
    # events in a worker
    _counter("events_total", "worker event_type", "Events handed to the router."),
    _counter(
        "dropped_total", "worker reason",
        "What was not delivered: `overflow` public events without room, `not_kept` events that a stopping worker could neither send nor "
        "keep, `unreadable` frames and records that became dead letters.", words="overflow not_kept unreadable",
    ),
    _counter(
        "repeats_total", "worker reason",
        "What was left out because consumers have it: `told` REST had told it, or something newer; `stale` a book's change that was in it.",
        words="told stale",
    ),
    _counter("missed_total", "worker", "Facts of the account that only an audit over REST told: the stream looked healthy and did not."),
    _counter("unknown_fields_total", "worker", "Keys that no table knows, each time one came; they are delivered all the same."),
    _counter("unmatched_total", "worker", "Answers of the exchange that fit no request of ours."),
    _counter("gaps_total", "worker cause", "Gaps that were opened."),
    _gauge("gaps_open", "worker", "Gaps that are open now; of `router_00`: queues and spools.", words="router_00"),
    _gauge("unacknowledged", "worker", "Records that the router has not acknowledged."),
    _gauge("unacknowledged_batches", "worker", "Batches under way to the router."),
    _gauge("journal_messages", "worker", "Records in the journal on disk, which nobody else has yet."),
    _gauge("journal_bytes", "worker", "What they take there.", "bytes"),
    # router, broker and database
    _counter("published_total", "event_type", "Events written to RabbitMQ, each time one was: on its own, and in each queue's batches."),
    _counter("confirmed_total", "event_type", "Events that RabbitMQ confirmed: once on its own, and once in each queue's batches."),
    _counter("batches_confirmed_total", "event_type", "Messages of `delivery: batch` that RabbitMQ confirmed."),
    _counter("batched_events_total", "event_type", "Events in those messages."),
    _histogram("delivery_seconds", "event_type", "From the socket to RabbitMQ's confirmation.", DELIVERY_S),
    _counter(
        "publish_failures_total", "reason",
        "Messages that must be published again: `nacked` refused by RabbitMQ, `lost` unconfirmed when its connection ended.",
        words="nacked lost",
    ),
    _counter("returned_total", "", "Messages that no queue wanted."),
    _gauge("sink_up", "sink", "Whether the sink (broker, postgres) answered within the last seconds."),
    _counter("sink_reconnects_total", "sink", "Losses of a sink that was there."),
    _gauge("sink_blocked_seconds", "sink", "How long a sink that is there has taken nothing; 0: it takes.", "seconds"),
    _gauge("spool_messages", "sink", "Records that wait on disk for the sink."),
    _gauge("spool_bytes", "sink", "What they take there.", "bytes"),
    _gauge("spool_limit_bytes", "", "Bound of each spool and journal.", "bytes"),
    _gauge("spool_age_seconds", "sink", "How long the oldest record waits that the sink has not settled; 0: none waits.", "seconds"),
    _counter("rejected_total", "", "Records that PostgreSQL could not take, balances without numbers among them; each is a dead letter."),
    _counter("balance_warnings_total", "", "Balances stored although they break a rule; the row names it."),
    _histogram("balance_write_seconds", "", "From the socket to the commit of a balance in PostgreSQL.", WRITE_S),
    # queues
    _gauge("queue_messages", "queue", "Messages that wait in the queue."),
    _gauge("queue_consumers", "queue", "Consumers of the queue."),
    _gauge(
        "queue_oldest_seconds", "queue",
        "Age of the oldest message, by the exchange's time of its fact; absent where the broker's management interface does not say.",
        "seconds",
    ),
    _gauge(
        "queue_fill_ratio", "queue",
        "The fullest of length, bytes and age against the queue's limits; at 1 the oldest are dropped. Its age is the oldest message's, "
        "but no more than since the queue was last seen empty: what the exchange dates long ago may have come just now.",
        "ratio",
    ),
    _gauge(
        "queue_unread", "queue",
        "1 where messages wait and nobody has read for a minute: service queues, and class queues that had a reader within 24 h.",
    ),
    _gauge(
        "queue_backlog_alarm", "queue",
        "The share of its limits whose alarm is on: 0, 0.8, 0.95 or 1; 0 for class queues that nobody has read for 24 h.", "ratio",
    ),
    # the control API
    _histogram("api_request_seconds", "method route status", "Requests to the control API.", REQUEST_S),
    # the specification's success measures
    _measure("uptime", "the time with work in which connections were online", 0.995),
    _measure("processed", "events that RabbitMQ confirmed, of these and those that were dropped", 0.99),
    _measure("delivery", "events confirmed by RabbitMQ within 100 ms of the socket", 0.99),
    _measure("persistence", "balances in PostgreSQL within 1 s of the socket", 0.99),
    _measure("api", "answers of `/api/v1` within 500 ms, health left out", 0.95),
    _measure("resubscription", "reconnections with every topic back within 5 s", 0.99),
)  # fmt: skip

BY_NAME = {metric.name: metric for metric in METRICS}
