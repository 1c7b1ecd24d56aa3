"""The rest of the account as pybit asks for it: its settings and fees, and the orders of spread trading."""

from collections.abc import Callable

import pytest
from peer import Peer
from running import wait_for

from simulator import remote
from simulator.remote import RunningSimulator

pytestmark = pytest.mark.timeout(600)  # of which the first test on a machine spends most on installing

TOPICS = ("execution.fast", "greeks", "spread.order", "spread.execution")


@pytest.fixture(scope="module")
def pybit(new_peer: Callable[..., Peer], exchange: RunningSimulator) -> Peer:
    peer = new_peer(exchange, "pybit", [("private", topic) for topic in TOPICS])
    wait_for(lambda: peer.ask() and is_listening(exchange), "pybit's private topics held")
    return peer


def test_margin_mode_is_told(pybit: Peer) -> None:
    info = pybit.call("get_account_info")
    assert info["marginMode"] in ("REGULAR_MARGIN", "ISOLATED_MARGIN", "PORTFOLIO_MARGIN")
    assert info["unifiedMarginStatus"] in (1, 3, 4, 5, 6)


def test_fees_are_those_that_fills_cost(pybit: Peer, exchange: RunningSimulator) -> None:
    order_id = exchange.account("place", symbol="BTCUSDT")[0]["data"][0]["orderId"]
    exchange.account("fill", order_id=order_id)
    [fill] = pybit.call("get_executions", category="linear", orderId=order_id)["list"]
    [fees] = pybit.call("get_fee_rates", category="linear", symbol="BTCUSDT")["list"]
    assert fill["feeRate"] == fees["makerFeeRate" if fill["isMaker"] else "takerFeeRate"]
    wait_for(
        lambda: fill["execId"] in [row["execId"] for row in pybit.ask()["rows"].get("execution.fast", [])], "the fast execution"
    )


def test_spread_orders_are_as_streamed(new_peer: Callable[..., Peer]) -> None:
    """Nobody but the simulated account itself trades spreads: it is let go until it has, and then stopped."""
    busy = remote.start(account_every_s=0.005, status_every_s=0, trade_rate=0.0, steps_per_s=0.1, paused=True)
    try:
        pybit = new_peer(busy, "pybit", [("private", topic) for topic in TOPICS])
        wait_for(lambda: pybit.ask() and is_listening(busy), "pybit's private topics held")
        busy.pause(on=False)
        wait_for(lambda: {"Filled", "Cancelled"} <= set(statuses(pybit).values()), "a filled and a cancelled spread order")
        busy.pause(on=True)
        sent = {topic: [row for entry in busy.ledger("private", topic) for row in entry.frame["data"]] for topic in TOPICS}
        wait_for(lambda: pybit.ask()["rows"]["spread.order"] == sent["spread.order"], "all of them at pybit")
        wait_for(lambda: pybit.ask()["rows"]["spread.execution"] == sent["spread.execution"], "their fills at pybit")
        rows = [*pybit.call("spread_get_open_orders", limit=50)["list"], *pybit.call("spread_get_order_history", limit=50)["list"]]
        assert {row["orderId"]: row["orderStatus"] for row in rows} == statuses(pybit)
        fills = {row["execId"] for row in pybit.call("spread_get_trade_history", limit=50)["list"]}
        assert fills == {row["execId"] for row in sent["spread.execution"] if row["category"] == "combination"}
    finally:
        busy.stop()


def statuses(pybit: Peer) -> dict[str, str]:
    rows = pybit.ask()["rows"].get("spread.order", [])
    return {row["orderId"]: row["orderStatus"] for row in rows if row["category"] == "combination"}


def is_listening(exchange: RunningSimulator) -> bool:
    return [len(entry.topics) for entry in exchange.connections("private")] == [len(TOPICS)]
