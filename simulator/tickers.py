"""What each category's ticker says, key by key in its order. Source: protocol notes, section 6.5, and the recorded frames."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from simulator.dialect import plain
from simulator.instruments import Instrument

_EIGHT_HOURS_MS = 8 * 3_600_000
_FOUR_PLACES = Decimal("0.0001")
_TWO_PLACES = Decimal("0.01")


@dataclass(slots=True)
class Figures:
    """What a ticker is made of; prices and sizes as decimals.

    direction      PlusTick, ZeroPlusTick, MinusTick or ZeroMinusTick
    previous       the price 24 hours ago
    volume         in the instrument's own unit; the turnover is in the opposite one
    open_interest  both sides
    """

    now_ms: int
    direction: str
    last: Decimal
    previous: Decimal
    high: Decimal
    low: Decimal
    volume: Decimal
    turnover: Decimal
    open_interest: Decimal
    funding_rate: Decimal
    bid: Decimal
    bid_size: Decimal
    ask: Decimal
    ask_size: Decimal


Ticker = dict[str, str]


def _contract(instrument: Instrument, now: Figures) -> Ticker:
    """Perpetuals and dated futures; what only one of them has is appended."""
    inverse = instrument.category == "inverse"
    value = now.open_interest / now.last if inverse else now.open_interest * now.last
    ticker = {
        "symbol": instrument.symbol,
        "tickDirection": now.direction,
        "price24hPcnt": _change(now),
        "lastPrice": plain(now.last),
        "prevPrice24h": plain(now.previous),
        "highPrice24h": plain(now.high),
        "lowPrice24h": plain(now.low),
        "prevPrice1h": plain(now.previous),
        "markPrice": plain(now.last),
        "indexPrice": plain(now.last),
        "openInterest": plain(now.open_interest),
        "openInterestValue": plain(value.quantize(_TWO_PLACES)),
        "turnover24h": plain(now.turnover.quantize(_FOUR_PLACES)),
        "volume24h": plain(now.volume),
    }
    dated = instrument.delivery_ms is not None
    ticker |= _dated(instrument) if dated else _perpetual(now)
    ticker |= {
        "bid1Price": plain(now.bid),
        "bid1Size": plain(now.bid_size),
        "ask1Price": plain(now.ask),
        "ask1Size": plain(now.ask_size),
    }
    if instrument.settle == "USDT" and not dated:
        ticker |= {"preOpenPrice": "", "preQty": "", "curPreListingPhase": ""}
    return ticker


def _perpetual(now: Figures) -> Ticker:
    following = now.now_ms - now.now_ms % _EIGHT_HOURS_MS + _EIGHT_HOURS_MS
    return {
        "fundingIntervalHour": "8",
        "fundingCap": "0.005",
        "nextFundingTime": str(following),
        "fundingRate": plain(now.funding_rate),
    }


def _dated(instrument: Instrument) -> Ticker:
    """Without funding: its keys are there and empty."""
    delivery = datetime.fromtimestamp((instrument.delivery_ms or 0) // 1000, UTC)
    return {
        "deliveryTime": f"{delivery:%Y-%m-%dT%H:%M:%SZ}",
        "basisRate": "0.01600486",
        "deliveryFeeRate": "0.0005",
        "predictedDeliveryPrice": "0.00",
        "basis": "459.06",
        "basisRateYear": "0.30655351",
        "nextFundingTime": "",
        "fundingRate": "",
    }


def _spot(instrument: Instrument, now: Figures) -> Ticker:
    return {
        "symbol": instrument.symbol,
        "lastPrice": plain(now.last),
        "highPrice24h": plain(now.high),
        "lowPrice24h": plain(now.low),
        "prevPrice24h": plain(now.previous),
        "volume24h": plain(now.volume),
        "turnover24h": plain(now.turnover),
        "price24hPcnt": plain(Decimal(_change(now)).quantize(_FOUR_PLACES)),
        "usdIndexPrice": plain(now.last),
    }


def _option(instrument: Instrument, now: Figures) -> Ticker:
    return {
        "symbol": instrument.symbol,
        "bidPrice": plain(now.bid),
        "bidSize": plain(now.bid_size),
        "bidIv": "0.4101",
        "askPrice": plain(now.ask),
        "askSize": plain(now.ask_size),
        "askIv": "0.4260",
        "lastPrice": plain(now.last),
        "highPrice24h": plain(now.high),
        "lowPrice24h": plain(now.low),
        "markPrice": plain(now.last),
        "indexPrice": OPTION_INDEX["iP"],
        "markPriceIv": OPTION_INDEX["mIv"],
        "underlyingPrice": "67010.00",
        "openInterest": plain(now.open_interest),
        "turnover24h": plain(now.turnover),
        "volume24h": plain(now.volume),
        "totalVolume": plain(now.volume),
        "totalTurnover": plain(now.turnover),
        "delta": "0.4213",
        "gamma": "0.00003",
        "vega": "71.23",
        "theta": "-48.10",
        "predictedDeliveryPrice": "0",
        "change24h": _change(now),
    }


def _spread(instrument: Instrument, now: Figures) -> Ticker:
    return {
        "symbol": instrument.symbol,
        "bidPrice": plain(now.bid),
        "bidSize": plain(now.bid_size),
        "askPrice": plain(now.ask),
        "askSize": plain(now.ask_size),
        "lastPrice": plain(now.last),
        "highPrice24h": plain(now.high),
        "lowPrice24h": plain(now.low),
        "prevPrice24h": plain(now.previous),
        "volume24h": plain(now.volume),
    }


def _change(now: Figures) -> str:
    """A ratio: 0.017 is 1.7 %."""
    return plain(((now.last - now.previous) / abs(now.previous)).quantize(Decimal("0.000001")))


#: The option's model figures; they do not follow the market.
OPTION_INDEX = {"iP": "67004.50", "mIv": "0.4210", "iv": "0.4226"}

TICKERS: dict[str, Callable[[Instrument, Figures], Ticker]] = {
    "linear": _contract,
    "inverse": _contract,
    "spot": _spot,
    "option": _option,
    "spread": _spread,
}

#: Where a change is told by naming what changed; elsewhere every frame is whole.
WITH_DELTAS = ("linear", "inverse")
