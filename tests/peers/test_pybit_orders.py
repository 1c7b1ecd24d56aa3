"""pybit places, amends and cancels orders over REST, and its private stream tells what became of them."""

from decimal import Decimal
from typing import Any

import pytest
from peer import Peer
from running import wait_for

from simulator.remote import RunningSimulator

pytestmark = pytest.mark.timeout(600)  # of which the first test on a machine spends most on installing

TOPICS = ("order", "execution", "position", "wallet")
OPTION = "BTC-25DEC26-70000-C-USDT"
#: category → symbol, a size, a bid far below the market, and another one.
FAR = {
    "spot": ("BTCUSDT", "0.01", "50000", "50000.5"),
    "linear": ("BTCUSDT", "0.01", "50000", "50000.5"),
    "inverse": ("BTCUSD", "100", "50000", "50000.5"),
    "option": (OPTION, "0.1", "1000", "1005"),
}
LINEAR = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "50000"}

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def pybit(private_pybit: Peer) -> Peer:
    return private_pybit


def told(pybit: Peer, order_id: str, status: str) -> Rows:
    """What the stream said of an order, up to a status."""

    def rows() -> Rows | None:
        found = [row for row in pybit.ask()["rows"].get("order", []) if row["orderId"] == order_id]
        return found if found and found[-1]["orderStatus"] == status else None

    return list(wait_for(rows, f"an order that is {status}"))


@pytest.mark.parametrize("category", FAR)
def test_limit_order_is_placed_amended_and_cancelled(pybit: Peer, category: str) -> None:
    symbol, quantity, price, better = FAR[category]
    what, link = {"category": category, "symbol": symbol}, f"peer-{category}"
    ids = pybit.call("place_order", **what, side="Buy", orderType="Limit", qty=quantity, price=price, orderLinkId=link)
    assert ids == {"orderId": ids["orderId"], "orderLinkId": link}
    [row] = pybit.call("get_open_orders", **what, orderId=ids["orderId"])["list"]
    assert (row["orderStatus"], row["price"], row["qty"], row["side"], row["orderLinkId"]) == ("New", price, quantity, "Buy", link)
    assert pybit.call("amend_order", **what, orderId=ids["orderId"], price=better) == ids
    assert pybit.call("cancel_order", **what, orderLinkId=link) == ids
    rows = told(pybit, ids["orderId"], "Cancelled")
    assert [(each["orderStatus"], each["price"]) for each in rows] == [("New", price), ("New", better), ("Cancelled", better)]
    assert rows[-1]["cancelType"] == "CancelByUser"
    [row] = pybit.call("get_order_history", **what, orderId=ids["orderId"])["list"]
    assert (row["orderStatus"], row["price"]) == ("Cancelled", better)


@pytest.mark.parametrize(("category", "side"), [("spot", "Sell"), ("linear", "Buy"), ("inverse", "Sell"), ("option", "Buy")])
def test_market_order_is_filled(pybit: Peer, category: str, side: str) -> None:
    symbol, quantity, *_ = FAR[category]
    ids = pybit.call("place_order", category=category, symbol=symbol, side=side, orderType="Market", qty=quantity)
    assert told(pybit, ids["orderId"], "Filled")[-1]["cumExecQty"] == quantity
    found = pybit.call("get_executions", category=category, orderId=ids["orderId"])["list"]
    assert sum(Decimal(fill["execQty"]) for fill in found) == Decimal(quantity)
    fills = {fill["execId"] for fill in found}
    wait_for(lambda: fills <= {row["execId"] for row in pybit.ask()["rows"].get("execution", [])}, "the fills at pybit")
    if category != "spot":
        [position] = pybit.call("get_positions", category=category, symbol=symbol)["list"]
        assert (position["side"], position["size"]) == (side, quantity)


def test_post_only_order_that_would_take_is_cancelled(pybit: Peer) -> None:
    ids = pybit.call("place_order", **{**LINEAR, "price": "90000"}, timeInForce="PostOnly")
    assert told(pybit, ids["orderId"], "Cancelled")[-1]["rejectReason"] == "EC_PostOnlyWillTakeLiquidity"


def test_all_orders_of_a_symbol_are_cancelled_at_once(pybit: Peer) -> None:
    placed = {pybit.call("place_order", **LINEAR)["orderId"] for _ in range(2)}
    result = pybit.call("cancel_all_orders", category="linear", symbol="BTCUSDT")
    assert {row["orderId"] for row in result["list"]} == placed
    assert pybit.call("get_open_orders", category="linear", symbol="BTCUSDT")["list"] == []


@pytest.mark.parametrize(
    ("method", "given", "code"),
    [
        ("place_order", {**LINEAR, "qty": "0.0101"}, 10001),
        ("place_order", {**LINEAR, "price": "50000.05"}, 110003),
        ("place_order", {**LINEAR, "qty": "1000"}, 110007),
        ("place_order", {**LINEAR, "side": "Hold"}, 10001),
        ("amend_order", {"category": "linear", "symbol": "BTCUSDT", "orderId": "no such", "price": "1"}, 110001),
        ("cancel_order", {"category": "linear", "symbol": "BTCUSDT", "orderId": "no such"}, 110001),
    ],
)
def test_refused_order_is_pybits_exception(
    pybit: Peer, exchange: RunningSimulator, method: str, given: dict[str, str], code: int
) -> None:
    before = exchange.ledger("private")
    assert pybit.fault(method, **given) == ("InvalidRequestError", code)
    assert exchange.ledger("private") == before, "nothing is pushed"


def test_link_id_in_use_is_refused(pybit: Peer) -> None:
    ids = pybit.call("place_order", **LINEAR, orderLinkId="twice")
    assert pybit.fault("place_order", **LINEAR, orderLinkId="twice") == ("InvalidRequestError", 110072)
    assert pybit.call("cancel_order", category="linear", symbol="BTCUSDT", orderId=ids["orderId"]) == ids
