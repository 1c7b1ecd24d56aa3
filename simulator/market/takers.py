"""Who takes from one instrument's book: fills, and what they add up to over a day."""

from decimal import Decimal
from random import Random

from simulator.market.book import Book
from simulator.market.candles import Candles, Turnover
from simulator.market.instruments import Instrument
from simulator.market.topics import FULL_SERVICE
from simulator.market.trades import Tape, Trade

#: Orders that fill more than one level, as a share of all.
_SWEEPS = 0.1
#: Block trades and fills against RPI orders, as shares of all fills.
_BLOCKS, _RPIS = 0.003, 0.05
#: Most of one fill, in steps.
_LARGEST = 499


class Takers:
    """Prices in ticks, amounts in steps.

    direction  place in trades.DIRECTIONS
    previous   the price 24 hours ago; it stays, as high and low stay
    """

    def __init__(self, instrument: Instrument, book: Book, dice: Random, now_ms: int, *, kept: int) -> None:
        self._book, self._dice = book, dice
        self._meets_rpi = instrument.category in FULL_SERVICE
        self._sums = Turnover(instrument)
        self.tape = Tape(instrument, book, dice, kept=kept)
        self.last = book.middle
        self.direction = 0
        self.previous, self.high, self.low = (
            self.last - self.last // 55,
            self.last + self.last // 100,
            self.last - self.last // 50,
        )
        self.volume = dice.randrange(10**7, 10**8)
        self._turnover = self._sums.of(self.last, self.volume)
        self.candles = Candles(instrument, self.last, now_ms)

    @property
    def turnover(self) -> Decimal:
        return self._sums.told(self._turnover)

    def step(self, count: int, now_ms: int, model: dict[str, str]) -> list[Trade]:
        """So many fills, of taker orders of which some go through several levels. model: what option trades say besides."""
        made: list[Trade] = []
        random, book = self._dice.random, self._book
        while len(made) < count:
            roll, is_buy = random(), random() < 0.5
            levels = 1 if roll >= _SWEEPS else 2 + int(roll / _SWEEPS * 3)
            levels = min(levels, count - len(made), book.counts[1 if is_buy else 0])
            if not levels:
                break
            sequence, way = book.advance(), 1 if is_buy else -1
            for place in range(levels):
                made.append(self._fill(book.middle + way, is_buy=is_buy, sequence=sequence, now_ms=now_ms, model=model))
                if place + 1 < levels:
                    book.shift(way)
        return made

    def _fill(self, ticks: int, *, is_buy: bool, sequence: int, now_ms: int, model: dict[str, str]) -> Trade:
        if ticks != self.last:
            self.direction = 0 if ticks > self.last else 2
        else:
            self.direction |= 1
        self.last = ticks
        roll, steps = self._dice.random(), 1 + int(self._dice.random() * _LARGEST)
        self.high, self.low = max(self.high, ticks), min(self.low, ticks)
        self.volume += steps
        self._turnover += self._sums.of(ticks, steps)
        self.candles.add(ticks, steps, now_ms)
        trade = Trade(
            number=self.tape.count,
            at_ms=now_ms,
            is_buy=is_buy,
            ticks=ticks,
            steps=steps,
            direction=self.direction,
            sequence=sequence,
            is_block=roll < _BLOCKS,
            is_rpi=self._meets_rpi and _BLOCKS <= roll < _BLOCKS + _RPIS,
            model=model,
        )
        self.tape.add(trade)
        return trade
