"""Who is liquidated in one contract: rows of allLiquidation, at most every half second a frame. Source: protocol notes, section 6.8."""

from random import Random

from simulator.market.book import Book
from simulator.market.instruments import Instrument

#: Milliseconds between two frames. Source: protocol notes, section 6.1.
EVERY_MS = 500
#: How likely one is at a step of the market.
_OFTEN = 0.01
#: The bankruptcy price is up to this share of the price away: 2 %.
_FAR = 50

Row = dict[str, object]


class Liquidations:
    """The dice rolled are the same whether or not somebody is liquidated, except for the details of one who is."""

    def __init__(self, instrument: Instrument, book: Book, dice: Random, now_ms: int) -> None:
        self._instrument, self._book, self._dice = instrument, book, dice
        self._sent_ms = now_ms - EVERY_MS
        self._waiting: list[Row] = []

    def step(self, ticks: int, now_ms: int) -> int:
        """Perhaps one more, at the price now. What it leaves to the insurance pool, or takes: 1e-8 coins; 0 where there was none."""
        random = self._dice.random
        if random() >= _OFTEN:
            return 0
        is_long, steps = random() < 0.5, 1 + int(random() * 2_000)
        away = 1 + int(random() * max(1, ticks // _FAR))
        self._waiting.append(
            {
                "T": now_ms,
                "s": self._instrument.symbol,
                "S": "Buy" if is_long else "Sell",  # the position's side
                "v": self._book.size(steps),
                "p": self._book.price(ticks - away if is_long else ticks + away),
            }
        )
        return int((random() - 0.45) * 10**11) or 1

    def due(self, now_ms: int) -> list[Row]:
        """The rows of the frame that goes out now."""
        if not self._waiting or now_ms - self._sent_ms < EVERY_MS:
            return []
        rows, self._waiting, self._sent_ms = self._waiting, [], now_ms
        return rows
