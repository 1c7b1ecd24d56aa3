"""`funding`: derived from the merged `tickers` of linear and inverse: one event a change of the rate or of its time.

Source: protocol notes, section 6.5. Dated futures have neither and never make one.
"""

from gateway.models import Event
from gateway.protocol.channels.channel import About
from gateway.protocol.decimals import canonical
from gateway.protocol.fields import Fields, amount, several, text, time
from gateway.protocol.memory import Memory

FIELDS = Fields(
    named=(text("symbol", must=True), amount("fundingRate", must=True), time("nextFundingTime")),
    further=several(amount, "fundingIntervalHour", "fundingCap"),
)

EVENT_TYPE = "funding"
#: Where contracts are funded.
FUNDED = ("linear", "inverse")

_KEPT = tuple(row.name for row in (*FIELDS.further, *FIELDS.frame))

ABOUT = About(
    what="a change of a contract's funding rate or of its time",
    identity="category, symbol, rate as a number, next funding time, the ticker's time",
    so="a rate that comes back is another event",
)


def derived(ticker: Event, memory: Memory) -> list[Event]:
    """What a ticker tells that consumers have not been told.

    What was told last outlives a connection: a snapshot with the same values is no change, and nor is a rate with another zero.
    """
    known = ticker.payload
    rate, due = known.get("funding_rate"), known.get("next_funding_time")
    if ticker.category not in FUNDED or rate is None or memory.told.get(EVENT_TYPE) == (rate, due):
        return []
    figure = canonical(rate)
    if memory.told.get(EVENT_TYPE) == (figure, due):
        return []
    memory.told[EVENT_TYPE] = (figure, due)
    named = {name: known.get(name) for name in FIELDS.names}
    return [
        Event(
            event_type=EVENT_TYPE,
            category=ticker.category,
            symbol=ticker.symbol,
            topic=ticker.topic,
            timestamp_ms=ticker.timestamp_ms,
            identity=f"funding|{ticker.category}|{ticker.symbol}|{figure}|{due}|{ticker.timestamp_ms}",
            payload={**named, **{name: known[name] for name in _KEPT if name in known}},
            source="derived",
        )
    ]
