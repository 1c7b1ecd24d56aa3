"""The category of a symbol by its form, over every form of protocol notes, section 10."""

import pytest

from gateway.protocol.categories import category_of

FORMS = {
    "spot": ["ETHUSDC", "BTCEUR", "ETHBTC", "BTC"],
    "linear": [
        "BTCPERP", "ETHPERP", "BTCUSDT-21FEB25", "BTCUSDT-27DEC24", "BTCUSDT-04SEP26", "BTCUSDT-4SEP26", "BTC-24MAR23", "BTC-29NOV24",
        "BTC-26DEC25", "WC_ARG_ALG_USDT-17JUN26",
    ],
    "inverse": ["BTCUSD", "ETHUSD", "XRPUSD", "BTCUSDM24", "BTCUSDU23", "BTCUSDZ26", "BTCUSDH27"],
    "option": [
        "BTC-26JUL24-65000-C", "ETH-28FEB25-2800-C", "BTC-6JAN23-17500-C", "BTC-13FEB25-89000-P-USDT", "BTC-27MAR26-70000-P-USDT",
        "XRP-30OCT26-0.4-P-USDT",
    ],
    "spread": ["SOLUSDT_SOL/USDT", "BTCUSDT-26MAR27_BTCUSDT-25DEC26", "BTCUSDT-25DEC26_BTCUSDT"],
}  # fmt: skip


@pytest.mark.parametrize(("category", "symbol"), [(category, symbol) for category, symbols in FORMS.items() for symbol in symbols])
def test_a_form_tells_the_category(category: str, symbol: str) -> None:
    assert category_of(symbol, default="linear") == (category, "symbol")


@pytest.mark.parametrize(
    "symbol", ["BTCUSDT", "AAPLUSDT", "1000PEPEUSDT", "1000000BABYDOGEUSDT", "SHIB1000USDT", "ETHBTCUSDT", "TSLAUSDT"]
)
@pytest.mark.parametrize("default", ["linear", "spot"])
def test_a_name_that_fits_several_gets_the_default(symbol: str, default: str) -> None:
    assert category_of(symbol, default=default) == (default, "default")


@pytest.mark.parametrize("symbol", ["btcusdt", "BTC-26JUL24-65000-X", "BTC-26JULY24", "BTCUSDT-", "-", "/", "BTC-USDT", ""])
def test_a_name_without_any_form_gets_the_default(symbol: str) -> None:
    assert category_of(symbol, default="inverse") == ("inverse", "default")


def test_only_the_letters_of_the_four_quarters_make_an_inverse_future() -> None:
    assert category_of("BTCUSDX24", default="linear") == ("spot", "symbol")
