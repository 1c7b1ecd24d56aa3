"""Private records as the exchange prints them: an order and a fill. Row shapes: protocol notes, sections 7.2 to 7.4, 9.3 and 12.

Some keys exist in some categories only; `DIFFERENT` says how a category's record differs from a linear one.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from simulator.dialect import plain
from simulator.market.instruments import Instrument

Row = dict[str, Any]

ZERO = Decimal(0)
#: What the exchange rounds computed amounts to.
EIGHT_PLACES = Decimal("0.00000001")

#: (record, category) → keys that it lacks, and keys whose value differs.
DIFFERENT: dict[tuple[str, str], tuple[tuple[str, ...], Row]] = {
    ("order", "spot"): (("closedPnl", "createType", "tpslMode", "parentOrderLinkId"), {"smpGroup": "0", "slippageTolerance": ""}),
    ("order", "option"): (
        ("createType", "parentOrderLinkId", "isLeverage", "marketUnit", "slippageTolerance", "slippageToleranceType"),
        {"tpslMode": "", "placeType": "price"},
    ),
    ("execution", "spot"): (("createType",), {"closedSize": "", "execPnl": "", "markPrice": "", "stopOrderType": ""}),
    ("execution", "option"): (
        ("createType",),
        {
            "closedSize": "", "execPnl": "", "isLeverage": "", "stopOrderType": "",
            "tradeIv": "0.4226", "markIv": "0.4210", "indexPrice": "67004.50", "underlyingPrice": "67010.00",
        },
    ),
}  # fmt: skip
#: What an order says where nothing is set: spot writes zeros.
UNSET = {"spot": {"isLeverage": "0", "triggerPrice": "0.0", "slLimitPrice": "0.0", "tpLimitPrice": "0.0"}}
#: What only the stream's rows have.
STREAM_ONLY = {
    "order": ("category", "parentOrderLinkId", "createType", "marketUnit", "feeCurrency", "closedPnl"),
    "execution": ("category", "isLeverage", "createType", "marketUnit", "execPnl"),
}
#: What only REST's order/history has (and a realtime row has not).
HISTORY_ONLY = {"extraFees": "", "slippageToleranceType": "UNKNOWN", "slippageTolerance": ""}
#: Where the stream leaves blank what REST spells out.
SPELLED = {"stopOrderType": "UNKNOWN", "triggerBy": "UNKNOWN", "tpTriggerBy": "UNKNOWN", "slTriggerBy": "UNKNOWN", "avgPrice": "0"}

FAST_KEYS = (
    "category", "symbol", "execId", "execPrice", "execQty", "orderId", "isMaker", "orderLinkId", "side", "execTime", "seq",
)  # fmt: skip
#: Open, as the exchange counts it.
OPEN = ("New", "PartiallyFilled", "Untriggered")


def amount(number: Decimal) -> str:
    """At most eight decimal places, without padding."""
    return exact(number.quantize(EIGHT_PLACES))


def exact(number: Decimal) -> str:
    """All its digits, without padding."""
    return plain(number.normalize() or ZERO)


def worth(instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
    """What a size is worth: quote coin; base coin on inverse, where sizes are USD."""
    if instrument.category == "inverse":
        return (quantity / price).quantize(EIGHT_PLACES)
    return quantity * price


@dataclass(slots=True)
class Order:
    """One order of the account.

    last_price   of the market when it was placed
    executed     how much of the quantity is filled; `value`, `fee` and `profit` of that
    kind         Limit or Market
    idx          positionIdx: 0 one-way, 1 and 2 the sides of hedge mode
    trigger      of a conditional order, and which way the price must go: 1 up, 2 down
    matched      the market fills it when the price crosses; else it is filled only when told
    given        what the client wished besides, printed as it came
    """

    instrument: Instrument
    order_id: str
    link_id: str
    side: str
    price: Decimal
    quantity: Decimal
    last_price: Decimal
    fee_coin: str
    created_ms: int
    updated_ms: int
    executed: Decimal = ZERO
    value: Decimal = ZERO
    fee: Decimal = ZERO
    profit: Decimal = ZERO
    status: str = "New"
    kind: str = "Limit"
    in_force: str = "GTC"
    idx: int = 0
    reduces: bool = False
    trigger: Decimal | None = None
    trigger_way: int = 0
    cancel_type: str = "UNKNOWN"
    reject_reason: str = "EC_NoError"
    matched: bool = False
    given: Row = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def left(self) -> Decimal:
        """What can still be filled."""
        return self.quantity - self.executed if self.is_open else ZERO

    @property
    def way(self) -> int:
        return 1 if self.side == "Buy" else -1

    @property
    def average(self) -> Decimal:
        if self.instrument.category == "inverse":
            return self.executed / self.value
        return self.value / self.executed

    def row(self) -> Row:
        category = self.instrument.category
        blank = category == "option" and not self.left
        row = {
            "category": category, "symbol": self.instrument.symbol, "orderId": self.order_id,
            "orderLinkId": self.link_id, "parentOrderLinkId": "", "blockTradeId": "", "side": self.side, "positionIdx": self.idx,
            "orderStatus": self.status, "cancelType": self.cancel_type, "rejectReason": self.reject_reason,
            "timeInForce": self.in_force, "isLeverage": "", "price": plain(self.price),
            "qty": plain(self.quantity), "avgPrice": amount(self.average) if self.executed else "",
            "leavesQty": "" if blank else plain(self.left),
            "leavesValue": "" if blank else amount(worth(self.instrument, self.left, self.price)),
            "cumExecQty": plain(self.executed), "cumExecValue": exact(self.value), "cumExecFee": exact(self.fee),
            "orderType": self.kind, "stopOrderType": "" if self.trigger is None else "Stop",
            "orderIv": "", "triggerPrice": "", "takeProfit": "", "stopLoss": "", "triggerBy": "", "tpTriggerBy": "",
            "slTriggerBy": "", "triggerDirection": self.trigger_way, "placeType": "", "lastPriceOnCreated": plain(self.last_price),
            "closeOnTrigger": False, "reduceOnly": self.reduces, "smpGroup": 0, "smpType": "None", "smpOrderId": "",
            "slLimitPrice": "0", "tpLimitPrice": "0", "tpslMode": "UNKNOWN", "createType": "CreateByUser", "marketUnit": "",
            "createdTime": str(self.created_ms), "updatedTime": str(self.updated_ms),
            "feeCurrency": self.fee_coin if self.fee else "", "closedPnl": exact(self.profit), "slippageTolerance": "0",
            "slippageToleranceType": "UNKNOWN", "cumFeeDetail": {self.fee_coin: exact(self.fee)} if self.fee else {},
            "rpiTakerAccess": False, "rpiMatchedQty": "0",
        }  # fmt: skip
        row |= UNSET.get(category, {}) | self.given
        if self.trigger is not None:
            row["triggerPrice"] = plain(self.trigger)
        return _as_in("order", category, row)

    def rest_row(self, *, history: bool = False) -> Row:
        """As order/realtime and order/history answer it."""
        row = {key: value for key, value in self.row().items() if key not in STREAM_ONLY["order"]}
        for key, words in SPELLED.items():
            row[key] = row[key] or words
        row.setdefault("isLeverage", "")
        row.setdefault("tpslMode", "")
        for key, value in HISTORY_ONLY.items():
            row.pop(key, None)
            if history:
                row[key] = value
        return row


@dataclass(slots=True)
class Fill:
    """One execution.

    kind            Trade, FutureSpread, BlockTrade, or Funding, which moves no position
    closed, profit  how much of a position it closed, and what that brought; settle coin
    left            of the order, after it
    fee             negative: income
    """

    order: Order
    execution_id: str
    quantity: Decimal
    price: Decimal
    value: Decimal
    fee: Decimal
    fee_rate: Decimal
    closed: Decimal
    profit: Decimal
    left: Decimal
    at_ms: int
    sequence: int
    mark: Decimal
    kind: str = "Trade"
    is_maker: bool = True
    extra_fees: Any = ""

    def row(self) -> Row:
        order, instrument, by_user = self.order, self.order.instrument, self.kind == "Trade"
        row = {
            "category": instrument.category, "symbol": instrument.symbol, "closedSize": plain(self.closed),
            "execFee": exact(self.fee), "execId": self.execution_id, "execPrice": plain(self.price),
            "execQty": plain(self.quantity), "execType": self.kind, "execValue": exact(self.value), "feeRate": plain(self.fee_rate),
            "tradeIv": "", "markIv": "", "blockTradeId": "", "markPrice": plain(self.mark), "indexPrice": "", "underlyingPrice": "",
            "leavesQty": plain(self.left), "orderId": order.order_id, "orderLinkId": order.link_id, "orderPrice": plain(order.price),
            "orderQty": plain(order.quantity), "orderType": order.kind,
            "stopOrderType": "UNKNOWN" if order.trigger is None else "Stop", "side": order.side,
            "execTime": str(self.at_ms), "isLeverage": "0", "isMaker": self.is_maker, "seq": self.sequence, "marketUnit": "",
            "execPnl": exact(self.profit), "createType": CREATED.get(self.kind, "CreateByUser"), "extraFees": self.extra_fees,
            "feeCurrency": order.fee_coin,
        }  # fmt: skip
        row = _as_in("execution", instrument.category, row)
        return row if by_user or instrument.category == "spot" else row | {"isMaker": False}

    def rest_row(self) -> Row:
        """As execution/list answers it; funding names its creation."""
        row = self.row()
        shown = {key: value for key, value in row.items() if key not in STREAM_ONLY["execution"]}
        if self.kind == "Funding":
            shown |= {"createType": "", "orderPrice": "0.00"}
        shown["stopOrderType"] = shown["stopOrderType"] or "UNKNOWN"
        return shown

    def fast_row(self) -> Row:
        """A maker's fill says no orderLinkId here (protocol notes, section 7.3)."""
        row = self.row()
        if self.is_maker:
            row["orderLinkId"] = ""
        return {key: row[key] for key in FAST_KEYS}


#: What a kind of execution says of its creation.
CREATED = {"Funding": "", "FutureSpread": "CreateByFutureSpread"}


def _as_in(record: str, category: str, row: Row) -> Row:
    absent, other = DIFFERENT.get((record, category), ((), {}))
    return {key: other.get(key, value) for key, value in row.items() if key not in absent}
