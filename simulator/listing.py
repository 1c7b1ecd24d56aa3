"""What a listing over the control interface says: an instrument by its name, with made-up figures where none are given."""

import re
from decimal import Decimal
from typing import Literal

import msgspec

from simulator.account_control import BadRequest
from simulator.market.instruments import PRELAUNCH, Instrument

_DATE = r"\d{1,2}[A-Z]{3}\d{2}"
#: Category → the form of its names, with what they tell: base and quote coin, day, strike. Source: protocol notes, section 10.
FORMS = {
    "spot": re.compile(r"(?P<base>[A-Z0-9]+?)(?P<quote>USDT|USDC|USD|EUR|BTC|ETH|DAI|BRZ)"),
    "linear": re.compile(rf"(?P<base>[A-Z0-9_]+?)(?P<quote>USDT|PERP)?(?P<day>-{_DATE})?"),
    "inverse": re.compile(r"(?P<base>[A-Z0-9]+)(?P<quote>USD)(?P<day>[HMUZ]\d\d)?"),
    "option": re.compile(rf"(?P<base>[A-Z0-9]+)(?P<day>-{_DATE})-(\d+(\.\d+)?)-[CP](-(?P<quote>USDT))?"),
    "spread": re.compile(r"(?P<base>[A-Z0-9]+?)(?P<quote>USDT|PERP|USD)?[-/\w]*_[-/\w]+"),
}
#: (category, dated) → the exchange's contractType.
KINDS = {
    ("linear", False): "LinearPerpetual", ("linear", True): "LinearFutures",
    ("inverse", False): "InversePerpetual", ("inverse", True): "InverseFutures",
    ("spread", False): "FundingRateArb", ("spread", True): "FundingRateArb",
}  # fmt: skip


class Listing(msgspec.Struct, forbid_unknown_fields=True):
    """One instrument to be listed.

    status       Trading, or PreLaunch: shown, and not traded yet
    price, tick, step  decimal numbers: where its market begins, its smallest price and size steps
    delivery_ms  Unix milliseconds; when it ends
    """

    category: Literal["spot", "linear", "inverse", "option", "spread"]
    symbol: str
    status: Literal["Trading", "PreLaunch"] = "Trading"
    price: str = "100"
    tick: str = "0.01"
    step: str = "0.01"
    delivery_ms: int | None = None

    @property
    def stage(self) -> str:
        return self.status if self.status == PRELAUNCH else ""

    def instrument(self, symbol_id: int) -> Instrument:
        """Raises BadRequest where the name has not the form of its category, or a figure is none."""
        told = FORMS[self.category].fullmatch(self.symbol)
        if told is None:
            raise BadRequest(f"found symbol {self.symbol!r}; expected a name of category {self.category}")
        parts = told.groupdict()
        quote = parts["quote"] if parts["quote"] not in (None, "PERP") else "USDC"
        settle = {"spot": "", "inverse": parts["base"]}.get(self.category, quote)
        price, tick, step = _number(self.price), _number(self.tick), _number(self.step)
        if not (tick > 0 and step > 0 and 1_500 * tick <= price <= 10**6 * tick):
            raise BadRequest(f"found price {price}, tick {tick}, step {step}; expected a price of 1,500 to 1,000,000 ticks")
        kind = KINDS.get((self.category, parts.get("day") is not None), "")
        return Instrument(
            self.category, self.symbol, price, tick, step, kind, parts["base"], quote, settle, self.delivery_ms, symbol_id
        )


class Delisting(msgspec.Struct, forbid_unknown_fields=True):
    """One instrument to be delisted."""

    category: str
    symbol: str


def _number(text: str) -> Decimal:
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII):
        raise BadRequest(f"found {text[:50]!r}; expected a decimal number")
    return Decimal(text)
