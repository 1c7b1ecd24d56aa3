"""What each category's ticker says, key by key in its order. Source: protocol notes, section 6.5, and the recorded frames."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from simulator.dialect import plain
from simulator.market.greeks import model
from simulator.market.instruments import Instrument

#: Between the volatility of a quote and the mark's.
_HALF_SPREAD = Decimal("0.0080")
_FOUR_PLACES = Decimal("0.0001")
_TWO_PLACES = Decimal("0.01")


#: A delivery's price is told ahead for so long; milliseconds. Source: protocol notes, section 6.5.
PREDICTED_MS = 30 * 60_000
#: Bought in a year, for the yearly basis.
_YEAR_MS = 365 * 86_400_000
_EIGHT_PLACES = Decimal("0.00000001")


@dataclass(slots=True)
class Figures:
    """What a ticker is made of; prices and sizes as decimals.

    direction      PlusTick, ZeroPlusTick, MinusTick or ZeroMinusTick
    previous       the price 24 hours ago; hour_ago: an hour ago
    index          of the underlying where there is one
    volume         in the instrument's own unit; the turnover is in the opposite one
    open_interest  both sides
    bid, ask       None where nobody quotes, and so are their sizes
    """

    now_ms: int
    direction: str
    last: Decimal
    mark: Decimal
    index: Decimal
    previous: Decimal
    hour_ago: Decimal
    high: Decimal
    low: Decimal
    volume: Decimal
    turnover: Decimal
    open_interest: Decimal
    funding_rate: Decimal
    next_funding_ms: int
    bid: Decimal | None
    bid_size: Decimal | None
    ask: Decimal | None
    ask_size: Decimal | None


Ticker = dict[str, str]


def _contract(instrument: Instrument, now: Figures) -> Ticker:
    """Perpetuals and dated futures; what only one of them has is appended."""
    inverse = instrument.category == "inverse"
    value = now.open_interest / now.mark if inverse else now.open_interest * now.mark
    one_side = (now.open_interest / 2).quantize(now.open_interest)
    ticker = {
        "symbol": instrument.symbol,
        "tickDirection": now.direction,
        "price24hPcnt": _change(now),
        "lastPrice": plain(now.last),
        "prevPrice24h": plain(now.previous),
        "highPrice24h": plain(now.high),
        "lowPrice24h": plain(now.low),
        "prevPrice1h": plain(now.hour_ago),
        "markPrice": plain(now.mark),
        "indexPrice": plain(now.index),
        "openInterest": plain(now.open_interest),
        "openInterestValue": plain(value.quantize(_TWO_PLACES)),
        "singleOpenInterest": plain(one_side),
        "singleOpenInterestValue": plain((value / 2).quantize(_TWO_PLACES)),
        "turnover24h": plain(now.turnover.quantize(_FOUR_PLACES)),
        "volume24h": plain(now.volume),
    }
    dated = instrument.delivery_ms is not None
    ticker |= _dated(instrument, now) if dated else _perpetual(now)
    ticker |= {
        "bid1Price": _or(now.bid, ""),
        "bid1Size": _or(now.bid_size, ""),
        "ask1Price": _or(now.ask, ""),
        "ask1Size": _or(now.ask_size, ""),
    }
    if instrument.settle == "USDT" and not dated:
        ticker |= {"preOpenPrice": "", "preQty": "", "curPreListingPhase": ""}
    return ticker


def _perpetual(now: Figures) -> Ticker:
    return {
        "fundingIntervalHour": "8",
        "fundingCap": "0.005",
        "nextFundingTime": str(now.next_funding_ms),
        "fundingRate": plain(now.funding_rate),
    }


def _dated(instrument: Instrument, now: Figures) -> Ticker:
    """Without funding: its keys are there and empty."""
    delivery_ms = instrument.delivery_ms or 0
    delivery = datetime.fromtimestamp(delivery_ms // 1000, UTC)
    basis = now.mark - now.index
    rate = basis / now.index
    yearly = rate * _YEAR_MS / max(delivery_ms - now.now_ms, 86_400_000)
    return {
        "deliveryTime": f"{delivery:%Y-%m-%dT%H:%M:%SZ}",
        "basisRate": plain(rate.quantize(_EIGHT_PLACES)),
        "deliveryFeeRate": "0.0005",
        "predictedDeliveryPrice": _predicted(instrument, now, "0.00"),
        "basis": plain(basis.quantize(_TWO_PLACES)),
        "basisRateYear": plain(yearly.quantize(_EIGHT_PLACES)),
        "nextFundingTime": "",
        "fundingRate": "",
    }


def _predicted(instrument: Instrument, now: Figures, otherwise: str) -> str:
    left_ms = (instrument.delivery_ms or 0) - now.now_ms
    return plain(now.index) if 0 <= left_ms <= PREDICTED_MS else otherwise


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
        "usdIndexPrice": plain(now.index),
    }


def _option(instrument: Instrument, now: Figures) -> Ticker:
    """A missing quote is 0 here."""
    greeks = model(instrument, now.index)
    return {
        "symbol": instrument.symbol,
        "bidPrice": _or(now.bid, "0"),
        "bidSize": _or(now.bid_size, "0"),
        "bidIv": "0" if now.bid is None else greeks.told(greeks.iv - _HALF_SPREAD),
        "askPrice": _or(now.ask, "0"),
        "askSize": _or(now.ask_size, "0"),
        "askIv": "0" if now.ask is None else greeks.told(greeks.iv + _HALF_SPREAD),
        "lastPrice": plain(now.last),
        "highPrice24h": plain(now.high),
        "lowPrice24h": plain(now.low),
        "markPrice": plain(now.mark),
        "indexPrice": plain(now.index),
        "markPriceIv": greeks.told(greeks.iv),
        "underlyingPrice": plain(now.index),
        "openInterest": plain(now.open_interest),
        "turnover24h": plain(now.turnover),
        "volume24h": plain(now.volume),
        "totalVolume": plain(now.volume),
        "totalTurnover": plain(now.turnover),
        "delta": plain(greeks.delta),
        "gamma": plain(greeks.gamma),
        "vega": plain(greeks.vega),
        "theta": plain(greeks.theta),
        "predictedDeliveryPrice": _predicted(instrument, now, "0"),
        "change24h": _change(now),
    }


def _spread(instrument: Instrument, now: Figures) -> Ticker:
    """A missing quote is empty here."""
    return {
        "symbol": instrument.symbol,
        "bidPrice": _or(now.bid, ""),
        "bidSize": _or(now.bid_size, ""),
        "askPrice": _or(now.ask, ""),
        "askSize": _or(now.ask_size, ""),
        "lastPrice": plain(now.last),
        "highPrice24h": plain(now.high),
        "lowPrice24h": plain(now.low),
        "prevPrice24h": plain(now.previous),
        "volume24h": plain(now.volume),
    }


def _or(number: Decimal | None, missing: str) -> str:
    return missing if number is None else plain(number)


def _change(now: Figures) -> str:
    """A ratio: 0.017 is 1.7 %."""
    return plain(((now.last - now.previous) / (abs(now.previous) or 1)).quantize(Decimal("0.000001")))


#: The stream's tickers; what REST says of the same figures is in `rest_market`.
TICKERS: dict[str, Callable[[Instrument, Figures], Ticker]] = {
    "linear": _contract,
    "inverse": _contract,
    "spot": _spot,
    "option": _option,
    "spread": _spread,
}

#: Where a change is told by naming what changed; elsewhere every frame is whole.
WITH_DELTAS = ("linear", "inverse")
