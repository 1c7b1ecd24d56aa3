"""Requests for a quote: asked for by the account, quoted by another desk, traded as a block. Source: protocol notes, section 7.6.

The leg trades for real: its execution is in the account's books, and in the ordinary execution topic as BlockTrade.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from simulator.account.records import Row, exact
from simulator.dialect import RFQ_TOPIC, Message, plain
from simulator.market.instruments import Instrument

if TYPE_CHECKING:
    from simulator.account.account import Account

#: The account's desk, and the one that quotes.
OURS, THEIRS = "1nu9d1", "test0904"
#: How long a request and a quote stand; milliseconds.
ASKED_MS, QUOTED_MS = 600_000, 60_000
#: Between what the quoting desk sells and buys at: 1 %.
_SPREAD = Decimal("0.01")


@dataclass(slots=True)
class Rfq:
    """A request of one leg. quote_id: of the last quote, which is the one that is traded; prices: what it buys and sells at."""

    instrument: Instrument
    rfq_id: str
    link_id: str
    side: str
    quantity: Decimal
    created_ms: int
    updated_ms: int
    status: str = "Active"
    quote_id: str = ""
    prices: tuple[Decimal, Decimal] = (Decimal(0), Decimal(0))


def ask(account: Account, instrument: Instrument, *, side: str, quantity: Decimal, now_ms: int, link_id: str = "") -> list[Message]:
    now_ms = account.tick(now_ms)
    rfq = Rfq(instrument, _identity(account, now_ms), link_id, side, quantity, now_ms, now_ms)
    account.rfqs[rfq.rfq_id] = rfq
    return [_asked(account, rfq)]


def quote(account: Account, rfq: Rfq, *, price: Decimal, now_ms: int) -> list[Message]:
    """Another desk's quote, both ways around a price."""
    now_ms = account.tick(now_ms)
    rfq.quote_id, rfq.updated_ms = _identity(account, now_ms), now_ms
    away = (price * _SPREAD).quantize(rfq.instrument.tick)
    rfq.prices = price + away, price - away
    return [_quoted(account, rfq, "Active", "", now_ms)]


def cancel(account: Account, rfq: Rfq, *, now_ms: int) -> list[Message]:
    rfq.status, rfq.updated_ms = "Canceled", account.tick(now_ms)
    return [_asked(account, rfq)]


def trade(account: Account, rfq: Rfq, *, now_ms: int) -> tuple[list[Message], Message]:
    """The last quote is taken: rfq.open.quotes, .rfqs and .trades, the leg's execution, position, wallet; and what the public sees."""
    now_ms, of = account.tick(now_ms), rfq.instrument
    rfq.status, rfq.updated_ms = "Filled", now_ms
    price = rfq.prices[0 if rfq.side == "Buy" else 1]
    fill = account.trade_leg(of, side=rfq.side, price=price, quantity=rfq.quantity, kind="BlockTrade", now_ms=now_ms)
    leg = {
        "category": of.category, "symbol": of.symbol, "side": rfq.side, "price": plain(price), "qty": plain(rfq.quantity),
        "orderId": fill.order.order_id, "markPrice": plain(fill.mark), "execFee": exact(fill.fee), "execId": fill.execution_id,
        "resultCode": 0, "resultMessage": "", "rejectParty": "",
    }  # fmt: skip
    row = {
        "rfqId": rfq.rfq_id, "rfqLinkId": rfq.link_id, "quoteId": rfq.quote_id, "quoteLinkId": "", "quoteSide": rfq.side,
        "strategyType": "custom", "status": "Filled", "rfqDeskCode": OURS, "quoteDeskCode": THEIRS, "legs": [leg], **_times(rfq),
    }  # fmt: skip
    frames = [
        _quoted(account, rfq, "Filled", rfq.side, now_ms),
        _asked(account, rfq),
        account.frame("rfq.open.trades", [row], now_ms),
        *account.leg_frames([fill], now_ms),
    ]
    return frames, _public(account, rfq, leg, now_ms)


def _public(account: Account, rfq: Rfq, leg: Row, now_ms: int) -> Message:
    seen = {key: leg[key] for key in ("category", "symbol", "side", "price", "qty", "markPrice")}
    return account.frame(RFQ_TOPIC, [{"rfqId": rfq.rfq_id, "strategyType": "custom", "legs": [seen], **_times(rfq)}], now_ms)


def _asked(account: Account, rfq: Rfq) -> Message:
    row = {
        "rfqLinkId": rfq.link_id, "rfqId": rfq.rfq_id, "counterparties": [THEIRS], "strategyType": "custom",
        "expiresAt": str(rfq.created_ms + ASKED_MS), "status": rfq.status, "acceptOtherQuoteStatus": "false", "deskCode": OURS,
        **_times(rfq),
        "legs": [
            {"category": rfq.instrument.category, "symbol": rfq.instrument.symbol, "side": rfq.side, "qty": plain(rfq.quantity)},
        ],
    }  # fmt: skip
    return account.frame("rfq.open.rfqs", [row], rfq.updated_ms)


def _quoted(account: Account, rfq: Rfq, status: str, taken: str, now_ms: int) -> Message:
    buys, sells = (
        [{"category": rfq.instrument.category, "symbol": rfq.instrument.symbol, "price": plain(price), "qty": plain(rfq.quantity)}]
        for price in rfq.prices
    )
    row = {
        "rfqLinkId": rfq.link_id, "rfqId": rfq.rfq_id, "quoteId": rfq.quote_id, "quoteLinkId": "",
        "expiresAt": str(rfq.updated_ms + QUOTED_MS), "status": status, "deskCode": THEIRS, "execQuoteSide": taken,
        "quoteBuyList": buys, "quoteSellList": sells, **_times(rfq),
    }  # fmt: skip
    return account.frame("rfq.open.quotes", [row], now_ms)


def _times(rfq: Rfq) -> Row:
    return {"createdAt": str(rfq.created_ms), "updatedAt": str(rfq.updated_ms)}


def _identity(account: Account, now_ms: int) -> str:
    """The time, and 21 digits."""
    return f"{now_ms}{account.dice.randrange(10**20, 10**21)}"
