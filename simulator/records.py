"""Private records as the exchange prints them: an order, a fill, a position, a coin. Row shapes: protocol notes, sections 7.1 to 7.5.

Some keys exist in some categories only; `DIFFERENT` says how a category's record differs from a linear one.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from simulator.dialect import plain
from simulator.instruments import Instrument

Row = dict[str, Any]

ZERO = Decimal(0)
#: What the exchange rounds computed amounts to.
EIGHT_PLACES = Decimal("0.00000001")

#: (record, category) → keys that it lacks, and keys whose value differs.
DIFFERENT: dict[tuple[str, str], tuple[tuple[str, ...], Row]] = {
    ("order", "spot"): (("closedPnl", "createType", "tpslMode", "parentOrderLinkId"), {"isLeverage": "0", "smpGroup": "0"}),
    ("order", "option"): (("createType", "parentOrderLinkId"), {"tpslMode": "", "placeType": "price"}),
    ("execution", "spot"): (("createType",), {"closedSize": "", "execPnl": "", "markPrice": ""}),
    ("execution", "option"): (
        ("createType",),
        {"tradeIv": "0.4226", "markIv": "0.4210", "indexPrice": "67004.50", "underlyingPrice": "67010.00"},
    ),
}
#: Only option positions have them.
GREEKS = {"delta": "0.4213", "gamma": "0.00003", "vega": "71.23", "theta": "-48.10"}

#: REST's name of the same key (protocol notes, sections 9.3 and 12).
REST_POSITION_NAMES = {"entryPrice": "avgPrice", "mmrSysUpdatedTime": "mmrSysUpdateTime"}


def amount(number: Decimal) -> str:
    """At most eight decimal places, without padding."""
    short = number.quantize(EIGHT_PLACES).normalize()
    return plain(short or ZERO)


def worth(instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
    """What a size is worth: quote coin; base coin on inverse, where sizes are USD."""
    if instrument.category == "inverse":
        return (quantity / price).quantize(EIGHT_PLACES)
    return quantity * price


@dataclass(slots=True)
class Order:
    """One order of the account.

    last_price  of the market when it was placed
    executed    how much of the quantity is filled; `value` and `fee` of that
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
    status: str = "New"

    @property
    def is_open(self) -> bool:
        return self.status in ("New", "PartiallyFilled")

    @property
    def left(self) -> Decimal:
        """What can still be filled."""
        return self.quantity - self.executed if self.is_open else ZERO

    @property
    def average(self) -> Decimal:
        if self.instrument.category == "inverse":
            return self.executed / self.value
        return self.value / self.executed

    def row(self) -> Row:
        row = {
            "category": self.instrument.category, "symbol": self.instrument.symbol, "orderId": self.order_id,
            "orderLinkId": self.link_id, "parentOrderLinkId": "", "blockTradeId": "", "side": self.side, "positionIdx": 0,
            "orderStatus": self.status, "cancelType": "CancelByUser" if self.status == "Cancelled" else "UNKNOWN",
            "rejectReason": "EC_NoError", "timeInForce": "GTC", "isLeverage": "", "price": plain(self.price),
            "qty": plain(self.quantity), "avgPrice": amount(self.average) if self.executed else "", "leavesQty": plain(self.left),
            "leavesValue": amount(worth(self.instrument, self.left, self.price)), "cumExecQty": plain(self.executed),
            "cumExecValue": amount(self.value), "cumExecFee": amount(self.fee), "orderType": "Limit", "stopOrderType": "",
            "orderIv": "", "triggerPrice": "", "takeProfit": "", "stopLoss": "", "triggerBy": "", "tpTriggerBy": "",
            "slTriggerBy": "", "triggerDirection": 0, "placeType": "", "lastPriceOnCreated": plain(self.last_price),
            "closeOnTrigger": False, "reduceOnly": False, "smpGroup": 0, "smpType": "None", "smpOrderId": "", "slLimitPrice": "0",
            "tpLimitPrice": "0", "tpslMode": "UNKNOWN", "createType": "CreateByUser", "marketUnit": "",
            "createdTime": str(self.created_ms), "updatedTime": str(self.updated_ms),
            "feeCurrency": self.fee_coin if self.fee else "", "closedPnl": "0", "slippageTolerance": "0",
            "slippageToleranceType": "UNKNOWN", "cumFeeDetail": {self.fee_coin: amount(self.fee)} if self.fee else {},
            "rpiTakerAccess": False, "rpiMatchedQty": "0",
        }  # fmt: skip
        return _as_in("order", self.instrument.category, row)


@dataclass(slots=True)
class Fill:
    """One execution.

    closed, profit  how much of a position it closed, and what that brought; settle coin
    left            of the order, after it
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

    def row(self) -> Row:
        order, instrument = self.order, self.order.instrument
        row = {
            "category": instrument.category, "symbol": instrument.symbol, "closedSize": plain(self.closed),
            "execFee": amount(self.fee), "execId": self.execution_id, "execPrice": plain(self.price),
            "execQty": plain(self.quantity), "execType": "Trade", "execValue": amount(self.value), "feeRate": plain(self.fee_rate),
            "tradeIv": "", "markIv": "", "blockTradeId": "", "markPrice": plain(self.price), "indexPrice": "", "underlyingPrice": "",
            "leavesQty": plain(self.left), "orderId": order.order_id, "orderLinkId": order.link_id, "orderPrice": plain(self.price),
            "orderQty": plain(order.quantity), "orderType": "Limit", "stopOrderType": "UNKNOWN", "side": order.side,
            "execTime": str(self.at_ms), "isLeverage": "0", "isMaker": True, "seq": self.sequence, "marketUnit": "",
            "execPnl": amount(self.profit), "createType": "CreateByUser", "extraFees": "", "feeCurrency": order.fee_coin,
        }  # fmt: skip
        return _as_in("execution", instrument.category, row)

    def fast_row(self) -> Row:
        """A maker's fill says no orderLinkId here (protocol notes, section 7.3)."""
        keys = (
            "category",
            "symbol",
            "execId",
            "execPrice",
            "execQty",
            "orderId",
            "isMaker",
            "orderLinkId",
            "side",
            "execTime",
            "seq",
        )
        row = {**self.row(), "orderLinkId": ""}
        return {key: row[key] for key in keys}


@dataclass(slots=True)
class Position:
    """Net size (negative: short) and average entry price of one contract, in one-way mode.

    realised  settle coin, since the position was last flat; `total` since ever
    sequence  of the last fill; -1 before the first
    """

    instrument: Instrument
    size: Decimal = ZERO
    entry: Decimal = ZERO
    realised: Decimal = ZERO
    total: Decimal = ZERO
    created_ms: int = 0
    opened_ms: int = 0
    updated_ms: int = 0
    sequence: int = -1

    def add(self, change: Decimal, price: Decimal, now_ms: int = 0) -> tuple[Decimal, Decimal]:
        """A fill: growing moves the entry price, shrinking realises. The size that it closed, and the profit of that."""
        grows = self.size == 0 or (self.size > 0) == (change > 0)
        closed = ZERO if grows else min(abs(self.size), abs(change))
        profit = self._profit(closed if self.size > 0 else -closed, price)
        if self.size == 0:
            self.realised, self.opened_ms = ZERO, now_ms
        if grows:
            self.entry = self._blend(abs(change), price)
        elif abs(change) > abs(self.size):
            self.entry, self.opened_ms = price, now_ms
        self.size += change
        self.realised += profit
        self.total += profit
        if self.size == 0:
            self.entry = ZERO
        return closed, profit

    def row(self, mark: Decimal | str) -> Row:
        """The account is in portfolio margin: margin per position is blank."""
        mark = Decimal(mark)
        row = {
            "positionIdx": 0, "tradeMode": 0, "riskId": 0, "riskLimitValue": "0", "symbol": self.instrument.symbol,
            "side": "" if not self.size else "Buy" if self.size > 0 else "Sell", "size": plain(abs(self.size)),
            "entryPrice": amount(self.entry), "sessionAvgPrice": "", "leverage": "",
            "positionValue": amount(worth(self.instrument, abs(self.size), mark)), "positionBalance": "0", "markPrice": plain(mark),
            "positionIM": "", "positionMM": "", "positionIMByMp": "", "positionMMByMp": "", "takeProfit": "0", "stopLoss": "0",
            "trailingStop": "0", "unrealisedPnl": amount(self._profit(self.size, mark)), "cumRealisedPnl": amount(self.total),
            "curRealisedPnl": amount(self.realised), "createdTime": str(self.created_ms), "updatedTime": str(self.updated_ms),
            "tpslMode": "Full", "liqPrice": "", "bustPrice": "", "category": self.instrument.category, "positionStatus": "Normal",
            "adlRankIndicator": 2 if self.size else 0, "autoAddMargin": 0, "leverageSysUpdatedTime": "", "mmrSysUpdatedTime": "",
            "seq": self.sequence, "isReduceOnly": False, "breakEvenPrice": amount(self.entry), "openTime": self.opened_ms,
        }  # fmt: skip
        if self.instrument.category == "option":
            del row["breakEvenPrice"]
            row |= GREEKS
        return row

    def rest_row(self, mark: Decimal) -> Row:
        """The same row under REST's names."""
        return {REST_POSITION_NAMES.get(key, key): value for key, value in self.row(mark).items()}

    def _profit(self, size: Decimal, price: Decimal) -> Decimal:
        """Of a signed size between entry and price; an inverse contract's in the base coin."""
        if not size:
            return ZERO
        if self.instrument.category == "inverse":
            return (size / self.entry - size / price).quantize(EIGHT_PLACES)
        return size * (price - self.entry)

    def _blend(self, size: Decimal, price: Decimal) -> Decimal:
        """The entry price when a size is added; for inverse contracts the harmonic mean, as their worth is size / price."""
        held = abs(self.size)
        if self.instrument.category == "inverse" and held:
            return (held + size) / (held / self.entry + size / price)
        return (held * self.entry + size * price) / (held + size)


def coin_row(coin: str, balance: Decimal, *, locked: Decimal, usd: Decimal) -> Row:
    """One coin of the wallet. usd: its price; margin per coin is blank in portfolio margin."""
    return {
        "coin": coin, "equity": plain(balance), "usdValue": amount(balance * usd), "walletBalance": plain(balance),
        "availableToWithdraw": "", "availableToBorrow": "", "borrowAmount": "0", "accruedInterest": "0", "totalOrderIM": "",
        "totalPositionIM": "", "totalPositionMM": "", "unrealisedPnl": "0", "cumRealisedPnl": "0", "bonus": "0",
        "collateralSwitch": True, "marginCollateral": True, "colRes": "0", "locked": plain(locked), "spotHedgingQty": "0",
        "spotBorrow": "0",
    }  # fmt: skip


def account_row(total: Decimal, coins: list[Row]) -> Row:
    """The account above its coins. total: US dollars."""
    return {
        "accountIMRate": "0", "accountIMRateByMp": "0", "accountMMRate": "0", "accountMMRateByMp": "0",
        "totalEquity": amount(total), "totalWalletBalance": amount(total), "totalMarginBalance": amount(total),
        "totalAvailableBalance": amount(total), "totalPerpUPL": "0", "totalInitialMargin": "0", "totalInitialMarginByMp": "0",
        "totalMaintenanceMargin": "0", "totalMaintenanceMarginByMp": "0", "coin": coins, "accountLTV": "", "accountType": "UNIFIED",
    }  # fmt: skip


def _as_in(record: str, category: str, row: Row) -> Row:
    absent, other = DIFFERENT.get((record, category), ((), {}))
    return {key: other.get(key, value) for key, value in row.items() if key not in absent}
