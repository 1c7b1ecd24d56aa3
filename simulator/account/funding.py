"""Funding: what a perpetual's positions pay each other. Source: protocol notes, section 7.2."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from simulator.account.records import EIGHT_PLACES, ZERO, Fill, Order, worth
from simulator.dialect import Message
from simulator.market.instruments import Instrument

if TYPE_CHECKING:
    from simulator.account.bookkeeping import Bookkeeping


def fund(account: Bookkeeping, instrument: Instrument, rate: Decimal, mark: Decimal, now_ms: int) -> list[Message]:
    """execution and wallet; no execution.fast, and no position: pushes at funding time are not documented."""
    held = [position for position in account.sides(instrument) if position.size]
    if not instrument.kind.endswith("Perpetual") or not held:
        return []
    now_ms = account.tick(now_ms)
    fills = []
    for position in held:
        side = "Buy" if position.size > 0 else "Sell"
        value = worth(instrument, abs(position.size), mark)
        fee = (value * rate * (1 if side == "Buy" else -1)).quantize(EIGHT_PLACES)
        account.earn(instrument.settle, -fee)
        position.pay(-fee)
        identity = f"{now_ms // 1000}-{instrument.symbol}-{account.uid}-{side}"
        nobody = Order(
            instrument, identity, "", side, ZERO, ZERO, mark, instrument.settle, now_ms, now_ms,
            status="Filled", kind="UNKNOWN", idx=position.idx,
        )  # fmt: skip
        fills.append(
            Fill(
                order=nobody,
                execution_id=account.identity(instrument),
                quantity=abs(position.size),
                price=mark,
                value=value,
                fee=fee,
                fee_rate=rate,
                closed=ZERO,
                profit=ZERO,
                left=ZERO,
                at_ms=now_ms,
                sequence=account.sequence,
                mark=mark,
                kind="Funding",
                is_maker=False,
            )
        )
    account.keep(fills)
    told = account.frame("execution", [fill.row() for fill in fills], now_ms, account.match_id(instrument))
    return [told, *account.changed_wallet((instrument.settle,), now_ms)]
