"""Rows have the keys of the recorded ones: of the stream's golden frames, and of REST's answers."""

import json
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from simulator.account import spreads
from simulator.account.account import Account
from simulator.market.instruments import Instrument, find

FRAMES = Path(__file__).resolve().parents[1] / "frames"
NOW = 1_795_000_000_000
OPTION = "BTC-25DEC26-70000-C-USDT"
#: Newer than the recordings, by the exchange's changelog.
NEWER = {"breakEvenPrice", "openTime", "colRes", "feeCurrency", "marketUnit", "execPnl", "createType", "extraFees"}

REALTIME = {
    "orderId", "orderLinkId", "blockTradeId", "symbol", "price", "qty", "side", "isLeverage", "positionIdx", "orderStatus",
    "cancelType", "rejectReason", "avgPrice", "leavesQty", "leavesValue", "cumExecQty", "cumExecValue", "cumExecFee", "timeInForce",
    "orderType", "stopOrderType", "orderIv", "triggerPrice", "takeProfit", "stopLoss", "tpTriggerBy", "slTriggerBy",
    "triggerDirection", "triggerBy", "lastPriceOnCreated", "reduceOnly", "closeOnTrigger", "smpType", "smpGroup", "smpOrderId",
    "tpslMode", "tpLimitPrice", "slLimitPrice", "placeType", "createdTime", "updatedTime", "cumFeeDetail",
    "rpiTakerAccess", "rpiMatchedQty",
}  # fmt: skip
HISTORY = REALTIME | {"slippageToleranceType", "slippageTolerance", "extraFees"}
EXECUTION = {
    "symbol", "orderType", "underlyingPrice", "orderLinkId", "side", "indexPrice", "orderId", "stopOrderType", "leavesQty", "execTime",
    "feeCurrency", "isMaker", "execFee", "feeRate", "execId", "tradeIv", "blockTradeId", "markPrice", "execPrice", "markIv",
    "orderQty", "orderPrice", "execValue", "execType", "execQty", "closedSize", "extraFees", "seq",
}  # fmt: skip
POSITION = {
    "positionIdx", "riskId", "riskLimitValue", "symbol", "side", "size", "avgPrice", "positionValue", "tradeMode", "positionStatus",
    "autoAddMargin", "adlRankIndicator", "leverage", "breakEvenPrice", "positionBalance", "markPrice", "liqPrice", "bustPrice",
    "positionMM", "positionMMByMp", "positionIM", "positionIMByMp", "tpslMode", "takeProfit", "stopLoss", "trailingStop",
    "unrealisedPnl", "curRealisedPnl", "cumRealisedPnl", "seq", "isReduceOnly", "mmrSysUpdateTime", "leverageSysUpdatedTime",
    "sessionAvgPrice", "createdTime", "updatedTime", "openTime",
}  # fmt: skip
COMBINATION_LEGS = {"spread.order": 3, "spread.execution": 1}


def instrument(category: str, symbol: str) -> Instrument:
    found = find(category, symbol)
    assert found is not None
    return found


def recorded(path: str) -> dict[str, Any]:
    """The frame of a golden case."""
    [frame] = json.loads((FRAMES / path).read_text())["frames"]
    return dict(frame)


def filled(category: str, symbol: str) -> tuple[Account, dict[str, dict[str, Any]]]:
    account, of = Account(Random(1)), instrument(category, symbol)
    [order] = [
        row["data"][0]
        for row in account.place(of, side="Buy", price=of.price, quantity=of.step * 10, now_ms=NOW)
        if row["topic"] == "order"
    ]
    frames = account.fill(account.orders[order["orderId"]], quantity=Decimal(10**6), now_ms=NOW)
    return account, {frame["topic"]: frame for frame in frames}


@pytest.mark.parametrize(
    ("golden", "category", "symbol"),
    [
        ("order/order_linear.json", "linear", "BTCUSDT"),
        ("order/order_spot.json", "spot", "BTCUSDT"),
        ("order/order.json", "option", OPTION),
        ("execution/execution.json", "linear", "BTCUSDT"),
        ("execution/execution_spot.json", "spot", "BTCUSDT"),
        ("execution/execution_option.json", "option", OPTION),
        ("position/position.json", "linear", "BTCUSDT"),
        ("position/position_option_pm.json", "option", OPTION),
        ("balance/wallet_2026.json", "linear", "BTCUSDT"),
    ],
)
def test_stream_row_has_the_recorded_keys(golden: str, category: str, symbol: str) -> None:
    frame = recorded(golden)
    _, said = filled(category, symbol)
    ours = said[frame["topic"]]
    assert list(ours) == list(frame)
    row, other = ours["data"][0], frame["data"][0]
    assert set(other) - set(row) == set()
    assert set(row) - set(other) <= NEWER
    if "coin" in row:
        assert set(row["coin"][0]) == set(other["coin"][0])


@pytest.mark.parametrize(
    ("category", "symbol"), [("linear", "BTCUSDT"), ("spot", "BTCUSDT"), ("inverse", "BTCUSD"), ("option", OPTION)]
)
def test_rest_row_has_the_documented_keys(category: str, symbol: str) -> None:
    account, _ = filled(category, symbol)
    [order], [fill] = account.orders.values(), account.fills
    assert set(order.rest_row()) == REALTIME
    assert set(order.rest_row(history=True)) == HISTORY
    assert set(fill.rest_row()) == EXECUTION
    assert order.rest_row()["stopOrderType"] == fill.rest_row()["stopOrderType"] == "UNKNOWN"
    for position in account.sides(instrument(category, symbol)) if category != "spot" else ():
        greeks = {"delta", "gamma", "vega", "theta"} if category == "option" else set()
        missing = {"breakEvenPrice"} if category == "option" else set()
        assert set(position.rest_row(Decimal(100))) == (POSITION | greeks) - missing


def test_funding_in_rest_names_its_creation() -> None:
    account, _ = filled("linear", "BTCUSDT")
    account.fund(instrument("linear", "BTCUSDT"), Decimal("0.0001"), Decimal(67000), NOW)
    row = account.fills[-1].rest_row()
    assert set(row) == EXECUTION | {"createType"}
    assert (row["orderType"], row["orderPrice"], row["stopOrderType"], row["execType"]) == ("UNKNOWN", "0.00", "UNKNOWN", "Funding")


def test_no_figure_is_printed_with_an_exponent() -> None:
    account, said = filled("spot", "BTCUSDT")
    account.set_balances({"SOL": Decimal("1E-18"), "ETH": Decimal("1E+5")}, NOW)
    texts = [*_texts(account.wallet_row()), *_texts(said), *_texts(account.orders)]
    assert [text for text in texts if "E+" in text or "E-" in text] == []
    rows = {row["coin"]: row for row in account.wallet_row()["coin"]}
    assert (rows["SOL"]["walletBalance"], rows["ETH"]["walletBalance"]) == ("0.000000000000000001", "100000")


def test_spread_rows_have_the_keys_of_their_part() -> None:
    account, of = Account(Random(1)), instrument("spread", "SOLUSDT_SOL/USDT")
    [placed] = spreads.place(account, of, side="Sell", price=Decimal("19.4"), quantity=Decimal(2), now_ms=NOW)
    frames = spreads.fill(account, account.spread_orders[placed["data"][0]["orderId"]], now_ms=NOW)
    orders = frames[0]["data"]
    assert all(set(row) == set(orders[0]) for row in orders)
    assert {len(frame["data"]) for frame in frames if frame["topic"] in COMBINATION_LEGS} == set(COMBINATION_LEGS.values())
    combination, future, spot = (frame["data"][0] for frame in frames[1:4])
    assert set(combination) == set(future) == set(spot) - {"execFeeV2", "feeCoin"}


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.values() for text in _texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return [value] if isinstance(value, str) else []
