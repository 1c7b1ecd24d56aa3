"""The running candle of every interval, and its bounds. Source: protocol notes, section 6.7."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from simulator.dialect import plain

_MINUTE_MS = 60_000
_DAY_MS = 1440 * _MINUTE_MS

#: Interval → length and beginning of one of its candles; milliseconds. Weeks begin on Monday: 1970-01-05 was one.
LENGTHS = {
    **{str(minutes): (minutes * _MINUTE_MS, 0) for minutes in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)},
    "D": (_DAY_MS, 0),
    "W": (7 * _DAY_MS, 4 * _DAY_MS),
}
#: Months have no one length.
INTERVALS = (*LENGTHS, "M")


def bounds(interval: str, at_ms: int) -> tuple[int, int]:
    """The first and the last millisecond of the candle that a moment belongs to."""
    if interval == "M":
        first = datetime.fromtimestamp(at_ms // 1000, UTC).replace(day=1, hour=0, minute=0, second=0)
        following = (first + timedelta(days=32)).replace(day=1)
        return int(first.timestamp()) * 1000, int(following.timestamp()) * 1000 - 1
    length, beginning = LENGTHS[interval]
    start = at_ms - (at_ms - beginning) % length
    return start, start + length - 1


@dataclass(slots=True)
class Candle:
    """One interval's candle; prices in ticks, volume in steps.

    traded_ms  the last trade in it; before the first one, its start
    """

    start: int
    end: int
    open: int
    high: int
    low: int
    close: int
    traded_ms: int
    volume: int = 0
    turnover: Decimal = Decimal(0)


class Candles:
    """All intervals of one instrument."""

    def __init__(self, ticks: int, now_ms: int, *, tick: Decimal, step: Decimal) -> None:
        self._tick, self._step = tick, step
        self._candles = {interval: _begin(interval, ticks, now_ms) for interval in INTERVALS}

    def close(self, ticks: int, now_ms: int) -> list[tuple[str, dict[str, Any]]]:
        """(interval, last row) of the candles whose time is over; the next ones begin at the last price."""
        over = [interval for interval, candle in self._candles.items() if candle.end < now_ms]
        rows = [(interval, self.row(interval, confirm=True)) for interval in over]
        for interval in over:
            self._candles[interval] = _begin(interval, ticks, now_ms)
        return rows

    def add(self, ticks: int, steps: int, now_ms: int) -> None:
        """One trade."""
        for candle in self._candles.values():
            candle.high, candle.low, candle.close = max(candle.high, ticks), min(candle.low, ticks), ticks
            candle.volume += steps
            candle.turnover += steps * self._step * ticks * self._tick
            candle.traded_ms = now_ms

    def row(self, interval: str, *, confirm: bool) -> dict[str, Any]:
        candle = self._candles[interval]
        return {
            "start": candle.start,
            "end": candle.end,
            "interval": interval,
            "open": plain(candle.open * self._tick),
            "close": plain(candle.close * self._tick),
            "high": plain(candle.high * self._tick),
            "low": plain(candle.low * self._tick),
            "volume": plain(candle.volume * self._step),
            "turnover": plain(candle.turnover),
            "confirm": confirm,
            "timestamp": candle.traded_ms,
        }


def _begin(interval: str, ticks: int, now_ms: int) -> Candle:
    start, end = bounds(interval, now_ms)
    return Candle(start, end, ticks, ticks, ticks, ticks, traded_ms=start)
