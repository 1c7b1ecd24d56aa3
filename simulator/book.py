"""One instrument's order book, and the views of it that the streams show: snapshots and deltas that agree by construction."""

from collections.abc import Iterator
from random import Random

from simulator.dialect import plain
from simulator.instruments import Instrument

#: Levels a side; deeper streams show as many as there are.
LEVELS = 220

Levels = list[list[str]]


class Book:
    """Prices as whole ticks, sizes as whole steps; moved by its own dice.

    sequence  the cross sequence: grows with every step, with holes, as the exchange's does
    """

    def __init__(self, instrument: Instrument, dice: Random) -> None:
        self._instrument = instrument
        self._dice = dice
        self.middle = int(instrument.price / instrument.tick)
        self.bids = {self.middle - 1 - place: self._size() for place in range(LEVELS)}
        self.asks = {self.middle + 1 + place: self._size() for place in range(LEVELS)}
        self.sequence = dice.randrange(10**9, 10**10)
        #: Where the middle turns back, so that no price falls to zero; a spread's may.
        self._lowest = -(10**12) if instrument.category == "spread" else LEVELS + 1

    def step(self) -> None:
        """A few levels change, and now and then the price moves a tick: some levels go and others come."""
        self.sequence += self._dice.choice((1, 1, 2, 3, 19))
        for side in (self.bids, self.asks):
            prices = sorted(side, key=lambda price: abs(price - self.middle))
            for _ in range(self._dice.randrange(1, 4)):
                side[prices[min(int(self._dice.expovariate(0.2)), len(prices) - 1)]] = self._size()
        if self._dice.random() < 0.3:
            way = self._dice.choice((-1, 1))
            self._shift(1 if self.middle <= self._lowest else way)

    def price(self, ticks: int) -> str:
        return plain(ticks * self._instrument.tick)

    def size(self, steps: int) -> str:
        return plain(steps * self._instrument.step)

    def best(self) -> tuple[int, int]:
        return max(self.bids), min(self.asks)

    def _shift(self, way: int) -> None:
        """Move the middle one tick: the far end of one side goes, the near end of the other comes."""
        self.middle += way
        rising, falling = (self.bids, self.asks) if way > 0 else (self.asks, self.bids)
        falling.pop(self.middle, None)
        edge = self.middle + way * LEVELS
        falling[edge] = self._size()
        rising[self.middle - way] = self._size()
        far = (min if way > 0 else max)(rising)
        del rising[far]

    def _size(self) -> int:
        return self._dice.randrange(1, 5000)


class View:
    """One stream's sight of a book: the top `depth` levels and what was last shown.

    update_id  `u`: one more with every frame of this stream that shows a change
    """

    def __init__(self, book: Book, depth: int, first_update_id: int) -> None:
        self._book = book
        self.depth = depth
        self.update_id = first_update_id
        self._shown = self._top()

    def snapshot(self) -> tuple[Levels, Levels]:
        """Bids and asks as last shown to everybody."""
        bids, asks = self._shown
        return self._levels(bids), self._levels(asks)

    def advance(self) -> tuple[Levels, Levels] | None:
        """What changed since the last frame, as a delta; None for nothing. A level that left has the size 0."""
        old, self._shown = self._shown, self._top()
        changes = tuple(list(_changes(before, after)) for before, after in zip(old, self._shown, strict=True))
        if not any(changes):
            return None
        self.update_id += 1
        bids, asks = changes
        return self._pairs(bids), self._pairs(asks)

    def _top(self) -> tuple[dict[int, int], dict[int, int]]:
        bids = sorted(self._book.bids.items(), reverse=True)[: self.depth]
        asks = sorted(self._book.asks.items())[: self.depth]
        return dict(bids), dict(asks)

    def _levels(self, side: dict[int, int]) -> Levels:
        return self._pairs(list(side.items()))

    def _pairs(self, side: list[tuple[int, int]]) -> Levels:
        return [[self._book.price(price), self._book.size(size) if size else "0"] for price, size in side]


def _changes(before: dict[int, int], after: dict[int, int]) -> Iterator[tuple[int, int]]:
    for price in before:
        if price not in after:
            yield price, 0
    for price, size in after.items():
        if before.get(price) != size:
            yield price, size
