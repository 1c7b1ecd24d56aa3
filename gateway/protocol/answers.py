"""REST answers as if they had been pushed: read by the same normalisers, so that a fact has the same id on the stream and over REST.

Source of names and their differences: protocol notes, sections 9.3 and 9.4. Lists come newest first, and are turned round here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.models import BadRecord, Event, Json
from gateway.protocol import channels
from gateway.protocol.channels.channel import Memory, Outcome
from gateway.protocol.channels.kline import last_ms
from gateway.protocol.frames import Data
from gateway.protocol.naming import milliseconds


@dataclass(frozen=True, slots=True)
class Around:
    """What an answer says around its rows, and what was asked for.

    category  as its `result` names it
    time_ms   the exchange's clock; 0 where it does not say
    """

    category: Json
    topic: str
    time_ms: int


#: (row, what is around it) → the row as the stream has it; what is no row passes as it is.
Adapt = Callable[[Json, Around], Json]

#: REST's key of a public trade → the stream's.
_TRADE_KEYS = {
    "execId": "i", "symbol": "s", "price": "p", "size": "v", "side": "S", "time": "T", "isBlockTrade": "BT", "isRPITrade": "RPI",
}  # fmt: skip
_CANDLE_KEYS = ("start", "open", "high", "low", "close", "volume", "turnover")


def _trade(row: Json, _around: Around) -> Json:
    return {_TRADE_KEYS.get(key, key): value for key, value in row.items()} if isinstance(row, dict) else row


def _candle(row: Json, around: Around) -> Json:
    """REST says neither when a candle ends nor whether it is closed, but what time it is (protocol notes, section 9.3)."""
    if not isinstance(row, list):
        return row
    candle = dict(zip(_CANDLE_KEYS, row, strict=False))
    interval = around.topic.split(".")[1]
    end_ms = last_ms(interval, milliseconds(candle.get("start")))
    is_closed = None if end_ms is None or not around.time_ms else end_ms < around.time_ms
    return {"interval": interval, **candle, "end": end_ms, "confirm": is_closed}


def _account_row(row: Json, around: Around) -> Json:
    return {"category": around.category, **row} if isinstance(row, dict) else row


def _as_it_is(row: Json, _around: Around) -> Json:
    return row


#: Path of the call → how its rows become the stream's.
ANSWERS: Mapping[str, Adapt] = {
    "/v5/market/recent-trade": _trade,
    "/v5/spread/recent-trade": _trade,
    "/v5/market/kline": _candle,
    "/v5/order/realtime": _account_row,
    "/v5/order/history": _account_row,
    "/v5/execution/list": _account_row,
    "/v5/position/list": _account_row,
    "/v5/account/wallet-balance": _as_it_is,
    "/v5/asset/coin-greeks": _as_it_is,
    "/v5/system/status": _as_it_is,
}


def events_of(path: str, body: Json, *, topic: str, endpoint: str, category: str | None) -> list[Outcome]:
    """The answer's records as events whose source is `rest`, oldest first. Raises KeyError for a path that the table lacks.

    topic, endpoint, category  of the stream that tells the same
    """
    adapt = ANSWERS[path]
    result = body.get("result") if isinstance(body, dict) else None
    rows = result.get("list") if isinstance(result, dict) else None
    if not isinstance(result, dict) or not isinstance(rows, list):
        return [BadRecord(topic=topic, reason=f"found no list in an answer of {path}", record=body)]
    time_ms = body.get("time") if type(body.get("time")) is int else 0
    around = Around(result.get("category"), topic, time_ms)
    adapted = [adapt(row, around) for row in reversed(rows)]
    data = Data(topic=topic, kind="snapshot", ts_ms=time_ms, data=adapted, frame={})
    channel = channels.for_topic(topic, endpoint)
    if channel.normalise is None:
        raise LookupError(f"the channel {channel.channel_type} reads no topic, but was found for {topic}")
    outcomes = channel.normalise(data, category, Memory())
    for outcome in outcomes:
        if isinstance(outcome, Event):
            outcome.source = "rest"
    return outcomes
