"""`execution`, `spread.execution` and `execution.fast`: one event a fill. Source: protocol notes, sections 7.2, 7.3 and 7.6."""

from gateway.models import BadRecord, Event, Json
from gateway.protocol.channels.account_rows import read_row, row_category
from gateway.protocol.channels.channel import About, Outcome, each
from gateway.protocol.fields import Fields, amount, flag, records, several, text, time, whole
from gateway.protocol.frames import Data
from gateway.protocol.memory import Memory

#: A tax of some jurisdictions.
EXTRA_FEE = Fields(named=(*several(text, "feeCoin", "feeType", "subFeeType"), *several(amount, "feeRate", "fee")))

FIELDS = Fields(
    named=(
        text("execId", "execution_id", must=True),
        text("execType", "execution_type"),
        text("orderId"),
        text("symbol", must=True),
        text("side"),
        amount("execPrice", "price", must=True),
        amount("execQty", "quantity", must=True),
        amount("execFee", "fee"),
        flag("isMaker"),
    ),
    further=(
        text("category", must=True),
        time("execTime", must=True),
        *several(
            text, "orderLinkId", "orderType", "stopOrderType", "createType", "isLeverage", "marketUnit", "feeCurrency", "blockTradeId",
            "parentExecId", "feeCoin",
        ),
        *several(
            amount, "execValue", "feeRate", "execPnl", "closedSize", "orderPrice", "orderQty", "leavesQty", "tradeIv", "markIv",
            "indexPrice", "underlyingPrice", "markPrice",
        ),
        amount("execFeeV2", "exec_fee_v2"),
        whole("seq", "cross_sequence"),
        records("extraFees", "extra_fees", EXTRA_FEE),
    ),
)  # fmt: skip

FAST = Fields(
    named=(
        text("execId", "execution_id", must=True),
        text("orderId"),
        text("symbol", must=True),
        text("side"),
        amount("execPrice", "price", must=True),
        amount("execQty", "quantity", must=True),
    ),
    further=(
        text("category", must=True),
        time("execTime", must=True),
        text("orderLinkId"),
        flag("isMaker"),
        whole("seq", "cross_sequence"),
    ),
)

ABOUT = About(
    what="a fill of an order of the account",
    identity="category, symbol, execution id",
    so="one id a fill, on the stream and over REST",
)
ABOUT_FAST = About(
    what="the quick word of a fill, before its execution",
    identity="as `execution`",
    so="the same `event_id` as the `execution` that follows; the event types differ",
)


def normalise(data: Data, _category: str | None, _memory: Memory) -> list[Outcome]:
    return each(data, lambda found: _fill(data, found, "execution", FIELDS))


def normalise_fast(data: Data, _category: str | None, _memory: Memory) -> list[Outcome]:
    return each(data, lambda found: _fill(data, found, "execution_fast", FAST))


def _fill(data: Data, found: Json, event_type: str, fields: Fields) -> Outcome:
    """The quick word of a fill and the full one have the same identity."""
    payload = read_row(fields, data, found)
    if isinstance(payload, BadRecord):
        return payload
    category = row_category(data, payload["category"])
    return Event(
        event_type=event_type,
        category=category,
        symbol=payload["symbol"],
        topic=data.topic,
        timestamp_ms=payload["exec_time"],
        identity=f"execution|{category}|{payload['symbol']}|{payload['execution_id']}",
        payload=payload,
        private=True,
    )
