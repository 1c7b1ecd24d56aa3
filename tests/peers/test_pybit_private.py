"""pybit, logged in beside the gateway: both are told the same orders, executions, positions and balances."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from peer import Peer
from running import RunningGateway, consuming, wait_for

from simulator.remote import RunningSimulator

pytestmark = pytest.mark.timeout(600)  # of which the first test on a machine spends most on installing

#: Private topic → the gateway's channel.
CHANNELS = {"order": "order", "execution": "execution", "position": "position", "wallet": "balance"}

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def told(
    still_simulator: RunningSimulator, peers_gateway: RunningGateway, new_peer: Callable[..., Peer]
) -> Iterator[tuple[Rows, Rows, Rows]]:
    """The rows of each topic: in the ledger, as pybit got them, and inside the gateway's events."""
    pybit = new_peer(still_simulator, "pybit", [("private", topic) for topic in CHANNELS])
    with consuming(peers_gateway.broker_url) as consumer:
        queues = {}
        for topic, channel in CHANNELS.items():
            row = peers_gateway.subscribe(channel, "peers")
            peers_gateway.wait_until_held(row["id"])
            queues[topic] = row["queue"]
        wait_for(
            lambda: pybit.ask() and _held(still_simulator) == [sorted(CHANNELS)] * 2, "two private connections with all topics"
        )
        _trade(still_simulator)
        ledger = {topic: _first(still_simulator, topic) for topic in CHANNELS}
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


def _held(simulator: RunningSimulator) -> list[list[str]]:
    return [sorted(entry.topics) for entry in simulator.connections("private") if entry.authenticated]


def _trade(simulator: RunningSimulator) -> None:
    """One order that fills in two parts, one that is cancelled, and a wallet that is told of."""
    order_id = simulator.account("place", symbol="BTCUSDT", quantity="0.010")[0]["data"][0]["orderId"]
    simulator.account("fill", order_id=order_id, quantity="0.004")
    simulator.account("amend", order_id=order_id, price="67000.5")
    simulator.account("fill", order_id=order_id)
    other = simulator.account("place", category="spot", symbol="ETHUSDT", side="Sell")[0]["data"][0]["orderId"]
    simulator.account("cancel", order_id=other)
    simulator.account("wallet")


def _first(simulator: RunningSimulator, topic: str) -> list[dict[str, Any]]:
    """The rows that the first connection got."""
    entries = simulator.ledger("private", topic)
    first = min(entry.connection for entry in entries)
    return [row for entry in entries if entry.connection == first for row in entry.frame["data"]]


@pytest.mark.parametrize("topic", CHANNELS)
def test_pybit_is_told_what_the_exchange_said(told: tuple[Rows, Rows, Rows], topic: str) -> None:
    ledger, pybit, _ = told
    assert ledger[topic]
    assert pybit[topic] == ledger[topic]


@pytest.mark.parametrize("topic", CHANNELS)
def test_gateway_publishes_what_pybit_is_told(told: tuple[Rows, Rows, Rows], topic: str) -> None:
    _, pybit, gateway = told
    assert gateway[topic] == pybit[topic]


def test_all_steps_of_an_order_are_told(told: tuple[Rows, Rows, Rows]) -> None:
    _, pybit, _ = told
    filled = [row["orderStatus"] for row in pybit["order"] if row["category"] == "linear"]
    assert filled == ["New", "PartiallyFilled", "PartiallyFilled", "Filled"]
    assert [row["orderStatus"] for row in pybit["order"] if row["category"] == "spot"] == ["New", "Cancelled"]
    assert [row["execQty"] for row in pybit["execution"]] == ["0.004", "0.006"]
    assert pybit["position"][-1]["size"] == "0.010"
