"""`insurance.{group}` and `adlAlert.{group}`: one event a pool. Source: protocol notes, section 6.9.

The event's symbol is the group; the contract is in the payload. Sources differ in whether numbers come as texts: here they are texts.
"""

from gateway.models import BadRecord, Event, Json
from gateway.protocol.channels.channel import About, Outcome, each_placed, unnamed
from gateway.protocol.fields import Fields, amount, text, time
from gateway.protocol.frames import Data
from gateway.protocol.memory import Memory

INSURANCE = Fields(
    named=(text("coin"), text("symbols", must=True), amount("balance", must=True), time("updateTime")),
)

ADL_ALERT = Fields(
    named=(
        text("c", "coin"),
        text("s", "symbol", must=True),
        amount("b", "balance"),
        amount("mb", "max_balance"),
        amount("i_pr", "pnl_ratio_threshold"),
        amount("pr", "pnl_ratio"),
        amount("adl_tt", "adl_trigger_threshold"),
        amount("adl_sr", "adl_stop_ratio"),
    ),
)

ABOUT_INSURANCE = About(
    what="the balance of an insurance pool",
    identity="category, topic, the frame's time, the place in the frame, the record",
    so="each push of a pool is an event",
)
ABOUT_ALERT = About(
    what="the state of a pool before automatic deleveraging",
    identity="as `insurance`",
    so="as `insurance`",
)


def normalise_insurance(data: Data, category: str | None, _memory: Memory) -> list[Outcome]:
    return each_placed(data, lambda found, place: _pool(data, found, place, category, "insurance", INSURANCE))


def normalise_alerts(data: Data, category: str | None, _memory: Memory) -> list[Outcome]:
    return each_placed(data, lambda found, place: _pool(data, found, place, category, "adl_alert", ADL_ALERT))


def _pool(data: Data, found: Json, place: int, category: str | None, event_type: str, fields: Fields) -> Outcome:
    payload = fields.read(data, found)
    if isinstance(payload, BadRecord):
        return payload
    return Event(
        event_type=event_type,
        category=category,
        symbol=data.topic.partition(".")[2],
        topic=data.topic,
        timestamp_ms=data.ts_ms,
        identity=f"{event_type}|{category}|{unnamed(data, found, place)}",
        payload=payload,
    )
