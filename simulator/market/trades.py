"""The trades of one instrument: kept as numbers, told as the stream and as REST do. Source: protocol notes, sections 6.6 and 9.3."""

import uuid
from collections import deque
from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Any, NamedTuple

from simulator.market import envelopes
from simulator.market.book import Book
from simulator.market.instruments import Instrument

#: Trades kept: what REST answers at most. Source: protocol notes, section 9.3.
KEPT = 1_000
#: The market has so many made-up instruments that theirs are kept shorter.
KEPT_OF_MADE_UP = 100
#: Odd, so that every number gets another id.
_SCATTER = 0x9E3779B97F4A7C15F39CC0605CEDC835
_FIRST_SPOT_ID = 2_290_000_000_000_000_000
DIRECTIONS = ("PlusTick", "ZeroPlusTick", "MinusTick", "ZeroMinusTick")


class Trade(NamedTuple):
    """One fill.

    number     counts an instrument's trades
    ticks      price; steps: size
    direction  place in DIRECTIONS
    sequence   the same for all fills of one taker order
    model      an option's mP, iP, mIv and iv
    """

    number: int
    at_ms: int
    is_buy: bool
    ticks: int
    steps: int
    direction: int
    sequence: int
    is_block: bool
    is_rpi: bool
    model: dict[str, str]


class Tape:
    """The last trades of an instrument, and their names."""

    def __init__(self, instrument: Instrument, book: Book, dice: Random, *, kept: int = KEPT) -> None:
        self._instrument = instrument
        self._book = book
        self._salt = dice.getrandbits(128)
        self._spot_first = _FIRST_SPOT_ID + dice.randrange(10**15)
        self._trades: deque[Trade] = deque(maxlen=kept)
        self.count = 0

    def add(self, trade: Trade) -> None:
        self.count += 1
        self._trades.append(trade)

    def last(self, most: int) -> Iterator[Trade]:
        """Newest first."""
        return islice(reversed(self._trades), most)

    def row(self, trade: Trade) -> dict[str, Any]:
        """As the stream tells it."""
        return envelopes.trade(
            self._instrument.category,
            {
                "T": trade.at_ms,
                "s": self._instrument.symbol,
                "S": "Buy" if trade.is_buy else "Sell",
                "v": self._book.size(trade.steps),
                "p": self._book.price(trade.ticks),
                "L": DIRECTIONS[trade.direction],
                "i": self._id(trade.number),
                "BT": trade.is_block,
                "RPI": trade.is_rpi,
                "seq": trade.sequence,
                **trade.model,
            },
        )

    def rest_row(self, trade: Trade) -> dict[str, Any]:
        """As recent-trade answers it: `seq` is a string there."""
        row: dict[str, Any] = {
            "execId": self._id(trade.number),
            "symbol": self._instrument.symbol,
            "price": self._book.price(trade.ticks),
            "size": self._book.size(trade.steps),
            "side": "Buy" if trade.is_buy else "Sell",
            "time": str(trade.at_ms),
        }
        if self._instrument.category != "spread":
            row |= {"isBlockTrade": trade.is_block, "isRPITrade": trade.is_rpi}
        return {**row, **trade.model, "seq": str(trade.sequence)}

    def _id(self, number: int) -> str:
        """A UUID on derivatives and a growing number on spot."""
        if self._instrument.category == "spot":
            return str(self._spot_first + number)
        return str(uuid.UUID(int=(self._salt + number * _SCATTER) % 2**128, version=4))
