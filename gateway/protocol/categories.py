"""Which category a symbol belongs to, when nobody says: by its form, else the configured default.

Forms and the order of detection: protocol notes, section 10. The exchange's catalog, which knows more, is not read yet.
"""

import re
from typing import Literal

CategorySource = Literal["given", "symbol", "instruments", "default"]

_DATE = r"\d{1,2}[A-Z]{3}\d{2}"
_CONTRACT = rf"[A-Z0-9]+(-{_DATE}|/[A-Z0-9]+)?"

OPTION = re.compile(rf"[A-Z0-9]+-{_DATE}-\d+(\.\d+)?-[CP](-USDT)?")

#: Form → category; the first that fits decides. None: the name alone cannot tell.
FORMS: tuple[tuple[re.Pattern[str], str | None], ...] = (
    (re.compile(r".+/.+"), "spread"),
    (OPTION, "option"),
    (re.compile(rf"{_CONTRACT}_{_CONTRACT}"), "spread"),
    (re.compile(rf"[A-Z0-9_]+-{_DATE}"), "linear"),
    (re.compile(r"[A-Z0-9]+PERP"), "linear"),
    (re.compile(r"[A-Z0-9]+USD[HMUZ]\d\d"), "inverse"),
    (re.compile(r"[A-Z0-9]+USD"), "inverse"),
    (re.compile(r"[A-Z0-9]+USDT"), None),  # a spot pair, a linear perpetual, or both
    (re.compile(r"[A-Z0-9]+"), "spot"),
)

#: What a symbol may look like at all; the exchange's are upper case.
SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9_./-]{0,99}")


def category_of(symbol: str, *, default: str) -> tuple[str, CategorySource]:
    """The category of a symbol that came without one, and where that is known from."""
    for form, category in FORMS:
        if form.fullmatch(symbol):
            return (category, "symbol") if category is not None else (default, "default")
    return default, "default"
