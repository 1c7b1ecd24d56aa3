"""`position`: one event a position. Source: protocol notes, section 7.1.

Size is absolute; the side is None when flat; `positionIdx` 0, 1 and 2 are all valid, so that absence is tested, not truth.
"""

from gateway.models import BadRecord, Event, Json
from gateway.protocol.channels.account_rows import read_row
from gateway.protocol.channels.channel import About, Outcome, each
from gateway.protocol.decimals import canonical, decimal, plain
from gateway.protocol.fields import Fields, Kind, amount, flag, ours, several, text, time, whole
from gateway.protocol.frames import Data, short
from gateway.protocol.memory import Memory

#: The stream says entryPrice, REST avgPrice.
FIELDS = Fields(
    named=(
        text("symbol", must=True),
        amount("size", must=True),
        text("side"),
        amount("entryPrice", "average_price"),
        amount("markPrice"),
        amount("unrealisedPnl"),
        amount("curRealisedPnl", "realised_pnl"),
        whole("positionIdx", "mode", must=True),
        whole("seq", "position_sequence"),
        time("updatedTime", must=True),
        ours("timestamp", Kind.TIME, must=True),
    ),
    further=(
        text("category", must=True),
        amount("avgPrice", "average_price"),
        *several(text, "positionStatus", "tpslMode"),
        *several(
            amount, "sessionAvgPrice", "positionValue", "cumRealisedPnl", "breakEvenPrice", "leverage", "positionIM", "positionMM",
            "positionIMByMp", "positionMMByMp", "liqPrice", "bustPrice", "takeProfit", "stopLoss", "trailingStop", "riskLimitValue",
            "positionBalance", "delta", "gamma", "vega", "theta",
        ),
        *several(whole, "riskId", "autoAddMargin", "adlRankIndicator", "tradeMode"),
        flag("isReduceOnly"),
        *several(time, "createdTime", "openTime", "mmrSysUpdatedTime", "mmrSysUpdateTime", "leverageSysUpdatedTime"),
    ),
)  # fmt: skip

#: positionIdx: 0 one-way, 1 the buy side of hedge mode, 2 its sell side.
MODES = (0, 1, 2)
SIDES = ("Buy", "Sell")

ABOUT = About(
    what="a state of a position of the account",
    identity="category, symbol, mode, `seq`, update time, size as a number",
    so="each state of a position is one event, on the stream and over REST",
)


def normalise(data: Data, _category: str | None, _memory: Memory) -> list[Outcome]:
    return each(data, lambda found: _position(data, found))


def _position(data: Data, found: Json) -> Outcome:
    payload = read_row(FIELDS, data, found)
    if isinstance(payload, BadRecord):
        return payload
    size, mode, updated_ms = decimal(payload["size"]), payload["mode"], payload["updated_time"]
    flat = not size
    wrong = None
    if mode not in MODES:
        wrong = f"found positionIdx {short(mode)}; expected 0, 1 or 2"
    elif not flat and payload["side"] not in SIDES:
        wrong = f"found side {short(payload['side'])} with size {payload['size']}; expected Buy or Sell"
    if wrong is not None or size is None:
        return BadRecord(topic=data.topic, reason=str(wrong), record=found)
    if size.is_signed():  # -0.00 too
        payload["size"] = plain(size.copy_abs())
    payload["side"] = None if flat else payload["side"]
    payload["timestamp"] = updated_ms
    place = f"{payload['category']}|{payload['symbol']}|{mode}"
    return Event(
        event_type="position",
        category=payload["category"],
        symbol=payload["symbol"],
        topic=data.topic,
        timestamp_ms=updated_ms,
        identity=f"position|{place}|{payload['position_sequence']}|{updated_ms}|{canonical(payload['size'])}",
        payload=payload,
        private=True,
    )
