"""The category of a wanted symbol, and whether the exchange has it: decided from the catalog, and where that lacks it by asking.

symbol ─▶ form, catalog, default ─▶ category ─▶ listed there? ─ no ─▶ the exchange knows it there? elsewhere? ─ no ─▶ UNKNOWN_SYMBOL
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.database import instruments
from gateway.database.db import Connection
from gateway.errors import RequestError
from gateway.exchange.asking import Asking, Question
from gateway.exchange.rest import Rest
from gateway.protocol.categories import CategorySource, base_coin_of, candidates, decide
from gateway.protocol.endpoints import CATEGORIES
from gateway.protocol.instruments import CLOSED, nearest

#: All that is asked of the exchange for one request takes at most this long; seconds.
PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where a symbol belongs. verified: the catalog or the exchange has it; False: nobody could say."""

    category: str
    source: CategorySource
    verified: bool


@dataclass(slots=True)
class Resolver:
    """One a process; its threads share it.

    default     the category for a symbol that fits several
    enabled     others are refused by whoever asks, so the exchange is not asked about them
    now         monotonic seconds
    patience_s  for all that is asked of the exchange in one request
    """

    rest: Rest
    default: str
    enabled: Sequence[str]
    now: Callable[[], float] = time.monotonic
    patience_s: float = PATIENCE_S
    _asking: Asking = field(init=False)

    def __post_init__(self) -> None:
        self._asking = Asking(self.rest, self.now)

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
        is_base_coin        the symbol is a coin whose options are meant; the category is then given
        """
        allowed = [entry for entry in channel_categories if entry in self.enabled]
        known = _known(connection, symbol, is_base_coin=is_base_coin)
        is_given = category is not None
        source: CategorySource = "given"
        if category is None:
            fits = any(entry in allowed for entry in candidates(symbol))
            category, source = decide(symbol, among=allowed if fits else channel_categories, default=self.default, known=known)
        will_be_refused = category not in allowed
        if known.get(category) or (is_given if will_be_refused else known.get(category) is None):
            return Resolved(category, source, bool(known.get(category)))
        listed = [entry for entry in allowed if known.get(entry)]
        if will_be_refused and len(listed) == 1:
            return Resolved(listed[0], "instruments", True)
        has = dict[str, bool | None]()
        until = time.monotonic() + self.patience_s
        likely_first = ([category],) if is_given else ([category, *candidates(symbol, allowed)], allowed)
        for entries in likely_first:
            may_be_new = [entry for entry in entries if entry in allowed and known.get(entry) is False and entry not in has]
            has |= self._ask(connection, [Question(entry, symbol, is_base_coin) for entry in may_be_new], until)
            found = next((entry for entry, answer in has.items() if answer), None)
            if found is not None:
                return Resolved(found, source if found == category else "instruments", True)
        if will_be_refused or None in has.values():
            return Resolved(category, source, False)
        raise self._refusal(connection, category, symbol, is_base_coin=is_base_coin)

    def _ask(self, connection: Connection, questions: Sequence[Question], until: float) -> dict[str, bool | None]:
        """Category → whether the exchange has it there; None where it cannot be asked. What it has is added to the catalog."""
        answers = self._asking.answers(questions, until)
        for question, answer in answers.items():
            if answer:
                instruments.add(connection, question.category, answer)
        return {question.category: None if answer is None else bool(answer) for question, answer in answers.items()}

    def _refusal(self, connection: Connection, category: str, symbol: str, *, is_base_coin: bool) -> RequestError:
        names = instruments.names(connection, category)
        if is_base_coin:
            names = [base_coin_of(name) for name in names]
        near = nearest(symbol, names)
        statuses = instruments.find(connection, symbol)
        elsewhere = [entry for entry, status in statuses.items() if status != CLOSED]
        what = f"options of the coin {symbol!r}" if is_base_coin else f"symbol {symbol!r}"
        why = "ended" if category in statuses else f"not listed in category {category!r}"
        more = f", but in {' and '.join(map(repr, elsewhere))}" if elsewhere else ""
        expected = f"expected {' or '.join(near)}" if near else "expected an instrument that the exchange lists"
        return RequestError(f"found {what}, {why}{more}; {expected}", code="UNKNOWN_SYMBOL", details={"nearest": near})


def _known(connection: Connection, symbol: str, *, is_base_coin: bool) -> Mapping[str, bool | None]:
    """Category → whether its catalog lists the symbol; None: it was never read."""
    if not is_base_coin:
        return instruments.known(connection, symbol, CATEGORIES)
    has = instruments.has_base_coin(connection, symbol)
    return {"option": has or (False if instruments.is_read(connection, "option") else None)}
