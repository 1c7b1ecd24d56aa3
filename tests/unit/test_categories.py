"""The category of a symbol, over every form and example of protocol notes, section 10: by form, by catalog, by default."""

import pytest

from gateway.protocol.categories import CategorySource, candidates, decide, is_plain
from gateway.protocol.endpoints import CATEGORIES

FORMS = {
    "spot": ["ETHUSDC", "BTCEUR", "ETHBTC", "BTC", "USDTBRZ", "DAI"],
    "linear": [
        "BTCPERP", "ETHPERP", "BTCUSDT-21FEB25", "BTCUSDT-27DEC24", "BTCUSDT-04SEP26", "BTCUSDT-4SEP26", "BTC-24MAR23", "BTC-29NOV24",
        "BTC-26DEC25", "WC_ARG_ALG_USDT-17JUN26", "ARG_USDT-17JUN26", "WC_ARG-17JUN26", "A_B_C-1JAN27",
    ],
    "inverse": ["BTCUSD", "ETHUSD", "XRPUSD", "BTCUSDM24", "BTCUSDU23", "BTCUSDZ26", "BTCUSDH27", "BTCTUSD"],
    "option": [
        "BTC-26JUL24-65000-C", "ETH-28FEB25-2800-C", "BTC-6JAN23-17500-C", "BTC-13FEB25-89000-P-USDT", "BTC-27MAR26-70000-P-USDT",
        "XRP-30OCT26-0.4-P-USDT",
    ],
    "spread": [
        "SOLUSDT_SOL/USDT", "BTCUSDT-26MAR27_BTCUSDT-25DEC26", "BTCUSDT-25DEC26_BTCUSDT", "BTCPERP_BTC-26DEC25", "BTCUSDH27_BTCUSD",
        "BTCUSDT_BTCUSDZ26", "BTC-4SEP26_BTCPERP", "SOL/USDT_SOLUSDT-26MAR27",
    ],
}  # fmt: skip
BOTH = ["BTCUSDT", "AAPLUSDT", "1000PEPEUSDT", "10000SATSUSDT", "1000000BABYDOGEUSDT", "SHIB1000USDT", "ETHBTCUSDT", "TSLAUSDT",
        "MNTUSDT", "PERPUSDT", "BIOUSDT"]  # fmt: skip
NONE = ["btcusdt", "BTC-26JUL24-65000-X", "BTC-26JULY24", "BTCUSDT-", "-", "/", "BTC-USDT", "", "FOO_BAR", "BTCUSDT_FOO", "_-1JAN27",
        "A_B_C"]  # fmt: skip

Known = dict[str, bool | None]


def category_of(symbol: str, *, default: str) -> tuple[str, CategorySource]:
    """By its form alone."""
    return decide(symbol, among=CATEGORIES, default=default, known={})


@pytest.mark.parametrize(("category", "symbol"), [(category, symbol) for category, symbols in FORMS.items() for symbol in symbols])
def test_a_form_tells_the_category(category: str, symbol: str) -> None:
    assert category_of(symbol, default="linear") == (category, "symbol")
    assert candidates(symbol) == (category,)


@pytest.mark.parametrize("symbol", BOTH)
@pytest.mark.parametrize("default", ["linear", "spot"])
def test_a_name_that_fits_several_gets_the_default(symbol: str, default: str) -> None:
    assert category_of(symbol, default=default) == (default, "default")
    assert candidates(symbol) == ("spot", "linear")


@pytest.mark.parametrize("symbol", NONE)
def test_a_name_without_any_form_gets_the_default(symbol: str) -> None:
    assert category_of(symbol, default="inverse") == ("inverse", "default")


def test_only_the_letters_of_the_four_quarters_make_an_inverse_future() -> None:
    assert category_of("BTCUSDX24", default="linear") == ("spot", "symbol")


@pytest.mark.parametrize(
    ("known", "default", "expected"),
    [
        ({"spot": True, "linear": False}, "linear", ("spot", "instruments")),
        ({"spot": False, "linear": True}, "spot", ("linear", "instruments")),
        ({"spot": False}, "spot", ("linear", "instruments")),  # one of two is ruled out
        ({"linear": True}, "spot", ("spot", "default")),  # nobody has looked at spot yet
        ({"spot": True, "linear": True}, "linear", ("linear", "default")),
        ({"spot": True, "linear": True}, "spot", ("spot", "default")),
        ({"spot": True, "linear": True}, "inverse", ("spot", "instruments")),
        ({"linear": True}, "inverse", ("linear", "instruments")),
        ({"spot": False, "linear": False}, "linear", ("linear", "default")),
        ({"spot": False, "linear": False}, "option", ("spot", "symbol")),
        ({"spot": False, "linear": False, "inverse": True}, "linear", ("inverse", "instruments")),
        ({}, "option", ("spot", "symbol")),  # the settings do not say so
    ],
)
def test_a_name_that_fits_several_goes_where_the_catalog_has_it(known: Known, default: str, expected: tuple[str, str]) -> None:
    assert decide("BTCUSDT", among=CATEGORIES, default=default, known=known) == expected


def test_a_channel_that_has_only_one_of_them_decides() -> None:
    for known in ({}, {"spot": True, "linear": True}, {"spot": True, "linear": False}):
        found = decide("BTCUSDT", among=("linear", "inverse"), default="spot", known=known)
        assert found == ("linear", "symbol")
    assert decide("BTCUSDT", among=("option",), default="option", known={}) == ("spot", "symbol")


@pytest.mark.parametrize("known", [{}, {"spread": False}])
def test_a_default_that_does_not_come_into_question_is_not_used(known: Known) -> None:
    assert decide("A_B", among=("spread",), default="linear", known=known) == ("spread", "symbol")
    assert decide("A_B", among=("spot", "spread"), default="linear", known={**known, "spot": False}) == ("spot", "symbol")
    assert decide("A_B", among=("linear", "spread"), default="linear", known=known) == ("linear", "default")


def test_a_plain_name_has_no_contracts_form() -> None:
    assert all(map(is_plain, FORMS["spot"]))
    assert not any(map(is_plain, [*FORMS["linear"], *FORMS["inverse"], *FORMS["option"], *FORMS["spread"], *BOTH, *NONE]))


@pytest.mark.parametrize(
    ("symbol", "known", "expected"),
    [
        ("BTCTUSD", {"inverse": False, "spot": True}, ("spot", "instruments")),
        ("BTCTUSD", {"inverse": None, "spot": True}, ("inverse", "symbol")),
        ("BTCTUSD", {"inverse": True, "spot": True}, ("inverse", "symbol")),
        ("BTCTUSD", {"inverse": False, "spot": False}, ("inverse", "symbol")),
        ("BTCTUSD", {"inverse": False, "spot": True, "linear": True}, ("inverse", "symbol")),
        ("BTC", {"spot": False, "linear": True}, ("linear", "instruments")),
        ("WC_ARG-17JUN26", {"linear": False, "spread": True}, ("spread", "instruments")),
    ],
)
def test_the_catalog_overrules_a_form_where_exactly_one_other_category_has_the_name(
    symbol: str, known: Known, expected: tuple[str, str]
) -> None:
    assert decide(symbol, among=CATEGORIES, default="linear", known=known) == expected


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"spread": True}, ("spread", "instruments")),
        ({"spread": True, "linear": True}, ("linear", "default")),
        ({"spread": True, "spot": True}, ("spot", "instruments")),
        ({"spread": False, "linear": False}, ("linear", "default")),
    ],
)
def test_a_name_without_any_form_goes_where_the_catalog_has_it(known: Known, expected: tuple[str, str]) -> None:
    assert decide("FOO_BAR", among=CATEGORIES, default="linear", known=known) == expected
