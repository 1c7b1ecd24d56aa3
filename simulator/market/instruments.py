"""What is traded: a few instruments of every category, in the documented symbol forms (protocol notes, section 10)."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

Row = dict[str, Any]

#: When everything was listed; Unix milliseconds.
LISTED_MS = "1743675300000"

#: What instruments-info says of an instrument before, at and after its delivery.
TRADING, DELIVERING, CLOSED = "Trading", "Delivering", "Closed"
#: Listed, and not traded yet.
PRELAUNCH = "PreLaunch"
#: How long an instrument is being delivered before it is closed; milliseconds. Made up.
DELIVERY_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable thing.

    price        where its market begins
    tick         smallest price step
    step         smallest size step
    kind         the exchange's contractType; "" where it has none
    base         base coin
    quote        quote coin
    settle       settle coin; "" on spot
    delivery_ms  Unix milliseconds; None where it is never delivered
    symbol_id    the exchange's number of it
    thin         few quote it: a handful of levels, at times none on a side
    pre_market   its market begins with an auction: see `pre_market`
    """

    category: str
    symbol: str
    price: Decimal
    tick: Decimal
    step: Decimal
    kind: str
    base: str
    quote: str
    settle: str
    delivery_ms: int | None
    symbol_id: int = 0
    thin: bool = False
    pre_market: bool = False

    @property
    def is_perpetual(self) -> bool:
        return self.kind.endswith("Perpetual")

    @property
    def coins(self) -> tuple[str, ...]:
        """What its trades move."""
        return (self.settle,) if self.settle else (self.base, self.quote)

    def fee_coin(self, side: str) -> str:
        """On spot the fee is taken from what a trade brings."""
        return self.settle or (self.base if side == "Buy" else self.quote)

    def status(self, now_ms: int, began_ms: int) -> str:
        """By the calendar. What was delivered before the market began, at `began_ms`, goes on trading."""
        if self.delivery_ms is None or self.delivery_ms <= began_ms or now_ms < self.delivery_ms:
            return TRADING
        return DELIVERING if now_ms < self.delivery_ms + DELIVERY_MS else CLOSED

    def row(self, status: str = TRADING) -> Row:
        """As instruments-info answers (for spreads: spread/instrument)."""
        row = ROWS[self.category](self)
        row["status"] = status
        return row


def _common(instrument: Instrument) -> Row:
    return {
        "symbol": instrument.symbol,
        "symbolId": instrument.symbol_id,
        "contractType": instrument.kind,
        "status": TRADING,
        "baseCoin": instrument.base,
        "quoteCoin": instrument.quote,
        "settleCoin": instrument.settle,
        "launchTime": LISTED_MS,
        "deliveryTime": str(instrument.delivery_ms or 0),
    }


def _contract_row(instrument: Instrument) -> Row:
    tick, step = str(instrument.tick), str(instrument.step)
    common = _common(instrument)
    settle = common.pop("settleCoin")
    cap = "" if instrument.delivery_ms else "0.00375"
    return {
        **common,
        "deliveryFeeRate": "0.0005" if instrument.delivery_ms else "",
        "priceScale": str(max(0, -int(instrument.tick.normalize().as_tuple().exponent))),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": tick, "maxPrice": "1999999.80", "tickSize": tick},
        "lotSizeFilter": {
            "maxOrderQty": "1190.000",
            "minOrderQty": step,
            "qtyStep": step,
            "postOnlyMaxOrderQty": "1190.000",
            "maxMktOrderQty": "500.000",
            "minNotionalValue": "5",
        },
        "unifiedMarginTrade": True,
        "fundingInterval": 0 if instrument.delivery_ms else 480,
        "settleCoin": settle,
        "copyTrading": "both",
        "upperFundingRate": cap,
        "lowerFundingRate": cap and f"-{cap}",
        "isPreListing": False,
        "preListingInfo": None,
        "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
        "symbolType": "",
    }


def _spot_row(instrument: Instrument) -> Row:
    return {
        "symbolId": instrument.symbol_id,
        "symbol": instrument.symbol,
        "baseCoin": instrument.base,
        "quoteCoin": instrument.quote,
        "innovation": "0",
        "status": TRADING,
        "marginTrading": "utaOnly",
        "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": str(instrument.step),
            "quotePrecision": "0.0000001",
            "minOrderQty": str(instrument.step),
            "maxOrderQty": "83",
            "minOrderAmt": "5",
            "maxOrderAmt": "8000000",
            "maxLimitOrderQty": "83",
            "maxMarketOrderQty": "41.5",
            "postOnlyMaxLimitOrderSize": "60000",
        },
        "priceFilter": {"tickSize": str(instrument.tick)},
        "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
        "symbolType": "",
    }


def _option_row(instrument: Instrument) -> Row:
    row = _common(instrument)
    del row["contractType"], row["symbolId"], row["launchTime"], row["deliveryTime"]
    tick, step = str(instrument.tick), str(instrument.step)
    return {
        **row,
        "optionsType": "Call" if re.search(r"-C(-|$)", instrument.symbol) else "Put",
        "launchTime": LISTED_MS,
        "deliveryTime": str(instrument.delivery_ms or 0),
        "deliveryFeeRate": "0.00015",
        "priceFilter": {"minPrice": tick, "maxPrice": "1110000", "tickSize": tick},
        "lotSizeFilter": {"maxOrderQty": "500", "minOrderQty": step, "qtyStep": step},
        "displayName": "",
    }


def _spread_row(instrument: Instrument) -> Row:
    legs = instrument.symbol.split("_")
    row = _common(instrument)
    del row["symbolId"], row["launchTime"], row["deliveryTime"]
    return {
        **row,
        "tickSize": str(instrument.tick),
        "minPrice": "-1999.9998",
        "maxPrice": "1999.9998",
        "lotSize": str(instrument.step),
        "minSize": str(instrument.step),
        "maxSize": "50000",
        "launchTime": LISTED_MS,
        "deliveryTime": str(instrument.delivery_ms or 0),
        "legs": [{"symbol": leg.replace("/", ""), "contractType": _leg_kind(leg)} for leg in legs],
    }


def _leg_kind(leg: str) -> str:
    return "Spot" if "/" in leg else "LinearFutures" if "-" in leg else "LinearPerpetual"


ROWS = {"spot": _spot_row, "linear": _contract_row, "inverse": _contract_row, "option": _option_row, "spread": _spread_row}

_XMAS = int(datetime(2026, 12, 25, 8, tzinfo=UTC).timestamp()) * 1000

_TABLE: tuple[tuple[str, str, str, str, str, str, str, str, str, int | None], ...] = (
    # category, symbol,                  price,    tick,     step,       kind,               base,  quote,  settle, delivery
    ("spot",    "BTCUSDT",               "67000",  "0.01",   "0.000001", "",                 "BTC", "USDT", "",     None),
    ("spot",    "ETHUSDT",               "3400",   "0.01",   "0.00001",  "",                 "ETH", "USDT", "",     None),
    ("spot",    "SOLUSDT",               "160",    "0.01",   "0.001",    "",                 "SOL", "USDT", "",     None),
    ("linear",  "BTCUSDT",               "67010",  "0.10",   "0.001",    "LinearPerpetual",  "BTC", "USDT", "USDT", None),
    ("linear",  "ETHUSDT",               "3401",   "0.01",   "0.01",     "LinearPerpetual",  "ETH", "USDT", "USDT", None),
    ("linear",  "SOLUSDT",               "160.1",  "0.010",  "0.1",      "LinearPerpetual",  "SOL", "USDT", "USDT", None),
    ("linear",  "BTCPERP",               "67005",  "0.1",    "0.001",    "LinearPerpetual",  "BTC", "USDC", "USDC", None),
    ("linear",  "BTCUSDT-25DEC26",       "67900",  "0.1",    "0.001",    "LinearFutures",    "BTC", "USDT", "USDT", _XMAS),
    ("linear",  "XPLUSDT",               "0.7500", "0.0001", "1",        "LinearPerpetual",  "XPL", "USDT", "USDT", None),
    ("inverse", "BTCUSD",                "67008",  "0.50",   "1",        "InversePerpetual", "BTC", "USD",  "BTC",  None),
    ("inverse", "ETHUSD",                "3402",   "0.05",   "1",        "InversePerpetual", "ETH", "USD",  "ETH",  None),
    ("inverse", "BTCUSDZ26",             "67800",  "0.50",   "1",        "InverseFutures",   "BTC", "USD",  "BTC",  _XMAS),
    ("option",  "BTC-25DEC26-70000-C-USDT", "2150", "5",     "0.01",     "",                 "BTC", "USDT", "USDT", _XMAS),
    ("option",  "BTC-25DEC26-60000-P-USDT", "1890", "5",     "0.01",     "",                 "BTC", "USDT", "USDT", _XMAS),
    ("option",  "BTC-25DEC26-65000-C",   "4105",   "5",      "0.01",     "",                 "BTC", "USD",  "USDC", _XMAS),
    ("option",  "ETH-25DEC26-3500-C-USDT", "155",  "0.1",    "0.1",      "",                 "ETH", "USDT", "USDT", _XMAS),
    ("option",  "BTC-25DEC26-90000-C-USDT", "1105", "5",     "0.01",     "",                 "BTC", "USDT", "USDT", _XMAS),
    ("spread",  "SOLUSDT_SOL/USDT",      "19.40",  "0.0001", "0.1",      "FundingRateArb",   "SOL", "USDT", "USDT", None),
    ("spread",  "BTCUSDT-25DEC26_BTCUSDT", "890.0", "0.1",   "0.001",    "PerpBasis",        "BTC", "USDT", "USDT", _XMAS),
)  # fmt: skip

#: Of the usual ones; far out of the money.
_THIN = ("BTC-25DEC26-90000-C-USDT",)
#: Of the usual ones.
_PRE_MARKET = ("XPLUSDT",)

#: Names do not follow the calendar: a dated one stays tradable in a market that begins after its day.
INSTRUMENTS = tuple(
    Instrument(
        category,
        symbol,
        Decimal(price),
        Decimal(tick),
        Decimal(step),
        kind,
        base,
        quote,
        settle,
        delivery_ms,
        number,
        symbol in _THIN,
        symbol in _PRE_MARKET,
    )
    for number, (category, symbol, price, tick, step, kind, base, quote, settle, delivery_ms) in enumerate(_TABLE, start=1)
)


def find(category: str, symbol: str) -> Instrument | None:
    """Of the usual ones; a market finds its own."""
    return next((row for row in INSTRUMENTS if row.category == category and row.symbol == symbol), None)
