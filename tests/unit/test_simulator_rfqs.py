"""What seldom happens to the account: requests for quotes and strategies, in the shapes of the documents' samples."""

from decimal import Decimal
from random import Random
from typing import Any

import pytest

from simulator.account import rfqs, strategies
from simulator.account.account import Account
from simulator.market.instruments import Instrument, find

NOW = 1_795_000_000_000
#: Keys in their order. Source: the documents' samples (protocol notes, sections 6.9 and 7.6).
RFQ = (
    "rfqLinkId", "rfqId", "counterparties", "strategyType", "expiresAt", "status", "acceptOtherQuoteStatus", "deskCode", "createdAt",
    "updatedAt", "legs",
)  # fmt: skip
QUOTE = (
    "rfqLinkId", "rfqId", "quoteId", "quoteLinkId", "expiresAt", "status", "deskCode", "execQuoteSide", "quoteBuyList",
    "quoteSellList", "createdAt", "updatedAt",
)  # fmt: skip
TRADE = (
    "rfqId", "rfqLinkId", "quoteId", "quoteLinkId", "quoteSide", "strategyType", "status", "rfqDeskCode", "quoteDeskCode", "legs",
    "createdAt", "updatedAt",
)  # fmt: skip
TRADE_LEG = (
    "category", "symbol", "side", "price", "qty", "orderId", "markPrice", "execFee", "execId", "resultCode", "resultMessage",
    "rejectParty",
)  # fmt: skip
PUBLIC = ("rfqId", "strategyType", "legs", "createdAt", "updatedAt")
STRATEGY = (
    "strategyId", "strategyType", "category", "symbol", "size", "side", "duration", "status", "terminateType", "terminateRemark",
    "executedDuration", "executedSize", "executedAvgPrice", "executedStartTimeE3", "executedEndTimeE3", "createdTimeE3",
    "updatedTimeE3", "isRandom", "reduceOnly", "limitPrice", "triggerCount", "tradingCount", "chaseDistance", "ChasePercentE4",
    "maxChasePrice", "chaseOrderPrice", "strategyPrefer", "interval", "leverageType", "postOnly", "triggerPrice", "isTriggered",
    "strategyTp", "strategySl", "orderType", "orderPriceOffset", "positionValue", "filledPositionValue",
)  # fmt: skip


def instrument(category: str, symbol: str) -> Instrument:
    found = find(category, symbol)
    assert found is not None
    return found


def keys(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(row)


def test_request_is_quoted_and_traded_in_the_documented_shapes() -> None:
    account, of = Account(Random(1)), instrument("linear", "BTCUSDT")
    [asked] = rfqs.ask(account, of, side="Buy", quantity=Decimal(1), now_ms=NOW)
    [rfq] = account.rfqs.values()
    [quoted] = rfqs.quote(account, rfq, price=Decimal(95000), now_ms=NOW)
    frames, public = rfqs.trade(account, rfq, now_ms=NOW)
    named = {frame["topic"]: frame for frame in frames}
    assert list(named) == ["rfq.open.quotes", "rfq.open.rfqs", "rfq.open.trades", "execution", "position", "wallet"]
    for frame in (asked, quoted, named["rfq.open.trades"], public):
        assert list(frame) == ["topic", "creationTime", "data"], "no id"
    assert keys(asked["data"][0]) == RFQ
    assert keys(asked["data"][0]["legs"][0]) == ("category", "symbol", "side", "qty")
    assert keys(quoted["data"][0]) == QUOTE
    assert keys(quoted["data"][0]["quoteBuyList"][0]) == ("category", "symbol", "price", "qty")
    row = named["rfq.open.trades"]["data"][0]
    assert (keys(row), keys(row["legs"][0])) == (TRADE, TRADE_LEG)
    assert keys(public["data"][0]) == PUBLIC
    assert keys(public["data"][0]["legs"][0]) == ("category", "symbol", "side", "price", "qty", "markPrice")
    assert (asked["data"][0]["status"], quoted["data"][0]["status"]) == ("Active", "Active")
    assert {named[topic]["data"][0]["status"] for topic in named if topic.startswith("rfq.")} == {"Filled"}
    assert len(rfq.rfq_id) == len(rfq.quote_id) == 34


@pytest.mark.parametrize(("category", "symbol"), [("linear", "BTCUSDT"), ("spot", "ETHUSDT"), ("inverse", "BTCUSD")])
def test_leg_trades_for_real(category: str, symbol: str) -> None:
    account, of = Account(Random(1)), instrument(category, symbol)
    rfqs.ask(account, of, side="Sell", quantity=Decimal(1), now_ms=NOW)
    [rfq] = account.rfqs.values()
    rfqs.quote(account, rfq, price=of.price, now_ms=NOW)
    frames, public = rfqs.trade(account, rfq, now_ms=NOW)
    [leg] = next(frame for frame in frames if frame["topic"] == "rfq.open.trades")["data"][0]["legs"]
    [fill] = next(frame for frame in frames if frame["topic"] == "execution")["data"]
    assert (fill["execType"], fill["execId"], fill["orderId"]) == ("BlockTrade", leg["execId"], leg["orderId"])
    assert (fill["execPrice"], fill["execQty"], fill["execFee"]) == (leg["price"], leg["qty"], leg["execFee"])
    assert Decimal(leg["price"]) < of.price, "the other desk buys below the market"
    assert account.fills[-1].row() == fill
    assert public["data"][0]["legs"][0]["price"] == leg["price"]
    assert ("position" in [frame["topic"] for frame in frames]) == (category != "spot")


def test_request_is_cancelled() -> None:
    account = Account(Random(1))
    rfqs.ask(account, instrument("linear", "BTCUSDT"), side="Buy", quantity=Decimal(1), now_ms=NOW, link_id="mine")
    [rfq] = account.rfqs.values()
    [frame] = rfqs.cancel(account, rfq, now_ms=NOW)
    row = frame["data"][0]
    assert (row["status"], row["rfqLinkId"], row["updatedAt"] > row["createdAt"]) == ("Canceled", "mine", True)


@pytest.mark.parametrize(
    ("category", "symbol", "word"),
    [
        ("spot", "BTCUSDT", "UTA_SPOT"),
        ("linear", "BTCUSDT", "UTA_USDT"),
        ("linear", "BTCPERP", "UTA_USDC"),
        ("linear", "BTCUSDT-25DEC26", "UTA_USDT_FUTURE"),
        ("inverse", "BTCUSD", "UTA_INVERSE"),
        ("inverse", "BTCUSDZ26", "UTA_INVERSE_FUTURE"),
    ],
)
def test_strategy_begins_and_ends_in_the_documented_shape(category: str, symbol: str, word: str) -> None:
    account, of = Account(Random(1)), instrument(category, symbol)
    [began] = strategies.start(account, of, kind="twap", side="Buy", quantity=Decimal("0.36"), price=of.price, now_ms=NOW)
    [ended] = strategies.end(account, began["data"][0]["strategyId"], now_ms=NOW + 5_000)
    for frame in (began, ended):
        assert list(frame) == ["id", "topic", "creationTime", "data"]
        assert keys(frame["data"][0]) == STRATEGY
    first, last = began["data"][0], ended["data"][0]
    assert (first["status"], last["status"], first["category"], first["strategyType"]) == (2, 3, word, "twap")
    assert (last["executedSize"], last["executedDuration"]) == ("0.36", 5)
    assert first["executedEndTimeE3"] == 0, "pushed rows do not change afterwards"
    assert account.strategies == {}
