"""The dashboards of what Prometheus keeps: connections, delivery, queues. One row a panel."""

from panels import GREEN, RED, YELLOW, Json, Panel, dashboard, variable

#: What a connection's status is drawn as. Its words are those of docs/METRICS.md.
STATUSES = {
    0: ("idle", "#6b7280"),
    1: ("standby", "#94a3b8"),
    2: ("connecting", "#facc15"),
    3: ("authenticating", "#fbbf24"),
    4: ("subscribing", "#a3e635"),
    5: ("connected", GREEN),
    6: ("reconnecting", "orange"),
    7: ("auth_failed", RED),
}
_STATUS = (
    "sum by (worker) ("
    + " or ".join(
        f'ws_gateway_connection_up{{worker=~"$worker",status="{word}"}} * {number}' for number, (word, _) in STATUSES.items()
    )
    + ")"
)
_YES_NO = {0: ("away", RED), 1: ("there", GREEN)}
#: Thresholds of shares whose target is a floor.
_FLOOR = {target: ((None, RED), (target, GREEN)) for target in (0.95, 0.99, 0.995)}
_NONE = ((None, GREEN), (1, RED))


def _quantiles(metric: str, by: str, *, labels: str = "", legend: str = "") -> list[tuple[str, str]]:
    return [
        (
            f"histogram_quantile({share}, sum by (le, {by}) (rate({metric}_bucket{labels}[$__rate_interval])))",
            f"{legend} p{share * 100:g}",
        )
        for share in (0.5, 0.99)
    ]


CONNECTIONS = dashboard(
    "connections",
    "Connections",
    "Is it connected, since when, how often was it not, and how far is the exchange away.",
    [
        Panel("Health", "The word that GET /health answers with; its reasons are there.", "stat", "short",
              [("max by (status) (ws_gateway_health) == 1", "{{status}}")], 4, 4, extra={"options": {"textMode": "name", "colorMode": "none"}}),
        Panel("Connections in trouble", "Workers that have work and are not connected.", "stat", "short",
              [("count(ws_gateway_connection_trouble_seconds > 0) or vector(0)", "")], 4, 4, _NONE),
        Panel("Silent processes", "Processes that have not renewed their state for 5 s.", "stat", "short",
              [("count(ws_gateway_process_up == 0) or vector(0)", "")], 4, 4, _NONE),
        Panel("Offline, worst, last hour", "Time with work in which a connection was not online. At most 18 s: 99.5 % of an hour.", "stat", "s",
              [("max(ws_gateway:offline:seconds_1h)", "")], 4, 4, ((None, GREEN), (18, RED))),
        Panel("Open gaps", "Gaps of which it is not known yet what is made good.", "stat", "short", [("sum(ws_gateway_gaps_open)", "")], 4, 4, _NONE),
        Panel("Subscriptions", "Active ones of all services.", "stat", "short", [("max(ws_gateway_subscriptions)", "")], 4, 4),
        Panel("Transitions", "What each connection was when: from connecting over authenticating and subscribing to connected, and back.",
              "state-timeline", "short", [(_STATUS, "{{worker}}")], 24, 9, words=STATUSES),
        Panel("Time in trouble", "How long there has been work that is not being done. Health is unhealthy from 30 s on.", "timeseries", "s",
              [('ws_gateway_connection_trouble_seconds{worker=~"$worker"}', "{{worker}}")]),
        Panel("Reconnects", "Connections that came online after the first, in each interval.", "timeseries", "short",
              [('increase(ws_gateway_reconnects_total{worker=~"$worker"}[$__rate_interval])', "{{worker}}")]),
        Panel("Time to live after a reconnect", "From the open socket to every wanted topic acknowledged or refused. Target 5 s.", "timeseries", "s",
              _quantiles("ws_gateway_resubscribe_seconds", "worker", labels='{worker=~"$worker"}', legend="{{worker}}")),
        Panel("Ping", "From our ping to the exchange's pong.", "timeseries", "s",
              _quantiles("ws_gateway_ping_seconds", "worker", labels='{worker=~"$worker"}', legend="{{worker}}")),
        Panel("Clock", "How far the exchange's clock is ahead of ours. Health is degraded beyond half a second.", "timeseries", "s",
              [('ws_gateway_clock_skew_seconds{worker=~"$worker"}', "{{worker}}")]),
        Panel("Topics by state", "Wanted topics. stalled: silent for too long, subscribed anew; refused: the exchange says no.", "timeseries", "short",
              [('sum by (state) (ws_gateway_topics{worker=~"$worker"})', "{{state}}")]),
        Panel("Frames", "Text frames a second, received and sent.", "timeseries", "ops",
              [('sum by (worker, direction) (rate(ws_gateway_frames_total{worker=~"$worker"}[$__rate_interval]))', "{{worker}} {{direction}}")]),
        Panel("Bytes", "Bytes of those frames a second.", "timeseries", "Bps",
              [('sum by (worker, direction) (rate(ws_gateway_frame_bytes_total{worker=~"$worker"}[$__rate_interval]))', "{{worker}} {{direction}}")]),
    ],
    [variable("worker", "Connection", "label_values(ws_gateway_connection_up, worker)")],
)  # fmt: skip

_TYPE = '{event_type=~"$event_type"}'
DELIVERY = dashboard(
    "delivery",
    "Delivery and latency",
    "How much comes, how late it is, what waits and what is lost; and the specification's success measures.",
    [
        *(Panel(title, f"{words} Target {target:.1%}, since counting began.", "stat", "percentunit", [(f"ws_gateway_slo_{name}_ratio", "")], 4, 4,
                _FLOOR[target])
          for name, title, words, target in (
              ("uptime", "Uptime", "Share of the time with work in which connections were online.", 0.995),
              ("processed", "Processed", "Share of events that RabbitMQ confirmed.", 0.99),
              ("delivery", "Delivered in 100 ms", "Share of events confirmed within 100 ms of the socket.", 0.99),
              ("persistence", "Stored in 1 s", "Share of balances in PostgreSQL within 1 s of the socket.", 0.99),
              ("api", "Answered in 500 ms", "Share of the answers of /api/v1, health left out.", 0.95),
              ("resubscription", "Back in 5 s", "Share of reconnections with every topic back.", 0.99))),
        Panel("Events", "Handed to the router, by class.", "timeseries", "ops",
              [(f"sum by (event_type) (rate(ws_gateway_events_total{_TYPE}[$__rate_interval]))", "{{event_type}}")]),
        Panel("Confirmed by RabbitMQ", "Each message once, by class.", "timeseries", "ops",
              [(f"sum by (event_type) (rate(ws_gateway_confirmed_total{_TYPE}[$__rate_interval]))", "{{event_type}}")]),
        Panel("Socket to RabbitMQ", "From the socket to the confirmation.", "timeseries", "s",
              _quantiles("ws_gateway_delivery_seconds", "event_type", labels=_TYPE, legend="{{event_type}}")),
        Panel("Exchange to socket", "From the exchange's dating of a frame to our reading it, each by its own clock.", "timeseries", "s",
              _quantiles("ws_gateway_exchange_lag_seconds", "event_type", labels=_TYPE, legend="{{event_type}}")),
        Panel("Socket to RabbitMQ, all of it", "How many events took how long.", "heatmap", "s",
              [("sum by (le) (increase(ws_gateway_delivery_seconds_bucket[$__rate_interval]))", "{{le}}")], extra={"options": {"calculate": False, "yAxis": {"unit": "s"}}}),
        Panel("Lost and refused", "dropped: consumers do not get it; again: published once more; returned: no queue wanted it.", "timeseries", "short",
              [("sum by (reason) (increase(ws_gateway_dropped_total[$__rate_interval]))", "dropped {{reason}}"),
               ("sum by (reason) (increase(ws_gateway_publish_failures_total[$__rate_interval]))", "again {{reason}}"),
               ("sum(increase(ws_gateway_returned_total[$__rate_interval]))", "returned")]),
        Panel("Sinks", "Whether RabbitMQ and PostgreSQL answer.", "state-timeline", "short", [("ws_gateway_sink_up", "{{sink}}")], 24, 4, words=_YES_NO),
        Panel("Waits on disk", "Records in the router's spools and the workers' journals.", "timeseries", "short",
              [("ws_gateway_spool_messages", "for {{sink}}"), ("ws_gateway_journal_messages > 0", "journal {{worker}}")]),
        Panel("Room on disk", "Share of WS_GATEWAY_SPOOL_MAX_BYTES that is taken; nothing more is taken when it is full.", "timeseries", "percentunit",
              [("ws_gateway_spool_bytes / on () group_left () ws_gateway_spool_limit_bytes", "for {{sink}}"),
               ("ws_gateway_journal_bytes / on () group_left () ws_gateway_spool_limit_bytes > 0", "journal {{worker}}")]),
        Panel("Longest wait", "How long the oldest record waits for its sink.", "timeseries", "s",
              [("ws_gateway_spool_age_seconds", "{{sink}}"), ("ws_gateway_sink_blocked_seconds", "{{sink}} has taken nothing")]),
        Panel("Under way to the router", "Records that it has not acknowledged.", "timeseries", "short", [("ws_gateway_unacknowledged", "{{worker}}")]),
        Panel("Control API", "Requests a second, by status.", "timeseries", "reqps",
              [("sum by (status) (rate(ws_gateway_api_request_seconds_count[$__rate_interval]))", "{{status}}")]),
        Panel("Control API, duration", "95 of 100 answers take at most so long, by route. Target 500 ms.", "timeseries", "s",
              [("histogram_quantile(0.95, sum by (le, route) (rate(ws_gateway_api_request_seconds_bucket[$__rate_interval])))", "{{route}}")]),
    ],
    [variable("event_type", "Event class", "label_values(ws_gateway_events_total, event_type)")],
)  # fmt: skip

_QUEUE = '{queue=~"$queue"}'
_FILL = ((None, GREEN), (0.8, YELLOW), (0.95, RED))
_COLUMNS = (("ws_gateway_queue_messages", "messages", "short"), ("ws_gateway_queue_consumers", "consumers", "short"),
            ("ws_gateway_queue_fill_ratio", "full", "percentunit"), ("ws_gateway_queue_oldest_seconds", "oldest", "s"))  # fmt: skip
QUEUES = dashboard(
    "queues",
    "Queues",
    "Is anybody reading, how much waits, and when will RabbitMQ drop the oldest.",
    [
        Panel("Unread queues", "Messages wait and nobody has read for a minute.", "stat", "short",
              [("sum(ws_gateway_queue_unread)", "")], 6, 4, _NONE),
        Panel("Fullest queue", "The highest alarm that is on: 80 %, 95 %, or 100 %, where the oldest are dropped; 0: none. Class queues that nobody reads have none.",
              "stat", "percentunit", [("max(ws_gateway_queue_backlog_alarm)", "")], 6, 4, _FILL),
        Panel("Messages", "In all queues together.", "stat", "short", [("sum(ws_gateway_queue_messages)", "")], 6, 4),
        Panel("Consumers", "Of all queues together.", "stat", "short", [("sum(ws_gateway_queue_consumers)", "")], 6, 4, ((None, RED), (1, GREEN))),
        Panel("Now", "Every queue: what waits, who reads, how full it is, and how old the oldest message is.", "table", "short",
              [(f"sum by (queue) ({metric}{_QUEUE})", "") for metric, _, _ in _COLUMNS], 24, 10,
              extra={"transformations": [{"id": "merge", "options": {}}, {"id": "organize", "options": {
                         "excludeByName": {"Time": True},
                         "renameByName": {f"Value #{letter}": name for letter, (_, name, _) in zip("ABCD", _COLUMNS, strict=True)}}}],
                     "overrides": [{"matcher": {"id": "byName", "options": name}, "properties": [{"id": "unit", "value": unit}]}
                                   for _, name, unit in _COLUMNS]}),
        Panel("Messages that wait", "By queue.", "timeseries", "short", [(f"ws_gateway_queue_messages{_QUEUE}", "{{queue}}")]),
        Panel("How full", "An alert at 80 %, another at 95 %, but for class queues that nobody reads.", "timeseries", "percentunit", [(f"ws_gateway_queue_fill_ratio{_QUEUE}", "{{queue}}")],
              steps=_FILL),
        Panel("Oldest message", "Its age, by the exchange's time of its fact.", "timeseries", "s", [(f"ws_gateway_queue_oldest_seconds{_QUEUE}", "{{queue}}")]),
        Panel("Consumers over time", "By queue.", "timeseries", "short", [(f"ws_gateway_queue_consumers{_QUEUE}", "{{queue}}")]),
    ],
    [variable("queue", "Queue", "label_values(ws_gateway_queue_messages, queue)")],
)  # fmt: skip

DASHBOARDS: dict[str, Json] = {"connections": CONNECTIONS, "delivery": DELIVERY, "queues": QUEUES}
