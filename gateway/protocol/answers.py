"""REST answers as if they had been pushed: read by the same normalisers, so that a fact has the same id on the stream and over REST.

Source of names and their differences: protocol notes, sections 9.3 and 9.4. Lists come newest first, and are turned round here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from gateway.models import BadRecord, Event, Json
from gateway.protocol import channels
from gateway.protocol.channels.channel import Outcome
from gateway.protocol.channels.kline import last_ms
from gateway.protocol.frames import Data
from gateway.protocol.memory import Memory
from gateway.protocol.naming import milliseconds
from gateway.protocol.tape import moment


@dataclass(frozen=True, slots=True)
class Around:
    """What an answer says around its rows, and what was asked for.

    category  as its `result` names it
    time_ms   the exchange's clock; 0 where it does not say
    """

    category: Json
    topic: str
    time_ms: int


#: (row, what is around it) → the rows that the stream has of it, mostly one; what is no row passes as it is.
Adapt = Callable[[Json, Around], list[Json]]

#: REST's key of a public trade → the stream's.
_TRADE_KEYS = {
    "execId": "i", "symbol": "s", "price": "p", "size": "v", "side": "S", "time": "T", "isBlockTrade": "BT", "isRPITrade": "RPI",
}  # fmt: skip
#: Keys of a spread's order in its history → the stream's. Source: exchange docs, "Get Order History" of spread trading.
_SPREAD_KEYS = {"createdAt": "createdTime", "updatedAt": "updatedTime", "cxlRejReason": "rejectReason"}
#: Category of a leg over REST → what it is called on the stream.
_LEGS = {"spot": "spot_leg", "linear": "future_leg"}
_CANDLE_KEYS = ("start", "open", "high", "low", "close", "volume", "turnover")


def _trade(row: Json, _around: Around) -> list[Json]:
    return [_renamed(row, _TRADE_KEYS) if isinstance(row, dict) else row]


def _candle(row: Json, around: Around) -> list[Json]:
    """REST says neither when a candle ends nor whether it is closed, but what time it is (protocol notes, section 9.3)."""
    if not isinstance(row, list):
        return [row]
    candle = dict(zip(_CANDLE_KEYS, row, strict=False))
    interval = around.topic.split(".")[1]
    end_ms = last_ms(interval, milliseconds(candle.get("start")))
    is_closed = None if end_ms is None or not around.time_ms else end_ms < around.time_ms
    return [{"interval": interval, **candle, "end": end_ms, "confirm": is_closed}]


def _account_row(row: Json, around: Around) -> list[Json]:
    return [{"category": around.category, **row} if isinstance(row, dict) else row]


def _spread_order(row: Json, _around: Around) -> list[Json]:
    """REST lists combinations only; of their legs it names the orders, and no state."""
    return [{"category": "combination", **_renamed(row, _SPREAD_KEYS)} if isinstance(row, dict) else row]


def _spread_execution(row: Json, _around: Around) -> list[Json]:
    """A combination with its legs inside: on the stream each is a row of its own, and a leg names its parent."""
    if not isinstance(row, dict):
        return [row]
    legs = row.get("legs")
    if not isinstance(legs, list):
        return [{"category": "combination", **row}]
    combination = {"category": "combination", **{key: value for key, value in row.items() if key != "legs"}}
    return [combination, *(_leg(leg, row.get("execId")) for leg in legs)]


def _leg(leg: Json, parent: Json) -> Json:
    if not isinstance(leg, dict):
        return leg
    category = leg.get("category")
    return {"parentExecId": parent, **leg, "category": _LEGS.get(category, category) if isinstance(category, str) else category}


def _as_it_is(row: Json, _around: Around) -> list[Json]:
    return [row]


def _renamed(row: dict[str, Json], keys: Mapping[str, str]) -> dict[str, Json]:
    return {keys.get(key, key): value for key, value in row.items()}


#: Path of the call → how its rows become the stream's.
ANSWERS: Mapping[str, Adapt] = {
    "/v5/market/recent-trade": _trade,
    "/v5/spread/recent-trade": _trade,
    "/v5/market/kline": _candle,
    "/v5/order/realtime": _account_row,
    "/v5/order/history": _account_row,
    "/v5/execution/list": _account_row,
    "/v5/position/list": _account_row,
    "/v5/spread/order/realtime": _spread_order,
    "/v5/spread/order/history": _spread_order,
    "/v5/spread/execution/list": _spread_execution,
    "/v5/account/wallet-balance": _as_it_is,
    "/v5/asset/coin-greeks": _as_it_is,
    "/v5/system/status": _as_it_is,
}


@dataclass(frozen=True, slots=True)
class Fact:
    """What became of one record of an answer, and the record as it came, numbers with a fraction as their digits."""

    outcome: Outcome
    raw: Json


def events(facts: Iterable[Fact]) -> Iterator[Event]:
    """Those of them that could be read."""
    return (fact.outcome for fact in facts if isinstance(fact.outcome, Event))


def at_ms(fact: Fact) -> int:
    """When it was; what cannot be read comes first. Unix milliseconds."""
    return moment(fact.outcome) if isinstance(fact.outcome, Event) else 0


def events_of(path: str, body: Json, *, topic: str, endpoint: str, category: str | None) -> list[Outcome]:
    """The answer's records as events whose source is `rest`, oldest first. Raises KeyError for a path that the table lacks.

    topic, endpoint, category  of the stream that tells the same
    """
    return [fact.outcome for fact in facts_of(path, body, topic=topic, endpoint=endpoint, category=category)]


def facts_of(path: str, body: Json, *, topic: str, endpoint: str, category: str | None) -> list[Fact]:
    """The same, each beside its record."""
    adapt = ANSWERS[path]
    result = body.get("result") if isinstance(body, dict) else None
    rows = result.get("list") if isinstance(result, dict) else None
    if not isinstance(result, dict) or not isinstance(rows, list):
        return [Fact(BadRecord(topic=topic, reason=f"found no list in an answer of {path}", record=body), body)]
    time_ms = body.get("time") if type(body.get("time")) is int else 0
    around = Around(result.get("category"), topic, time_ms)
    adapted = [(adapted, row) for row in reversed(rows) for adapted in adapt(row, around)]
    data = Data(topic=topic, kind="snapshot", ts_ms=time_ms, data=[row for row, _ in adapted], frame={})
    channel = channels.for_topic(topic, endpoint)
    if channel.normalise is None:
        raise LookupError(f"the channel {channel.channel_type} reads no topic, but was found for {topic}")
    outcomes = channel.normalise(data, category, Memory())
    for outcome in outcomes:
        if isinstance(outcome, Event):
            outcome.source = "rest"
    raws = [raw for _, raw in adapted] + [None] * (len(outcomes) - len(adapted))
    return [Fact(outcome, raw) for outcome, raw in zip(outcomes, raws, strict=True)]
