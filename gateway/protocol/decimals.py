"""Exact amounts: decimal texts in, decimal texts out, nothing rounded, never an exponent."""

import re
from decimal import Context, Decimal, localcontext

from gateway.models import Json

#: A plain decimal of at most 100 digits on each side.
NUMBER = re.compile(r"-?[0-9]{1,100}(\.[0-9]{1,100})?")

#: A number with an exponent, of as many digits as may be written out.
_EXPONENT = re.compile(r"-?[0-9]{1,100}(?:\.[0-9]{1,100})?[eE]([+-]?[0-9]{1,9})")
#: What an exponent may be at the most; beyond it the text would be longer than any amount.
WIDEST = 100

#: More digits than a sum of amounts of 200 digits needs.
EXACT = Context(prec=260)


def decimal(text: Json) -> Decimal | None:
    """The number a text stands for; None for anything that is no plain decimal of at most 100 digits on each side."""
    if isinstance(text, int) and not isinstance(text, bool):
        text = str(text)
    if not isinstance(text, str) or not NUMBER.fullmatch(text):
        return None
    return Decimal(text)


def is_decimal(found: Json) -> bool:
    """Whether it is the text of a plain decimal of at most 100 digits on each side."""
    return isinstance(found, str) and NUMBER.fullmatch(found) is not None


def unfolded(text: str) -> str:
    """The same number without its exponent: `1e-7` and `0.0000001`; as it came what has none, or one beyond `WIDEST`."""
    found = _EXPONENT.fullmatch(text)
    return plain(Decimal(text)) if found and abs(int(found[1])) <= WIDEST else text


def canonical(found: Json) -> str:
    """The same text for the same number, however it is padded: `0.000` and `0`; anything else as it came."""
    number = decimal(found)
    if number is None:
        return str(found)
    return plain(number.normalize(EXACT)) if number else "0"


def plain(number: Decimal) -> str:
    """As a text without an exponent."""
    return f"{number:f}"


def total(parts: list[Decimal]) -> Decimal:
    """The exact sum."""
    with localcontext(EXACT):
        return sum(parts, Decimal(0))
