"""`wallet`: one event an account row, with its coins. Source: protocol notes, section 7.5.

The push names only the coins that changed. `available_balance` is the exchange's own figure where it still sends one; it has been
empty for unified accounts since 2025-01-09, and is then derived and named in `derived`. A coin that cannot be read, for want of a
name, costs itself alone.
"""

from decimal import Decimal

from gateway.models import BadRecord, Event, Json, Payload
from gateway.protocol.channels.channel import About, Outcome, each, fingerprint
from gateway.protocol.decimals import EXACT, decimal, plain, total
from gateway.protocol.fields import Fields, Kind, amount, flag, ours, records, several, text
from gateway.protocol.frames import Data, short
from gateway.protocol.memory import Memory

COIN = Fields(
    named=(
        text("coin", must=True),
        amount("walletBalance"),
        ours("available_balance", Kind.AMOUNT),
        ours("frozen", Kind.AMOUNT),
        amount("equity"),
        amount("usdValue"),
        ours("derived", Kind.TEXTS, must=True),
    ),
    further=(
        *several(
            amount, "spotBorrow", "locked", "borrowAmount", "accruedInterest", "totalOrderIM", "totalPositionIM", "totalPositionMM",
            "unrealisedPnl", "cumRealisedPnl", "bonus", "spotHedgingQty", "availableToWithdraw", "availableToBorrow", "free",
        ),
        *several(flag, "marginCollateral", "collateralSwitch"),
        text("colRes"),
    ),
)  # fmt: skip

FIELDS = Fields(
    named=(
        text("accountType"),
        *several(amount, "totalEquity", "totalWalletBalance", "totalMarginBalance", "totalAvailableBalance"),
        amount("totalPerpUPL", "total_perp_upl"),
        *several(amount, "totalInitialMargin", "totalMaintenanceMargin"),
        records("coin", "coins", COIN, must=True),
    ),
    further=(
        amount("totalPerpUpl", "total_perp_upl"),  # one client's fixture spells it so
        *several(
            amount, "accountIMRate", "accountMMRate", "accountIMRateByMp", "accountMMRateByMp", "totalInitialMarginByMp",
            "totalMaintenanceMarginByMp", "accountLTV", "totalOrderIM",
        ),
    ),
)  # fmt: skip

#: What is not available: a blank one counts as 0. Source: the public contract, section 3.
FROZEN = ("locked", "total_order_im", "total_position_im")
#: Where the exchange says itself what is available, newest name first.
AVAILABLE = ("available_to_withdraw", "free")

ABOUT = About(
    what="a row of the account with the coins that changed",
    identity="account type, creation time, the message's id, the record",
    so="a push that is sent twice has one id; what REST says is a fact of its own",
)


def normalise(data: Data, _category: str | None, _memory: Memory) -> list[Outcome]:
    """What became of each row, in their order; then of coins that cannot be read, so that a row's place stays its own."""
    made = each(data, lambda found: _account(data, found))
    return [*(outcome for outcome, _ in made), *(coin for _, odd in made for coin in odd)]


def _account(data: Data, found: Json) -> tuple[Outcome, list[BadRecord]]:
    """The row with its coins, and those of them that cannot be read.

    Identity: account type, creation time, the message's id and the row. A REST answer has no message id: a fact of its own.
    """
    payload = FIELDS.read(data, found)
    if isinstance(payload, BadRecord):
        return payload, []
    coins, odd = [], []
    for coin, came in zip(payload["coins"], found["coin"], strict=True):
        lack = COIN.lack(coin, came) if isinstance(coin, dict) else f"found a coin {short(coin)}; expected an object"
        if lack is None:
            _derive(coin)
            coins.append(coin)
        else:
            odd.append(BadRecord(topic=data.topic, reason=lack, record=came))
    payload["coins"] = coins
    event = Event(
        event_type="balance",
        category=None,
        symbol=None,
        topic=data.topic,
        timestamp_ms=data.ts_ms,
        identity=f"balance|{payload['account_type']}|{data.ts_ms}|{data.frame.get('id')}|{fingerprint(found)}",
        payload=payload,
        private=True,
    )
    return event, odd


def _derive(coin: Payload) -> None:
    """What is frozen, and what is available where the exchange does not say."""
    parts = [Decimal(0) if coin.get(name) is None else decimal(coin[name]) for name in FROZEN]
    wallet, frozen = decimal(coin["wallet_balance"]), _sum(parts)
    coin["frozen"] = None if frozen is None else plain(frozen)
    coin["derived"] = []
    stated = next((coin[name] for name in AVAILABLE if coin.get(name) is not None), None)
    if stated is not None:
        coin["available_balance"] = stated
    elif wallet is not None and frozen is not None:
        coin["available_balance"] = plain(EXACT.subtract(wallet, frozen))
        coin["derived"] = ["available_balance"]


def _sum(parts: list[Decimal | None]) -> Decimal | None:
    """None when a part cannot be read as a number."""
    known = [part for part in parts if part is not None]
    return total(known) if len(known) == len(parts) else None
