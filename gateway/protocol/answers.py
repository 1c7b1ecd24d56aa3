"""REST answers as if they had been pushed: read by the same normalisers, so that a fact has the same id on the stream and over REST.

Source of names and their differences: protocol notes, sections 9.3 and 9.4. Lists come newest first, and are turned round here.
"""

from collections.abc import Callable, Mapping

from gateway.models import BadRecord, Event, Json
from gateway.protocol import channels
from gateway.protocol.channels.channel import Memory, Outcome
from gateway.protocol.frames import Data

Row = dict[str, Json]
#: (row, the answer's `result`) → the row as the stream has it; what is no row passes as it is.
Adapt = Callable[[Json, Row], Json]

#: REST's key of a public trade → the stream's.
_TRADE_KEYS = {
    "execId": "i", "symbol": "s", "price": "p", "size": "v", "side": "S", "time": "T", "isBlockTrade": "BT", "isRPITrade": "RPI",
}  # fmt: skip
_CANDLE_KEYS = ("start", "open", "high", "low", "close", "volume", "turnover")


def _trade(row: Json, _result: Row) -> Json:
    return {_TRADE_KEYS.get(key, key): value for key, value in row.items()} if isinstance(row, dict) else row


def _candle(row: Json, result: Row) -> Json:
    """Closed unless it is the newest: REST does not say (protocol notes, section 9.3: the first row may be the running candle)."""
    if not isinstance(row, list):
        return row
    is_newest = bool(result["list"]) and row is result["list"][0]
    return {**dict(zip(_CANDLE_KEYS, row, strict=False)), "confirm": not is_newest}


def _account_row(row: Json, result: Row) -> Json:
    return {"category": result.get("category"), **row} if isinstance(row, dict) else row


def _as_it_is(row: Json, _result: Row) -> Json:
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
    interval = {"interval": topic.split(".")[1]} if path == "/v5/market/kline" else {}
    adapted = [adapt(row, result) for row in reversed(rows)]
    filled = [{**interval, **row} if isinstance(row, dict) else row for row in adapted]
    data = Data(topic=topic, kind="snapshot", ts_ms=time_ms, data=filled, frame={})
    channel = channels.for_topic(topic, endpoint)
    if channel.normalise is None:
        raise LookupError(f"the channel {channel.channel_type} reads no topic, but was found for {topic}")
    outcomes = channel.normalise(data, category, Memory())
    for outcome in outcomes:
        if isinstance(outcome, Event):
            outcome.source = "rest"
    return outcomes
