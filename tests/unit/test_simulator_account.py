"""The simulated account: what orders, fills, positions and coins say agrees, to the last digit."""

from decimal import Decimal
from random import Random
from typing import Any

import pytest

from simulator.account import spreads
from simulator.account.account import FEES, Account
from simulator.account.bookkeeping import KEPT
from simulator.account.oddities import Oddities
from simulator.account.records import Order
from simulator.market.instruments import INSTRUMENTS, Instrument, find

NOW = 1_795_000_000_000


def instrument(category: str, symbol: str) -> Instrument:
    found = find(category, symbol)
    assert found is not None
    return found


def new_order(account: Account, of: Instrument, side: str, price: str, quantity: str) -> Order:
    frames = account.place(of, side=side, price=Decimal(price), quantity=Decimal(quantity), last=of.price, now_ms=NOW)
    assert [frame["topic"] for frame in frames if frame["topic"] != "wallet"] == ["order", "position"][
        : 1 + (of.category != "spot")
    ]
    return account.orders[frames[0]["data"][0]["orderId"]]


def by_topic(frames: list[dict[str, Any]]) -> dict[str, Any]:
    """The last row that each topic told."""
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


def test_position_is_pushed_when_an_order_comes_changes_and_goes_though_it_never_traded() -> None:
    account, of = Account(Random(1)), instrument("linear", "SOLUSDT")
    frames = account.place(of, side="Buy", price=Decimal(150), quantity=Decimal(1), now_ms=NOW)
    order = account.orders[frames[0]["data"][0]["orderId"]]
    rows = [
        by_topic(frames),
        by_topic(account.amend(order, price=Decimal(151), now_ms=NOW)),
        by_topic(account.cancel(order, now_ms=NOW)),
    ]
    assert [(row["position"]["seq"], row["position"]["side"], row["position"]["size"]) for row in rows] == [(-1, "", "0")] * 3
    assert [row["wallet"]["coin"][0]["totalOrderIM"] for row in rows] == ["15", "15.1", "0"]
    assert rows[2]["order"]["cancelType"] == "CancelByUser"


def test_sides_of_hedge_mode_live_separately() -> None:
    account, of = Account(Random(1)), instrument("linear", "BTCUSDT")
    account.set_hedged([of], on=True)
    trade(account, of, "Buy", "67000", "0.010")
    frames = account.fill(new_order(account, of, "Sell", "68000", "0.004"), quantity=Decimal("0.004"), now_ms=NOW)
    [rows] = [frame["data"] for frame in frames if frame["topic"] == "position"]
    assert [(row["positionIdx"], row["side"], row["size"], row["entryPrice"]) for row in rows] == [
        (1, "Buy", "0.010", "67000"),
        (2, "Sell", "0.004", "68000"),
    ]
    frames = account.place(
        of, side="Sell", price=Decimal(69000), quantity=Decimal(1), reduce_only=True, kind="Market", last=Decimal(69000), now_ms=NOW
    )
    said = by_topic(frames)
    assert (said["execution"]["execQty"], said["execution"]["closedSize"]) == ("0.010", "0.010")
    assert (said["order"]["orderStatus"], said["order"]["cancelType"], said["order"]["positionIdx"]) == (
        "Cancelled",
        "CancelByReduceOnly",
        1,
    )
    assert [(row["side"], row["size"]) for row in frames[3]["data"]] == [("", "0.000"), ("Sell", "0.004")]


def test_market_order_is_a_taker_at_the_markets_price() -> None:
    account, of = Account(Random(1)), instrument("linear", "BTCUSDT")
    frames = account.place(
        of, side="Buy", price=Decimal(70350), quantity=Decimal("0.01"), kind="Market", last=Decimal(67000), link_id="m", now_ms=NOW
    )
    fast, order, execution = (frame["data"][0] for frame in frames[:3])
    assert (order["orderStatus"], order["orderType"], order["timeInForce"], order["avgPrice"]) == (
        "Filled",
        "Market",
        "IOC",
        "67000",
    )
    assert (execution["execPrice"], execution["orderPrice"], execution["isMaker"]) == ("67000", "70350", False)
    assert (execution["feeRate"], execution["execFee"]) == ("0.00055", "0.3685")
    assert fast["orderLinkId"] == "m"


def test_price_triggers_conditional_orders_and_fills_what_it_crosses() -> None:
    account, of = Account(Random(1)), instrument("linear", "BTCUSDT")
    bid = {"side": "Buy", "quantity": Decimal("0.01"), "last": Decimal(67000), "now_ms": NOW, "matched": True}
    account.place(of, price=Decimal(66000), **bid)
    stop = account.place(of, price=Decimal(60000), trigger=Decimal(68000), trigger_way=1, **bid)
    assert (stop[0]["data"][0]["orderStatus"], stop[0]["data"][0]["stopOrderType"]) == ("Untriggered", "Stop")
    assert account.on_price(of, Decimal(67500), NOW) == []
    said = [frame["data"][0]["orderStatus"] for frame in account.on_price(of, Decimal(68000), NOW) if frame["topic"] == "order"]
    assert said == ["Triggered", "New"]
    filled = by_topic(account.on_price(of, Decimal(65900), NOW))
    assert (filled["execution"]["execPrice"], filled["execution"]["isMaker"]) == ("66000", True)
    assert [order.price for order in account.open_orders] == [60000]


def test_orders_that_are_filled_by_hand_do_not_follow_the_price() -> None:
    account, of = Account(Random(1)), instrument("linear", "BTCUSDT")
    order = new_order(account, of, "Buy", "67000", "0.010")
    assert account.on_price(of, Decimal(1), NOW) == []
    assert order.is_open


def test_partly_filled_spot_order_that_is_cancelled_has_a_word_of_its_own() -> None:
    account = Account(Random(1))
    for category, symbol, word in (("spot", "ETHUSDT", "PartiallyFilledCanceled"), ("linear", "ETHUSDT", "Cancelled")):
        order = new_order(account, instrument(category, symbol), "Buy", "3400", "1")
        account.fill(order, quantity=Decimal("0.5"), now_ms=NOW)
        assert by_topic(account.cancel(order, now_ms=NOW))["order"]["orderStatus"] == word


def test_lost_cancel_says_filled_twice() -> None:
    account = Account(Random(1))
    order = new_order(account, instrument("linear", "BTCUSDT"), "Buy", "60000", "0.010")
    rows = [frame["data"][0] for frame in account.lose_cancel(order, now_ms=NOW) if frame["topic"] == "order"]
    assert [(row["orderStatus"], row["cancelType"], row["rejectReason"], row["cumExecQty"]) for row in rows] == [
        ("Filled", "UNKNOWN", "EC_NoError", "0.010"),
        ("Filled", "CancelByUser", "EC_OrigClOrdIDDoesNotExist", "0.010"),
    ]
    assert rows[0]["updatedTime"] < rows[1]["updatedTime"]


def test_several_executions_share_a_message_and_a_sequence() -> None:
    account = Account(Random(1))
    order = new_order(account, instrument("linear", "BTCUSDT"), "Buy", "60000", "0.010")
    [rows] = [f["data"] for f in account.fill(order, quantity=order.left, parts=3, now_ms=NOW) if f["topic"] == "execution"]
    assert [(row["execQty"], row["leavesQty"]) for row in rows] == [("0.003", "0.007"), ("0.003", "0.004"), ("0.004", "0.000")]
    assert len({row["seq"] for row in rows}) == 1
    assert len({row["execId"] for row in rows}) == 3


def test_late_execution_comes_after_all_else() -> None:
    account = Account(Random(1))
    order = new_order(account, instrument("linear", "BTCUSDT"), "Buy", "60000", "0.010")
    frames = account.fill(order, quantity=order.left, late=True, now_ms=NOW)
    assert [frame["topic"] for frame in frames] == ["order", "position", "wallet", "execution.fast", "execution"]


def test_longs_pay_positive_funding_and_shorts_get_it() -> None:
    account, of = Account(Random(1)), instrument("linear", "BTCUSDT")
    assert account.fund(of, Decimal("0.0001"), Decimal(67000), NOW) == []
    trade(account, of, "Buy", "67000", "0.010")
    before = account.coins["USDT"]
    frames = account.fund(of, Decimal("0.0001"), Decimal(68000), NOW)
    assert [frame["topic"] for frame in frames] == ["execution", "wallet"]
    row = frames[0]["data"][0]
    assert (row["execType"], row["execFee"], row["orderType"], row["execQty"]) == ("Funding", "0.068", "UNKNOWN", "0.010")
    assert row["orderId"] == f"{account.clock_ms // 1000}-BTCUSDT-{account.uid}-Buy"
    assert account.coins["USDT"] == before - Decimal("0.068")
    [position] = account.sides(of)
    assert position.size == Decimal("0.010")
    trade(account, of, "Sell", "68000", "0.020")
    assert account.fund(of, Decimal("0.0001"), Decimal(68000), NOW)[0]["data"][0]["execFee"] == "-0.068"


@pytest.mark.parametrize(("side", "sol"), [("Buy", -2), ("Sell", 2)])
def test_spread_trades_its_legs_for_real(side: str, sol: int) -> None:
    account, of = Account(Random(1)), instrument("spread", "SOLUSDT_SOL/USDT")
    account.coins["SOL"] = Decimal(10)
    [placed] = spreads.place(account, of, side=side, price=Decimal("19.4"), quantity=Decimal(2), now_ms=NOW)
    order = account.spread_orders[placed["data"][0]["orderId"]]
    frames = spreads.fill(account, order, now_ms=NOW)
    topics = [
        "spread.order",
        "spread.execution",
        "spread.execution",
        "spread.execution",
        "execution",
        "execution",
        "position",
        "wallet",
    ]
    assert [frame["topic"] for frame in frames] == topics
    assert [row["category"] for row in frames[0]["data"]] == ["combination", "future_leg", "spot_leg"]
    combination, future, spot = (frame["data"][0] for frame in frames[1:4])
    assert future["parentExecId"] == spot["parentExecId"] == combination["execId"]
    assert Decimal(future["execPrice"]) - Decimal(spot["execPrice"]) == Decimal("19.4")
    assert (spot["execFee"], Decimal(spot["execFeeV2"]) > 0) == ("", True)
    assert {frame["data"][0]["execType"] for frame in frames[4:6]} == {"FutureSpread"}
    fee = Decimal(spot["execFeeV2"]) if spot["feeCoin"] == "SOL" else 0
    assert account.coins["SOL"] == 10 + sol - fee
    assert [position.size for position in account.sides(instrument("linear", "SOLUSDT"))] == [-sol]


def test_option_fill_pushes_the_greeks_of_its_base_coin() -> None:
    account = Account(Random(1))
    said = trade(account, instrument("option", "BTC-25DEC26-70000-C-USDT"), "Sell", "2000", "0.10")
    assert said["greeks"] == {
        "baseCoin": "BTC", "totalDelta": "-0.04213", "totalGamma": "-0.000003", "totalVega": "-7.123", "totalTheta": "4.81",
    }  # fmt: skip
    assert said["position"]["delta"] == "-0.04213"


def test_cross_margin_binds_value_by_leverage_and_portfolio_margin_leaves_blanks() -> None:
    account, of = Account(Random(1)), instrument("linear", "BTCUSDT")
    said = trade(account, of, "Buy", "67000", "0.010")
    assert (said["position"]["leverage"], said["position"]["positionIM"], said["position"]["positionMM"]) == (
        "10",
        "67.01",
        "3.3505",
    )
    assert said["wallet"]["coin"][0]["totalPositionIM"] == said["wallet"]["totalInitialMargin"] == "67.01"
    blank = Account(Random(1), margin_mode="PORTFOLIO_MARGIN")
    said = trade(blank, of, "Buy", "67000", "0.010")
    assert (said["position"]["leverage"], said["position"]["positionIM"]) == ("", "")
    assert said["wallet"]["coin"][0]["totalOrderIM"] == said["wallet"]["coin"][0]["totalPositionIM"] == ""
    single = Account(Random(1), margin_mode="ISOLATED_MARGIN")
    assert (single.wallet_row()["totalAvailableBalance"], single.wallet_row()["totalEquity"] != "") == ("", True)


def test_oddities_change_forms_but_not_figures() -> None:
    odd, plain = Account(Random(1)), Account(Random(1))
    odd.oddities = Oddities(extra_fees=True, numbers=True, blank_wallet=True, smp_group="text")
    of = instrument("linear", "BTCUSDT")
    strange, usual = trade(odd, of, "Buy", "67000", "0.010"), trade(plain, of, "Buy", "67000", "0.010")
    assert isinstance(strange["execution"]["extraFees"], list)
    assert strange["execution"]["execTime"] == int(usual["execution"]["execTime"])
    assert strange["execution"]["seq"] == str(usual["execution"]["seq"])
    assert (strange["order"]["smpGroup"], usual["order"]["smpGroup"]) == ("0", 0)
    assert (strange["wallet"]["totalAvailableBalance"], strange["wallet"]["coin"][0]["totalPositionIM"]) == ("", "")
    assert odd.coins == plain.coins
    assert odd.wallet_row() == plain.wallet_row()


@pytest.mark.parametrize(
    ("category", "symbol", "absent"),
    [("spot", "BTCUSDT", {"closedPnl", "createType", "tpslMode"}), ("linear", "BTCUSDT", set()), ("inverse", "BTCUSD", set())],
)
def test_order_has_the_keys_of_its_category(category: str, symbol: str, absent: set[str]) -> None:
    order = new_order(Account(Random(1)), instrument(category, symbol), "Buy", "100", "1")
    assert {"closedPnl", "createType", "tpslMode"} - set(order.row()) == absent
    assert order.order_id.isdigit() == (category == "spot")


def test_same_seed_gives_the_same_account() -> None:
    def said(seed: int) -> list[Any]:
        account = Account(Random(seed))
        return [account.random_occurrence(row, row.price, NOW) for row in INSTRUMENTS if row.category in FEES]

    assert said(1) == said(1)
    assert said(1) != said(2)


def test_oldest_fills_and_closed_orders_are_forgotten_and_open_ones_are_not() -> None:
    account, of = Account(Random(1)), instrument("spot", "ETHUSDT")
    waiting = new_order(account, of, "Buy", "1", "1")
    first = new_order(account, of, "Buy", "3400", "1")
    account.fill(first, quantity=first.left, now_ms=NOW)
    account.orders |= {str(number): first for number in range(KEPT)}
    account.keep([account.fills[0]] * KEPT)
    assert waiting.order_id in account.orders
    assert first.order_id not in account.orders
    assert len(account.fills) <= KEPT
    assert len(account.orders) <= KEPT
