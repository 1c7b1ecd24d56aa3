"""What REST calls the figures of a ticker: other names than the stream's, and a quote on spot. Source: exchange docs, "Get Tickers"."""

from collections.abc import Callable
from typing import Any

from simulator.dialect import plain
from simulator.market.feed import Feed

Row = dict[str, Any]

#: REST's keys in their order → the stream's.
_CONTRACT = (
    "symbol", "lastPrice", "indexPrice", "markPrice", "prevPrice24h", "price24hPcnt", "highPrice24h", "lowPrice24h", "prevPrice1h",
    "openInterest", "openInterestValue", "turnover24h", "volume24h", "fundingRate", "nextFundingTime", "predictedDeliveryPrice",
    "basisRate", "basisRateYear", "deliveryFeeRate", "deliveryTime", "ask1Size", "bid1Price", "ask1Price", "bid1Size", "basis",
    "preOpenPrice", "preQty", "curPreListingPhase", "fundingIntervalHour", "fundingCap",
)  # fmt: skip
_SPOT = ("prevPrice24h", "price24hPcnt", "highPrice24h", "lowPrice24h", "turnover24h", "volume24h", "usdIndexPrice")
_OPTION = {
    "bidPrice": "bid1Price", "bidSize": "bid1Size", "bidIv": "bid1Iv", "askPrice": "ask1Price", "askSize": "ask1Size",
    "askIv": "ask1Iv", "markPriceIv": "markIv",
}  # fmt: skip


def _contract(feed: Feed) -> Row:
    """Every contract has every key here; delivery is a number of milliseconds, 0 without one."""
    told = {**feed.ticker(), "deliveryTime": str(feed.instrument.delivery_ms or 0)}
    return {key: told.get(key, "") for key in _CONTRACT}


def _spot(feed: Feed) -> Row:
    told, now = feed.ticker(), feed.figures()
    quote = {"bid1Price": now.bid, "bid1Size": now.bid_size, "ask1Price": now.ask, "ask1Size": now.ask_size}
    return {
        "symbol": told["symbol"],
        **{key: "" if value is None else plain(value) for key, value in quote.items()},
        "lastPrice": told["lastPrice"],
        **{key: told[key] for key in _SPOT},
    }


def _option(feed: Feed) -> Row:
    return {_OPTION.get(key, key): value for key, value in feed.ticker().items()}


def _spread(feed: Feed) -> Row:
    return dict(feed.ticker())


ROWS: dict[str, Callable[[Feed], Row]] = {
    "spot": _spot,
    "linear": _contract,
    "inverse": _contract,
    "option": _option,
    "spread": _spread,
}
