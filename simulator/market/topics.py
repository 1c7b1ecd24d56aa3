"""Which topics an instrument has, and how deep its books are shown. Source: protocol notes, section 6.1."""

from simulator.market.book import LEVELS
from simulator.market.candles import INTERVALS
from simulator.market.instruments import Instrument

DEPTHS = {
    "spot": (1, 50, 200, 1000),
    "linear": (1, 50, 200, 1000),
    "inverse": (1, 50, 200, 1000),
    "option": (25, 100),
    "spread": (25,),
}
RPI_DEPTH = 50
#: Categories with RPI books, candles and price limits.
FULL_SERVICE = ("spot", "linear", "inverse")
WITH_FULL_BOOKS = ("spot",)
WITH_LIQUIDATIONS = ("linear", "inverse")


def depths(instrument: Instrument) -> dict[str, int]:
    """The name of a book's stream → its levels a side; the full one is the last."""
    found = {str(depth): depth for depth in DEPTHS[instrument.category]}
    found |= {"rpi": RPI_DEPTH} if instrument.category in FULL_SERVICE else {}
    return found | ({"full": LEVELS[instrument.category]} if instrument.category in WITH_FULL_BOOKS else {})


def names(instrument: Instrument) -> dict[str, str]:
    """What is told → its topic. Option trades go by base coin, so several options share theirs."""
    symbol, category = instrument.symbol, instrument.category
    found = {"trades": f"publicTrade.{instrument.base if category == 'option' else symbol}", "tickers": f"tickers.{symbol}"}
    found |= {f"orderbook.{depth}": f"orderbook.{depth}.{symbol}" for depth in DEPTHS[category]}
    if category in FULL_SERVICE:
        found |= {interval: f"kline.{interval}.{symbol}" for interval in INTERVALS}
        found |= {"orderbook.rpi": f"orderbook.rpi.{symbol}", "limits": f"priceLimit.{symbol}"}
    if category in WITH_FULL_BOOKS:
        found["orderbook.full"] = f"orderbook.full.{symbol}"
    if category in WITH_LIQUIDATIONS:
        found["liquidations"] = f"allLiquidation.{symbol}"
    return found
