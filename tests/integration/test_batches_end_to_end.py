"""`delivery: batch` from the simulated exchange to a reader, through a whole gateway."""

import json
import os
import signal
from collections.abc import Callable
from typing import Any

from commanding import command
from running import RunningGateway, wait_for

from gateway.consumer import Consumer
from simulator.remote import RunningSimulator

TRADES = {"symbol": "BTCUSDT", "category": "linear"}


def take(consumer: Consumer, enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """Envelopes until there are enough; none may be missing."""
    found: list[dict[str, Any]] = []

    def look() -> bool:
        while (event := consumer.next(timeout_s=0.2)) is not None:
            assert event.missing == 0, found[-3:]
            found.append(event.envelope)
        return enough(found)

    wait_for(look, lambda: f"enough, found {len(found)}", 40.0)
    return found


def sent(simulator: RunningSimulator, topic: str, since: str | None = None) -> list[str]:
    """Ids of the trades that the exchange has sent, from one on."""
    found = [trade["i"] for entry in simulator.ledger("linear", topic) for trade in entry.frame["data"]]
    return found[found.index(since) :] if since is not None else found


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [envelope["payload"]["trade_id"] for envelope in found]


def test_a_service_with_batches_gets_what_one_without_gets_across_a_change_and_a_killed_router(
    gateway: RunningGateway, simulator: RunningSimulator
) -> None:
    row = gateway.subscribe("trades", "many", delivery="batch", **TRADES)
    assert (row["delivery"], row["queue_state"]) == ("batch", "pending")
    gateway.wait_until_ready(row["id"])
    alone = gateway.subscribe("trades", "alone", **TRADES)
    gateway.wait_until_held(row["id"])
    with (
        Consumer(gateway.broker_url, row["queue"]) as many,
        Consumer(gateway.broker_url, alone["queue"]) as single,
    ):
        first = take(many, lambda found: len(found) >= 10)
        assert ids(first) == sent(simulator, row["topic"])[: len(first)], "from the first trade on"
        os.kill(gateway.pids()["router_00"], signal.SIGKILL)
        second = take(many, lambda found: len(found) >= 10)
        body = {"subscriptions": [{"channel_type": "trades", **TRADES, "delivery": "single"}]}
        status, done = gateway.call("PUT", "/api/v1/subscriptions/by-service/many", body)
        assert (status, done["unchanged"][0]["queue_state"]) == (200, "turning")
        third = take(many, lambda found: len(found) >= 10)
        gateway.wait_until_ready(row["id"])
        simulator.pause(on=True)
        expected = sent(simulator, row["topic"])
        got = ids([*first, *second, *third])
        got += ids(take(many, lambda found: {*got, *ids(found)} >= set(expected)))
        assert got == expected
        others = ids(
            take(single, lambda found: bool(found) and set(ids(found)) >= set(sent(simulator, row["topic"], ids(found)[0])))
        )
        assert others == expected[-len(others) :]


def test_a_book_in_batches_begins_with_its_snapshot_and_whole_books_come_in_them_too(
    gateway: RunningGateway,
) -> None:
    row = gateway.subscribe("orderbook", "books", delivery="batch", snapshot_seconds=1, **TRADES)
    gateway.wait_until_held(row["id"])
    with Consumer(gateway.broker_url, row["queue"]) as consumer:
        found = take(consumer, lambda found: sum(e["source"] == "derived" for e in found) >= 2 and len(found) >= 20)
    pushed = [envelope["payload"] for envelope in found if envelope["source"] == "stream"]
    assert pushed[0]["kind"] == "snapshot"
    assert all(payload["in_sync"] for payload in pushed)


def test_events_of_the_account_and_the_gateway_s_own_come_in_batches(gateway: RunningGateway, simulator: RunningSimulator) -> None:
    rows = {name: gateway.subscribe(name, "account", delivery="batch") for name in ("order", "execution", "balance", "system")}
    for row in rows.values():
        gateway.wait_until_ready(row["id"])
        if row["channel_type"] != "system":
            gateway.wait_until_held(row["id"])
    order_id = str(simulator.account("place", symbol="BTCUSDT")[0]["data"][0]["orderId"])
    simulator.account("fill", order_id=order_id)
    simulator.account("wallet")
    with Consumer(gateway.broker_url, rows["order"]["queue"]) as consumer:
        orders = take(consumer, lambda found: any(e["payload"]["status"] == "Filled" for e in found))
    assert {envelope["payload"]["order_id"] for envelope in orders} >= {order_id}
    with Consumer(gateway.broker_url, rows["execution"]["queue"]) as consumer:
        assert take(consumer, lambda found: any(e["payload"]["order_id"] == order_id for e in found))
    with Consumer(gateway.broker_url, rows["balance"]["queue"]) as consumer:
        assert take(consumer, lambda found: len(found) >= 1)
    simulator.cut("private", "abort")
    with Consumer(gateway.broker_url, rows["system"]["queue"]) as consumer:
        told = take(consumer, lambda found: any(e["payload"]["kind"] == "reconnected" for e in found))
    assert all(envelope["event_type"] == "system" for envelope in told)


def test_the_command_subscribes_with_batches_and_tail_shows_the_events_all_the_same(gateway: RunningGateway) -> None:
    made = command(gateway, "subscribe", "trades", "BTCUSDT", "--category", "linear", "--service", "cli", "--delivery", "batch")
    assert made.returncode == 0, made.stderr
    [row] = gateway.call("GET", "/api/v1/subscriptions?requesting_service=cli")[1]["subscriptions"]
    assert row["delivery"] == "batch"
    gateway.wait_until_ready(row["id"])
    shown = command(gateway, "tail", "--type", "trade", "--count", "3", "--json")
    assert [json.loads(line)["symbol"] for line in shown.stdout.splitlines()] == ["BTCUSDT"] * 3
    refused = command(gateway, "subscribe", "trades", "ETHUSDT", "--category", "linear", "--service", "cli", "--delivery", "single")
    assert refused.returncode != 0
    assert "found delivery 'single' while ws-gateway.trade.cli has 'batch'" in refused.stderr + refused.stdout
    listed = command(gateway, "queues", "list", "--json")
    [queue] = [json.loads(line) for line in listed.stdout.splitlines() if json.loads(line)["queue"] == row["queue"]]
    assert queue["differs"] == {}
