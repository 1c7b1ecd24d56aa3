"""The funding of one perpetual: a rate that moves, is settled every eight hours, and begins anew. Source: protocol notes, section 6.5."""

from collections import deque
from decimal import Decimal
from random import Random
from typing import NamedTuple

EVERY_MS = 8 * 3_600_000
#: Settlements kept: a third of a year.
KEPT = 400
#: What a rate is counted in.
_UNIT = Decimal("0.00000001")
#: Of a settled rate, in units: 0.03 % either way.
_LARGEST = 30_000


class Settlement(NamedTuple):
    """rate: of the position's value at the mark price, paid by longs where it is positive; at_ms: Unix milliseconds."""

    at_ms: int
    rate: Decimal
    mark: Decimal


class Funding:
    """next_ms: when the rate is settled."""

    def __init__(self, seed: int, now_ms: int) -> None:
        self._seed = seed
        self.next_ms = now_ms - now_ms % EVERY_MS + EVERY_MS
        self._began_ms = self.next_ms
        self._units = self._rolled(self.next_ms)
        self._settled: deque[Settlement] = deque(maxlen=KEPT)

    @property
    def rate(self) -> Decimal:
        return self._units * _UNIT

    def drift(self, roll: float) -> None:
        """roll: 0 to 1."""
        self._units += int(roll * 21) - 10

    def settle(self, now_ms: int, mark: Decimal) -> None:
        """Do what is due."""
        for row in self._due(now_ms, mark):
            self._settled.append(row)
            self.next_ms = row.at_ms + EVERY_MS
            self._units = self._rolled(self.next_ms)

    def between(self, before_ms: int, now_ms: int, mark: Decimal) -> list[Settlement]:
        """Those after `before_ms` up to and including `now_ms`, oldest first; also what is due and not settled yet."""
        return [row for row in (*self._settled, *self._due(now_ms, mark)) if before_ms < row.at_ms <= now_ms]

    def newest_first(self, start_ms: int, end_ms: int, most: int) -> list[tuple[int, Decimal]]:
        """(time, rate); what was before the market began is made up, alike every time."""
        known = {row.at_ms: row.rate for row in self._settled}
        at_ms = min(self.next_ms - EVERY_MS, end_ms - end_ms % EVERY_MS)
        rows: list[tuple[int, Decimal]] = []
        while at_ms >= max(start_ms, 0) and len(rows) < most:
            if at_ms in known:
                rows.append((at_ms, known[at_ms]))
            elif at_ms < self._began_ms:
                rows.append((at_ms, self._rolled(at_ms) * _UNIT))
            at_ms -= EVERY_MS
        return rows

    def _due(self, now_ms: int, mark: Decimal) -> list[Settlement]:
        """After the first one the rates are new, and depend on their time alone."""
        times = range(self.next_ms, now_ms + 1, EVERY_MS)
        return [Settlement(at_ms, self._rolled(at_ms) * _UNIT if place else self.rate, mark) for place, at_ms in enumerate(times)]

    def _rolled(self, at_ms: int) -> int:
        return Random(f"{self._seed}|{at_ms}").randrange(-_LARGEST, _LARGEST)
