"""The success measures, judged: what is missed, and what nobody can say yet."""

import pytest

from cli.slo import judged
from gateway.metrics.table import METRICS
from gateway.metrics.tally import NS, Tally
from gateway.metrics.text import samples
from tests.scraping import known, meter, worker


def words(*, work_s: float, lost_s: float, workers: int = 1) -> dict[str, str]:
    """Measure → verdict, of connections that share this time with work, of which so much was lost."""
    states = []
    for number in range(workers):
        tally = Tally()
        tally.counter("ws_gateway_work_seconds_total")[""] = round(work_s / workers * NS)
        tally.counter("ws_gateway_online_seconds_total")[""] = round((work_s - lost_s) / workers * NS)
        states.append(worker(f"linear_{number:02d}", processes=workers, counted=tally.counted, last_frame_ms=1))
    return {row.name: row.word for row in judged(samples(meter(lambda: known(*states)).scrape()))}


@pytest.mark.parametrize(
    ("work_s", "lost_s", "word"),
    [
        (60, 1, "too early to say"),
        (900, 5, "too early to say"),
        (60, 0.1, "met"),
        (600, 17, "too early to say"),
        (600, 19, "missed"),  # the rest of the hour cannot make it good
        (3600, 17, "met"),
        (3600, 19, "missed"),
        (7200, 35, "met"),
        (7200, 37, "missed"),
    ],
)
def test_lost_time_is_a_share_of_an_hour_at_least(work_s: float, lost_s: float, word: str) -> None:
    assert words(work_s=work_s, lost_s=lost_s)["uptime"] == word
    assert words(work_s=work_s, lost_s=lost_s, workers=3)["uptime"] == word


def test_what_was_not_measured_is_no_verdict() -> None:
    found = {row.name: (row.share, row.word) for row in judged([])}
    assert len(found) == len([metric for metric in METRICS if metric.target is not None])
    assert set(found.values()) == {(None, "nothing measured")}
