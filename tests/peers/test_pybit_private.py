"""pybit, logged in beside the gateway: both are told the same orders, executions, positions, balances, greeks and spreads."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from peer import Peer
from running import RunningGateway, consuming, wait_for

from simulator.remote import RunningSimulator

pytestmark = pytest.mark.timeout(600)  # of which the first test on a machine spends most on installing

#: Private topic, all that pybit has methods for → the gateway's channel; None: compared with the exchange's ledger alone.
CHANNELS: dict[str, str | None] = {
    "order": "order",
    "execution": "execution",
    "position": "position",
    "wallet": "balance",
    "execution.fast": None,
    "greeks": None,
    "spread.order": None,
    "spread.execution": None,
}
PUBLISHED = {topic: channel for topic, channel in CHANNELS.items() if channel is not None}
OPTION = "BTC-25DEC26-70000-C-USDT"
#: Combinations: of two linear contracts, and of one and spot.
SPREADS = ("BTCUSDT-25DEC26_BTCUSDT", "SOLUSDT_SOL/USDT")

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def told(
    still_simulator: RunningSimulator, peers_gateway: RunningGateway, new_peer: Callable[..., Peer]
) -> Iterator[tuple[Rows, Rows, Rows]]:
    """The rows of each topic: in the ledger, as pybit got them, and inside the gateway's events."""
    pybit = new_peer(still_simulator, "pybit", [("private", topic) for topic in CHANNELS])
    with consuming(peers_gateway.broker_url) as consumer:
        queues = {}
        for topic, channel in PUBLISHED.items():
            row = peers_gateway.subscribe(channel, "peers")
            peers_gateway.wait_until_held(row["id"])
            queues[topic] = row["queue"]
        wait_for(lambda: pybit.ask() and _is_held(still_simulator), "two private connections with their topics")
        _trade(still_simulator)
        ledger = {topic: _sent(still_simulator, topic) for topic in CHANNELS}
        by_gateway: Rows = {
            topic: [
                event["payload"]["raw"]
                for event in consumer.take_until(queue, lambda found, topic=topic: len(found) >= len(ledger[topic]))  # type: ignore[misc]
            ]
            for topic, queue in queues.items()
        }

        def by_pybit() -> Rows | None:
            found: Rows = pybit.ask()["rows"]
            return found if all(len(found.get(topic, [])) >= len(ledger[topic]) for topic in CHANNELS) else None

        yield ledger, wait_for(by_pybit, "all rows at pybit"), by_gateway


def _is_held(simulator: RunningSimulator) -> bool:
    """pybit holds them all, and the gateway those that it publishes."""
    held = sorted((set(entry.topics) for entry in simulator.connections("private") if entry.authenticated), key=len)
    return len(held) == 2 and held[0] >= set(PUBLISHED) and held[1] == set(CHANNELS)


def _trade(simulator: RunningSimulator) -> None:
    """One order that fills in two parts, one that is cancelled, an option, combinations, and a wallet that is told of."""
    order_id = simulator.account("place", symbol="BTCUSDT", quantity="0.010")[0]["data"][0]["orderId"]
    simulator.account("fill", order_id=order_id, quantity="0.004")
    simulator.account("amend", order_id=order_id, price="67000.5")
    simulator.account("fill", order_id=order_id)
    other = simulator.account("place", category="spot", symbol="ETHUSDT", side="Sell")[0]["data"][0]["orderId"]
    simulator.account("cancel", order_id=other)
    option = simulator.account("place", category="option", symbol=OPTION)[0]["data"][0]["orderId"]
    simulator.account("fill", order_id=option)
    for symbol in SPREADS:
        combined = simulator.account("place", category="spread", symbol=symbol, side="Sell")[0]["data"][0]["orderId"]
        simulator.account("fill", order_id=combined)
    given_up = simulator.account("place", category="spread", symbol=SPREADS[0], price="-1.5")[0]["data"][0]["orderId"]
    simulator.account("cancel", order_id=given_up)
    simulator.account("wallet")


def _sent(simulator: RunningSimulator, topic: str) -> list[dict[str, Any]]:
    """The rows that pybit's connection was sent."""
    [pybits] = [entry.number for entry in simulator.connections("private") if set(entry.topics) == set(CHANNELS)]
    entries = [entry for entry in simulator.ledger("private", topic) if entry.connection == pybits]
    return [row for entry in entries for row in entry.frame["data"]]


@pytest.mark.parametrize("topic", CHANNELS)
def test_pybit_is_told_what_the_exchange_said(told: tuple[Rows, Rows, Rows], topic: str) -> None:
    ledger, pybit, _ = told
    assert ledger[topic]
    assert pybit[topic] == ledger[topic]


@pytest.mark.parametrize("topic", PUBLISHED)
def test_gateway_publishes_what_pybit_is_told(told: tuple[Rows, Rows, Rows], topic: str) -> None:
    _, pybit, gateway = told
    assert gateway[topic] == pybit[topic]


def test_all_steps_of_an_order_are_told(told: tuple[Rows, Rows, Rows]) -> None:
    _, pybit, _ = told
    filled = [row["orderStatus"] for row in pybit["order"] if row["category"] == "linear"]
    assert filled == ["New", "PartiallyFilled", "PartiallyFilled", "Filled"]
    assert [row["orderStatus"] for row in pybit["order"] if row["category"] == "spot"] == ["New", "Cancelled"]
    assert [row["execQty"] for row in pybit["execution"] if row["symbol"] == "BTCUSDT"][:2] == ["0.004", "0.006"]
    assert "0.010" in [row["size"] for row in pybit["position"] if row["symbol"] == "BTCUSDT"]


def test_fast_executions_are_the_trades_of_the_slow_ones(told: tuple[Rows, Rows, Rows]) -> None:
    _, pybit, _ = told
    slow = {row["execId"]: row for row in pybit["execution"] if row["execType"] == "Trade"}
    assert len(pybit["execution.fast"]) == len(slow) == 3
    for row in pybit["execution.fast"]:
        same = {key: value for key, value in row.items() if key != "orderLinkId"}  # which it does not say of a maker's
        assert same.items() <= slow[row["execId"]].items()


def test_greeks_come_with_options_only(told: tuple[Rows, Rows, Rows]) -> None:
    _, pybit, _ = told
    [row] = pybit["greeks"]
    position = [row for row in pybit["position"] if row["category"] == "option"][-1]
    assert (row["baseCoin"], row["totalDelta"]) == ("BTC", position["delta"])
    assert Decimal(row["totalDelta"]) > 0, "of a call that was bought"


def test_combinations_are_told_with_their_legs(told: tuple[Rows, Rows, Rows]) -> None:
    _, pybit, _ = told
    orders, fills = pybit["spread.order"], pybit["spread.execution"]
    combined = [(row["symbol"], row["orderStatus"]) for row in orders if row["category"] == "combination"]
    assert combined == [
        *((symbol, word) for symbol in SPREADS for word in ("New", "Filled")),
        (SPREADS[0], "New"),
        (SPREADS[0], "Cancelled"),
    ]
    parents = {row["orderId"] for row in orders if row["category"] == "combination"}
    assert {row["parentOrderId"] for row in orders if row["category"] != "combination"} < parents
    assert [row["category"] for row in fills] == [
        "combination",
        "future_leg",
        "future_leg",
        "combination",
        "future_leg",
        "spot_leg",
    ]
    legs = {row["execId"] for row in fills if row["category"] != "combination"}
    assert legs == {row["execId"] for row in pybit["execution"] if row["execType"] == "FutureSpread"}
