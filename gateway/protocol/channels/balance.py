"""`wallet`: one event an account row, with its coins. Source: protocol notes, section 7.5.

The push names only the coins that changed. `available_balance` is the exchange's own figure where it still sends one; it has been
empty for unified accounts since 2025-01-09, and is then derived and named in `derived`.
"""

import zlib
from decimal import Decimal

import msgspec

from gateway.models import BadRecord, Event, Json, Payload
from gateway.protocol.channels.channel import Memory, Outcome, record_of
from gateway.protocol.decimals import EXACT, decimal, plain, total
from gateway.protocol.frames import Data
from gateway.protocol.naming import fields, payload

NAMED = (
    "account_type", "total_equity", "total_wallet_balance", "total_margin_balance", "total_available_balance", "total_perp_upl",
    "total_initial_margin", "total_maintenance_margin", "coins",
)  # fmt: skip
COIN_NAMED = ("coin", "wallet_balance", "available_balance", "frozen", "equity", "usd_value", "derived")

#: What is not available: a blank one counts as 0. Source: the public contract, section 3.
FROZEN = ("locked", "totalOrderIM", "totalPositionIM")
#: Where the exchange says itself what is available, newest name first.
AVAILABLE = ("availableToWithdraw", "free")


def normalise(data: Data, _category: str | None, _memory: Memory) -> list[Outcome]:
    rows = data.data if isinstance(data.data, list) else [data.data]
    return [_account(data, row) for row in rows]


def _account(data: Data, found: Json) -> Outcome:
    """Identity: account type, creation time, the message's id and a checksum of the row."""
    row = record_of(found, lists=("coin",))
    if isinstance(row, str):
        return BadRecord(topic=data.topic, reason=row, record=found)
    odd = [coin for coin in row["coin"] if not isinstance(coin, dict)]
    if odd:
        return BadRecord(topic=data.topic, reason=f"found a coin {odd[0]!r}; expected an object", record=found)
    account = {key: value for key, value in row.items() if key != "coin"}
    whole = payload(NAMED, account, data.frame, "balance")
    whole["coins"] = [_coin(coin) for coin in row["coin"]]
    checksum = zlib.crc32(msgspec.json.encode(row))
    return Event(
        event_type="balance",
        category=None,
        symbol=None,
        topic=data.topic,
        timestamp_ms=data.ts_ms,
        identity=f"balance|{row.get('accountType')}|{data.ts_ms}|{data.frame.get('id')}|{checksum:x}",
        payload=whole,
        private=True,
    )


def _coin(row: dict[str, Json]) -> Payload:
    coin: Payload = {**dict.fromkeys(COIN_NAMED), **fields(row, "balance"), "derived": []}
    parts = [Decimal(0) if row.get(key) in (None, "") else decimal(row[key]) for key in FROZEN]
    wallet = decimal(row.get("walletBalance"))
    frozen = _sum(parts)
    coin["frozen"] = None if frozen is None else plain(frozen)
    stated = next((row[key] for key in AVAILABLE if row.get(key) not in (None, "")), None)
    if stated is not None:
        coin["available_balance"] = stated
    elif wallet is not None and frozen is not None:
        coin["available_balance"] = plain(EXACT.subtract(wallet, frozen))
        coin["derived"] = ["available_balance"]
    return coin


def _sum(parts: list[Decimal | None]) -> Decimal | None:
    """None when a part cannot be read as a number."""
    known = [part for part in parts if part is not None]
    return total(known) if len(known) == len(parts) else None
