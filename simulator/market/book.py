"""One instrument's order book, and the views of it that the streams show: snapshots and deltas that agree by construction.

A book is dense: every tick from the middle outwards holds a level, as many as the side has. Sizes that nobody touched yet are
not stored but computed from their price, so a thousand levels cost what a few do, and a step costs what it changes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from math import log
from random import Random

from simulator.dialect import plain
from simulator.market.instruments import Instrument

#: Levels a side. Spot's are more than its deepest stream shows: the full book has them all.
LEVELS = {"spot": 1_500, "linear": 1_000, "inverse": 1_000, "option": 120, "spread": 60}
#: The most levels a side that a thin book has.
THIN = 4
#: Most sizes, in steps.
LARGEST = 4_999
#: Changes near the best price: so far from it on average, in levels.
_NEAR = 5.0
#: So many texts of a unit are kept: those of a whole book, and of the prices that it moves over. Beyond it all are forgotten.
_REMEMBERED = 20_000
#: Cross sequences have holes. Source: protocol notes, section 6.2.
_HOLES = (1, 1, 2, 3, 19)

Levels = list[list[str]]


class Texts(dict[int, str]):
    """Multiples of a unit as the exchange writes them; those that were written before are remembered."""

    def __init__(self, unit: Decimal) -> None:
        super().__init__()
        self._unit = unit

    def __missing__(self, count: int) -> str:
        if len(self) >= _REMEMBERED:
            self.clear()
        text = self[count] = plain(count * self._unit)
        return text


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a book stands: prices in ticks, levels a side, and on which side an RPI order waits alone at the middle (0: none)."""

    middle: int
    bids: int
    asks: int
    lone: int


class Book:
    """Prices as whole ticks, sizes as whole steps; moved by its own dice.

    middle    has no level, its neighbours are the best prices; only an RPI order may stand there
    sequence  the cross sequence: grows with every step, with holes, as the exchange's does
    touched   prices whose size changed since the step began
    touched_rpi  the same of RPI sizes
    before    where the book stood when the step began
    """

    def __init__(self, instrument: Instrument, dice: Random) -> None:
        self._dice = dice
        self._prices, self._quantities = Texts(instrument.tick), Texts(instrument.step)
        self.is_thin = instrument.thin
        self._most = THIN if instrument.thin else LEVELS[instrument.category]
        self._salt = dice.randrange(2**32)
        self._sizes: dict[int, int] = {}
        self._rpis: dict[int, int] = {}
        self.middle = int(instrument.price / instrument.tick)
        #: Levels of each side: bids, asks.
        self.counts = [0, 2] if instrument.thin else [self._most, self._most]
        self._lone = 0
        self.sequence = dice.randrange(10**9, 10**10)
        self.touched: set[int] = set()
        self.touched_rpi: set[int] = set()
        self.before = self.reach()
        #: Where the middle turns back, so that no price falls to zero; a spread's may.
        self._lowest = -(10**12) if instrument.category == "spread" else self._most + 1

    def reach(self) -> Reach:
        bids, asks = self.counts
        return Reach(self.middle, bids, asks, self._lone)

    def step(self) -> None:
        """A few levels change, and now and then the price moves a tick: some levels go and others come."""
        random = self._dice.random
        self.touched.clear()
        self.touched_rpi.clear()
        self.before = self.reach()
        self.advance()
        for side, way in enumerate((-1, 1)):
            if not self.counts[side]:
                continue
            for _ in range(1 + int(random() * 3)):
                self._touch(self.middle + way * self._offset(side, near=True))
            if random() < 0.05:
                self._touch(self.middle + way * self._offset(side, near=False))
            if random() < 0.3:
                self._touch_rpi(self.middle + way * self._offset(side, near=True))
        if random() < 0.05:
            self._lone = 0 if self._lone else (-1 if random() < 0.5 else 1)
            self._touch_rpi(self.middle)
        if self.is_thin and random() < 0.2:
            self._thin_out()
        if random() < 0.3:
            self.shift(-1 if random() < 0.5 else 1)

    def advance(self) -> int:
        """The next cross sequence."""
        self.sequence += _HOLES[int(self._dice.random() * len(_HOLES))]
        return self.sequence

    def shift(self, way: int) -> None:
        """Move the middle one tick: the far end of one side goes, the near end of the other comes. At the lowest it goes up."""
        if self.middle <= self._lowest:
            way = 1
        old, self.middle = self.middle, self.middle + way
        behind, ahead = (0, 1) if way > 0 else (1, 0)
        left = old - way * self.counts[behind]
        came = self.middle + way * self.counts[ahead]
        for price in (self.middle, left, came):
            self._sizes.pop(price, None)
            self._rpis.pop(price, None)
        self._rpis.pop(old, None)
        self._sizes[old] = 1 + int(self._dice.random() * LARGEST)
        self._lone = 0
        self.touched.update((old, self.middle, left, came))

    def price(self, ticks: int) -> str:
        return self._prices[ticks]

    def size(self, steps: int) -> str:
        return self._quantities[steps] if steps else "0"

    def steps_at(self, price: int) -> int:
        """The size of a level without RPI orders."""
        found = self._sizes.get(price)
        return (((price * 2654435761 + self._salt) & 0xFFFFFFFF) >> 12) % LARGEST + 1 if found is None else found

    def rpi_at(self, price: int) -> int:
        """What RPI orders add to a level; of most levels nothing."""
        found = self._rpis.get(price)
        if found is None:
            scattered = ((price * 40503 + self._salt) & 0xFFFFFF) >> 4
            return 0 if scattered % 4 else scattered % 300 + 1
        return found

    def best(self) -> tuple[int | None, int | None]:
        """The best bid and ask in ticks; None for an empty side."""
        return self.middle - 1 if self.counts[0] else None, self.middle + 1 if self.counts[1] else None

    def nearest(self) -> int | None:
        """How far from the middle the nearest change of this step is, in levels; None: nothing changed that anybody could see."""
        if self.middle != self.before.middle:
            return 1
        below = max(self.counts[0], self.before.bids)
        above = max(self.counts[1], self.before.asks)
        return min((abs(price - self.middle) for price in self.touched if -below <= price - self.middle <= above), default=None)

    def _offset(self, side: int, *, near: bool) -> int:
        """How far from the middle; `near` the best price, or anywhere."""
        roll, count = self._dice.random(), self.counts[side]
        return min(1 + int(-log(1 - roll) * _NEAR if near else roll * count), count)

    def _touch(self, price: int) -> None:
        """Another size than before, so that every delta tells something."""
        self._sizes[price] = (self.steps_at(price) + int(self._dice.random() * (LARGEST - 1))) % LARGEST + 1
        self.touched.add(price)

    def _touch_rpi(self, price: int) -> None:
        is_gone = price != self.middle and self.rpi_at(price) and self._dice.random() < 0.5
        self._rpis[price] = 0 if is_gone else (self.rpi_at(price) + int(self._dice.random() * 299)) % 300 + 1
        self.touched_rpi.add(price)

    def _thin_out(self) -> None:
        """A side gets a level more at its far end, or loses its last."""
        side = int(self._dice.random() * 2)
        grows = self._dice.random() < 0.5
        count = self.counts[side]
        way = (-1, 1)[side]
        if grows and count < self._most:
            self.counts[side] = count + 1
            self.touched.add(self.middle + way * (count + 1))
        elif not grows and count:
            self.counts[side] = count - 1
            gone = self.middle + way * count
            self._sizes.pop(gone, None)
            self._rpis.pop(gone, None)
            self.touched.add(gone)


class View:
    """One stream's sight of a book: the top `depth` levels.

    with_rpi   levels are triples: price, size without RPI, RPI size; a lone RPI order is a level
    update_id  `u`: one more with every frame of this stream that shows a change
    sequence   the cross sequence at the last change; matched_ms: the time of it
    """

    def __init__(self, book: Book, depth: int, first_update_id: int, *, now_ms: int = 0, with_rpi: bool = False) -> None:
        self._book = book
        self.depth = depth
        self.with_rpi = with_rpi
        self.update_id = first_update_id
        self.sequence = book.sequence
        self.matched_ms = now_ms
        #: `u` grows by more than one at times.
        self.jumps = False
        #: Whether a change of the book may be none of this view.
        self._is_sparse = with_rpi or book.is_thin

    def snapshot(self, most: int | None = None) -> tuple[Levels, Levels]:
        """Bids, best first, and asks. most: levels a side, fewer than the view's."""
        bids, asks = (self._window(self._book.reach(), side) for side in (-1, 1))
        return self._levels(bids[::-1][:most]), self._levels(asks[:most])

    def advance(self, nearest: int | None, now_ms: int = 0) -> bool:
        """After a step of the book: count it if this view changed, and say so. nearest: the book's, asked once for all views."""
        if self._is_sparse:
            changed = any(any(True for _ in self._changed(side)) for side in (-1, 1))
        else:
            changed = nearest is not None and nearest <= self.depth
        if changed:
            self.update_id += 1 + self._book.sequence % 4 if self.jumps else 1
            self.sequence, self.matched_ms = self._book.sequence, now_ms
        return changed

    def restart(self, now_ms: int) -> None:
        self.update_id, self.sequence, self.matched_ms = 1, self._book.sequence, now_ms

    def delta(self) -> tuple[Levels, Levels]:
        """What the step changed: bids falling, asks rising. A level that left has the size 0."""
        return self._changes(-1), self._changes(1)

    def _changes(self, side: int) -> Levels:
        after = self._window(self._book.reach(), side)
        prices = sorted(set(self._changed(side)), reverse=side < 0)
        gone = ["0", "0"] if self.with_rpi else ["0"]
        return [self._level(price) if price in after else [self._book.price(price), *gone] for price in prices]

    def _changed(self, side: int) -> Iterator[int]:
        """Prices of a side that came, left or have another size; some more than once."""
        book = self._book
        before, after = self._window(book.before, side), self._window(book.reach(), side)
        yield from _outside(before, after)
        yield from _outside(after, before)
        for touched in (book.touched, book.touched_rpi) if self.with_rpi else (book.touched,):
            yield from (price for price in touched if price in before and price in after)

    def _window(self, reach: Reach, side: int) -> range:
        """The prices shown of a side (-1 bids, 1 asks), rising."""
        lone = self.with_rpi and reach.lone == side
        count = min(self.depth - lone, reach.bids if side < 0 else reach.asks)
        if side < 0:
            return range(reach.middle - count, reach.middle + lone)
        return range(reach.middle + 1 - lone, reach.middle + 1 + count)

    def _levels(self, prices: range) -> Levels:
        return [self._level(price) for price in prices]

    def _level(self, price: int) -> list[str]:
        book = self._book
        if not self.with_rpi:
            return [book.price(price), book.size(book.steps_at(price))]
        steps = 0 if price == book.middle else book.steps_at(price)
        return [book.price(price), book.size(steps), book.size(book.rpi_at(price))]


def _outside(inner: range, outer: range) -> Iterator[int]:
    """What of one row of prices is not in the other; both rise without holes."""
    if not len(outer):
        yield from inner
        return
    yield from range(inner.start, min(inner.stop, outer.start))
    yield from range(max(inner.start, outer.stop), inner.stop)
