"""Which category a symbol belongs to, when nobody says: by its form, else by the exchange's catalog, else the configured default.

Forms and the order of detection: protocol notes, section 10. In `A_B` both legs must look like contracts: names of futures may hold
underscores too.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from gateway.protocol.endpoints import CATEGORIES

CategorySource = Literal["given", "symbol", "instruments", "default"]

_DATE = r"\d{1,2}[A-Z]{3}\d{2}"
#: A contract as one leg of a spread: dated linear, perpetuals, inverse futures; or a spot pair, which has a slash there.
_LEG = rf"(?:[A-Z0-9]+-{_DATE}|[A-Z0-9]+(?:USDT|PERP|USD|USD[HMUZ]\d\d)|[A-Z0-9]+/[A-Z0-9]+)"

OPTION = re.compile(rf"[A-Z0-9]+-{_DATE}-\d+(\.\d+)?-[CP](-USDT)?")

#: Form → categories that have such names; the first form that fits decides.
FORMS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r".+/.+"), ("spread",)),
    (OPTION, ("option",)),
    (re.compile(rf"{_LEG}_{_LEG}"), ("spread",)),
    (re.compile(rf"[A-Z0-9][A-Z0-9_]*-{_DATE}"), ("linear",)),
    (re.compile(r"[A-Z0-9]+PERP"), ("linear",)),
    (re.compile(r"[A-Z0-9]+USD[HMUZ]\d\d"), ("inverse",)),
    (re.compile(r"[A-Z0-9]+USD"), ("inverse",)),
    (re.compile(r"[A-Z0-9]+USDT"), ("spot", "linear")),  # a pair, a perpetual, or both
    (re.compile(r"[A-Z0-9]+"), ("spot",)),
)

#: What a symbol may look like at all; the exchange's are upper case.
SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9_./-]{0,99}")


def has_form(symbol: str) -> bool:
    return any(form.fullmatch(symbol) for form, _ in FORMS)


def is_plain(symbol: str) -> bool:
    """Whether a name has no contract's form: then it is a pair or a coin."""
    return candidates(symbol) == ("spot",)


def base_coin_of(symbol: str) -> str:
    """Of an option, or of a coin itself."""
    return symbol.partition("-")[0]


def candidates(symbol: str, among: Sequence[str] = CATEGORIES) -> tuple[str, ...]:
    """The categories that have names of this form, narrowed to some; all of those where it has none that is known."""
    for form, categories in FORMS:
        if form.fullmatch(symbol):
            return tuple(entry for entry in categories if entry in among) or categories
    return tuple(among)


def decide(symbol: str, *, among: Sequence[str], default: str, known: Mapping[str, bool | None]) -> tuple[str, CategorySource]:
    """The category of a symbol that came without one, and where that is known from; `default` only of the configured one.

    Outside `among` only where the form leaves no other: whoever asks refuses that with its own words.

    among  the categories that come into question: at least one
    known  category → whether its catalog has the symbol; None, or missing: that catalog was never read
    """
    listed = [category for category in among if known.get(category)]
    possible = candidates(symbol, among) if has_form(symbol) else tuple(listed)
    left = [category for category in possible if known.get(category) is not False]
    if not left and len(listed) == 1:
        return listed[0], "instruments"  # the catalog knows better than the form
    if len(possible) == 1:
        return possible[0], "symbol" if has_form(symbol) else "instruments"
    if len(left) == 1:
        return left[0], "instruments"
    choice = left or possible or tuple(among)
    if default in choice:
        return default, "default"
    first = next((category for category in choice if category in listed), None)
    return (first, "instruments") if first is not None else (choice[0], "symbol")
