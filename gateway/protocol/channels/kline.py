"""`kline.{interval}.{symbol}`: one event a candle. Source: protocol notes, section 6.7."""

from calendar import timegm
from datetime import UTC, datetime

from gateway.models import BadRecord, Event, Json
from gateway.protocol.channels.channel import About, Outcome, each
from gateway.protocol.decimals import canonical
from gateway.protocol.fields import Fields, Kind, amount, flag, ours, text, time
from gateway.protocol.frames import Data
from gateway.protocol.memory import Memory

FIELDS = Fields(
    named=(
        ours("symbol", Kind.TEXT, must=True),
        text("interval", must=True),
        time("start", must=True),
        time("end"),
        amount("open", must=True),
        amount("high", must=True),
        amount("low", must=True),
        amount("close", must=True),
        amount("volume", must=True),
        amount("turnover"),
        flag("confirm"),
    ),
    further=(time("timestamp"),),
)

#: What tells one push of a running candle from the next; REST has all of them.
FIGURES = ("open", "high", "low", "close", "volume", "turnover")

_MINUTE_MS = 60_000
#: Interval → length of its candles in minutes; others are minutes themselves, and months have no one length.
_LENGTHS = {"D": 1440, "W": 7 * 1440}
#: Starts at and after this are none: the year 5138; Unix milliseconds.
_LATEST_MS = 10**14

ABOUT = About(
    what="a push of a candle, running or closed",
    identity="category, symbol, interval, start, whether it is closed, and open, high, low, close, volume, turnover as numbers",
    so="each new figure is an event; a closed candle has one id on the stream and over REST",
)


def normalise(data: Data, category: str | None, _memory: Memory) -> list[Outcome]:
    return each(data, lambda found: _candle(data, found, category))


def last_ms(interval: str, start_ms: Json) -> int | None:
    """The last millisecond of a candle, which the stream calls its end; None where it cannot be known. Months are those of UTC."""
    if type(start_ms) is not int or not 0 <= start_ms < _LATEST_MS:
        return None
    if interval == "M":
        first = datetime.fromtimestamp(start_ms // 1000, UTC)
        year, month = divmod(first.year * 12 + first.month, 12)
        return timegm((year, month + 1, 1, 0, 0, 0)) * 1000 - 1
    minutes = _LENGTHS.get(interval) or (int(interval) if interval.isascii() and interval.isdecimal() and len(interval) < 6 else 0)
    return start_ms + minutes * _MINUTE_MS - 1 if minutes else None


def _candle(data: Data, found: Json, category: str | None) -> Outcome:
    _, interval, symbol = data.topic.split(".", 2)
    payload = FIELDS.read(data, found)
    if isinstance(payload, BadRecord):
        return payload
    payload["symbol"] = symbol
    figures = "|".join(canonical(payload[name]) for name in FIGURES)
    stage = "closed" if payload["confirm"] is True else "running"
    return Event(
        event_type="kline",
        category=category,
        symbol=symbol,
        topic=data.topic,
        timestamp_ms=data.ts_ms,
        identity=f"kline|{category}|{symbol}|{interval}|{payload['start']}|{stage}|{figures}",
        payload=payload,
        variant=interval,
    )
