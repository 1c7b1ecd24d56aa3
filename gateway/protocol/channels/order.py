"""`order` and `spread.order`: one event an order. Source: protocol notes, sections 7.4 and 7.6."""

from gateway.models import BadRecord, Event, Json
from gateway.protocol.channels.account_rows import read_row, row_category
from gateway.protocol.channels.channel import About, Outcome, each
from gateway.protocol.decimals import canonical
from gateway.protocol.fields import Fields, amount, by_coin, flag, several, text, time, whole
from gateway.protocol.frames import Data
from gateway.protocol.memory import Memory

FIELDS = Fields(
    named=(
        text("orderId", must=True),
        text("orderLinkId"),
        text("symbol", must=True),
        text("side"),
        text("orderType"),
        amount("price"),
        amount("qty", "quantity"),
        text("orderStatus", "status", must=True),
        amount("cumExecQty", "executed_quantity"),
        amount("avgPrice", "average_price"),
    ),
    further=(
        text("category", must=True),
        time("updatedTime", must=True),
        time("createdTime"),
        *several(
            text, "parentOrderLinkId", "parentOrderId", "blockTradeId", "timeInForce", "feeCurrency", "rejectReason", "cancelType",
            "createType", "stopOrderType", "isLeverage", "triggerBy", "tpTriggerBy", "slTriggerBy", "tpslMode", "ocoTriggerBy",
            "marketUnit", "slippageToleranceType", "placeType", "smpType", "smpOrderId",
        ),
        *several(
            amount, "leavesQty", "leavesValue", "cumExecValue", "cumExecFee", "closedPnl", "triggerPrice", "takeProfit", "stopLoss",
            "tpLimitPrice", "slLimitPrice", "slippageTolerance", "orderIv", "lastPriceOnCreated", "brokerOrderPrice", "rpiMatchedQty",
        ),
        *several(whole, "positionIdx", "triggerDirection", "smpGroup"),
        *several(flag, "reduceOnly", "closeOnTrigger", "rpiTakerAccess"),
        by_coin("cumFeeDetail"),
    ),
)  # fmt: skip

ABOUT = About(
    what="a state of an order of the account",
    identity="category, order id, update time, status, and executed quantity, price and quantity as numbers, a blank one as 0",
    so="each state of an order is one event, on the stream and over REST",
)


def normalise(data: Data, _category: str | None, _memory: Memory) -> list[Outcome]:
    return each(data, lambda found: _order(data, found))


def _order(data: Data, found: Json) -> Outcome:
    """Identity: category, order id, update time, status, executed quantity, and what an amendment changes: price and quantity.

    The stream and REST have all of them. Amounts count as numbers, and blank as 0: spot pads its zeros, and what is nothing comes in
    both ways. A spread's legs have categories of their own.
    """
    payload = read_row(FIELDS, data, found)
    if isinstance(payload, BadRecord):
        return payload
    category = row_category(data, payload["category"])
    amounts = "|".join(canonical(payload[name] or "0") for name in ("executed_quantity", "price", "quantity"))
    state = f"{payload['updated_time']}|{payload['status']}|{amounts}"
    return Event(
        event_type="order",
        category=category,
        symbol=payload["symbol"],
        topic=data.topic,
        timestamp_ms=payload["updated_time"],
        identity=f"order|{category}|{payload['order_id']}|{state}",
        payload=payload,
        private=True,
    )
