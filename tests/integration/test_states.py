"""What a subscription says of itself is so, whatever the exchange does with its topic: on the whole gateway."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from running import Consumer, RunningGateway, wait_for
from stored import add

from gateway.database import db
from simulator.remote import RunningSimulator

BASE = "/api/v1/subscriptions"


@dataclass(frozen=True)
class Case:
    """One wish, what happens to it, and how it is then.

    before   a fault that stands when it is made
    after    faults that begin once it is held
    state    and words of its last_error; "": none
    """

    wish: dict[str, Any]
    state: str
    words: str = ""
    before: dict[str, Any] | None = None
    after: list[dict[str, Any]] = field(default_factory=list)


CASES = {
    "accepted": Case({"channel_type": "trades", "symbol": "BTCUSDT", "category": "linear"}, "acknowledged"),
    "accepted and pushed at once": Case({"channel_type": "ticker", "symbol": "BTCUSDT", "category": "linear"}, "live"),
    "accepted and silent": Case(
        {"channel_type": "orderbook", "symbol": "ETHUSDT", "category": "linear", "depth": 1}, "stalled", "silent for longer than",
        after=[{"kind": "silence", "how": "topic", "topic": "orderbook.1.ETHUSDT"}],
    ),
    "refused": Case(
        {"channel_type": "ticker", "symbol": "SOLUSDT", "category": "linear"}, "refused", "error:handler not found,topic:tickers.SOLUSDT",
        before={"kind": "refuse_topic", "topic": "tickers.SOLUSDT"},
    ),
    "never answered": Case(
        {"channel_type": "ticker", "symbol": "BTCUSDT", "category": "spot"}, "requested",
        before={"kind": "answer", "how": "drop", "op": "subscribe", "endpoint": "spot"},
    ),
    "endpoint down": Case(
        {"channel_type": "ticker", "symbol": "BTCUSD", "category": "inverse"}, "requested", "503",
        after=[{"kind": "refuse", "how": "503", "endpoint": "inverse"}, {"kind": "cut", "how": "abort", "endpoint": "inverse"}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_subscription_says_what_is_so_and_is_well_again_afterwards(
    shared_gateway: RunningGateway, shared_simulator: RunningSimulator, name: str
) -> None:
    case = CASES[name]
    if case.before is not None:
        shared_simulator.fault(**case.before)
    row = shared_gateway.subscribe(service=name.replace(" ", "-"), **case.wish)

    def found() -> dict[str, Any]:
        return dict(shared_gateway.call("GET", f"{BASE}/{row['id']}")[1])

    def is_so() -> bool:
        now = found()
        return (
            now["state"] == case.state
            and case.words in (now["last_error"] or "")
            and (now["last_error"] is None) == (not case.words)
        )

    if case.after:
        shared_gateway.wait_until_held(row["id"])
    for fault in case.after:
        shared_simulator.fault(**fault)
    wait_for(is_so, lambda: f"{case.state} {case.words}, found {found()}", 30.0)
    listed = shared_gateway.call("GET", f"{BASE}?state={case.state}&requesting_service={row['requesting_service']}")[1]
    assert [entry["id"] for entry in listed["subscriptions"]] == [row["id"]]
    shared_simulator.lift()
    if case.state != "refused":  # which is asked again after a minute: tests/unit/test_subscriptions.py
        shared_gateway.wait_until_held(row["id"])
        wait_for(lambda: found()["last_error"] is None, lambda: f"no more trouble, found {found()}")
    assert shared_gateway.call("DELETE", f"{BASE}/{row['id']}")[0] == 200
    assert (found()["state"], found()["is_active"]) == ("cancelled", False)
    wait_for(
        lambda: all(row["topic"] not in entry.topics for entry in shared_simulator.connections(row["category"])), "off the wire"
    )
    assert found()["state"] == "cancelled", "nobody reports on it any more"


def test_its_newest_event_is_told_within_five_seconds_and_is_no_change(shared_gateway: RunningGateway) -> None:
    row = shared_gateway.subscribe("orderbook", "newest", symbol="BTCUSDT", category="linear", depth=1)
    held = shared_gateway.wait_until_held(row["id"])
    late: list[float] = []

    def looked() -> bool:
        now = shared_gateway.call("GET", f"{BASE}/{row['id']}")[1]
        if now["last_event_at"] is not None:
            late.append((datetime.now(UTC) - datetime.fromisoformat(now["last_event_at"])).total_seconds())
        assert (now["updated_at"], now["state"]) == (held["updated_at"], "live")
        return len(late) >= 200

    wait_for(looked, "200 looks", 30.0)
    assert max(late) <= 5.0


def test_a_lease_that_runs_out_takes_its_topic_off_the_wire_and_is_told(
    shared_gateway: RunningGateway, shared_simulator: RunningSimulator, shared_consumer: Consumer
) -> None:
    row = shared_gateway.subscribe("trades", "leaser", symbol="ETHUSDT", category="linear", ttl_seconds=10)
    other = shared_gateway.subscribe("ticker", "leaser", symbol="ETHUSDT", category="linear", ttl_seconds=10)
    for each in (row, other):
        shared_gateway.wait_until_held(each["id"])

    def topics() -> set[str]:
        return {topic for entry in shared_simulator.connections("linear") for topic in entry.topics}

    assert {row["topic"], other["topic"]} <= topics()

    def beat() -> dict[str, Any]:
        return dict(shared_gateway.call("POST", f"{BASE}/{other['id']}/heartbeat")[1])

    def told() -> list[dict[str, Any]]:
        found = shared_gateway.call("GET", "/api/v1/events?kind=expired")[1]["events"]
        return [entry for entry in found if row["id"] in entry["detail"]] if beat()["is_active"] else []

    [event] = wait_for(told, "told", 16.0)
    ended = shared_gateway.call("GET", f"{BASE}/{row['id']}")[1]
    assert (ended["state"], ended["last_error"], event["topic"]) == ("cancelled", "its lease of 10 s ran out", row["topic"])
    late = datetime.fromisoformat(ended["updated_at"]) - datetime.fromisoformat(ended["expires_at"])
    assert 0 <= late.total_seconds() <= 5.0
    wait_for(lambda: row["topic"] not in topics(), "off the wire", 5.0)
    assert other["topic"] in topics()

    def is_gone_once_empty() -> bool:
        if shared_consumer.exists(row["queue"]):
            shared_consumer.take(row["queue"])
        return not shared_consumer.exists(row["queue"])

    wait_for(is_gone_once_empty, "its empty queue goes", 15.0)


def test_what_was_wished_for_before_the_settings_forbade_it_says_so_and_troubles_nobody(
    tmp_path: Path, database_url: str, connection: db.Connection, broker_url: str, simulator: RunningSimulator
) -> None:
    disabled = add(connection, state="live", category="inverse", symbol="BTCUSD")
    pattern = add(connection, state="live", category="inverse", symbol="BTC*", requesting_service="two")
    private = add(connection, None, state="acknowledged", channel_type="order", category=None, topic="order")
    settings = {"WS_GATEWAY_ENABLED_CATEGORIES": "spot,linear", "BYBIT_API_KEY": "", "BYBIT_API_SECRET": ""}
    gateway = RunningGateway(tmp_path, database_url, broker_url, simulator, **settings)
    try:
        words = "category 'inverse' is disabled; expected one of spot, linear"

        def said(row: db.Row) -> tuple[str, str | None]:
            found = gateway.call("GET", f"{BASE}/{row['id']}")[1]
            return found["state"], found["last_error"]

        wait_for(lambda: gateway.health().get("status") == "degraded", lambda: f"up, {gateway.health()}", 40.0)
        for row in (disabled, pattern):
            wait_for(lambda row=row: said(row) == ("refused", words), lambda row=row: f"refused, found {said(row)}")
        wait_for(lambda: said(private) == ("requested", "CREDENTIALS_MISSING"), lambda: f"found {said(private)}")
        reasons = ["private_00 has 1 private topics wanted and no credentials"]
        wait_for(lambda: gateway.health()["reasons"] == reasons, lambda: f"{reasons}, found {gateway.health()}")
        assert gateway.health()["connections"]["inverse_00"]["connection_status"] == "idle"
        assert simulator.connections() == []
        status, answer = gateway.call(
            "POST", BASE, {"channel_type": "trades", "symbol": "BTCUSD", "category": "inverse", "requesting_service": "one"}
        )
        assert (status, answer["code"]) == (400, "CATEGORY_DISABLED")
    finally:
        gateway.end()
