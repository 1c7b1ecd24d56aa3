"""The simulated account: what orders, fills, positions and coins say agrees, to the last digit."""

from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.account import FEES, Account
from simulator.instruments import INSTRUMENTS, Instrument, find
from simulator.records import Order

NOW = 1_795_000_000_000


def instrument(category: str, symbol: str) -> Instrument:
    found = find(category, symbol)
    assert found is not None
    return found


def new_order(account: Account, of: Instrument, side: str, price: str, quantity: str) -> Order:
    frames = account.place(of, side=side, price=Decimal(price), quantity=Decimal(quantity), last=of.price, now_ms=NOW)
    assert [frame["topic"] for frame in frames] == ["order"]
    return account.orders[frames[0]["data"][0]["orderId"]]


def by_topic(frames: list[dict[str, Any]]) -> dict[str, Any]:
    return {frame["topic"]: frame["data"][0] for frame in frames}


def trade(account: Account, of: Instrument, side: str, price: str, quantity: str) -> dict[str, Any]:
    order = new_order(account, of, side, price, quantity)
    return by_topic(account.fill(order, quantity=order.left, now_ms=NOW))


def test_spot_fill_exchanges_two_coins_and_takes_its_fee_from_what_was_bought() -> None:
    account = Account(Random(1))
    said = trade(account, instrument("spot", "ETHUSDT"), "Buy", "3400", "1.5")
    assert "position" not in said
    assert account.coins["ETH"] == Decimal("11.498500000000000001")
    assert account.coins["USDT"] == Decimal(94900)
    assert (said["execution"]["execFee"], said["execution"]["feeCurrency"]) == ("0.0015", "ETH")
    assert {row["coin"]: row["walletBalance"] for row in said["wallet"]["coin"]} == {
        "ETH": "11.498500000000000001",
        "USDT": "94900.0",
    }


def test_linear_round_trip_brings_its_profit_less_the_fees() -> None:
    account, of = Account(Random(1)), instrument("linear", "BTCUSDT")
    opened = trade(account, of, "Buy", "67000", "0.010")
    assert (opened["position"]["side"], opened["position"]["size"], opened["position"]["entryPrice"]) == ("Buy", "0.010", "67000")
    closed = trade(account, of, "Sell", "67100", "0.010")
    assert (closed["position"]["side"], closed["position"]["size"], closed["position"]["entryPrice"]) == ("", "0.000", "0")
    assert (closed["execution"]["closedSize"], closed["execution"]["execPnl"]) == ("0.010", "1")
    assert account.coins["USDT"] == 100_000 + 1 - Decimal("0.0002") * (Decimal(670) + Decimal(671))


def test_inverse_values_and_profits_are_in_the_base_coin() -> None:
    account, of = Account(Random(1)), instrument("inverse", "BTCUSD")
    opened = trade(account, of, "Buy", "50000", "100")
    assert (opened["execution"]["execValue"], opened["execution"]["feeCurrency"]) == ("0.002", "BTC")
    closed = trade(account, of, "Sell", "100000", "100")
    assert closed["execution"]["execPnl"] == "0.001"
    assert account.coins["BTC"] == Decimal("2.501") - Decimal("0.0002") * Decimal("0.003")


def test_option_buyer_pays_the_premium() -> None:
    account = Account(Random(1))
    said = trade(account, instrument("option", "BTC-25DEC26-70000-C-USDT"), "Buy", "2000", "0.10")
    assert account.coins["USDT"] == 100_000 - Decimal(200) * (1 + FEES["option"])
    assert said["position"]["delta"]
    assert "createType" not in said["order"]


def test_crossing_through_zero_closes_the_old_side_and_opens_the_new_one() -> None:
    account, of = Account(Random(1)), instrument("linear", "ETHUSDT")
    trade(account, of, "Sell", "3400", "1.00")
    said = trade(account, of, "Buy", "3300", "3.00")
    assert (said["position"]["side"], said["position"]["size"], said["position"]["entryPrice"]) == ("Buy", "2.00", "3300")
    assert (said["execution"]["closedSize"], said["execution"]["execPnl"]) == ("1.00", "100")


def test_open_spot_orders_lock_what_they_would_pay() -> None:
    account, of = Account(Random(1)), instrument("spot", "ETHUSDT")

    def locked() -> dict[str, Decimal]:
        return {row["coin"]: Decimal(row["locked"]) for row in account.wallet_row()["coin"] if Decimal(row["locked"])}

    bid = new_order(account, of, "Buy", "3400", "2")
    offer = new_order(account, of, "Sell", "3500", "3")
    assert locked() == {"USDT": 6800, "ETH": 3}
    account.fill(bid, quantity=Decimal(1), now_ms=NOW)
    assert locked() == {"USDT": 3400, "ETH": 3}
    account.cancel(bid, now_ms=NOW)
    account.cancel(offer, now_ms=NOW)
    assert locked() == {}


def test_partly_filled_order_averages_over_its_amended_prices() -> None:
    account, of = Account(Random(1)), instrument("linear", "BTCUSDT")
    order = new_order(account, of, "Buy", "60000", "0.010")
    first = by_topic(account.fill(order, quantity=Decimal("0.004"), now_ms=NOW))
    assert (first["order"]["orderStatus"], first["order"]["leavesQty"], first["execution"]["leavesQty"]) == (
        "PartiallyFilled",
        "0.006",
        "0.006",
    )
    account.amend(order, price=Decimal(61000), now_ms=NOW)
    last = by_topic(account.fill(order, quantity=Decimal(1), now_ms=NOW))
    assert (last["order"]["orderStatus"], last["order"]["cumExecQty"], last["order"]["avgPrice"]) == ("Filled", "0.010", "60600")
    assert last["execution"]["execQty"] == "0.006"


def test_fast_execution_names_the_same_fill_without_an_envelope_id() -> None:
    account = Account(Random(1))
    order = new_order(account, instrument("linear", "BTCUSDT"), "Buy", "60000", "0.010")
    frames = account.fill(order, quantity=order.left, now_ms=NOW)
    assert [frame["topic"] for frame in frames] == ["execution.fast", "order", "execution", "position", "wallet"]
    fast, _, execution, position, _ = frames
    assert "id" not in fast
    assert len(fast["data"][0]) == 11
    assert fast["data"][0]["execId"] == execution["data"][0]["execId"]
    assert position["data"][0]["seq"] == execution["data"][0]["seq"]


@pytest.mark.parametrize(
    ("category", "symbol", "absent"),
    [("spot", "BTCUSDT", {"closedPnl", "createType", "tpslMode"}), ("linear", "BTCUSDT", set()), ("inverse", "BTCUSD", set())],
)
def test_order_has_the_keys_of_its_category(category: str, symbol: str, absent: set[str]) -> None:
    order = new_order(Account(Random(1)), instrument(category, symbol), "Buy", "100", "1")
    assert {"closedPnl", "createType", "tpslMode"} - set(order.row()) == absent
    assert order.order_id.isdigit() == (category == "spot")


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_account_agrees_with_its_own_executions_whatever_it_does(seed: int) -> None:
    account = Account(Random(seed))
    first = dict(account.coins)
    places = [instrument("linear", "BTCUSDT"), instrument("spot", "ETHUSDT"), instrument("inverse", "BTCUSD")]
    dice, times, sequences = Random(seed), [], []
    for _ in range(120):
        of = dice.choice(places)
        for frame in account.random_occurrence(of, of.price * dice.randrange(90, 110) / 100, NOW):
            times.append(frame["creationTime"])
            sequences += [row["seq"] for row in frame["data"] if frame["topic"] == "position"]
    assert times == sorted(times)
    assert sequences == sorted(set(sequences))

    for order in account.orders.values():
        fills = [fill for fill in account.fills if fill.order is order]
        assert sum(fill.quantity for fill in fills) == order.executed <= order.quantity
        assert sum(fill.value for fill in fills) == order.value
        assert (order.status == "Filled") == (order.executed == order.quantity)
        assert order.row()["leavesQty"] == f"{order.left:f}"
    for (category, symbol), position in account.positions.items():
        fills = [f for f in account.fills if (f.order.instrument.category, f.order.instrument.symbol) == (category, symbol)]
        assert sum(f.quantity if f.order.side == "Buy" else -f.quantity for f in fills) == position.size
        assert sum(f.profit for f in fills) == position.total
    assert account.coins == first | expected_coins(account, first)


def expected_coins(account: Account, first: dict[str, Decimal]) -> dict[str, Decimal]:
    """The coins, summed from the executions alone."""
    coins = dict(first)
    for fill in account.fills:
        of, way = fill.order.instrument, 1 if fill.order.side == "Buy" else -1
        if of.category == "spot":
            coins[of.base] += way * fill.quantity
            coins[of.quote] -= way * fill.value
        else:
            coins[of.settle] += fill.profit
        coins[fill.order.fee_coin] -= fill.fee
    return coins


def test_same_seed_gives_the_same_account() -> None:
    def said(seed: int) -> list[Any]:
        account = Account(Random(seed))
        return [account.random_occurrence(row, row.price, NOW) for row in INSTRUMENTS if row.category in FEES]

    assert said(1) == said(1)
    assert said(1) != said(2)
