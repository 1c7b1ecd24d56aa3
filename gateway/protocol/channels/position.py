"""`position`: one event a position. Source: protocol notes, section 7.1.

Size is absolute; the side is None when flat; `positionIdx` 0, 1 and 2 are all valid, so that absence is tested, not truth.
"""

from gateway.models import BadRecord, Event, Json
from gateway.protocol.channels.channel import Memory, Outcome, record_of
from gateway.protocol.decimals import decimal, plain
from gateway.protocol.frames import Data
from gateway.protocol.naming import milliseconds, payload

NAMED = (
    "symbol", "size", "side", "average_price", "mark_price", "unrealised_pnl", "realised_pnl", "mode", "position_sequence",
    "updated_time", "timestamp",
)  # fmt: skip

#: positionIdx: 0 one-way, 1 the buy side of hedge mode, 2 its sell side.
MODES = (0, 1, 2)
SIDES = ("Buy", "Sell")


def normalise(data: Data, _category: str | None, _memory: Memory) -> list[Outcome]:
    rows = data.data if isinstance(data.data, list) else [data.data]
    return [_position(data, row) for row in rows]


def _position(data: Data, found: Json) -> Outcome:
    """Identity: category, symbol, mode and the exchange's order of positions: `seq`, update time, size, side, entry price."""
    row = record_of(found, texts=("category", "symbol", "size"))
    if isinstance(row, str):
        return BadRecord(topic=data.topic, reason=row, record=found)
    size, mode, updated_ms = decimal(row["size"]), _whole(row.get("positionIdx")), milliseconds(row.get("updatedTime"))
    flat = size is not None and not size
    wrong = None
    if size is None:
        wrong = f"found size {row['size']!r}; expected a decimal number"
    elif mode not in MODES:
        wrong = f"found positionIdx {row.get('positionIdx')!r}; expected 0, 1 or 2"
    elif not isinstance(updated_ms, int):
        wrong = f"found updatedTime {row.get('updatedTime')!r}; expected milliseconds"
    elif not flat and row.get("side") not in SIDES:
        wrong = f"found side {row.get('side')!r} with size {row['size']}; expected Buy or Sell"
    if wrong is not None or size is None or not isinstance(updated_ms, int):
        return BadRecord(topic=data.topic, reason=str(wrong), record=found)
    fields = payload(NAMED, row, data.frame, "position")
    fields |= {
        "size": plain(size.copy_abs()) if size < 0 else row["size"],
        "side": None if flat else row["side"],
        "mode": mode,
        "position_sequence": _whole(row.get("seq")),
        "timestamp": updated_ms,
    }
    entry = row.get("entryPrice", row.get("avgPrice"))
    place = f"{row['category']}|{row['symbol']}|{mode}"
    return Event(
        event_type="position",
        category=row["category"],
        symbol=row["symbol"],
        topic=data.topic,
        timestamp_ms=updated_ms,
        identity=f"position|{place}|{row.get('seq')}|{updated_ms}|{row['size']}|{fields['side']}|{entry}",
        payload=fields,
        private=True,
    )


def _whole(value: Json) -> int | None:
    """The exchange prints some whole numbers as texts, -1 included."""
    if isinstance(value, str) and value.removeprefix("-").isascii() and value.removeprefix("-").isdigit() and len(value) < 19:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
