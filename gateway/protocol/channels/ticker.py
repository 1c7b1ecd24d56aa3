"""`tickers.{symbol}`: one event a frame, with the full merged state; and `funding`, derived from it. Source: protocol notes, section 6.5.

Linear and inverse send a snapshot and then only what changed; spot, option and spread send all of it every time.
"""

from gateway.models import BadRecord, Event
from gateway.protocol.channels import funding
from gateway.protocol.channels.channel import About, Outcome, fingerprint
from gateway.protocol.fields import Fields, Kind, amount, ours, several, text, time, whole
from gateway.protocol.frames import Data, short
from gateway.protocol.memory import Memory

FIELDS = Fields(
    named=(
        text("symbol", must=True),
        amount("lastPrice"),
        amount("volume24h"),
        amount("turnover24h"),
        ours("changed", Kind.TEXTS, must=True),
    ),
    further=(
        *several(text, "tickDirection", "curPreListingPhase"),
        *several(
            amount, "prevPrice24h", "highPrice24h", "lowPrice24h", "prevPrice1h", "price24hPcnt", "markPrice", "indexPrice",
            "openInterest", "openInterestValue", "singleOpenInterest", "singleOpenInterestValue", "fundingRate",
            "fundingIntervalHour", "fundingCap", "bid1Price", "bid1Size", "ask1Price", "ask1Size", "basis", "basisRate",
            "basisRateYear", "deliveryFeeRate", "predictedDeliveryPrice", "preOpenPrice", "preQty", "usdIndexPrice",
            "bidPrice", "bidSize", "bidIv", "askPrice", "askSize", "askIv", "markPriceIv", "underlyingPrice", "totalVolume",
            "totalTurnover", "delta", "gamma", "vega", "theta", "change24h",
        ),
        *several(time, "nextFundingTime", "deliveryTime"),
        whole("seq", "cross_sequence"),
    ),
)  # fmt: skip

ABOUT = About(
    what="a ticker's full state after a change",
    identity="category, topic, `ts`, `cs`, the frame's record",
    so="two different frames within one millisecond are two events",
)


#: Where a frame is a snapshot or a change of one, and says which. Elsewhere each is a snapshot, whether it says so or not.
CHANGING = ("linear", "inverse")
KINDS = ("snapshot", "delta")


def normalise(data: Data, category: str | None, memory: Memory) -> list[Outcome]:
    whole_record = data.data
    if category in CHANGING and data.kind not in KINDS:
        reason = f"found a ticker of type {short(data.kind)}; expected snapshot or delta"
        memory.state, memory.hole = {}, reason  # a change taken for a snapshot would lose all else
        return [BadRecord(topic=data.topic, reason=reason, record=data.data)]
    if isinstance(data.data, dict) and data.kind == "delta":
        if not memory.state:
            memory.hole = "a ticker delta before any snapshot; expected a snapshot first"
            return [BadRecord(topic=data.topic, reason=memory.hole, record=data.data)]
        whole_record = {**memory.state, **data.data}
    payload = FIELDS.read(data, whole_record)
    if isinstance(payload, BadRecord):
        memory.state, memory.hole = {}, f"a ticker that cannot be read: {payload.reason}"  # what it would have changed is not known
        return [payload]
    before = memory.state
    payload["changed"] = [FIELDS.name(key) for key, value in data.data.items() if key not in before or before[key] != value]
    memory.state, memory.hole = whole_record, None
    event = Event(
        event_type="ticker",
        category=category,
        symbol=payload["symbol"],
        topic=data.topic,
        timestamp_ms=data.ts_ms,
        identity=f"ticker|{category}|{data.topic}|{data.ts_ms}|{data.frame.get('cs')}|{fingerprint(data.data)}",
        payload=payload,
    )
    return [event, *funding.derived(event, memory)]
