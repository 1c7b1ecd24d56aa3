"""The category of a symbol by its form, over every form of protocol notes, section 10."""

import pytest

from gateway.protocol.categories import category_of

FORMS = {
    "spot": ["ETHUSDC", "BTCEUR", "ETHBTC", "BTC"],
    "linear": ["BTCPERP", "ETHPERP", "BTCUSDT-21FEB25", "BTCUSDT-04SEP26", "BTC-24MAR23", "BTC-29NOV24", "WC_ARG_ALG_USDT-17JUN26"],
    "inverse": ["BTCUSD", "XRPUSD", "BTCUSDM24", "BTCUSDU23", "BTCUSDZ26", "BTCUSDH27"],
    "option": ["BTC-26JUL24-65000-C", "BTC-6JAN23-17500-C", "BTC-27MAR26-70000-P-USDT", "XRP-30OCT26-0.4-P-USDT"],
    "spread": ["SOLUSDT_SOL/USDT", "BTCUSDT-26MAR27_BTCUSDT-25DEC26", "BTCUSDT-25DEC26_BTCUSDT"],
}


@pytest.mark.parametrize(("category", "symbol"), [(category, symbol) for category, symbols in FORMS.items() for symbol in symbols])
def test_a_form_tells_the_category(category: str, symbol: str) -> None:
    assert category_of(symbol, default="linear") == (category, "symbol")


@pytest.mark.parametrize("symbol", ["BTCUSDT", "1000PEPEUSDT", "SHIB1000USDT", "ETHBTCUSDT"])
@pytest.mark.parametrize("default", ["linear", "spot"])
def test_a_name_that_fits_several_gets_the_default(symbol: str, default: str) -> None:
    assert category_of(symbol, default=default) == (default, "default")
