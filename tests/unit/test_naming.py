"""The exchange's keys and values in our words. Source of the examples: the public contract, section 3."""

from typing import Any

import pytest

from gateway.protocol.decimals import canonical, decimal, plain, total
from gateway.protocol.naming import milliseconds, snake


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("bid1Price", "bid1_price"), ("price24hPcnt", "price_24h_pcnt"), ("volume24h", "volume_24h"), ("prevPrice1h", "prev_price_1h"),
        ("totalPerpUPL", "total_perp_upl"), ("positionIMByMp", "position_im_by_mp"), ("accountLTV", "account_ltv"),
        ("execFeeV2", "exec_fee_v2"), ("isRPITrade", "is_rpi_trade"), ("i_pr", "i_pr"), ("usdIndexPrice", "usd_index_price"),
        ("symbol", "symbol"),
    ],
)  # fmt: skip
def test_a_key_becomes_words(key: str, expected: str) -> None:
    assert snake(key) == expected


@pytest.mark.parametrize("letters", ["9", "A", "9h", "aA"])
def test_a_key_of_a_million_letters_stays_as_it_is_and_holds_up_nobody(letters: str) -> None:
    """By its words it would take hours: the time to find them grows with the square of the length."""
    key = letters * 1_000_000
    assert snake(key) == key
    assert milliseconds(key) == key


def test_amounts_are_exact_whatever_their_length() -> None:
    long = "1" * 60 + "." + "3" * 60
    assert (
        plain(total([part for part in (decimal(long), decimal("0." + "0" * 59 + "1")) if part is not None]))
        == "1" * 60 + "." + "3" * 59 + "4"
    )


@pytest.mark.parametrize("text", ["", "1e5", "NaN", "Infinity", " 1", "1 ", "--1", "1.", ".5", "0x1", None, True, [], "1" * 101])
def test_what_is_no_plain_decimal_is_none(text: Any) -> None:
    assert decimal(text) is None


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("1772694602147", 1772694602147), (1772694602147, 1772694602147), ("", None), ("2025-12-26T08:00:00Z", 1766736000000),
        ("soon", "soon"), ("9" * 30, "9" * 30), ("2025-12-26T08:00:00", "2025-12-26T08:00:00"), (None, None), ([], []),
    ],
)  # fmt: skip
def test_a_time_becomes_milliseconds_and_what_is_none_stays(found: Any, expected: Any) -> None:
    assert milliseconds(found) == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("0.000000", "0"), ("-0.0", "0"), ("1.500", "1.5"), ("1000", "1000"), ("1000.00", "1000"), ("0.10", "0.1"), (7, "7"),
        ("-12.340", "-12.34"), ("1e5", "1e5"), (None, "None"), ("1" * 99 + "0." + "1" * 99 + "0", "1" * 99 + "0." + "1" * 99),
    ],
)  # fmt: skip
def test_equal_numbers_have_one_canonical_text(found: Any, expected: str) -> None:
    assert canonical(found) == expected
