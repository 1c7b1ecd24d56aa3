"""A busy gateway: its logs are quiet enough to keep a day, and its API answers in time.

A few seconds, with room for cores that other tests use too; `BUSY_SECONDS=60` with nothing beside it measures what the documents say.
"""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
import urllib3
from many import symbols, wish
from running import KEY, RunningGateway, healthy_gateway, wait_for

from simulator import remote
from simulator.remote import RunningSimulator

SECONDS = float(os.environ.get("BUSY_SECONDS", "4"))
IS_LONG = SECONDS >= 60
#: Topics that somebody wants from the start, those that come for the logs, and how often each pushes in a second.
FIRST, MORE, PUSHES = 100, 100, 10
#: Requests a second, and within which time 95 of 100 are answered; seconds. Two cores that four other runs use too answer 200 late.
REQUESTS, P95_S = (200, 0.05) if IS_LONG else (50, 1.0)
#: What supervisord keeps of one process: the newest file and three older ones; bytes.
KEPT = 4 * 10_000_000
DAY_S = 86_400
SUBSCRIPTIONS = "/api/v1/subscriptions"


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningSimulator]:
    running = remote.start(symbols=FIRST + MORE, steps_per_s=PUSHES, trade_rate=0.0, account_every_s=1.0, status_every_s=0)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def busy(
    tmp_path_factory: pytest.TempPathFactory,
    new_empty_database: Callable[[], str],
    new_broker: Callable[[], str],
    exchange: RunningSimulator,
) -> Iterator[RunningGateway]:
    """Healthy, with its first topics live."""
    folder, url = tmp_path_factory.mktemp("gateway"), new_empty_database()
    with healthy_gateway(folder, url, new_broker(), exchange, WS_GATEWAY_CLASS_QUEUES="none") as gateway:
        gateway.subscribe("balance", "busy")
        want(gateway, exchange, 0, FIRST)
        yield gateway


def want(gateway: RunningGateway, exchange: RunningSimulator, begin: int, end: int) -> None:
    """The tickers of some of the symbols, until all are live."""
    names = symbols(exchange, "linear")[begin:end]
    wish(gateway.database_url, "linear", [("ticker", name, f"tickers.{name}", None) for name in names])
    wait_for(lambda: live(gateway) >= end, lambda: f"{end} live, but {live(gateway)}", 40.0)


def live(gateway: RunningGateway) -> int:
    return int(gateway.call("GET", f"{SUBSCRIPTIONS}?state=live&limit=1")[1]["total"])


def events(gateway: RunningGateway) -> int:
    """How many the workers have told."""
    found = gateway.call("GET", "/api/v1/connections")[1]["connections"]
    return sum(connection["events"] for connection in found.values())


def sizes(gateway: RunningGateway) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in (gateway.folder / "var" / "log").glob("*.log")}


def until(due: float) -> None:
    """Let time pass that is measured, or that spaces what is asked: no condition is waited for. due: monotonic seconds."""
    time.sleep(max(0.0, due - time.monotonic()))


def per_second(measure: Callable[[], int], seconds: float) -> float:
    began, first = time.monotonic(), measure()
    until(began + seconds)
    return (measure() - first) / (time.monotonic() - began)


def asked(numbers: Iterator[int]) -> Iterator[tuple[str, str, bytes | None]]:
    """Method, path and body of what users ask all day: mostly to look, sometimes to subscribe again, anew, or no more."""
    while True:
        number = next(numbers)
        one = b'{"channel_type": "trades", "symbol": "BTCUSDT", "category": "spot", "requesting_service": "asker"}'
        new = one.replace(b"asker", b"asker-%d" % (number % 20))
        yield from (("GET", f"{SUBSCRIPTIONS}?requesting_service=many&limit=100", None),) * 2
        yield from (("GET", f"{SUBSCRIPTIONS}?state=live&category=linear&limit=10", None),) * 2
        yield "GET", "/api/v1/connections", None
        yield "GET", "/health", None
        yield "GET", "/api/v1/balances", None
        yield "POST", SUBSCRIPTIONS, one
        yield "POST", SUBSCRIPTIONS, new
        yield "DELETE", f"{SUBSCRIPTIONS}/by-service/asker-{number % 20}", None


def part(times: list[float], share: float) -> float:
    return sorted(times)[int(len(times) * share)]


def told(call: str, times: list[float]) -> str:
    return f"  {call}: p50 {part(times, 0.5):.4f} s, p95 {part(times, 0.95):.4f} s, p99 {part(times, 0.99):.4f} s"


@pytest.mark.timeout(300)
def test_the_api_is_quick_while_events_flow(busy: RunningGateway, capsys: pytest.CaptureFixture[str]) -> None:
    """Asked in an open loop: what is late because it had to wait counts as late."""
    http = urllib3.PoolManager(maxsize=64, block=True, timeout=10.0, retries=False)
    requests, before = asked(count()), events(busy)
    began = time.monotonic() + 0.1
    answers: list[tuple[str, float, int]] = []

    def ask(due: float, method: str, path: str, body: bytes | None) -> None:
        until(due)
        headers = {"X-API-Key": KEY, **({"Content-Type": "application/json"} if body else {})}
        answer = http.request(method, f"http://127.0.0.1:{busy.port}{path}", body=body, headers=headers)
        answers.append((f"{method} {path.partition('?')[0]}", time.monotonic() - due, answer.status))

    with ThreadPoolExecutor(48) as threads:
        done = [threads.submit(ask, began + number / REQUESTS, *next(requests)) for number in range(int(SECONDS * REQUESTS))]
        assert [fault for fault in (each.exception() for each in done) if fault is not None] == []
    lasted = time.monotonic() - began
    rate = (events(busy) - before) / lasted
    by_call: dict[str, list[float]] = {"all": [took for _, took, _ in answers]}
    for call, took, _ in answers:
        by_call.setdefault(call.rpartition("-")[0] if "asker-" in call else call, []).append(took)
    said = f"\n{len(answers)} requests in {lasted:.1f} s while {rate:.0f} events/s flow"
    with capsys.disabled():
        print("\n".join([said, *(told(call, times) for call, times in sorted(by_call.items()))]))  # noqa: T201 # likewise
    assert {status for _, _, status in answers} <= {200, 201}
    assert part(by_call["all"], 0.95) < P95_S
    assert rate > FIRST * PUSHES / (1.2 if IS_LONG else 10), "it is not busy"


@pytest.mark.timeout(300)
def test_the_logs_keep_a_day_and_have_no_line_for_each_event(
    busy: RunningGateway, exchange: RunningSimulator, capsys: pytest.CaptureFixture[str]
) -> None:
    want(busy, exchange, FIRST, FIRST + MORE)
    started = sizes(busy)
    rate = per_second(lambda: events(busy), max(SECONDS, 10.0))
    grown = {name: size - started.get(name, 0) for name, size in sizes(busy).items()}
    a_day = {name: size * DAY_S / max(SECONDS, 10.0) for name, size in grown.items()}
    with capsys.disabled():
        print(f"\n{rate:.0f} events/s of {FIRST + MORE} topics; the start: {started}; a day: {a_day}")  # noqa: T201 # the figures are worth reading
    assert rate > (FIRST + MORE) * PUSHES / (1.5 if IS_LONG else 10), "it is not busy"
    for name, size in a_day.items():
        assert started.get(name, 0) + size < KEPT, name
