"""The specification's success measures, from all that was ever counted."""

from collections.abc import Iterator

from gateway.metrics.totals import Labels, Totals

#: What a measure counts as good; seconds. Source: the public contract, section 7.
WITHIN_S = {"delivery": 0.1, "persistence": 1.0, "api": 0.5, "resubscription": 5.0}


def measures(totals: Totals, offline_ms: int) -> Iterator[tuple[str, float]]:
    """Metric and share of each that can be told. offline_ms: work that a dead process is not doing, and has not counted yet."""
    confirmed = totals.count("ws_gateway_confirmed_total")
    shares = {
        "uptime": (
            totals.count("ws_gateway_online_seconds_total"),
            totals.count("ws_gateway_work_seconds_total") + offline_ms * 1_000_000,
        ),
        "processed": (confirmed, confirmed + totals.count("ws_gateway_dropped_total")),
        "delivery": totals.within("ws_gateway_delivery_seconds", WITHIN_S["delivery"]),
        "persistence": totals.within("ws_gateway_balance_write_seconds", WITHIN_S["persistence"]),
        "api": totals.within("ws_gateway_api_request_seconds", WITHIN_S["api"], _is_of_the_api),
        "resubscription": totals.within("ws_gateway_resubscribe_seconds", WITHIN_S["resubscription"]),
    }
    for name, (good, whole) in shares.items():
        if whole:
            yield f"ws_gateway_slo_{name}_ratio", good / whole


def _is_of_the_api(labels: Labels) -> bool:
    """What services ask. Files, metrics and health are asked all the time, and answered from memory: they would hide the others."""
    _, route, _ = labels
    return route.startswith("/api/v1/") and not route.startswith("/api/v1/health")
