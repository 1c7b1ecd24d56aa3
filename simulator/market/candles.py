"""Every interval's candles: the running one, the closed ones, and their bounds. Source: protocol notes, section 6.7.

Trades go into the minute's candle only; a minute that is over is added to the longer ones.
"""

from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from simulator.dialect import plain
from simulator.market.instruments import Instrument

_MINUTE_MS = 60_000
_DAY_MS = 1440 * _MINUTE_MS
#: Closed candles kept of each interval.
KEPT = 1_000

#: Interval → length and beginning of one of its candles; milliseconds. Weeks begin on Monday: 1970-01-05 was one.
LENGTHS = {
    **{str(minutes): (minutes * _MINUTE_MS, 0) for minutes in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)},
    "D": (_DAY_MS, 0),
    "W": (7 * _DAY_MS, 4 * _DAY_MS),
}
#: Months have no one length.
INTERVALS = (*LENGTHS, "M")
_LONGER = INTERVALS[1:]

#: Digits kept of a coin amount that stems from a division.
_FRACTION = 10**12
_EIGHT_PLACES = Decimal("0.00000001")


def bounds(interval: str, at_ms: int) -> tuple[int, int]:
    """The first and the last millisecond of the candle that a moment belongs to."""
    if interval == "M":
        first = datetime.fromtimestamp(at_ms // 1000, UTC).replace(day=1, hour=0, minute=0, second=0)
        following = (first + timedelta(days=32)).replace(day=1)
        return int(first.timestamp()) * 1000, int(following.timestamp()) * 1000 - 1
    length, beginning = LENGTHS[interval]
    start = at_ms - (at_ms - beginning) % length
    return start, start + length - 1


class Turnover:
    """Sums of size times price, in whole numbers until they are told: in the quote coin, on inverse in the base coin."""

    def __init__(self, instrument: Instrument) -> None:
        self._is_inverse = instrument.category == "inverse"
        tick, step = instrument.tick, instrument.step
        self._unit = step / tick / _FRACTION if self._is_inverse else step * tick

    def of(self, ticks: int, steps: int) -> int:
        return steps * _FRACTION // ticks if self._is_inverse else steps * abs(ticks)

    def told(self, amount: int) -> Decimal:
        return (amount * self._unit).quantize(_EIGHT_PLACES) if self._is_inverse else amount * self._unit


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
    turnover: int = 0

    def take(self, other: "Candle") -> None:
        """Add what came after."""
        if other.volume:
            self.high, self.low, self.close = max(self.high, other.high), min(self.low, other.low), other.close
            self.volume += other.volume
            self.turnover += other.turnover
            self.traded_ms = other.traded_ms


class Candles:
    """All intervals of one instrument."""

    def __init__(self, instrument: Instrument, ticks: int, now_ms: int) -> None:
        self._instrument = instrument
        self._turnover = Turnover(instrument)
        self._minute = _begin("1", ticks, now_ms)
        self._longer = {interval: _begin(interval, ticks, now_ms) for interval in _LONGER}
        self._closed: dict[str, deque[Candle]] = {interval: deque(maxlen=KEPT) for interval in INTERVALS}

    def close(self, now_ms: int) -> list[tuple[str, Candle]]:
        """(interval, candle) of those whose time is over, oldest first; quiet times have flat ones.

        After a leap of time only the last `KEPT` minutes of it get theirs.
        """
        over: list[tuple[str, Candle]] = []
        while self._minute.end < now_ms:
            minute = self._minute
            over.append(("1", minute))
            for interval, candle in self._longer.items():
                candle.take(minute)
                if candle.end <= minute.end:
                    over.append((interval, candle))
            following = max(minute.end + 1, now_ms - now_ms % _MINUTE_MS - KEPT * _MINUTE_MS)
            self._minute = _begin("1", minute.close, following)
            for interval, candle in self._longer.items():
                if candle.end < following:
                    if candle.end > minute.end:
                        over.append((interval, candle))
                    self._longer[interval] = _begin(interval, minute.close, following)
        for interval, candle in over:
            self._closed[interval].append(candle)
        return over

    def add(self, ticks: int, steps: int, now_ms: int) -> None:
        """One trade."""
        minute = self._minute
        if ticks > minute.high:
            minute.high = ticks
        elif ticks < minute.low:
            minute.low = ticks
        minute.close = ticks
        minute.volume += steps
        minute.turnover += self._turnover.of(ticks, steps)
        minute.traded_ms = now_ms

    def running(self, interval: str) -> Candle:
        if interval == "1":
            return self._minute
        candle = replace(self._longer[interval])
        candle.take(self._minute)
        return candle

    def newest_first(self, interval: str) -> list[Candle]:
        """The running candle and the closed ones behind it."""
        return [self.running(interval), *reversed(self._closed[interval])]

    def row(self, interval: str, candle: Candle, *, confirm: bool) -> dict[str, Any]:
        """As the stream tells it."""
        figures = self._figures(candle)
        return {
            "start": candle.start,
            "end": candle.end,
            "interval": interval,
            **{key: figures[key] for key in ("open", "close", "high", "low", "volume", "turnover")},
            "confirm": confirm,
            "timestamp": candle.traded_ms,
        }

    def rest_row(self, candle: Candle) -> list[str]:
        return [str(candle.start), *self._figures(candle).values()]

    def _figures(self, candle: Candle) -> dict[str, str]:
        tick, step = self._instrument.tick, self._instrument.step
        return {
            "open": plain(candle.open * tick),
            "high": plain(candle.high * tick),
            "low": plain(candle.low * tick),
            "close": plain(candle.close * tick),
            "volume": plain(candle.volume * step),
            "turnover": plain(self._turnover.told(candle.turnover)),
        }


def _begin(interval: str, ticks: int, now_ms: int) -> Candle:
    start, end = bounds(interval, now_ms)
    return Candle(start, end, ticks, ticks, ticks, ticks, traded_ms=start)
