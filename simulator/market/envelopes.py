"""The keys of public frames and trades, in the order in which each category writes them.

Source: protocol notes, section 6.1, and the recorded frames.
"""

from typing import Any

from simulator.dialect import Message

_TS_FIRST = ("topic", "ts", "type", "data")
_TYPE_FIRST = ("topic", "type", "ts", "data")
_OPTION = ("id", "topic", "ts", "data", "type")
_KLINE = ("topic", "data", "ts", "type")

#: (family, category) → the keys of a frame. A book's best level is a family of its own: its frames differ.
FRAME_KEYS: dict[tuple[str, str], tuple[str, ...]] = {
    ("trade", "spot"): _TS_FIRST,
    ("trade", "linear"): _TYPE_FIRST,
    ("trade", "inverse"): _TYPE_FIRST,
    ("trade", "option"): _OPTION,
    ("trade", "spread"): _TS_FIRST,
    ("ticker", "spot"): ("topic", "ts", "type", "cs", "data"),
    ("ticker", "linear"): ("topic", "type", "data", "cs", "ts"),
    ("ticker", "inverse"): ("topic", "type", "data", "cs", "ts"),
    ("ticker", "option"): _OPTION,
    ("ticker", "spread"): _TS_FIRST,
    ("book", "spot"): (*_TS_FIRST, "cts"),
    ("book", "linear"): (*_TYPE_FIRST, "cts"),
    ("book", "inverse"): (*_TYPE_FIRST, "cts"),
    ("book", "option"): ("id", "topic", "ts", "data", "cts", "type"),
    ("book", "spread"): (*_TS_FIRST, "cts"),
    ("best", "spot"): (*_TS_FIRST, "cts"),
    ("best", "linear"): (*_TS_FIRST, "cts"),
    ("best", "inverse"): (*_TS_FIRST, "cts"),
    ("kline", "spot"): _KLINE,
    ("kline", "linear"): _KLINE,
    ("kline", "inverse"): _KLINE,
    ("rpi", "spot"): (*_TS_FIRST, "cts"),
    ("rpi", "linear"): (*_TS_FIRST, "cts"),
    ("rpi", "inverse"): (*_TS_FIRST, "cts"),
    ("full", "spot"): (*_TS_FIRST, "cts"),
    ("liquidation", "linear"): _TYPE_FIRST,
    ("liquidation", "inverse"): _TYPE_FIRST,
    ("limit", "spot"): ("topic", "data", "ts"),
    ("limit", "linear"): ("topic", "data", "ts"),
    ("limit", "inverse"): ("topic", "data", "ts"),
    ("insurance", "linear"): _TYPE_FIRST,
    ("insurance", "inverse"): _TYPE_FIRST,
    ("alert", "linear"): _TYPE_FIRST,
    ("alert", "inverse"): _TYPE_FIRST,
}

_FUTURES_TRADE = ("T", "s", "S", "v", "p", "L", "i", "BT", "RPI", "seq")

TRADE_KEYS: dict[str, tuple[str, ...]] = {
    "spot": ("i", "T", "p", "v", "S", "seq", "s", "BT", "RPI"),
    "linear": _FUTURES_TRADE,
    "inverse": _FUTURES_TRADE,
    "option": ("p", "v", "i", "T", "BT", "RPI", "s", "S", "seq", "mP", "iP", "mIv", "iv"),
    "spread": ("T", "s", "S", "v", "p", "L", "i", "seq"),
}

#: The matching engine's time is this much before the frame's; milliseconds. Source: the recorded frames show 2 to 50.
MATCHED_BEFORE_MS = 2


def frame(
    family: str, category: str, topic: str, kind: str, data: Any, *, sequence: int, now_ms: int, matched_ms: int | None = None
) -> Message:
    """A public frame.

    kind        snapshot or delta
    sequence    the cross sequence of the symbol
    matched_ms  when the matching engine made the change, where that is not just before; Unix milliseconds
    """
    values = {
        "id": f"{topic}-{sequence}-{now_ms}",
        "topic": topic,
        "ts": now_ms,
        "type": kind,
        "data": data,
        "cs": sequence,
        "cts": (now_ms if matched_ms is None else matched_ms) - MATCHED_BEFORE_MS,
    }
    return {key: values[key] for key in FRAME_KEYS[family, category]}


def trade(category: str, values: dict[str, Any]) -> dict[str, Any]:
    return {key: values[key] for key in TRADE_KEYS[category]}
