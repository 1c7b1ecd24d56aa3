"""What is traded: a few instruments of every category, in the documented symbol forms (protocol notes, section 10)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable thing.

    price     where its market begins
    tick      smallest price step
    step      smallest size step
    kind      the exchange's contractType; "" where it has none
    base      base coin
    quote     quote coin
    settle    settle coin; "" on spot
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

    def row(self) -> Row:
        """As instruments-info answers, with the fields that a catalog needs."""
        row: Row = {
            "symbol": self.symbol,
            "contractType": self.kind,
            "status": "Trading",
            "baseCoin": self.base,
            "quoteCoin": self.quote,
            "settleCoin": self.settle,
            "priceFilter": {"tickSize": str(self.tick)},
            "lotSizeFilter": {"qtyStep": str(self.step), "minOrderQty": str(self.step)},
        }
        if self.category == "spot":
            del row["contractType"], row["settleCoin"]
        if self.category == "option":
            del row["contractType"]
            row["optionsType"] = "Call" if "-C" in self.symbol else "Put"
        return row


def _rows() -> tuple[Instrument, ...]:
    table = (
        # category, symbol, price, tick, step, kind, base, quote, settle
        ("spot", "BTCUSDT", "67000", "0.01", "0.000001", "", "BTC", "USDT", ""),
        ("spot", "ETHUSDT", "3400", "0.01", "0.00001", "", "ETH", "USDT", ""),
        ("spot", "SOLUSDT", "160", "0.01", "0.001", "", "SOL", "USDT", ""),
        ("linear", "BTCUSDT", "67010", "0.10", "0.001", "LinearPerpetual", "BTC", "USDT", "USDT"),
        ("linear", "ETHUSDT", "3401", "0.01", "0.01", "LinearPerpetual", "ETH", "USDT", "USDT"),
        ("linear", "SOLUSDT", "160.1", "0.010", "0.1", "LinearPerpetual", "SOL", "USDT", "USDT"),
        ("linear", "BTCPERP", "67005", "0.1", "0.001", "LinearPerpetual", "BTC", "USDC", "USDC"),
        ("linear", "BTCUSDT-25DEC26", "67900", "0.1", "0.001", "LinearFutures", "BTC", "USDT", "USDT"),
        ("inverse", "BTCUSD", "67008", "0.50", "1", "InversePerpetual", "BTC", "USD", "BTC"),
        ("inverse", "ETHUSD", "3402", "0.05", "1", "InversePerpetual", "ETH", "USD", "ETH"),
        ("inverse", "BTCUSDZ26", "67800", "0.50", "1", "InverseFutures", "BTC", "USD", "BTC"),
        ("option", "BTC-25DEC26-70000-C-USDT", "2150", "5", "0.01", "", "BTC", "USDT", "USDT"),
        ("option", "BTC-25DEC26-60000-P-USDT", "1890", "5", "0.01", "", "BTC", "USDT", "USDT"),
        ("option", "BTC-25DEC26-65000-C", "4105", "5", "0.01", "", "BTC", "USD", "USDC"),
        ("option", "ETH-25DEC26-3500-C-USDT", "155", "0.1", "0.1", "", "ETH", "USDT", "USDT"),
        ("spread", "SOLUSDT_SOL/USDT", "19.40", "0.0001", "0.1", "FundingRateArb", "SOL", "USDT", "USDT"),
        ("spread", "BTCUSDT-25DEC26_BTCUSDT", "890.0", "0.1", "0.001", "CarryTrade", "BTC", "USDT", "USDT"),
    )  # fmt: skip
    return tuple(
        Instrument(category, symbol, Decimal(price), Decimal(tick), Decimal(step), kind, base, quote, settle)
        for category, symbol, price, tick, step, kind, base, quote, settle in table
    )


INSTRUMENTS = _rows()


def find(category: str, symbol: str) -> Instrument | None:
    return next((row for row in INSTRUMENTS if row.category == category and row.symbol == symbol), None)
