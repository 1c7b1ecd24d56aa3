"""Strategies that split an order: pushed as they begin and end, and trading nothing. Source: protocol notes, section 7.6."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from simulator.dialect import Message, plain
from simulator.market.instruments import Instrument

if TYPE_CHECKING:
    from simulator.account.account import Account

Kind = Literal["iceberg", "twap", "chaseOrder", "pov"]
RUNNING, TERMINATED = 2, 3


def start(
    account: Account, instrument: Instrument, *, kind: Kind, side: str, quantity: Decimal, price: Decimal, now_ms: int
) -> list[Message]:
    """price: the market's, which a chase would begin at."""
    now_ms = account.tick(now_ms)
    identity = account.unique()
    row = {
        "strategyId": identity, "strategyType": kind, "category": _category(instrument), "symbol": instrument.symbol,
        "size": plain(quantity), "side": side, "duration": 0, "status": RUNNING, "terminateType": 0, "terminateRemark": "",
        "executedDuration": 0, "executedSize": "0", "executedAvgPrice": "", "executedStartTimeE3": now_ms, "executedEndTimeE3": 0,
        "createdTimeE3": now_ms, "updatedTimeE3": now_ms, "isRandom": False, "reduceOnly": False, "limitPrice": "", "triggerCount": 0,
        "tradingCount": 0, "chaseDistance": "0", "ChasePercentE4": 0, "maxChasePrice": "", "chaseOrderPrice": plain(price),
        "strategyPrefer": "quickExecution", "interval": 30, "leverageType": 0, "postOnly": 0, "triggerPrice": "", "isTriggered": False,
        "strategyTp": "", "strategySl": "", "orderType": "UNKNOWN", "orderPriceOffset": "", "positionValue": "",
        "filledPositionValue": "",
    }  # fmt: skip
    account.strategies[identity] = row
    return [account.frame("strategy", [row], now_ms, account.unique())]


def end(account: Account, identity: str, *, now_ms: int) -> list[Message]:
    """All of it is executed, by the strategy's own word."""
    now_ms, row = account.tick(now_ms), account.strategies.pop(identity)
    ended = {
        "status": TERMINATED, "terminateType": 2, "terminateRemark": "RunningStop", "executedSize": row["size"],
        "executedDuration": (now_ms - row["createdTimeE3"]) // 1000, "executedAvgPrice": row["chaseOrderPrice"],
        "executedEndTimeE3": now_ms, "updatedTimeE3": now_ms,
    }  # fmt: skip
    return [account.frame("strategy", [row | ended], now_ms, account.unique())]


def _category(instrument: Instrument) -> str:
    """The alphabet of this topic alone."""
    if instrument.category == "spot":
        return "UTA_SPOT"
    settled = "INVERSE" if instrument.category == "inverse" else instrument.settle
    return f"UTA_{settled}{'' if instrument.is_perpetual else '_FUTURE'}"
