"""The exchange's keys → our names, and its values → ours. One table of terse keys; everything else follows one rule.

Rule: camelCase becomes snake_case, `24h` and `1h` are words, an acronym is one word. Source: the public contract, section 3.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from gateway.models import Json, Payload

#: Keys too short to be understood, by the family of the topic; "" holds for every frame.
#: `docs/EVENTS.md` shows this table. Meanings: protocol notes, sections 6 and 7.
TERSE: dict[str, dict[str, str]] = {
    "": {"ts": "pushed_at", "cts": "matched_at", "cs": "cross_sequence", "seq": "cross_sequence"},
    "trade": {
        "T": "trade_time", "s": "symbol", "S": "side", "v": "quantity", "p": "price", "L": "tick_direction", "i": "trade_id",
        "BT": "block_trade", "RPI": "rpi", "mP": "mark_price", "iP": "index_price", "mIv": "mark_iv",
    },
    "orderbook": {"s": "symbol", "b": "bids", "a": "asks", "u": "update_id", "type": "kind"},
    "order": {
        "qty": "quantity", "orderStatus": "status", "cumExecQty": "executed_quantity", "avgPrice": "average_price",
    },
    "execution": {
        "execId": "execution_id", "execType": "execution_type", "execPrice": "price", "execQty": "quantity", "execFee": "fee",
    },
    "position": {
        "entryPrice": "average_price", "avgPrice": "average_price", "curRealisedPnl": "realised_pnl", "positionIdx": "mode",
        "seq": "position_sequence",
    },
}  # fmt: skip

#: Keys whose values are times; the exchange sends them as numbers, as texts of digits or, for deliveries, as ISO 8601.
TIMES = frozenset(
    {
        "createdTime", "updatedTime", "execTime", "openTime", "nextFundingTime", "deliveryTime", "mmrSysUpdatedTime",
        "mmrSysUpdateTime", "leverageSysUpdatedTime", "begin", "end", "start", "timestamp", "T", "ts", "cts", "creationTime",
    }
)  # fmt: skip

#: Keys whose value is an object keyed by data (coins): its keys stay as they are.
KEYED_BY_DATA = frozenset(("cumFeeDetail",))

#: Frame keys that the envelope or the record says better.
_NOT_PAYLOAD = frozenset(("topic", "data"))


@lru_cache(maxsize=4096)
def snake(key: str) -> str:
    """`price24hPcnt` → `price_24h_pcnt`, `totalPerpUPL` → `total_perp_upl`, `bid1Price` → `bid1_price`."""
    key = re.sub(r"(\d+h)(?=[A-Z]|$)", r"_\1", key)
    key = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", key)
    key = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", key)
    return key.lower().lstrip("_")


@lru_cache(maxsize=8192)
def name(key: str, family: str) -> str:
    """Our name of an exchange key in a family of topics."""
    return TERSE.get(family, {}).get(key) or TERSE[""].get(key) or snake(key)


def milliseconds(value: Json) -> Json:
    """A time as Unix milliseconds; None for an empty one, and unchanged what is no time at all."""
    if isinstance(value, str):
        if value.isascii() and value.isdigit() and len(value) <= 18:
            return int(value)
        return _iso(value) if value else None
    return value


@lru_cache(maxsize=1024)
def _iso(text: str) -> int | str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return int(moment.timestamp() * 1000) if moment.tzinfo else text


def value(key: str, found: Json) -> Json:
    """The exchange's value as ours: amounts stay texts, an empty text is nothing, nested records get our names."""
    if found == "":
        return None
    if key in TIMES:
        return milliseconds(found)
    if isinstance(found, dict):
        return dict(found) if key in KEYED_BY_DATA else fields(found, "")
    if isinstance(found, list) and found and isinstance(found[0], dict):
        return [fields(row, "") if isinstance(row, dict) else row for row in found]
    return found


def fields(record: Mapping[str, Json], family: str) -> Payload:
    """Every field of a record under our name."""
    return {name(key, family): value(key, found) for key, found in record.items()}


def payload(named: tuple[str, ...], record: Mapping[str, Json], frame: Mapping[str, Json], family: str) -> Payload:
    """The named fields first, None where there is nothing, then all else of the record and the frame; the record wins."""
    whole: Payload = dict.fromkeys(named)
    for key, found in frame.items():
        if key not in _NOT_PAYLOAD:
            whole[name(key, family)] = value(key, found)
    for key, found in record.items():
        whole[name(key, family)] = value(key, found)
    return whole
