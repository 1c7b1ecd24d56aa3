"""The category of a wanted symbol, and whether the exchange has it: decided from the catalog, and where that lacks it by asking once.

symbol ─▶ form, catalog, default ─▶ category ─▶ listed there? ─ no ─▶ the exchange knows it? ─ no ─▶ UNKNOWN_SYMBOL
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway import instruments
from gateway.db import Connection
from gateway.errors import ExchangeError, LinkLost, RequestError
from gateway.protocol.categories import CategorySource, candidates, decide, has_form
from gateway.protocol.endpoints import CATEGORIES
from gateway.protocol.instruments import CLOSED, catalog, nearest
from gateway.rest import Rest

log = logging.getLogger(__name__)

#: The exchange's no is believed this long, so that repeated nonsense costs it nothing; seconds.
REMEMBERED_S = 60.0
#: Noes that are remembered at a time.
MOST_REMEMBERED = 10_000
#: The exchange's code for parameters it does not know, such as a symbol. Source: protocol notes, section 9.2.
_NO_SUCH = 10001


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where a symbol belongs. verified: the catalog or the exchange has it; False: nobody could say."""

    category: str
    source: CategorySource
    verified: bool


@dataclass(slots=True)
class Resolver:
    """One a process; its threads share it.

    default  the category for a symbol that fits several
    enabled  others are refused by whoever asks, so the exchange is not asked about them
    now      monotonic seconds
    """

    rest: Rest
    default: str
    enabled: Sequence[str]
    now: Callable[[], float] = time.monotonic
    _noes: dict[tuple[str, str], float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def resolve(
        self,
        connection: Connection,
        symbol: str,
        *,
        category: str | None,
        channel_categories: Sequence[str],
        is_base_coin: bool = False,
    ) -> Resolved:
        """Decide. Raises RequestError UNKNOWN_SYMBOL with the nearest names, and StoreAway.

        category            as it was given; None: to be decided
        channel_categories  those that the channel has
        is_base_coin        the symbol is a coin whose options are meant; the category is then option
        """
        source: CategorySource = "given"
        among = [entry for entry in channel_categories if entry in CATEGORIES] or CATEGORIES
        if is_base_coin:
            has = instruments.has_base_coin(connection, symbol)
            known: Mapping[str, bool | None] = {"option": has or (False if instruments.is_read(connection, "option") else None)}
            source = "given" if category is not None else "symbol"
            category = "option"
        else:
            known = instruments.known(connection, symbol, CATEGORIES)
            if category is None:
                category, source = decide(symbol, among=among, default=self.default, known=known)
        will_be_refused = category not in among or category not in self.enabled
        if known.get(category) is not False or will_be_refused:
            return Resolved(category, source, bool(known.get(category)))
        others = candidates(symbol, among) if source != "given" and has_form(symbol) else ()
        answers = {
            entry: self._asked(connection, entry, symbol, is_base_coin=is_base_coin)
            for entry in dict.fromkeys((category, *others))
            if entry in self.enabled and known.get(entry) is False
        }
        if answers[category]:
            return Resolved(category, source, True)
        elsewhere = next((entry for entry, has in answers.items() if has), None)
        if elsewhere is not None:
            return Resolved(elsewhere, "instruments", True)
        if None in answers.values():
            return Resolved(category, source, False)
        raise self._refusal(connection, category, symbol, is_base_coin=is_base_coin)

    def _asked(self, connection: Connection, category: str, symbol: str, *, is_base_coin: bool) -> bool | None:
        """Whether the exchange has it; None where it cannot be asked. What it has is added to the catalog."""
        key = (category, symbol)
        with self._lock:
            if self.now() < self._noes.get(key, 0.0):
                return False
        try:
            rows = (
                self.rest.instruments(category, base_coins=(symbol,))
                if is_base_coin
                else self.rest.instruments(category, symbol=symbol)
            )
        except ExchangeError as fault:
            if fault.ret_code != _NO_SUCH:
                log.warning("symbol_not_asked category=%s symbol=%s reason=%s", category, symbol, fault)
                return None
            rows = []
        except LinkLost as fault:
            log.warning("symbol_not_asked category=%s symbol=%s reason=%s", category, symbol, fault)
            return None
        found = [
            row
            for row in catalog(category, rows).instruments.values()
            if row.status != CLOSED and symbol == (row.base_coin if is_base_coin else row.symbol)
        ]
        if found:
            instruments.add(connection, category, found)
            return True
        self._remember(key)
        return False

    def _remember(self, key: tuple[str, str]) -> None:
        now = self.now()
        with self._lock:
            if len(self._noes) >= MOST_REMEMBERED:
                self._noes = {other: until for other, until in self._noes.items() if now < until}
            if len(self._noes) >= MOST_REMEMBERED:
                self._noes.clear()
            self._noes[key] = now + REMEMBERED_S

    def _refusal(self, connection: Connection, category: str, symbol: str, *, is_base_coin: bool) -> RequestError:
        names = instruments.names(connection, category)
        if is_base_coin:
            names = [name.partition("-")[0] for name in names]
        near = nearest(symbol, names)
        statuses = instruments.find(connection, symbol)
        elsewhere = [entry for entry, status in statuses.items() if status != CLOSED]
        what = f"options of the coin {symbol!r}" if is_base_coin else f"symbol {symbol!r}"
        why = "ended" if category in statuses else f"not listed in category {category!r}"
        more = f", but in {' and '.join(map(repr, elsewhere))}" if elsewhere else ""
        expected = f"expected {' or '.join(near)}" if near else "expected an instrument that the exchange lists"
        return RequestError(f"found {what}, {why}{more}; {expected}", code="UNKNOWN_SYMBOL", details={"nearest": near})
