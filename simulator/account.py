"""The account: orders, fills, positions and coins that agree with each other, told as private frames and as REST rows.

Row shapes: protocol notes, sections 7.1 to 7.5. One-way mode; a fill costs a fee of 0.055 %.
"""

import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from simulator.dialect import Message, plain
from simulator.instruments import Instrument

Row = dict[str, Any]

FEE = Decimal("0.00055")
UID = "100200300"


@dataclass(slots=True)
class Order:
    """One order of the account."""

    instrument: Instrument
    order_id: str
    side: str
    price: Decimal
    quantity: Decimal
    created_ms: int
    updated_ms: int
    executed: Decimal = Decimal(0)
    value: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    status: str = "New"

    @property
    def is_open(self) -> bool:
        return self.status in ("New", "PartiallyFilled")

    def row(self) -> Row:
        average = plain(self.value / self.executed) if self.executed else ""
        leaves = self.quantity - self.executed if self.is_open else Decimal(0)
        return {
            "category": self.instrument.category, "symbol": self.instrument.symbol, "orderId": self.order_id, "orderLinkId": "",
            "parentOrderLinkId": "", "blockTradeId": "", "side": self.side, "positionIdx": 0, "orderStatus": self.status,
            "cancelType": "CancelByUser" if self.status == "Cancelled" else "UNKNOWN", "rejectReason": "EC_NoError",
            "timeInForce": "GTC", "isLeverage": "", "price": plain(self.price), "qty": plain(self.quantity), "avgPrice": average,
            "leavesQty": plain(leaves), "leavesValue": plain(leaves * self.price), "cumExecQty": plain(self.executed),
            "cumExecValue": plain(self.value), "cumExecFee": plain(self.fee), "orderType": "Limit", "stopOrderType": "", "orderIv": "",
            "triggerPrice": "", "takeProfit": "", "stopLoss": "", "triggerBy": "", "tpTriggerBy": "", "slTriggerBy": "",
            "triggerDirection": 0, "placeType": "", "lastPriceOnCreated": plain(self.price), "closeOnTrigger": False,
            "reduceOnly": False, "smpGroup": 0, "smpType": "None", "smpOrderId": "", "slLimitPrice": "0", "tpLimitPrice": "0",
            "tpslMode": "UNKNOWN", "createType": "CreateByUser", "marketUnit": "", "createdTime": str(self.created_ms),
            "updatedTime": str(self.updated_ms), "feeCurrency": "", "closedPnl": "0", "slippageTolerance": "0",
            "slippageToleranceType": "UNKNOWN", "cumFeeDetail": {self.instrument.settle or "USDT": plain(self.fee)} if self.fee else {},
            "rpiTakerAccess": False, "rpiMatchedQty": "0",
        }  # fmt: skip


@dataclass(slots=True)
class Position:
    """Net size (negative: short) and average entry price of one contract."""

    instrument: Instrument
    size: Decimal = Decimal(0)
    entry: Decimal = Decimal(0)
    realised: Decimal = Decimal(0)
    created_ms: int = 0
    updated_ms: int = 0
    sequence: int = 0

    def add(self, change: Decimal, price: Decimal) -> None:
        """A fill: growing moves the entry price, shrinking realises."""
        if self.size == 0 or (self.size > 0) == (change > 0):
            self.entry = (abs(self.size) * self.entry + abs(change) * price) / (abs(self.size) + abs(change))
        else:
            closed = min(abs(self.size), abs(change))
            self.realised += closed * (price - self.entry) * (1 if self.size > 0 else -1)
            if abs(change) > abs(self.size):
                self.entry = price
        self.size += change
        if self.size == 0:
            self.entry = Decimal(0)

    def row(self, mark: str) -> Row:
        unrealised = self.size * (Decimal(mark) - self.entry) if self.size else Decimal(0)
        return {
            "positionIdx": 0, "tradeMode": 0, "riskId": 1, "riskLimitValue": "2000000", "symbol": self.instrument.symbol,
            "side": "" if not self.size else "Buy" if self.size > 0 else "Sell", "size": plain(abs(self.size)),
            "entryPrice": plain(self.entry), "sessionAvgPrice": "", "leverage": "10", "positionValue": plain(abs(self.size) * self.entry),
            "positionBalance": "0", "markPrice": mark, "positionIM": plain(abs(self.size) * self.entry / 10), "positionMM": "0",
            "positionIMByMp": plain(abs(self.size) * self.entry / 10), "positionMMByMp": "0", "takeProfit": "0", "stopLoss": "0",
            "trailingStop": "0", "unrealisedPnl": plain(unrealised), "cumRealisedPnl": plain(self.realised),
            "curRealisedPnl": plain(self.realised), "createdTime": str(self.created_ms), "updatedTime": str(self.updated_ms),
            "tpslMode": "Full", "liqPrice": "", "bustPrice": "", "category": self.instrument.category, "positionStatus": "Normal",
            "adlRankIndicator": 2, "autoAddMargin": 0, "leverageSysUpdatedTime": "", "mmrSysUpdatedTime": "", "seq": self.sequence,
            "isReduceOnly": False, "breakEvenPrice": plain(self.entry), "openTime": self.created_ms,
        }  # fmt: skip


@dataclass(slots=True)
class Account:
    """Everything private. Each method makes one occurrence and returns its frames, in the exchange's usual order."""

    dice: Random
    coins: dict[str, Decimal] = field(
        default_factory=lambda: {"USDT": Decimal(100000), "BTC": Decimal("2.5"), "ETH": Decimal("10.000000000000000001")}
    )
    orders: dict[str, Order] = field(default_factory=dict)
    executions: list[Row] = field(default_factory=list)
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)

    def place(self, instrument: Instrument, *, side: str, price: Decimal, quantity: Decimal, now_ms: int) -> list[Message]:
        order_id = str(uuid.UUID(int=self.dice.getrandbits(128), version=4))
        order = self.orders[order_id] = Order(instrument, order_id, side, price, quantity, now_ms, now_ms)
        return [self._frame("order", instrument.symbol, [order.row()], now_ms)]

    def amend(self, order: Order, *, price: Decimal, now_ms: int) -> list[Message]:
        order.price, order.updated_ms = price, now_ms
        return [self._frame("order", order.instrument.symbol, [order.row()], now_ms)]

    def cancel(self, order: Order, *, now_ms: int) -> list[Message]:
        order.status, order.updated_ms = "Cancelled", now_ms
        return [self._frame("order", order.instrument.symbol, [order.row()], now_ms)]

    def fill(self, order: Order, *, quantity: Decimal, now_ms: int) -> list[Message]:
        """One fill: order, execution, position (not on spot), wallet."""
        instrument, coin = order.instrument, order.instrument.settle or order.instrument.quote
        quantity = min(quantity, order.quantity - order.executed)
        value = quantity * order.price
        fee = value * FEE
        order.executed += quantity
        order.value += value
        order.fee += fee
        order.updated_ms = now_ms
        order.status = "Filled" if order.executed == order.quantity else "PartiallyFilled"
        execution = self._execution(order, quantity, value, fee, coin, now_ms)
        self.executions.append(execution)
        frames = [
            self._frame("order", instrument.symbol, [order.row()], now_ms),
            self._frame("execution", instrument.symbol, [execution], now_ms),
        ]
        if instrument.category != "spot":
            position = self.positions.setdefault((instrument.category, instrument.symbol), Position(instrument, created_ms=now_ms))
            position.add(quantity if order.side == "Buy" else -quantity, order.price)
            position.updated_ms, position.sequence = now_ms, execution["seq"]
            frames.append(self._frame("position", "position", [position.row(plain(order.price))], now_ms))
        self.coins[coin] = self.coins.get(coin, Decimal(0)) - fee
        return [*frames, self.wallet([coin], now_ms)]

    def wallet(self, coins: list[str], now_ms: int) -> Message:
        """The push names the affected coins only."""
        return self._frame("wallet", "wallet", [self.wallet_row(coins)], now_ms)

    def wallet_row(self, coins: list[str] | None = None) -> Row:
        total = sum((amount for coin, amount in self.coins.items() if coin == "USDT"), Decimal(0))
        shown = list(self.coins) if coins is None else coins
        return {
            "accountIMRate": "0.0125", "accountIMRateByMp": "0.0125", "accountMMRate": "0.0008", "accountMMRateByMp": "0.0008",
            "totalEquity": plain(total), "totalWalletBalance": plain(total), "totalMarginBalance": plain(total),
            "totalAvailableBalance": plain(total), "totalPerpUPL": "0", "totalInitialMargin": "0", "totalInitialMarginByMp": "0",
            "totalMaintenanceMargin": "0", "totalMaintenanceMarginByMp": "0",
            "coin": [self._coin(coin) for coin in shown if self.coins.get(coin) or coins is not None],
            "accountLTV": "", "accountType": "UNIFIED",
        }  # fmt: skip

    def random_occurrence(self, instrument: Instrument, price: Decimal, now_ms: int) -> list[Message]:
        """What a calm trader does next."""
        mine = [order for order in self.orders.values() if order.is_open and order.instrument is instrument]
        if not mine or (len(mine) < 5 and self.dice.random() < 0.4):
            quantity = self.dice.randrange(2, 20) * instrument.step
            return self.place(instrument, side=self.dice.choice(("Buy", "Sell")), price=price, quantity=quantity, now_ms=now_ms)
        order = self.dice.choice(mine)
        what = self.dice.random()
        if what < 0.15:
            return self.cancel(order, now_ms=now_ms)
        if what < 0.3:
            return self.amend(order, price=price, now_ms=now_ms)
        left = order.quantity - order.executed
        return self.fill(order, quantity=left if what > 0.7 else max(instrument.step, left // 2), now_ms=now_ms)

    def _coin(self, coin: str) -> Row:
        amount = plain(self.coins.get(coin, Decimal(0)))
        return {
            "coin": coin, "equity": amount, "usdValue": amount if coin == "USDT" else "", "walletBalance": amount,
            "availableToWithdraw": "", "availableToBorrow": "", "borrowAmount": "0", "accruedInterest": "", "totalOrderIM": "0",
            "totalPositionIM": "0", "totalPositionMM": "0", "unrealisedPnl": "0", "cumRealisedPnl": "-12.5", "bonus": "0",
            "collateralSwitch": True, "marginCollateral": True, "colRes": "0", "locked": "0", "spotHedgingQty": "0", "spotBorrow": "0",
        }  # fmt: skip

    def _execution(self, order: Order, quantity: Decimal, value: Decimal, fee: Decimal, coin: str, now_ms: int) -> Row:
        spot = order.instrument.category == "spot"
        return {
            "category": order.instrument.category, "symbol": order.instrument.symbol, "closedSize": "" if spot else "0",
            "execFee": plain(fee), "execId": str(uuid.UUID(int=self.dice.getrandbits(128), version=4)), "execPrice": plain(order.price),
            "execQty": plain(quantity), "execType": "Trade", "execValue": plain(value), "feeRate": plain(FEE), "tradeIv": "", "markIv": "",
            "blockTradeId": "", "markPrice": plain(order.price), "indexPrice": "", "underlyingPrice": "",
            "leavesQty": plain(order.quantity - order.executed), "orderId": order.order_id, "orderLinkId": "",
            "orderPrice": plain(order.price), "orderQty": plain(order.quantity), "orderType": "Limit", "stopOrderType": "UNKNOWN",
            "side": order.side, "execTime": str(now_ms), "isLeverage": "0", "isMaker": True,
            "seq": self.dice.randrange(10**14, 10**15), "marketUnit": "", "execPnl": "" if spot else "0", "createType": "CreateByUser",
            "extraFees": "", "feeCurrency": coin,
        }  # fmt: skip

    def _frame(self, topic: str, what: str, rows: list[Row], now_ms: int) -> Message:
        return {"id": f"{UID}_{what}_{self.dice.randrange(10**14, 10**15)}", "topic": topic, "creationTime": now_ms, "data": rows}
