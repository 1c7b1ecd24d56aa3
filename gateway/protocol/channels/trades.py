"""`publicTrade.{symbol}`: one event a trade. Source of the fields: protocol notes, section 6.6."""

from gateway.models import BadRecord, Event, Json
from gateway.protocol.channels.channel import About, Outcome, rows
from gateway.protocol.fields import Fields, amount, flag, text, time, whole
from gateway.protocol.frames import Data
from gateway.protocol.memory import Memory

FIELDS = Fields(
    named=(
        text("s", "symbol", must=True),
        text("i", "trade_id", must=True),
        amount("p", "price", must=True),
        amount("v", "quantity", must=True),
        text("S", "side"),
        time("T", "trade_time", must=True),
    ),
    further=(
        text("L", "tick_direction"),
        flag("BT", "block_trade"),
        flag("RPI", "rpi"),
        whole("seq", "cross_sequence"),
        amount("mP", "mark_price"),
        amount("iP", "index_price"),
        amount("mIv", "mark_iv"),
        amount("iv"),
    ),
)

ABOUT = About(
    what="a public trade",
    identity="category, symbol, the exchange's trade id",
    so="a trade that is sent twice, or read over REST, has one id",
)


def normalise(data: Data, category: str | None, _memory: Memory) -> list[Outcome]:
    """An option's topic names the base coin."""
    base_coin = data.topic.partition(".")[2] if category == "option" else "-"
    return [_trade(data, found, category, base_coin) for found in rows(data)]


def _trade(data: Data, found: Json, category: str | None, base_coin: str) -> Outcome:
    payload = found if data.is_named else FIELDS.read(data, found)
    if isinstance(payload, BadRecord):
        return payload
    return Event(
        event_type="trade",
        category=category,
        symbol=payload["symbol"],
        topic=data.topic,
        timestamp_ms=payload["trade_time"],
        identity=f"trade|{category}|{payload['symbol']}|{payload['trade_id']}",
        payload=payload,
        variant=base_coin,
    )
