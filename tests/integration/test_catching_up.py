"""A whole gateway whose connection was away: REST tells what was missed, in order, and the gap says what came of it."""

import time
from typing import Any

import urllib3
from running import Consumer, RunningGateway, wait_for

from gateway.database import checkpoints, db
from simulator.remote import RunningSimulator
from workers.wiring import CHECKPOINT

#: Orders that are filled while nobody hears of it.
FILLS = 30
PARTS = {"order.linear", "execution.linear", "position.linear", "balance"}
#: How long the market is not heard; seconds.
AWAY_S = 3.0


def parts_read(gateway: RunningGateway) -> set[str]:
    """Of the account, from which on nothing is missed."""
    connection = db.connect(gateway.database_url, name="test", autocommit=True)
    try:
        return set(checkpoints.read(connection, "main", CHECKPOINT) or {})
    finally:
        connection.close()


def the_gap(gateway: RunningGateway, endpoint: str) -> dict[str, Any]:
    """The endpoint's one gap of a lost connection, once it is closed."""

    def closed() -> dict[str, Any] | None:
        found = [gap for gap in gateway.call("GET", "/api/v1/gaps")[1]["gaps"] if gap["endpoint"] == endpoint]
        assert len(found) <= 1, found
        return found[0] if found and found[0]["to"] else None

    gap: dict[str, Any] = wait_for(closed, f"a closed gap of {endpoint}", 30.0)
    return gap


def test_what_happened_to_the_account_while_nobody_listened_is_told_in_order(
    gateway: RunningGateway, simulator: RunningSimulator, consumer: Consumer
) -> None:
    rows = {channel: gateway.subscribe(channel) for channel in ("order", "execution", "position", "balance")}
    for row in rows.values():
        gateway.wait_until_held(row["id"])
    wait_for(lambda: parts_read(gateway) >= PARTS, "the account was read once")
    refusal = simulator.fault("refuse", endpoint="private")
    simulator.cut("private", "abort")
    filled = []
    for _ in range(FILLS):
        order = simulator.account("place")[0]["data"][0]["orderId"]
        simulator.account("fill", order_id=order)
        filled.append(order)
    for row in rows.values():
        assert consumer.take(row["queue"]) == [], "nobody heard of it"
    simulator.lift(refusal)

    def orders(found: list[dict[str, Any]]) -> list[str]:
        return list(dict.fromkeys(event["payload"]["order_id"] for event in found))

    executions = consumer.take_until(rows["execution"]["queue"], lambda found: set(orders(found)) >= set(filled), 30.0)
    assert orders(executions) == filled
    assert {event["source"] for event in executions} == {"rest"}
    assert [event["timestamp"] for event in executions] == sorted(event["timestamp"] for event in executions)
    last = consumer.take_until(rows["order"]["queue"], lambda found: set(orders(found)) >= set(filled))
    assert {event["payload"]["status"] for event in last} == {"Filled"}
    positions = consumer.take_until(rows["position"]["queue"], bool)
    balances = consumer.take_until(rows["balance"]["queue"], bool)
    gap = the_gap(gateway, "private")
    assert (gap["cause"], gap["recovered"], gap["topic"]) == ("disconnected", True, None)
    assert f"{FILLS} execution" in gap["detail"]
    for events in (executions, last, positions, balances):
        assert events[0]["gap_id"] == gap["id"], "the first event of each topic names the gap"
        assert [event["gap_id"] for event in events[1:]] == [None] * (len(events) - 1)


def test_trades_and_candles_of_the_time_away_are_told_and_books_begin_anew(
    gateway: RunningGateway, simulator: RunningSimulator, consumer: Consumer
) -> None:
    trades = gateway.subscribe("trades", symbol="BTCUSDT", category="linear")
    book = gateway.subscribe("orderbook", symbol="BTCUSDT", category="linear")
    for row in (trades, book):
        gateway.wait_until_held(row["id"])
    before = consumer.take_until(trades["queue"], bool)
    simulator.refuse("linear", on=True)
    simulator.cut("linear", "abort")
    began = newest(simulator)
    wait_for(lambda: newest(simulator) > began + AWAY_S * 1000, "the market moved", 20.0)
    simulator.refuse("linear", on=False)
    gap = the_gap(gateway, "linear")
    assert (gap["cause"], gap["recovered"]) == ("disconnected", True), gap["detail"]
    simulator.pause(on=True)
    told = {row["execId"]: int(row["time"]) for row in recent(simulator)}
    found = before + consumer.take_until(
        trades["queue"], lambda found: {e["payload"]["trade_id"] for e in found} >= since(told, began)
    )
    ids = [event["payload"]["trade_id"] for event in found]
    assert len(ids) == len(set(ids)), "none twice"
    assert [event["timestamp"] for event in found] == sorted(event["timestamp"] for event in found)
    fetched = [event for event in found if event["source"] == "rest"]
    assert fetched
    assert fetched[0]["gap_id"] == gap["id"]
    snapshots = [event for event in consumer.take(book["queue"]) if event["payload"]["kind"] == "snapshot"]
    assert len(snapshots) == 2


def recent(simulator: RunningSimulator) -> list[dict[str, Any]]:
    answer = urllib3.request(
        "GET", f"{simulator.rest_url}/v5/market/recent-trade", fields={"category": "linear", "symbol": "BTCUSDT", "limit": "1000"}
    )
    rows: list[dict[str, Any]] = answer.json()["result"]["list"]
    return rows


def newest(simulator: RunningSimulator) -> float:
    return max((float(row["time"]) for row in recent(simulator)), default=time.time() * 1000)


def since(told: dict[str, int], began_ms: float) -> set[str]:
    return {trade for trade, at_ms in told.items() if at_ms > began_ms}
