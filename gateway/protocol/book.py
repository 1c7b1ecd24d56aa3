"""A materialised order book: levels by price, kept as the texts that came. Rules: protocol notes, sections 6.2 and 6.3."""

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from decimal import Decimal
from operator import itemgetter
from typing import TypeAlias

from gateway.models import Json
from gateway.protocol.decimals import decimal

#: [price, size], or in RPI books [price, size without RPI, RPI size].
Level: TypeAlias = list[str]

_SIZE = re.compile(r"[0-9]{1,100}(\.[0-9]{1,100})?")
#: Prices whose numbers are remembered: a market comes back to them all the time, and to make a number of a text is what costs.
_REMEMBERED = 20_000


@dataclass(slots=True)
class _Side:
    """Rising prices, and their levels at the same places: found by bisection, the best at an end."""

    prices: list[Decimal] = field(default_factory=list)
    levels: list[Level] = field(default_factory=list)

    def put(self, price: Decimal, level: Level, *, is_gone: bool) -> None:
        """Replace, insert or delete one level; what is not there needs no deleting."""
        prices = self.prices
        at = bisect_left(prices, price)
        is_there = at < len(prices) and prices[at] == price
        if is_there and not is_gone:
            self.levels[at] = level
        elif is_there:
            del prices[at], self.levels[at]
        elif not is_gone:
            prices.insert(at, price)
            self.levels.insert(at, level)


class Book:
    """Both sides of one book, as its frames make them.

    is_known   a snapshot came, and everything since could be read; otherwise the book holds nothing
    """

    __slots__ = ("_asks", "_bids", "_depth", "_numbers", "_width", "is_known")

    def __init__(self, depth: int | None = None, *, with_rpi: bool = False) -> None:
        """depth: levels a side, the farther ones are let go; None: no limit. with_rpi: levels are triples."""
        self.is_known = False
        self._depth = depth
        self._width = 3 if with_rpi else 2
        self._bids, self._asks = _Side(), _Side()
        self._numbers: dict[str, Decimal] = {}

    def apply(self, kind: str, bids: Json, asks: Json) -> str | None:
        """Take a frame of kind `snapshot` or `delta` into account; else the reason why not, and the book awaits a snapshot."""
        if kind == "snapshot":
            reason = self._replace(bids, asks)
        elif kind != "delta":
            reason = f"found a frame of type {kind!r:.50}; expected snapshot or delta"
        elif not self.is_known:
            reason = "a change came before any snapshot"
        else:
            reason = self._change(self._bids, "bid", bids) or self._change(self._asks, "ask", asks)
        if reason is not None:
            self.forget()
        elif self._depth is not None:
            bid_excess = len(self._bids.prices) - self._depth
            if bid_excess > 0:
                del self._bids.prices[:bid_excess], self._bids.levels[:bid_excess]
            del self._asks.prices[self._depth :], self._asks.levels[self._depth :]
        return reason

    def forget(self) -> None:
        """Hold nothing until the next snapshot."""
        self.is_known = False
        self._bids, self._asks = _Side(), _Side()

    def levels(self) -> tuple[list[Level], list[Level]]:
        """Bids and asks, best first, in the texts that came; the levels themselves are not to be changed."""
        return self._bids.levels[::-1], self._asks.levels[:]

    @property
    def best(self) -> tuple[Decimal | None, Decimal | None]:
        """The highest bid and the lowest ask, of levels with more than RPI orders; None for a side without."""
        bids, asks = self._bids, self._asks
        if self._width == 2:
            return bids.prices[-1] if bids.prices else None, asks.prices[0] if asks.prices else None
        return (
            next((bids.prices[at] for at in range(len(bids.prices) - 1, -1, -1) if not _is_zero(bids.levels[at][1])), None),
            next((price for price, level in zip(asks.prices, asks.levels, strict=True) if not _is_zero(level[1])), None),
        )

    @property
    def crossed(self) -> bool:
        """Whether a bid is as high as an ask: no such book exists, so something of it is missing.

        RPI orders alone cross nothing: the exchange hides what of them would (protocol notes, section 6.3).
        """
        bid, ask = self.best
        return bid is not None and ask is not None and bid >= ask

    def _replace(self, bids: Json, asks: Json) -> str | None:
        sides = []
        for word, found in (("bid", bids), ("ask", asks)):
            rows: dict[Decimal, Level] = {}
            if not isinstance(found, list):
                return f"found {word}s {found!r:.100}; expected a list of levels"
            for level in found:
                read = self._read(word, level)
                if isinstance(read, str):
                    return read
                price, is_gone = read
                if is_gone:
                    rows.pop(price, None)
                else:
                    rows[price] = level[:]
            ordered = sorted(rows.items(), key=itemgetter(0))
            sides.append(_Side([price for price, _ in ordered], [level for _, level in ordered]))
        self._bids, self._asks = sides
        self.is_known = True
        return None

    def _change(self, side: _Side, word: str, found: Json) -> str | None:
        if not isinstance(found, list):
            return f"found {word}s {found!r:.100}; expected a list of levels"
        for level in found:
            read = self._read(word, level)
            if isinstance(read, str):
                return read
            side.put(read[0], level[:], is_gone=read[1])
        return None

    def _read(self, word: str, level: Json) -> tuple[Decimal, bool] | str:
        """The price of a level and whether it is gone, or why it cannot be read."""
        if type(level) is not list or len(level) != self._width:
            return f"found {word} {level!r:.100}; expected a list of {self._width} texts"
        text = level[0]
        if type(text) is not str:
            return f"found {word} {level!r:.100}; expected its price as a text"
        price = self._numbers.get(text)
        if price is None:
            price = decimal(text)
            if price is None:
                return f"found {word} {level!r:.100}; expected its price as a plain decimal"
            if len(self._numbers) >= _REMEMBERED:
                self._numbers.clear()
            self._numbers[text] = price
        is_gone = True
        for size in level[1:]:
            if size == "0":
                continue
            if type(size) is not str or _SIZE.fullmatch(size) is None:
                return f"found {word} {level!r:.100}; expected sizes that are plain decimals, not negative"
            is_gone = is_gone and _is_zero(size)
        return price, is_gone


def _is_zero(size: str) -> bool:
    """Whether the text of a decimal stands for zero."""
    return not size.strip("0.")
