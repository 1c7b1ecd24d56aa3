"""GET /metrics of a whole gateway, moved by what happens to its exchange, its account, its processes and RabbitMQ."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pika
import pytest
import urllib3
from running import Consumer, RunningGateway, consuming, healthy_gateway, wait_for

from gateway import names
from gateway.metrics import text
from gateway.metrics.table import METRICS
from gateway.servers import RabbitMQ
from simulator.remote import RunningSimulator
from tests.moving import Meter, samples
from tests.standins import frozen
from tests.valves import Valve

LENGTH = 40  # of each queue
TRADES = {"symbol": "BTCUSDT", "category": "linear"}


@pytest.fixture(scope="module")
def valve(rabbitmq_server: RabbitMQ) -> Iterator[Valve]:
    with Valve(rabbitmq_server.ports[0]) as valve:
        yield valve


@pytest.fixture(scope="module")
def broker(new_broker: Callable[[], str]) -> str:
    return new_broker()


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory,
    new_empty_database: Callable[[], str],
    broker: str,
    valve: Valve,
    shared_simulator: RunningSimulator,
) -> Iterator[RunningGateway]:
    """It reaches RabbitMQ through the valve; system events reach no queue."""
    through = valve.through(broker)
    folder, settings = tmp_path_factory.mktemp("gateway"), {"WS_GATEWAY_QUEUE_MAX_LENGTH": str(LENGTH)}
    settings["WS_GATEWAY_CLASS_QUEUES"] = "trade"
    with healthy_gateway(folder, new_empty_database(), through, shared_simulator, **settings) as running:
        running.wait_for_the_catalog()
        yield running


@pytest.fixture(scope="module")
def consumer(broker: str, gateway: RunningGateway) -> Iterator[Consumer]:
    with consuming(broker) as consumer:
        yield consumer


@pytest.fixture(scope="module")
def meter(gateway: RunningGateway) -> Meter:
    return Meter(lambda: scrape(gateway), lambda claim, words: wait_for(claim, words, 30.0))


def scrape(gateway: RunningGateway) -> str:
    """On a connection of its own, so that either of the API's processes may answer."""
    answer = urllib3.request("GET", f"http://127.0.0.1:{gateway.port}/metrics", headers={"Connection": "close"}, retries=False)
    assert (answer.status, answer.headers["Content-Type"]) == (200, text.CONTENT_TYPE)
    return answer.data.decode()


def test_an_event_is_counted_on_its_way_in(gateway: RunningGateway, meter: Meter) -> None:
    with (
        meter.moving("subscriptions", to=lambda count: count == 1),
        meter.moving("wanted_topics", worker="linear_00"),
        meter.moving("topics", worker="linear_00", state="acknowledged"),
        meter.moving("connection_up", worker="linear_00", status="connected", to=lambda on: on == 1),
        meter.moving("work_seconds_total", worker="linear_00"),
        meter.moving("online_seconds_total", worker="linear_00"),
        meter.moving("uptime_ratio", worker="linear_00", to=lambda share: 0.5 < share <= 1),
        meter.moving("frames_total", worker="linear_00", direction="sent"),
        meter.moving("frames_total", worker="linear_00", direction="received"),
        meter.moving("frame_bytes_total", worker="linear_00", direction="received"),
        meter.moving("frame_bytes_total", worker="linear_00", direction="sent"),
        meter.moving("last_frame_timestamp_seconds", worker="linear_00", to=lambda at: abs(at - time.time()) < 10),
        meter.moving("exchange_lag_seconds", worker="linear_00", event_type="trade"),
        meter.moving("slo_uptime_ratio"),
    ):
        gateway.wait_until_held(gateway.subscribe("trades", **TRADES)["id"])


def test_events_in_batches_are_counted_as_events_and_their_messages_besides(gateway: RunningGateway, meter: Meter) -> None:
    with (
        meter.moving("confirmed_total", event_type="orderbook"),
        meter.moving("batches_confirmed_total", event_type="orderbook"),
        meter.moving("batched_events_total", event_type="orderbook"),
    ):
        gateway.subscribe("orderbook", "archive", delivery="batch", **TRADES)


def test_an_event_is_counted_on_its_way_out(gateway: RunningGateway, meter: Meter, consumer: Consumer) -> None:
    with (
        meter.moving("events_total", worker="spot_00", event_type="ticker"),
        meter.moving("published_total", event_type="ticker"),
        meter.moving("confirmed_total", event_type="ticker"),
        meter.moving("delivery_seconds", event_type="ticker"),
        meter.moving("returned_total"),  # system events
        meter.moving("queue_messages", queue="ws-gateway.ticker.tester"),
        meter.moving("queue_fill_ratio", queue="ws-gateway.ticker.tester"),
    ):
        row = gateway.subscribe("ticker", symbol="BTCUSDT", category="spot")
        consumer.take_until(row["queue"], lambda found: len(found) >= 2)


def test_a_lost_connection_and_its_return_are_counted(
    gateway: RunningGateway, meter: Meter, shared_simulator: RunningSimulator
) -> None:
    with (
        meter.moving("reconnects_total", worker="linear_00"),
        meter.moving("resubscribe_seconds", worker="linear_00"),
        meter.moving("gaps_total", worker="linear_00", cause="disconnected"),
        meter.moving("slo_resubscription_ratio"),
    ):
        with (
            meter.moving("connection_up", worker="linear_00", status="reconnecting", to=lambda on: on == 1),
            meter.moving("connection_trouble_seconds", worker="linear_00", to=lambda seconds: seconds > 1),
            meter.moving("gaps_open", worker="linear_00", to=lambda count: count == 1),
        ):
            shared_simulator.refuse("linear", on=True)
            shared_simulator.cut("linear", "abort")
        shared_simulator.refuse("linear", on=False)
    gateway.wait_until_healthy()
    wait_for(lambda: meter.value("gaps_open", worker="linear_00") == 0, "the gap is closed")


def test_what_cannot_be_read_or_matched_is_counted(
    gateway: RunningGateway, meter: Meter, shared_simulator: RunningSimulator
) -> None:
    trade = {"i": "odd-1", "T": 1_700_000_000_000, "p": "1", "v": "1", "S": "Buy", "s": "BTCUSDT", "BT": False, "brandNew": 1}
    strange = {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": 1_700_000_000_000, "data": [trade]}
    with (
        meter.moving("dropped_total", worker="linear_00", reason="unreadable"),
        meter.moving("slo_processed_ratio", to=lambda share: share < 1),
    ):
        shared_simulator.send("linear", "no JSON")
    with meter.moving("unknown_fields_total", worker="linear_00"):
        shared_simulator.send("linear", json.dumps(strange))
    with meter.moving("unmatched_total", worker="linear_00"):
        shared_simulator.send("linear", json.dumps({"success": True, "ret_msg": "", "op": "subscribe", "req_id": "nobody's"}))


def push_wallet(simulator: RunningSimulator, **coin: str) -> None:
    now_ms = time.time_ns() // 1_000_000
    row = {"accountType": "UNIFIED", "totalEquity": "1", "coin": [{"coin": "ABC", **coin}]}
    frame = {"id": f"push-{now_ms}", "topic": "wallet", "creationTime": now_ms, "data": [row]}
    assert simulator.send("private", json.dumps(frame)) == 1


def test_balances_are_counted_and_what_is_wrong_with_them(
    gateway: RunningGateway, meter: Meter, shared_simulator: RunningSimulator
) -> None:
    gateway.wait_until_held(gateway.subscribe("balance")["id"])
    with meter.moving("balance_write_seconds"), meter.moving("balance_warnings_total"), ExitStack() as first:
        if meter.value("slo_persistence_ratio") is None:  # the wallet may have been read over REST
            first.enter_context(meter.moving("slo_persistence_ratio"))
        push_wallet(shared_simulator, walletBalance="-1", equity="1")
    with meter.moving("rejected_total"):
        push_wallet(shared_simulator, walletBalance="a lot", equity="1")


def test_the_exchanges_clock_shows_where_it_is_asked(meter: Meter, shared_simulator: RunningSimulator) -> None:
    with meter.moving("clock_skew_seconds", worker="private_00", to=lambda seconds: 2.5 < seconds < 3.5):
        number = shared_simulator.fault("clock", amount=3000)
        shared_simulator.send("private", json.dumps({"op": "pong", "args": [str(time.time_ns() // 1_000_000 + 3000)]}))
    shared_simulator.lift(number)
    shared_simulator.send("private", json.dumps({"op": "pong", "args": [str(time.time_ns() // 1_000_000)]}))


def test_queues_show_their_readers_and_tell_when_they_fill_up(
    gateway: RunningGateway, meter: Meter, consumer: Consumer, broker: str
) -> None:
    queue = "ws-gateway.trade.tester"
    with (
        pika.BlockingConnection(pika.URLParameters(broker)) as connection,
        meter.moving("queue_consumers", queue=queue, to=lambda count: count == 1),
    ):
        connection.channel().basic_consume(queue, lambda *_: None)
    consumer.take(queue)
    wait_for(lambda: meter.value("queue_backlog_alarm", queue=queue) == 0, "calm")
    with meter.moving("queue_backlog_alarm", queue=queue, to=lambda level: level == 1):
        pass  # trades go on

    def told() -> list[dict[str, Any]]:
        return [row for row in gateway.call("GET", "/api/v1/events?kind=overflow")[1]["events"] if queue in row["detail"]]

    found = wait_for(told, "told as an occurrence")
    assert "its oldest messages are dropped now" in found[0]["detail"]
    assert any(queue in alarm for alarm in gateway.health()["alarms"])


def counters(answer: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """All that must never go back."""
    names = tuple(metric.name for metric in METRICS if metric.kind != "gauge")
    return {sample: value for sample, value in samples(answer).items() if sample[0].startswith(names)}


def test_a_process_that_is_killed_shows_and_no_counter_goes_back(gateway: RunningGateway, meter: Meter) -> None:
    with meter.moving("process_up", process="spread_00", to=lambda up: up == 0), meter.moving("health", status="degraded"):
        gateway.control("stop", "spread:spread_00")
    with meter.moving("process_start_time_seconds", process="spread_00"):
        gateway.control("start", "spread:spread_00")
    before = counters(scrape(gateway))
    pids = gateway.pids()
    for name in ("linear_00", "private_00", "router_00"):
        os.kill(pids[name], signal.SIGKILL)

    def has_gone_on() -> bool:
        nonlocal before
        after = counters(scrape(gateway))
        assert {sample: (value, after.get(sample)) for sample, value in before.items() if after.get(sample, -1) < value} == {}
        before = after
        return {"linear_00", "private_00", "router_00"} <= gateway.pids().keys() and gateway.health()["status"] == "healthy"

    wait_for(has_gone_on, lambda: f"healthy, but {gateway.health()}", 40.0)
    with meter.moving("events_total", worker="linear_00", event_type="trade"), meter.moving("confirmed_total", event_type="trade"):
        assert counters(scrape(gateway)).keys() >= before.keys()


def test_requests_are_counted_whichever_process_answers_and_also_when_one_is_killed(gateway: RunningGateway, meter: Meter) -> None:
    route = {"method": "GET", "route": "/api/v1/gaps", "status": "401"}
    with meter.moving("api_request_seconds", **route):
        before = meter.value("api_request_seconds", **route) or 0
        for _ in range(40):
            urllib3.request("GET", f"http://127.0.0.1:{gateway.port}/api/v1/gaps", headers={"Connection": "close"}, retries=False)
        wait_for(lambda: meter.value("api_request_seconds", **route) == before + 40, "each of them, once")
    master, folder = gateway.pids()["api_00"], gateway.folder / "var" / "state"

    def processes() -> list[int]:
        return sorted(int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split())

    killed = processes()[0]
    os.kill(killed, signal.SIGKILL)

    def have_all_spoken() -> bool:
        files = [state for path in folder.glob("requests_*.json") if (state := json.loads(path.read_text()))]
        return killed not in processes() and sorted(state["pid"] for state in files) == processes()

    wait_for(have_all_spoken, "the new process goes on with the killed one's file")
    assert (meter.value("api_request_seconds", **route) or 0) >= before + 40


def test_status_shows_the_success_measures(gateway: RunningGateway, meter: Meter) -> None:
    command = [sys.executable, "-m", "cli.main", "status", "--slo"]
    done = subprocess.run(command, cwd=gateway.folder, env=gateway.environ, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["measure", "found", "target", "share", "of"]
    assert [line.split()[0] for line in lines[1:]] == ["uptime", "processed", "delivery", "persistence", "api", "resubscription"]
    told = subprocess.run(
        [*command, "--json"], cwd=gateway.folder, env=gateway.environ, capture_output=True, text=True, check=False
    )
    found = json.loads(told.stdout)
    assert [line.split()[0] for line in lines[1:]] == list(found)
    assert (found["api"]["verdict"], found["api"]["target"]) == ("met", 0.95)
    assert done.returncode == told.returncode == ("missed" in {row["verdict"] for row in found.values()}), done.stderr


def test_while_the_router_does_nothing_it_shows_what_waits_for_it(
    gateway: RunningGateway, meter: Meter, shared_simulator: RunningSimulator
) -> None:
    stopped = ExitStack()
    with (
        meter.moving("unacknowledged", worker="linear_00", to=lambda count: count > 0),
        meter.moving("unacknowledged_batches", worker="linear_00", to=lambda count: count > 0),
        meter.moving("journal_messages", worker="private_00", to=lambda count: count > 0),
        meter.moving("journal_bytes", worker="private_00", to=lambda count: count > 0),
        meter.moving("sink_up", sink="broker", to=lambda up: up == 0),
    ):
        stopped.enter_context(frozen(gateway.pids()["router_00"]))
        push_wallet(shared_simulator, walletBalance="1", equity="1")
    stopped.close()
    gateway.wait_until_healthy()


def test_what_rabbitmq_refuses_is_counted(meter: Meter, broker: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(broker)) as connection:
        channel = connection.channel()
        channel.queue_declare("full", arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
        try:
            with meter.moving("publish_failures_total", reason="nacked"):
                channel.queue_bind("full", names.EXCHANGE, "trade.#")
        finally:
            channel.queue_delete("full")


def test_while_rabbitmq_is_silent_it_shows_what_waits_for_it(gateway: RunningGateway, meter: Meter, valve: Valve) -> None:
    with (
        meter.moving("sink_reconnects_total", sink="broker"),
        meter.moving("publish_failures_total", reason="lost"),
        meter.moving("spool_messages", sink="broker", to=lambda count: count > 0),
        meter.moving("spool_bytes", sink="broker", to=lambda count: count > 0),
        meter.moving("spool_age_seconds", sink="broker", to=lambda seconds: seconds > 1),
    ):
        valve.shut()
    with meter.moving("slo_delivery_ratio", to=lambda share: share < 1):
        valve.open()
        gateway.wait_until_healthy()
