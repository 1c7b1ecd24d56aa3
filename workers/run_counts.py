"""What a worker's parts count since its process began, added to what its earlier runs counted."""

from gateway.metrics.tally import Counted
from workers.delivery import Delivery


def counted(delivery: Delivery, *, reconnections: int, missed: int, unmatched: int) -> Counted:
    """All that the worker counts, as of now. The link's own counts are given."""
    tally, counts = delivery.tally, delivery.counts
    for name, since_start, labels in (
        ("reconnects_total", reconnections, ""),
        ("dropped_total", counts.dropped - counts.not_kept, "overflow"),
        ("dropped_total", counts.not_kept, "not_kept"),
        ("dropped_total", counts.unknown, "unreadable"),
        ("repeats_total", counts.repeated, "told"),
        ("repeats_total", counts.stale, "stale"),
        ("missed_total", missed, ""),
        ("unknown_fields_total", counts.unknown_fields, ""),
        ("unmatched_total", unmatched, ""),
        *(("gaps_total", count, cause) for cause, count in delivery.gaps.begun.items()),
    ):
        tally.total(f"ws_gateway_{name}", since_start, labels)
    return tally.counted
