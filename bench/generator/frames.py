"""The frames of a load, encoded but for their digits, each with its WebSocket header. Pure.

All numbers in them have a fixed width, so that the header of a template holds for every frame made of it.
"""

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass

#: An update id has ten digits from here on.
FIRST_UPDATE = 1_000_000_000
#: Levels a side: of a whole book, and of a change.
WHOLE, CHANGED = 200, 20
_TRADE = (
    '{"topic":"publicTrade.SYMBOL","type":"snapshot","ts":%(ms)013d,"data":[{"T":%(ms)013d,"s":"SYMBOL","S":"Buy","v":"0.001",'
    '"p":"67000.50","L":"PlusTick","i":"%(number)016d-%(stamp)019d","BT":false,"RPI":false,"seq":1%(number)011d}]}'
)
_DELTA = (
    '{"topic":"orderbook.200.SYMBOL","type":"delta","ts":%(ms)013d,"data":{"s":"SYMBOL","b":BIDS,"a":ASKS,"u":%(update)d,'
    '"seq":%(stamp)019d},"cts":%(ms)013d}'
)


def framed(text: bytes) -> bytes:
    """A whole text message of a server."""
    size = len(text)
    if size < 126:
        return bytes((0x81, size)) + text
    return struct.pack("!BBH", 0x81, 126, size) + text if size < 1 << 16 else struct.pack("!BBQ", 0x81, 127, size) + text


#: (template, milliseconds of the clock, number of the event, its stamp, update id) → the frame.
Make = Callable[[bytes, int, int, int, int], bytes]


def _trade(template: bytes, ms: int, number: int, stamp: int, _update: int) -> bytes:
    return template % (ms, ms, number, stamp, number)


def _delta(template: bytes, ms: int, _number: int, stamp: int, update: int) -> bytes:
    return template % (ms, update, stamp, ms)


@dataclass(frozen=True, slots=True)
class Kind:
    """Events of one kind.

    prefix  of their topics
    text    of a frame, with SYMBOL in it
    mark    what stands before the stamp of an event in the gateway's envelope, and how many characters of number follow it
    """

    prefix: str
    text: str
    make: Make
    mark: bytes
    numbered: bool


KINDS = {
    "trades": Kind("publicTrade.", _TRADE, _trade, b'"trade_id":"', numbered=True),
    "books": Kind("orderbook.200.", _DELTA, _delta, b'"cross_sequence":', numbered=False),
}


def template(kind: str, symbol: str) -> bytes:
    """To be given to the kind's `make`."""
    text = KINDS[kind].text.replace("SYMBOL", symbol)
    text = text.replace("BIDS", _levels(66_999, -1, CHANGED)).replace("ASKS", _levels(67_001, 1, CHANGED))
    sample = text % {"ms": 10**12, "number": 0, "stamp": 10**18, "update": FIRST_UPDATE}
    header = framed(sample.encode())[: -len(sample)].replace(b"%", b"%%")
    for name in ("ms", "number", "stamp", "update"):
        text = text.replace(f"%({name})", "%")
    return header + text.encode()


def first(topic: str, ms: int) -> bytes | None:
    """What a new subscriber gets at once; None where it is nothing."""
    symbol = topic.rpartition(".")[2]
    if topic.startswith("orderbook."):
        data = {"s": symbol, "b": "BIDS", "a": "ASKS", "u": FIRST_UPDATE, "seq": 1}
        text = json.dumps({"topic": topic, "type": "snapshot", "ts": ms, "data": data, "cts": ms}, separators=(",", ":"))
        return framed(text.replace('"BIDS"', _levels(66_999, -1, WHOLE)).replace('"ASKS"', _levels(67_001, 1, WHOLE)).encode())
    if topic.startswith("tickers."):
        data = {
            "symbol": symbol, "tickDirection": "PlusTick", "price24hPcnt": "0.0172", "lastPrice": "67000.50",
            "prevPrice24h": "65900.10", "highPrice24h": "67300.00", "lowPrice24h": "65800.00", "prevPrice1h": "66900.00",
            "markPrice": "67001.10", "indexPrice": "67010.80", "openInterest": "68744.761", "openInterestValue": "4606000000.10",
            "turnover24h": "1570000000.60", "volume24h": "23505.20", "nextFundingTime": "1782864000000", "fundingRate": "0.0001",
            "bid1Price": "67000.40", "bid1Size": "0.8", "ask1Price": "67000.50", "ask1Size": "1.2",
        }  # fmt: skip
        frame = {"topic": topic, "type": "snapshot", "data": data, "cs": 24_987_956_059, "ts": ms}
        return framed(json.dumps(frame, separators=(",", ":")).encode())
    return None


def _levels(price: int, step: int, count: int) -> str:
    return json.dumps([[f"{price + step * level}.50", "1.250"] for level in range(count)], separators=(",", ":"))
