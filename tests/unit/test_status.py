"""`ws-gateway status` beside a stand-in of the control API, which says what a test has it know."""

import json
import os
import subprocess
import sys
from pathlib import Path

from gateway.health import health
from gateway.health.known import Known
from gateway.health.words import LaneState
from gateway.metrics.scrape import scrape
from gateway.metrics.tally import Tally
from tests.api_standin import answering
from tests.scraping import NOW_MS, known, router, worker

ROOT = Path(__file__).resolve().parents[2]


def answer(found: Known, path: str) -> tuple[int, str]:
    """As an API would that knows this."""
    bodies = {
        "/health": json.dumps(health.health(found)[1]),
        "/metrics": scrape(found, None, ()),
        "/api/v1/connections": json.dumps({"connections": health.connections(found)}),
        "/api/v1/gaps": json.dumps({"gaps": [], "total": 0}),
    }
    return 200, bodies[path.partition("?")[0]]


def status(folder: Path, found: Known) -> str:
    with answering(lambda _method, path: answer(found, path)) as port:
        environ = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT), "WS_GATEWAY_PORT": str(port),
            "WS_GATEWAY_API_KEY": "key",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", "status"], cwd=folder, env=environ, capture_output=True, text=True, check=False
        )
    assert done.stderr == ""
    return "\n".join(line.rstrip() for line in done.stdout.splitlines())


def test_what_an_earlier_run_dropped_is_not_forgotten(tmp_path: Path) -> None:
    before = Tally()
    before.counter("ws_gateway_dropped_total").update({"overflow": 50, "unreadable": 1})
    again = worker(counted=before.counted, dropped=0)  # its process has begun anew, and dropped nothing
    assert "\nevents dropped since counting began: 51 (overflow 50, unreadable 1)\n" in status(tmp_path, known(again))
    assert "\nevents dropped since counting began: 0\n" in status(tmp_path, known(worker()))


def test_how_late_it_is_and_how_long_the_oldest_has_waited(tmp_path: Path) -> None:
    late = Tally()
    for ms in [3] * 60 + [40] * 40:
        late.histograms("ws_gateway_delivery_seconds")["trade"].observe(ms * 1_000_000)
    lane = LaneState(connected=False, checked_ms=NOW_MS, waiting=7, spool_messages=7, spool_bytes=900, oldest_ms=NOW_MS - 200_000)
    shown = status(tmp_path, known(router=router(late, lanes={"broker": lane})))
    [heads] = [line for line in shown.splitlines() if line.startswith("latency, since counting began")]
    assert heads.split()[-5:] == ["50%", "within", "99%", "within", "events"]
    [row] = [line for line in shown.splitlines() if line.startswith("socket to RabbitMQ")]
    assert row.split()[-5:] == ["5", "ms", "50", "ms", "100"]
    assert "\nwaiting on disk: 7 events, 900 bytes, the oldest for 3 min 20 s; the exchange's clock: not heard yet\n" in shown
