"""ALARMS: for each alert of rules.yml, series that fire it, series beside it that do not, and what it says then. One row an alert."""

from dataclasses import dataclass, field

#: promtool's series: a sample each 10 s; `a+bxN` rises N times by b, `_xN` is N samples that are missing.
Series = dict[str, str]


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alert.

    fires   series that make it fire, by their names with labels
    quiet   series of a trouble that is too small, too short or none
    at      when both are looked at
    labels  of the alert that fires, besides alertname and severity
    value   the words that stand for $value in its summary
    """

    name: str
    fires: Series
    quiet: Series
    at: str
    labels: dict[str, str] = field(default_factory=dict)
    value: str = ""


_LINEAR = {"worker": "linear_00"}
_WORK, _ONLINE = (f'ws_gateway_{word}_seconds_total{{worker="linear_00"}}' for word in ("work", "online"))


def _shares(metric: str, bound: str, good: int, labels: str = "") -> Series:
    """A histogram of which `good` of 100 a sample are within `bound`."""
    inside = f"{labels}," if labels else ""
    around = f"{{{labels}}}" if labels else ""
    return {f'{metric}_bucket{{{inside}le="{bound}"}}': f"0+{good}x400", f"{metric}_count{around}": "0+100x400"}


def _fill(queue: str, fill: float, alarm: float) -> Series:
    """A queue that is so full, and the share of its limits whose alarm is on."""
    return {
        f'ws_gateway_queue_{name}{{queue="{queue}"}}': f"{value}x60"
        for name, value in (("fill_ratio", fill), ("backlog_alarm", alarm))
    }


#: A class queue that nobody has read for a day, full to its limit: no alarm, only a hint.
_UNREAD_CLASS = _fill("ws-gateway.trade", 1, 0)

ALARMS: tuple[Alarm, ...] = (
    Alarm("GatewayAway", {'up{job="gateway"}': "1x5 0x30"}, {'up{job="gateway"}': "1x5 0x5 1x20"}, "3m", {"job": "gateway"}),
    Alarm(
        "GatewayUnhealthy",
        {'ws_gateway_health{status="unhealthy"}': "1x30"},
        {'ws_gateway_health{status="unhealthy"}': "0x30", 'ws_gateway_health{status="degraded"}': "1x30"},
        "1m",
        {"status": "unhealthy"},
    ),
    Alarm(
        "GatewayDegraded",
        {'ws_gateway_health{status="degraded"}': "1x80"},
        {'ws_gateway_health{status="degraded"}': "1x50 0x2 1x30"},
        "11m",
        {"status": "degraded"},
    ),
    Alarm(
        "ProcessSilent",
        {'ws_gateway_process_up{process="router_00"}': "0x30"},
        {'ws_gateway_process_up{process="router_00"}': "0x1 1x30"},
        "1m",
        {"process": "router_00"},
    ),
    Alarm(
        "ProcessRestarting",
        {'ws_gateway_process_start_time_seconds{process="linear_00"}': "1000+20x4 1080x60"},
        {'ws_gateway_process_start_time_seconds{process="linear_00"}': "1000 1020x60"},
        "5m",
        {"process": "linear_00"},
        "4",
    ),
    Alarm(
        "ConnectionAway",
        {'ws_gateway_connection_trouble_seconds{worker="linear_00"}': "0+10x30"},
        {'ws_gateway_connection_trouble_seconds{worker="linear_00"}': "0 10 20 0x30"},
        "40s",
        _LINEAR,
        "40s",
    ),
    Alarm(
        "ConnectionFlapping",
        {'ws_gateway_reconnects_total{worker="linear_00"}': "0+1x6 6x84"},
        {'ws_gateway_reconnects_total{worker="linear_00"}': "0+1x3 3x87"},
        "15m",
        _LINEAR,
        "6",
    ),
    Alarm(
        "LoginRefused",
        {'ws_gateway_connection_up{worker="private_00",status="auth_failed"}': "0x6 1x2 0 1x2 0 1x30"},
        {
            'ws_gateway_connection_up{worker="private_00",status="auth_failed"}': "0x6 1x1 0x30",
            'ws_gateway_connection_up{worker="private_01",status="reconnecting"}': "1x30",
        },
        "150s",
        {"worker": "private_00", "status": "auth_failed"},
    ),
    Alarm(
        "UptimeBelowTarget",
        {_WORK: "0+10x400", _ONLINE: "0+10x200 2000x3 2000+10x197"},
        # Ten minutes old, the first five seconds of them offline.
        {_WORK: "_x300 0+10x100", _ONLINE: "_x300 0 5+10x99"},
        "60m",
        _LINEAR,
        "50s",
    ),
    Alarm(
        "ResubscriptionSlow",
        _shares("ws_gateway_resubscribe_seconds", "5.0", 90, 'worker="linear_00"'),
        _shares("ws_gateway_resubscribe_seconds", "5", 100, 'worker="linear_00"'),
        "60m",
        value="90%",
    ),
    Alarm(
        "ClockOff",
        {'ws_gateway_clock_skew_seconds{worker="linear_00"}': "-2x30"},
        {'ws_gateway_clock_skew_seconds{worker="linear_00"}': "-0.4x30"},
        "2m",
        _LINEAR,
        "2s",
    ),
    Alarm(
        "TopicsStalled",
        {'ws_gateway_topics{worker="linear_00",state="stalled"}': "3x30"},
        {'ws_gateway_topics{worker="linear_00",state="live"}': "3x30"},
        "3m",
        {**_LINEAR, "state": "stalled"},
        "3",
    ),
    Alarm(
        "TopicsRefused",
        {'ws_gateway_topics{worker="linear_00",state="refused"}': "2x60"},
        {'ws_gateway_topics{worker="linear_00",state="refused"}': "2x5 0x60"},
        "6m",
        {**_LINEAR, "state": "refused"},
        "2",
    ),
    Alarm(
        "GapOpen",
        {'ws_gateway_gaps_open{worker="linear_00"}': "1x30"},
        {'ws_gateway_gaps_open{worker="linear_00"}': "1x5 0x30"},
        "3m",
        _LINEAR,
        "1",
    ),
    Alarm(
        "AccountEventsMissed",
        {'ws_gateway_missed_total{worker="private_00"}': "0x3 2x90"},
        {'ws_gateway_missed_total{worker="private_00"}': "2x93"},
        "15m",
        {"worker": "private_00"},
        "2",
    ),
    Alarm(
        "UnknownFields",
        {'ws_gateway_unknown_fields_total{worker="linear_00"}': "0x10 3x390"},
        {'ws_gateway_unknown_fields_total{worker="linear_00"}': "3x400"},
        "60m",
        _LINEAR,
        "3",
    ),
    Alarm(
        "EventsDropped",
        {'ws_gateway_dropped_total{worker="linear_00",reason="overflow"}': "0x3 50x30"},
        {'ws_gateway_dropped_total{worker="linear_00",reason="overflow"}': "50x33"},
        "5m",
        {**_LINEAR, "reason": "overflow"},
        "50",
    ),
    Alarm(
        "ProcessedBelowTarget",
        {
            'ws_gateway_confirmed_total{event_type="trade"}': "0+90x400",
            'ws_gateway_dropped_total{worker="linear_00",reason="overflow"}': "0+10x400",
        },
        {'ws_gateway_confirmed_total{event_type="trade"}': "0+100x400"},
        "60m",
        value="90%",
    ),
    Alarm(
        "DeliverySlow",
        _shares("ws_gateway_delivery_seconds", "0.1", 50, 'event_type="trade"'),
        _shares("ws_gateway_delivery_seconds", "0.1", 100, 'event_type="trade"'),
        "10m",
        value="50%",
    ),
    Alarm(
        "SinkAway",
        {'ws_gateway_sink_up{sink="broker"}': "1x3 0x30"},
        {'ws_gateway_sink_up{sink="broker"}': "1x3 0x1 1x30"},
        "2m",
        {"sink": "broker"},
    ),
    Alarm(
        "SinkBlocked",
        {'ws_gateway_sink_blocked_seconds{sink="broker"}': "0+10x30"},
        {'ws_gateway_sink_blocked_seconds{sink="broker"}': "0 10 0x30"},
        "1m",
        {"sink": "broker"},
        "1m 0s",
    ),
    Alarm(
        "SpoolOld",
        {'ws_gateway_spool_age_seconds{sink="postgres"}': "90x30"},
        {'ws_gateway_spool_age_seconds{sink="postgres"}': "50x30"},
        "2m",
        {"sink": "postgres"},
        "1m 30s",
    ),
    Alarm(
        "SpoolFilling",
        {'ws_gateway_spool_bytes{sink="broker"}': "90x30", "ws_gateway_spool_limit_bytes": "100x30"},
        {'ws_gateway_spool_bytes{sink="broker"}': "70x30", "ws_gateway_spool_limit_bytes": "100x30"},
        "1m",
        {"sink": "broker"},
        "90%",
    ),
    Alarm(
        "JournalFilling",
        {'ws_gateway_journal_bytes{worker="private_00"}': "90x30", "ws_gateway_spool_limit_bytes": "100x30"},
        {'ws_gateway_journal_bytes{worker="private_00"}': "70x30", "ws_gateway_spool_limit_bytes": "100x30"},
        "1m",
        {"worker": "private_00"},
        "90%",
    ),
    Alarm(
        "PublishingFails",
        {'ws_gateway_publish_failures_total{reason="nacked"}': "0x3 7x40"},
        {'ws_gateway_publish_failures_total{reason="nacked"}': "7x43"},
        "5m",
        {"reason": "nacked"},
        "7",
    ),
    Alarm("MessagesReturned", {"ws_gateway_returned_total": "0x3 4x60"}, {"ws_gateway_returned_total": "4x63"}, "10m", value="4"),
    Alarm(
        "QueueFilling",
        _fill("ws-gateway.trade.desk", 0.85, 0.8),
        {**_fill("ws-gateway.trade.desk", 0.75, 0), **_UNREAD_CLASS},
        "2m",
        {"queue": "ws-gateway.trade.desk"},
        "85%",
    ),
    Alarm(
        "QueueOverflowing",
        _fill("ws-gateway.trade.desk", 0.97, 0.95),
        {**_fill("ws-gateway.trade.desk", 0.85, 0.8), **_UNREAD_CLASS},
        "1m",
        {"queue": "ws-gateway.trade.desk"},
        "97%",
    ),
    Alarm(
        "QueueUnread",
        {'ws_gateway_queue_unread{queue="ws-gateway.trade.desk"}': "1x60"},
        {'ws_gateway_queue_unread{queue="ws-gateway.trade.desk"}': "1x10 0x50"},
        "6m",
        {"queue": "ws-gateway.trade.desk"},
    ),
    Alarm(
        "BalancesLate",
        _shares("ws_gateway_balance_write_seconds", "1.0", 80),
        _shares("ws_gateway_balance_write_seconds", "1", 100),
        "20m",
        value="80%",
    ),
    Alarm(
        "BalanceImplausible",
        {"ws_gateway_balance_warnings_total": "0x3 1x90"},
        {"ws_gateway_balance_warnings_total": "1x93"},
        "15m",
        value="1",
    ),
    Alarm("RecordsRejected", {"ws_gateway_rejected_total": "0x3 1x90"}, {"ws_gateway_rejected_total": "1x93"}, "15m", value="1"),
    Alarm(
        "ApiSlow",
        _shares("ws_gateway_api_request_seconds", "0.5", 90, 'route="/api/v1/balances",method="GET",status="200"'),
        _shares("ws_gateway_api_request_seconds", "0.5", 96, 'route="/api/v1/balances",method="GET",status="200"')
        | _shares("ws_gateway_api_request_seconds", "0.5", 0, 'route="/api/v1/health",method="GET",status="503"'),
        "20m",
        value="90%",
    ),
    Alarm(
        "ApiFailing",
        {
            'ws_gateway_api_request_seconds_count{route="/api/v1/balances",status="200"}': "0+3x60",
            'ws_gateway_api_request_seconds_count{route="/api/v1/balances",status="503"}': "0+1x60",
        },
        {
            'ws_gateway_api_request_seconds_count{route="/api/v1/balances",status="200"}': "0+4x60",
            'ws_gateway_api_request_seconds_count{route="/health/ready",status="503"}': "0+4x60",
            'ws_gateway_api_request_seconds_count{route="/api/v1/health",status="503"}': "0+4x60",
        },
        "7m",
        value="25%",
    ),
)
