"""pybit's REST client gets from the exchange what its streams were told, and the exchange's refusals as its own exceptions."""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from peer import Peer
from running import wait_for

from simulator.remote import RunningSimulator

pytestmark = pytest.mark.timeout(600)  # of which the first test on a machine spends most on installing

OPTION, SPREAD = "BTC-25DEC26-70000-C-USDT", "SOLUSDT_SOL/USDT"
TOPICS = ("order", "execution", "position", "wallet")
#: What the account does before it is asked: category, symbol, and what becomes of the order.
PAST = (
    ("linear", "ETHUSDT", "fill"),
    ("linear", "ETHUSDT", "cancel"),
    ("linear", "ETHUSDT", "stay"),
    ("linear", "BTCPERP", "stay"),
    ("spot", "SOLUSDT", "fill"),
    ("inverse", "BTCUSD", "fill"),
    ("option", OPTION, "fill"),
)
#: category → a filter: linear needs one, which leaves out what settles in another coin.
ALL = {"spot": {}, "linear": {"settleCoin": "USDT"}, "inverse": {}, "option": {"baseCoin": "BTC"}}
CATEGORIES = tuple(ALL)
INSTRUMENTS = {"spot": "BTCUSDT", "linear": "BTCUSDT-25DEC26", "inverse": "BTCUSDZ26", "option": OPTION}

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def pybit(private_pybit: Peer, exchange: RunningSimulator) -> Peer:
    """Logged in, while the account made its past."""
    for category, symbol, what in PAST:
        order_id = exchange.account("place", category=category, symbol=symbol)[0]["data"][0]["orderId"]
        if what != "stay":
            exchange.account(what, order_id=order_id)
    return private_pybit


@pytest.fixture
def told(pybit: Peer, exchange: RunningSimulator) -> dict[str, Rows]:
    """Topic → the rows that pybit's stream was told so far, oldest first: all that the exchange has sent."""
    sent = {topic: [row for entry in exchange.ledger("private", topic) for row in entry.frame["data"]] for topic in TOPICS}
    assert all(sent.values())
    rows: dict[str, Rows] = wait_for(lambda: [found for found in [pybit.ask()["rows"]] if found == sent], "all rows at pybit")[0]
    return rows


def last_of_each(rows: Rows, category: str) -> dict[str, dict[str, Any]]:
    """Order id → its newest row; on linear only of what settles in USDT, as in `ALL`."""
    return {row["orderId"]: row for row in rows if row["category"] == category and row["symbol"] != "BTCPERP"}


def test_server_time_is_now(pybit: Peer) -> None:
    told = pybit.call("get_server_time")
    assert abs(int(told["timeNano"]) - time.time_ns()) < 5 * 10**9
    assert int(told["timeSecond"]) == int(told["timeNano"]) // 10**9


@pytest.mark.parametrize("category", CATEGORIES)
def test_instruments_are_listed(pybit: Peer, category: str) -> None:
    rows = pybit.call("get_instruments_info", category=category)["list"]
    assert INSTRUMENTS[category] in [row["symbol"] for row in rows]
    [one] = pybit.call("get_instruments_info", category=category, symbol=INSTRUMENTS[category])["list"]
    assert one in rows


def test_spread_instruments_are_listed(pybit: Peer) -> None:
    [row] = pybit.call("spread_get_instruments_info", symbol=SPREAD)["list"]
    assert row["symbol"] == SPREAD


def test_wallet_is_as_streamed(pybit: Peer, exchange: RunningSimulator) -> None:
    [frame] = exchange.account("wallet")
    wait_for(lambda: frame["data"][0] in pybit.ask()["rows"]["wallet"], "the wallet at pybit")
    [account] = pybit.call("get_wallet_balance", accountType="UNIFIED")["list"]
    held = {coin["coin"]: coin["walletBalance"] for coin in account["coin"] if Decimal(coin["walletBalance"])}
    assert {"USDT", "BTC"} <= held.keys()
    assert held.items() <= {coin["coin"]: coin["walletBalance"] for coin in frame["data"][0]["coin"]}.items()
    assert account["totalEquity"] == frame["data"][0]["totalEquity"]
    [some] = pybit.call("get_wallet_balance", accountType="UNIFIED", coin="USDT,BTC")["list"]
    assert {coin["coin"]: coin["walletBalance"] for coin in some["coin"]} == {coin: held[coin] for coin in ("USDT", "BTC")}


@pytest.mark.parametrize("category", CATEGORIES)
def test_open_orders_are_as_streamed(pybit: Peer, told: dict[str, Rows], category: str) -> None:
    orders = last_of_each(told["order"], category)
    for open_only, wanted in ((0, ("New", "PartiallyFilled")), (1, ("Filled", "Cancelled"))):
        rows = pybit.call("get_open_orders", category=category, openOnly=open_only, **ALL[category])["list"]
        assert {row["orderId"] for row in rows} == {key for key, row in orders.items() if row["orderStatus"] in wanted}
        for row in rows:
            assert {name: row[name] for name in ("orderStatus", "price", "qty", "cumExecQty", "orderLinkId")} == {
                name: orders[row["orderId"]][name] for name in ("orderStatus", "price", "qty", "cumExecQty", "orderLinkId")
            }


@pytest.mark.parametrize("category", CATEGORIES)
def test_order_history_is_as_streamed(pybit: Peer, told: dict[str, Rows], category: str) -> None:
    orders = last_of_each(told["order"], category)
    rows = pybit.call("get_order_history", category=category, **ALL[category])["list"]
    closed = {key: row["orderStatus"] for key, row in orders.items() if row["orderStatus"] in ("Filled", "Cancelled")}
    assert closed
    assert closed.items() <= {row["orderId"]: row["orderStatus"] for row in rows}.items()


@pytest.mark.parametrize("category", CATEGORIES)
def test_executions_are_as_streamed(pybit: Peer, told: dict[str, Rows], category: str) -> None:
    names = ("execId", "orderId", "symbol", "side", "execPrice", "execQty", "execFee", "execTime", "isMaker", "execType")
    fills = [tuple(row[name] for name in names) for row in told["execution"] if row["category"] == category]
    rows = pybit.call("get_executions", category=category, **({"baseCoin": "BTC"} if category == "option" else {}))["list"]
    assert fills
    assert [tuple(row[name] for name in names) for row in reversed(rows)] == fills


@pytest.mark.parametrize("category", ["linear", "inverse", "option"])
def test_positions_are_as_streamed(pybit: Peer, told: dict[str, Rows], category: str) -> None:
    pushed = [row for row in told["position"] if row["category"] == category][-1]
    [row] = pybit.call("get_positions", category=category, symbol=pushed["symbol"])["list"]
    assert {name: row[name] for name in ("symbol", "side", "size", "positionIdx")} == {
        name: pushed[name] for name in ("symbol", "side", "size", "positionIdx")
    }
    assert row["avgPrice"] == pushed["entryPrice"]


def test_pages_follow_the_cursor_as_pybit_sends_it(pybit: Peer) -> None:
    whole = [row["orderId"] for row in pybit.call("get_order_history", category="linear", settleCoin="USDT")["list"]]
    paged, cursor = [], None
    while cursor != "" and len(paged) < 10:
        page = pybit.call("get_order_history", category="linear", settleCoin="USDT", limit=1, cursor=cursor)
        paged += [row["orderId"] for row in page["list"]]
        cursor = page["nextPageCursor"]
    assert len(whole) >= 2
    assert paged == whole


@pytest.mark.parametrize(
    ("method", "given", "code"),
    [
        ("get_wallet_balance", {"accountType": "CONTRACT"}, 10001),
        ("get_open_orders", {"category": "linear"}, 10001),
        ("get_positions", {"category": "spot"}, 10001),
        ("get_instruments_info", {"category": "shares"}, 10001),
    ],
)
def test_refusal_is_pybits_exception(pybit: Peer, method: str, given: dict[str, Any], code: int) -> None:
    assert pybit.fault(method, **given) == ("InvalidRequestError", code)


@pytest.mark.parametrize(("given", "code"), [({"api_secret": "another"}, 10004), ({"api_key": "another"}, 10003)])
def test_wrong_keys_are_pybits_exception(
    new_peer: Callable[..., Peer], exchange: RunningSimulator, given: dict[str, str], code: int
) -> None:
    stranger = new_peer(exchange, "pybit", [], **given)
    assert stranger.fault("get_wallet_balance", accountType="UNIFIED") == ("InvalidRequestError", code)
